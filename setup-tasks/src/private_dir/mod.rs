//! Private directories of the runtime.
//!
//! Each directory is an open handle, through which its contents are reached without following
//! symbolic links. Directories and files belong to the current user and are closed to others.
//!
//! The path of a configured directory may contain symbolic links of the user or of root. Below that
//! directory, no link is followed.

#[cfg(unix)]
mod by_handle;
#[cfg(any(not(unix), test))]
#[cfg_attr(all(unix, test), expect(dead_code, reason = "it must compile wherever it is needed"))]
mod by_path;
mod in_place;
mod own;
mod roots;
#[cfg(all(test, unix))]
mod tests;

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

#[cfg(unix)]
pub(crate) use by_handle::{PrivateDir, identity, is_in_place};
#[cfg(not(unix))]
pub(crate) use by_path::{PrivateDir, identity, is_in_place};

use crate::fs::WholeFile;
pub(crate) use in_place::FilesInPlace;
pub(crate) use roots::Roots;

/// The directory for the runtime's own files within a configured directory: the stamp database,
/// locks and the key.
pub(crate) const RESERVED: &str = ".setup-tasks";

/// The device number and the inode number of a file or directory.
pub(crate) type Identity = (u64, u64);

/// The access mode for a file that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Read,
    ReadWrite,
}

/// The access mode for a file that is created if it is missing. Every mode includes reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Creation {
    /// Writes at any position.
    Write,
    /// Writes at the end.
    Append,
    /// Writes at any position. An existing file is an error.
    New,
    /// Writes at the end. An existing file is an error.
    NewToAppend,
}

/// The reason why a file or directory is rejected as unsafe.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("`{}` is a symbolic link, which is not followed", .0.display())]
    Link(PathBuf),
    #[error("`{}` is a symbolic link of user {owner}, which is not followed", path.display())]
    ForeignLink { path: PathBuf, owner: u32 },
    #[error("`{}` belongs to user {owner}, not to the current user {own}", path.display())]
    Owner { path: PathBuf, owner: u32, own: u32 },
    #[error("`{}` is not a directory", .0.display())]
    NoDirectory(PathBuf),
    #[error("`{}` is not a regular file", .0.display())]
    NoFile(PathBuf),
    #[error("`{}` is a hard link to a file with another name", .0.display())]
    HardLink(PathBuf),
    #[error("`{}` is accessible to other users and cannot be made private", .0.display())]
    Open(PathBuf),
    #[error("`{}` is a mount point", .0.display())]
    Mount(PathBuf),
    #[error("`{}` exists already", .0.display())]
    Exists(PathBuf),
}

/// Returns a remedy for an error of the operating system or a [`Refusal`].
pub(crate) fn help(error: &io::Error) -> &'static str {
    let refusal = error.get_ref().and_then(|inner| inner.downcast_ref::<Refusal>());
    match (refusal, error.kind()) {
        (Some(Refusal::Link(_) | Refusal::ForeignLink { .. }), _) => "check who created the link, and remove it",
        (Some(Refusal::Owner { .. }), _) => "run as that user, change its owner, or configure another directory",
        (Some(Refusal::NoDirectory(_) | Refusal::NoFile(_) | Refusal::HardLink(_)), _) => {
            "check its contents, and remove it"
        }
        (Some(Refusal::Open(_)), _) => "configure a directory on a file system that supports permissions",
        (Some(Refusal::Mount(_)), _) => "unmount it, and run again",
        (Some(Refusal::Exists(_)), _) => "move or remove one of the two, and run again",
        (None, io::ErrorKind::InvalidFilename) => "configure a directory with a shorter path, or use shorter names",
        (None, io::ErrorKind::StorageFull) => "free space on the disk, and run again",
        (None, _) => "check that it is on a writable disk and belongs to the current user",
    }
}

impl From<Refusal> for io::Error {
    fn from(refusal: Refusal) -> Self {
        Self::new(io::ErrorKind::PermissionDenied, refusal)
    }
}

impl PrivateDir {
    /// Writes a file whole or not at all. Only one writer at a time may do this.
    pub(crate) fn replace(&self, name: impl AsRef<OsStr>, content: &[u8], time: Option<SystemTime>) -> io::Result<()> {
        let name = name.as_ref();
        let mut draft = name.to_owned();
        draft.push("~");
        let file = WholeFile::new(content);
        time.map_or(file, |time| file.modified(time)).draft_named(self, draft)?.rename_to(name)
    }
}
