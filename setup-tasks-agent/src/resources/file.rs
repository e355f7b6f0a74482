//! A file.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::ownership::{Ownership, ownership_methods};
use crate::Result;
use crate::far::{Far, Kind, Source, hash_of};
use crate::protocol::{Cause, Difference, Failure, Hash, ResourceData};
use crate::resource::{KeptFile, Resource, Restore};

/// A file with content, permissions and owner. It is written whole or not at all. A symbolic link at its path is replaced.
///
/// ```
/// use setup_tasks_agent::resources::File;
///
/// File::at("/etc/motd").content("Welcome\n").mode(0o644).owner("root");
/// File::at("/etc/sudoers.d/ops").content("%ops ALL=(ALL) ALL\n").mode(0o440).validate("visudo -cf {}");
/// File::at("/etc/nginx/conf.d/site.conf").content("server {}\n").validate("nginx -t");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct File {
    path: String,
    content: FileContent,
    ownership: Ownership,
    validate: Option<String>,
    parents: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum FileContent {
    /// The content of an existing file stays. A new file is empty.
    Any,
    Given(Content),
    Download {
        url: String,
        hash: Hash,
    },
}

ownership_methods!(File);

impl File {
    /// Creates a file resource. Without [`content`](Self::content), the content of an existing file stays, and a new file is empty.
    pub fn at(path: impl Into<String>) -> Self {
        let (content, ownership) = (FileContent::Any, Ownership::default());
        Self { path: path.into(), content, ownership, validate: None, parents: false }
    }

    pub(super) fn with(path: String, content: Content, ownership: Ownership) -> Self {
        Self { content: FileContent::Given(content), ownership, ..Self::at(path) }
    }

    /// Sets the content. Unless [`mode`](Self::mode) is given, only the owner can read a secret.
    #[must_use]
    pub fn content(mut self, content: impl Into<Content>) -> Self {
        self.content = FileContent::Given(content.into());
        self
    }

    /// Sets the content to that at a URL, which the machine downloads with `curl` or `wget`. It must have this BLAKE3 hash, as `b3sum` prints it.
    #[must_use]
    pub fn download(mut self, url: impl Into<String>, hash: Hash) -> Self {
        self.content = FileContent::Download { url: url.into(), hash };
        self
    }

    /// Creates missing directories of the path, with the mode 0755. They stay when the file is taken away.
    #[must_use]
    pub fn parents(mut self) -> Self {
        self.parents = true;
        self
    }

    /// Sets a shell command that checks the file before it is used. `{}` in it stands for the path of a draft, which takes the place of
    /// the file only if the command succeeds. Without `{}`, as in `nginx -t`, the command checks the file in its place, and the old file comes back
    /// if it fails.
    #[must_use]
    pub fn validate(mut self, command: impl Into<String>) -> Self {
        self.validate = Some(command.into());
        self
    }

    /// Returns permissions and owner. Without other permissions, only the owner can read a secret.
    fn wanted(&self) -> Ownership {
        let is_secret = matches!(&self.content, FileContent::Given(content) if content.is_secret());
        Ownership { mode: self.ownership.mode.or(is_secret.then_some(0o600)), ..self.ownership.clone() }
    }

    fn content_difference(&self, far: &Far, size: u64) -> Result<Option<Difference>> {
        let path = &*self.path;
        match &self.content {
            FileContent::Any => Ok(None),
            FileContent::Given(content) if content.is_at(far, path, size)? => Ok(None),
            FileContent::Given(content) => {
                // The content of a large file is not needed for a diff.
                let old = if size > crate::protocol::MAX_TEXT as u64 { None } else { far.read(path)? };
                let difference = content.difference(path, "content differs", old.as_deref());
                Ok(Some(if old.is_some() { difference } else { Difference { texts: None, ..difference } }))
            }
            FileContent::Download { hash, .. } => {
                Ok((far.hash(path)? != Some(*hash)).then(|| Difference::new(path, "content differs")))
            }
        }
    }

    fn write(&self, far: &mut Far, source: Source<'_>) -> Result<()> {
        let attributes = self.wanted().attributes(far)?;
        let path = &*self.path;
        let far = &*far;
        match &self.validate {
            Some(command) if !command.contains("{}") => {
                let before = KeptFile::of(far, path)?;
                far.write_checked(path, source, attributes, |draft| self.fetch(far, draft))?;
                let checked = validate(far, command, None);
                if checked.is_err() {
                    before.put_back(far, path)?;
                }
                checked
            }
            command => far.write_checked(path, source, attributes, |draft| {
                self.fetch(far, draft)?;
                command.iter().try_for_each(|command| validate(far, command, Some(draft)))
            }),
        }
    }

    /// Downloads the content into the draft, if it comes from a URL.
    fn fetch(&self, far: &Far, draft: &Path) -> Result<()> {
        let FileContent::Download { url, hash } = &self.content else { return Ok(()) };
        download(far, url, draft)?;
        let tried = format!("download `{}`", self.path);
        let found = std::fs::File::open(draft).and_then(hash_of).map_err(|error| Failure::new(&*tried, error))?;
        if found == *hash {
            return Ok(());
        }
        Err(Failure::new(tried, Cause::Refused(format!("the download has the hash {found} instead of {hash}"))))
    }
}

/// Runs a shell command that checks a file.
fn validate(far: &Far, command: &str, draft: Option<&Path>) -> Result<()> {
    let script = command.replace("{}", r#""$1""#);
    let draft = draft.map(|draft| draft.display().to_string());
    let run = far.query("/bin/sh").args(["-c", &script, "validate"]).args(draft);
    let output = run.finish("validate the file")?;
    if output.is_success() {
        return Ok(());
    }
    Err(Failure::new("validate the file", Cause::program(command, output.exit, output.words())))
}

/// Downloads a URL. It is passed by standard input, since it can contain a token.
pub(super) fn download(far: &Far, url: &str, to: &Path) -> Result<()> {
    let tried = "download the content";
    if url.contains(['"', '\\', '\n', '\r'])
        || !(url.starts_with("http://") || url.starts_with("https://") || url.starts_with("file://"))
    {
        return Err(Failure::new(tried, Cause::Refused("it is not an http or https URL".into())));
    }
    let to = to.display().to_string();
    let curl = far.query("curl").args([
        "--fail",
        "--location",
        "--silent",
        "--show-error",
        "--retry",
        "2",
        "--output",
        &to,
        "--config",
        "-",
    ]);
    match curl.input(format!("url = \"{url}\"\n")).output(tried) {
        Err(Failure { cause: Cause::NoProgram { .. }, .. }) => {}
        done => return done.map(drop),
    }
    far.query("wget")
        .args(["--quiet", "--output-document", &to, "--input-file", "-"])
        .input(format!("{url}\n"))
        .output(tried)
        .map(drop)
}

impl Resource for File {
    const KIND: &str = "file";

    fn name(&self) -> String {
        format!("file {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let path = &*self.path;
        let Some(stat) = far.stat(path)? else {
            let difference = match &self.content {
                FileContent::Given(content) => content.difference(path, "absent", None),
                _ => Difference::new(path, "absent"),
            };
            return Ok(vec![difference]);
        };
        let mut differences = Vec::new();
        match stat.kind {
            Kind::File => differences.extend(self.content_difference(far, stat.size)?),
            Kind::Symlink => return Ok(vec![Difference::new(path, "a symbolic link").instead_of("a file")]),
            kind => {
                return Err(Failure::new(format!("write `{path}`"), Cause::Refused(format!("it is {}", kind.words()))));
            }
        }
        self.wanted().differences(far, path, &stat, &mut differences)?;
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        let stat = far.stat(&self.path)?.filter(|stat| stat.kind == Kind::File);
        let keeps_content = match &stat {
            Some(stat) => self.content_difference(far, stat.size)?.is_none(),
            None => false,
        };
        if keeps_content {
            let attributes = self.wanted().attributes(far)?;
            return far.set(&self.path, attributes);
        }
        if self.parents {
            far.make_parents(&self.path)?;
        }
        match &self.content {
            FileContent::Given(content) => content.with_source(&far.same(), |source| self.write(far, source)),
            FileContent::Any | FileContent::Download { .. } => self.write(far, Source::Bytes(&[])),
        }
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        match far.stat(&self.path)? {
            Some(stat) if stat.kind == Kind::Directory => {
                Err(Failure::new(format!("remove `{}`", self.path), Cause::Refused("it is a directory".into())))
            }
            _ => far.remove(&self.path).map(drop),
        }
    }

    fn question(&self) -> ResourceData {
        match &self.content {
            FileContent::Given(content) => {
                ResourceData::of(&Self { content: FileContent::Given(content.by_hash()), ..self.clone() })
            }
            FileContent::Any | FileContent::Download { .. } => ResourceData::of(self),
        }
    }

    fn contents(&self) -> Vec<(String, Content)> {
        match &self.content {
            FileContent::Given(content) => vec![(self.path.clone(), content.clone())],
            FileContent::Any | FileContent::Download { .. } => Vec::new(),
        }
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        Ok(vec![Restore::file(far, &self.path)?])
    }
}
