//! A lock that is a file of its own, which says who holds it: where the system cannot lock ranges, and for an object whose
//! lock was broken.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::PathBuf;

use super::holder::Holder;
use crate::fs::WholeFile;
use crate::private_dir::{Access, Creation, PrivateDir, identity, is_in_place};

#[derive(Debug)]
pub(super) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// The lock of an object, if there is a file for it.
    pub(super) fn find(directory: &PrivateDir, name: &str) -> io::Result<Option<Self>> {
        let path = directory.path().join(name);
        Ok(directory.find_file(name, Access::ReadWrite)?.map(|file| Self { file, path }))
    }

    /// The same, making the file if there is none.
    pub(super) fn open(directory: &PrivateDir, name: &str) -> io::Result<Self> {
        let file = directory.make_file(name, Creation::Write)?;
        Ok(Self { file, path: directory.path().join(name) })
    }

    /// Puts a new file in the place of the old lock, if there is one: whoever holds that, or the range, will never ask. In one
    /// step: without a file, the range would be the lock.
    pub(super) fn replace(directory: &PrivateDir, name: &str) -> io::Result<()> {
        // Several processes may break a lock at once, so each has a draft of its own.
        let draft = format!("{}.new", std::process::id());
        WholeFile::new("").draft_named(directory, draft.into())?.rename_to(name.as_ref())
    }

    /// Whether it could be had. It stays locked for as long as the file is open.
    pub(super) fn take(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => self.sign().map(|()| true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn sign(&self) -> io::Result<()> {
        let text = Holder::signature()?;
        (&self.file).rewind()?;
        self.file.set_len(0)?;
        (&self.file).write_all(&text)
    }

    pub(super) fn holder(&self) -> io::Result<Holder> {
        let mut text = Vec::new();
        (&self.file).rewind()?;
        (&self.file).read_to_end(&mut text)?;
        Ok(Holder::parse(&text))
    }

    /// Whether its path stands for another file now: it was broken or removed, and who comes next locks another.
    pub(super) fn is_gone(&self) -> bool {
        !identity(&self.file).is_ok_and(|own| is_in_place(&self.path, own))
    }
}
