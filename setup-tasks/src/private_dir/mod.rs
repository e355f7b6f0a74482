//! Directories of the runtime: each is an open handle, and all that is in it is reached through the handle without following
//! symbolic links. They and their files belong to the user who runs this, and to nobody else.
//!
//! The path to a directory that the configuration names may lead through links of the user or of root. What is below it may not.

#[cfg(unix)]
mod by_handle;
#[cfg(any(not(unix), test))]
#[cfg_attr(all(unix, test), expect(dead_code, reason = "it must compile wherever it is needed"))]
mod by_path;
mod roots;
#[cfg(all(test, unix))]
mod tests;

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

#[cfg(unix)]
pub(crate) use by_handle::{PrivateDir, identity, is_in_place};
#[cfg(not(unix))]
pub(crate) use by_path::{PrivateDir, identity, is_in_place};

use crate::fs::WholeFile;
pub(crate) use roots::Roots;

/// The directory of the runtime's own files below a directory of the configuration: the stamp database, locks, the key.
pub(crate) const RESERVED: &str = ".setup-tasks";

/// The device and the number of a file or directory.
pub(crate) type Identity = (u64, u64);

/// The access to a file that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
}

/// The access to a file that is created if it is missing. All can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// Writes anywhere.
    Write,
    /// Writes at the end.
    Append,
    /// Writes anywhere. It is an error if the file exists.
    New,
    /// Writes at the end. It is an error if the file exists.
    NewToAppend,
}

/// Why something in a directory of the runtime is left alone.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("`{}` is a symbolic link, which is not followed here", .0.display())]
    Link(PathBuf),
    #[error("`{}` is a symbolic link of user {owner}, which is not followed", path.display())]
    ForeignLink { path: PathBuf, owner: u32 },
    #[error("`{}` belongs to user {owner}, not to user {own} who runs this", path.display())]
    Owner { path: PathBuf, owner: u32, own: u32 },
    #[error("`{}` is not a directory", .0.display())]
    NoDirectory(PathBuf),
    #[error("`{}` is not a regular file", .0.display())]
    NoFile(PathBuf),
    #[error("`{}` is a hard link to a file with another name", .0.display())]
    HardLink(PathBuf),
    #[error("`{}` is open to others and cannot be made private", .0.display())]
    Open(PathBuf),
    #[error("something is mounted at `{}`", .0.display())]
    Mount(PathBuf),
}

/// Returns what to do about an error of the operating system, or about a refusal.
pub(crate) fn help(error: &io::Error) -> &'static str {
    let refusal = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>());
    match (refusal, error.kind()) {
        (Some(Refusal::Link(_) | Refusal::ForeignLink { .. }), _) => "see who made the link, and remove it",
        (Some(Refusal::Owner { .. }), _) => "run as that user, change its owner, or configure another directory",
        (Some(Refusal::NoDirectory(_) | Refusal::NoFile(_) | Refusal::HardLink(_)), _) => {
            "see what it is, and remove it"
        }
        (Some(Refusal::Open(_)), _) => "configure a directory on a file system that keeps permissions",
        (Some(Refusal::Mount(_)), _) => "unmount it, and try again",
        (None, io::ErrorKind::InvalidFilename) => "configure a directory with a shorter path, or give shorter names",
        (None, io::ErrorKind::StorageFull) => "make room, and run again",
        (None, _) => "check that it is on a writable disk and belongs to the user who runs this",
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refusal)
    }
}

impl PrivateDir {
    /// Writes a file whole or not at all. Only one writer may do so at a time.
    pub(crate) fn replace(&self, name: impl AsRef<OsStr>, content: &[u8], time: Option<SystemTime>) -> io::Result<()> {
        let name = name.as_ref();
        let mut draft = name.to_owned();
        draft.push("~");
        let file = WholeFile::new(content);
        time.map_or(file, |time| file.modified(time)).draft_named(self, draft)?.rename_to(name)
    }
}

/// Returns the paths of `keep` that lie below `name`, relative to it.
fn kept_within<'k>(keep: &[&'k Path], name: &OsStr) -> Vec<&'k Path> {
    keep.iter().filter_map(|kept| kept.strip_prefix(name).ok()).collect()
}
