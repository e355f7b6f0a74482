//! An unpacked archive.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::file::File;
use super::ownership::Ownership;
use crate::Result;
use crate::far::{Attributes, Far, Kind};
use crate::protocol::{Cause, Difference, Failure, Hash};
use crate::resource::Resource;

/// The file by which an unpacked archive is recognised. It contains the hash of the archive.
const MARK: &str = ".setup-tasks-archive";

/// An archive that is unpacked into a directory of its own. The directory is replaced as a whole when the archive changes. All formats
/// are accepted that `tar` of the machine recognises.
///
/// ```
/// use setup_tasks_agent::protocol::Hash;
/// use setup_tasks_agent::resources::Archive;
///
/// let hash: Hash = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262".parse()?;
/// Archive::to("/opt/tool").download("https://example.org/tool-1.2.tar.gz", hash).strip_components(1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    path: String,
    source: Option<Source>,
    strip: u32,
    owner: Option<String>,
    group: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Source {
    Given(Content),
    Download { url: String, hash: Hash },
}

impl Archive {
    /// Creates the resource for a directory.
    pub fn to(path: impl Into<String>) -> Self {
        Self { path: path.into(), source: None, strip: 0, owner: None, group: None }
    }

    /// Sets the archive.
    #[must_use]
    pub fn content(mut self, content: impl Into<Content>) -> Self {
        self.source = Some(Source::Given(content.into()));
        self
    }

    /// Sets the archive to that at a URL, which the machine downloads. It must have this BLAKE3 hash, as `b3sum` prints it.
    #[must_use]
    pub fn download(mut self, url: impl Into<String>, hash: Hash) -> Self {
        self.source = Some(Source::Download { url: url.into(), hash });
        self
    }

    /// Removes this many directories from the beginning of each path in the archive.
    #[must_use]
    pub fn strip_components(mut self, count: u32) -> Self {
        self.strip = count;
        self
    }

    /// Sets the owner of all files. The default is the user of the agent.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets the group of all files.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }

    fn refused(&self, reason: &str) -> Failure {
        Failure::new(format!("unpack the archive to `{}`", self.path), Cause::Refused(reason.to_owned()))
    }

    fn hash(&self) -> Result<Hash> {
        match &self.source {
            Some(Source::Given(content)) => Ok(content.hash()),
            Some(Source::Download { hash, .. }) => Ok(*hash),
            None => Err(self.refused("it has no content")),
        }
    }

    fn mark(&self) -> Result<String> {
        Ok(format!("{} {}\n", self.hash()?, self.strip))
    }

    /// Unpacks the archive into a new directory beside its place.
    fn unpack(&self, far: &mut Far, staging: &str) -> Result<()> {
        let archive = format!("{staging}.archive");
        let file = match &self.source {
            Some(Source::Given(content)) => {
                File::with(archive.clone(), content.clone(), Ownership { mode: Some(0o600), ..Ownership::default() })
            }
            Some(Source::Download { url, hash }) => File::at(&*archive).download(url, *hash).mode(0o600),
            None => return Err(self.refused("it has no content")),
        };
        file.apply(far, &[])?;
        far.make_directory(staging, Attributes::default())?;
        let (from, to) =
            (far.real(Path::new(&archive))?.display().to_string(), far.real(Path::new(staging))?.display().to_string());
        let strip = format!("--strip-components={}", self.strip);
        let tar =
            far.command("tar").args(["--extract", "--no-same-owner", &strip, "--file", &from, "--directory", &to]);
        let unpacked = tar.output("unpack the archive");
        far.remove(&archive)?;
        unpacked?;
        if self.owner.is_some() || self.group.is_some() {
            let ownership = Ownership { mode: None, owner: self.owner.clone(), group: self.group.clone() };
            let attributes = ownership.attributes(far)?;
            give_away(far, staging, attributes)?;
        }
        far.write(format!("{staging}/{MARK}"), self.mark()?.as_bytes(), Attributes::default())
    }
}

/// Sets the owner of a directory and everything in it.
fn give_away(far: &Far, path: &str, attributes: Attributes) -> Result<()> {
    let kind = far.stat(path)?.map(|stat| stat.kind);
    if kind == Some(Kind::Directory) {
        for name in far.list(path)? {
            give_away(far, &format!("{path}/{}", name.to_string_lossy()), attributes)?;
        }
    }
    if kind == Some(Kind::Symlink) { Ok(()) } else { far.set(path, attributes) }
}

impl Resource for Archive {
    const KIND: &str = "archive";

    fn name(&self) -> String {
        format!("archive in {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let wanted = self.mark()?;
        let Some(stat) = far.stat(&self.path)? else { return Ok(vec![Difference::new(&self.path, "absent")]) };
        if stat.kind != Kind::Directory {
            return Err(self.refused(&format!("it is {}", stat.kind.words())));
        }
        match far.read_text(format!("{}/{MARK}", self.path))? {
            Some(mark) if mark == wanted => Ok(Vec::new()),
            Some(_) => Ok(vec![Difference::new(&self.path, "another archive is unpacked")]),
            // Other files could be lost.
            None if !far.list(&self.path)?.is_empty() => {
                Err(self.refused("the directory has other files, and no archive was unpacked there"))
            }
            None => Ok(vec![Difference::new(&self.path, "empty")]),
        }
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        far.make_parents(&self.path)?;
        let path = Path::new(self.path.trim_end_matches('/'));
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(self.refused("it is the root directory"));
        };
        let staging = parent.join(format!(".setup-tasks-{}", name.display())).display().to_string();
        far.remove(&staging)?;
        let unpacked = self.unpack(far, &staging).and_then(|()| far.exchange(Path::new(&staging), path));
        // After the exchange, this is the former directory.
        far.remove(&staging)?;
        unpacked
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        if far.stat(format!("{}/{MARK}", self.path))?.is_some() { far.remove(&self.path).map(drop) } else { Ok(()) }
    }

    fn contents(&self) -> Vec<(String, Content)> {
        match &self.source {
            Some(Source::Given(content)) => vec![(self.path.clone(), content.clone())],
            _ => Vec::new(),
        }
    }
}
