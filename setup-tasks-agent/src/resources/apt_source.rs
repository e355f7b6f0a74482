//! A source of packages for apt.

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::file::File;
use super::ownership::Ownership;
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::{KeptFile, Resource};

/// A source of packages for apt, with the key that signs it. Its lists are fetched when it changes, and if that fails, the source
/// is taken back.
///
/// ```
/// use setup_tasks_agent::resources::AptSource;
///
/// AptSource::named("example")
///     .uri("https://packages.example.org/debian")
///     .suite("bookworm")
///     .components(["main"])
///     .key("-----BEGIN PGP PUBLIC KEY BLOCK-----\n…");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AptSource {
    name: String,
    uri: String,
    suites: Vec<String>,
    components: Vec<String>,
    architectures: Vec<String>,
    key: Option<String>,
    trusted: bool,
}

impl AptSource {
    /// Creates a source with a name, which becomes the name of its file.
    pub fn named(name: impl Into<String>) -> Self {
        let (suites, components, architectures) = (Vec::new(), Vec::new(), Vec::new());
        Self { name: name.into(), uri: String::new(), suites, components, architectures, key: None, trusted: false }
    }

    /// Sets the address.
    #[must_use]
    pub fn uri(mut self, uri: impl Into<String>) -> Self {
        self.uri = uri.into();
        self
    }

    /// Adds a suite, such as the code name of the system's version, or a path that ends with `/`.
    #[must_use]
    pub fn suite(mut self, suite: impl Into<String>) -> Self {
        self.suites.push(suite.into());
        self
    }

    /// Adds components, such as `main`.
    #[must_use]
    pub fn components<T: Into<String>>(mut self, components: impl IntoIterator<Item = T>) -> Self {
        self.components.extend(components.into_iter().map(Into::into));
        self
    }

    /// Limits the source to an architecture. The default is that of the machine.
    #[must_use]
    pub fn architecture(mut self, architecture: impl Into<String>) -> Self {
        self.architectures.push(architecture.into());
        self
    }

    /// Sets the public key that signs the source, in its armored form.
    #[must_use]
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = Some(key.into());
        self
    }

    /// Accepts the source without a signature, for one on the machine itself.
    #[must_use]
    pub fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }

    fn check(&self) -> Result<()> {
        let refused = |reason: &str| Err(Failure::new("add the source", Cause::Refused(reason.into())));
        let plain = !self.name.is_empty() && self.name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
        let words = || [&self.uri].into_iter().chain(&self.suites).chain(&self.components).chain(&self.architectures);
        match () {
            () if !plain => refused("its name has letters, digits, `_` and `-` alone"),
            () if words().any(|word| word.is_empty() || word.contains(char::is_whitespace)) => {
                refused("a word of it is empty or contains a space")
            }
            () if self.suites.is_empty() => refused("it has no suite"),
            () if self
                .key
                .as_ref()
                .is_some_and(|key| !key.trim_start().starts_with("-----BEGIN PGP PUBLIC KEY BLOCK-----")) =>
            {
                refused("the key is not in its armored form")
            }
            () => Ok(()),
        }
    }

    fn key_path(&self) -> String {
        format!("/etc/apt/keyrings/{}.asc", self.name)
    }

    fn source_path(&self) -> String {
        format!("/etc/apt/sources.list.d/{}.sources", self.name)
    }

    fn text(&self) -> String {
        let mut text = format!("Types: deb\nURIs: {}\nSuites: {}\n", self.uri, self.suites.join(" "));
        for (name, words) in [("Components", &self.components), ("Architectures", &self.architectures)] {
            if !words.is_empty() {
                text.push_str(&format_line(name, &words.join(" ")));
            }
        }
        if self.key.is_some() {
            text.push_str(&format_line("Signed-By", &self.key_path()));
        }
        if self.trusted {
            text.push_str(&format_line("Trusted", "yes"));
        }
        text
    }

    /// Returns the files, the key first.
    fn files(&self) -> Vec<File> {
        // The user that fetches the lists must be able to read the key.
        let file = |path, text: &str| {
            File::with(path, Content::from(text), Ownership { mode: Some(0o644), ..Ownership::default() })
        };
        let key = self.key.as_deref().map(|key| file(self.key_path(), key));
        key.into_iter().chain([file(self.source_path(), &self.text())]).collect()
    }
}

fn format_line(name: &str, value: &str) -> String {
    format!("{name}: {value}\n")
}

impl Resource for AptSource {
    const KIND: &str = "apt-source";

    fn name(&self) -> String {
        format!("apt source {}", self.name)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        let mut differences = Vec::new();
        for file in self.files() {
            differences.extend(file.observe(far)?);
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check()?;
        let (key, source) = (self.key_path(), self.source_path());
        let before = [(&key, KeptFile::of(far, &key)?), (&source, KeptFile::of(far, &source)?)];
        far.make_parents(&key)?;
        let mut change = || {
            self.files().iter().try_for_each(|file| file.apply(far, &[]))?;
            let update = far.command("apt-get").arg("update").args([
                "--quiet",
                "--error-on=any",
                "-o",
                "DPkg::Lock::Timeout=120",
            ]);
            let only = format!("Dir::Etc::SourceList=sources.list.d/{}.sources", self.name);
            let update = update.args(["-o", &only, "-o", "Dir::Etc::SourceParts=-", "-o", "APT::Get::List-Cleanup=0"]);
            update.output("fetch the lists of the source").map(drop)
        };
        let changed = change();
        if changed.is_err() {
            before.iter().try_for_each(|(path, before)| before.put_back(far, path))?;
        }
        changed
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        self.check()?;
        [self.source_path(), self.key_path()].iter().try_for_each(|path| far.remove(path).map(drop))
    }
}
