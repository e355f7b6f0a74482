//! A lock that is a file of its own, which says who holds it: where the system cannot lock ranges, and for an object whose
//! lock was broken.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::holder::Holder;

#[derive(Debug)]
pub(super) struct FileLock(File);

impl FileLock {
    /// The lock of an object, if there is a file for it.
    pub(super) fn find(path: &Path) -> io::Result<Option<Self>> {
        match options().open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            opened => opened.map(|file| Some(Self(file))),
        }
    }

    /// The same, making the file if there is none.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        open(path).map(Self)
    }

    /// Puts a new file in the place of the old lock, if there is one: whoever holds that, or the range, will never ask. In one
    /// step: without a file, the range would be the lock.
    pub(super) fn replace(path: &Path) -> io::Result<()> {
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        Self::open(&draft)?;
        fs::rename(draft, path)
    }

    /// Whether it could be had. It stays locked for as long as the file is open.
    pub(super) fn take(&self) -> io::Result<bool> {
        match self.0.try_lock() {
            Ok(()) => self.sign().map(|()| true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn sign(&self) -> io::Result<()> {
        let text = Holder::signature()?;
        (&self.0).rewind()?;
        self.0.set_len(0)?;
        (&self.0).write_all(&text)
    }

    pub(super) fn holder(&self) -> io::Result<Holder> {
        let mut text = Vec::new();
        (&self.0).rewind()?;
        (&self.0).read_to_end(&mut text)?;
        Ok(Holder::parse(&text))
    }

    /// Whether it was broken: then its file has no name any more, and who comes next locks another.
    pub(super) fn is_gone(&self) -> bool {
        is_gone(&self.0)
    }
}

fn options() -> OpenOptions {
    let mut options = File::options();
    options.read(true).write(true);
    options
}

/// Opens a file as it is, making it and its directory if there is none.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let mut options = options();
    options.create(true).truncate(false);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            options.open(path)
        }
        opened => opened,
    }
}

#[cfg(unix)]
pub(super) fn is_gone(file: &File) -> bool {
    use std::os::unix::fs::MetadataExt;
    file.metadata().is_ok_and(|held| held.nlink() == 0)
}

#[cfg(not(unix))]
pub(super) fn is_gone(_: &File) -> bool {
    false
}
