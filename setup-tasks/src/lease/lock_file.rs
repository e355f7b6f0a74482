//! A lock in a file of its own, which contains the record of its holder. It is used where the
//! system cannot lock ranges, and for an object whose lock was broken.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::process::ProcessRecord;
use crate::fs::WholeFile;
use crate::private_dir::{Access, Creation, PrivateDir, identity, is_in_place};

#[derive(Debug)]
pub(super) struct LockFile {
    file: File,
    path: PathBuf,
}

impl LockFile {
    /// Opens the lock of an object, or returns `None` if its file is missing.
    pub(super) fn find(directory: &PrivateDir, name: &str) -> io::Result<Option<Self>> {
        let path = directory.path().join(name);
        Ok(directory.find_file(name, Access::ReadWrite)?.map(|file| Self { file, path }))
    }

    /// Opens the lock of an object, and creates its file if it is missing.
    pub(super) fn open(directory: &PrivateDir, name: &str) -> io::Result<Self> {
        let file = directory.make_file(name, Creation::Write)?;
        Ok(Self { file, path: directory.path().join(name) })
    }

    /// Replaces the old lock with a new file. The holder of the old file or of the range has ended,
    /// and will not use it again. The replacement is one step, because without a file the range
    /// would be the lock.
    pub(super) fn replace(directory: &PrivateDir, name: &str) -> io::Result<()> {
        // Several processes may break a lock at once, so each has a draft of its own.
        let draft = format!("{}.new", std::process::id());
        WholeFile::new("").draft_named(directory, draft.into())?.rename_to(name.as_ref())
    }

    /// Locks the file for as long as it is open. Returns whether it was free.
    pub(super) fn take(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => self.write_record().map(|()| true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    fn write_record(&self) -> io::Result<()> {
        let text = ProcessRecord::here().to_json();
        (&self.file).rewind()?;
        self.file.set_len(0)?;
        (&self.file).write_all(text.as_bytes())
    }

    pub(super) fn holder(&self) -> io::Result<ProcessRecord> {
        let mut text = Vec::new();
        (&self.file).rewind()?;
        (&self.file).read_to_end(&mut text)?;
        Ok(ProcessRecord::parse(&text))
    }

    /// Returns the holder of the lock in a file, or `None` if nobody holds it. Changes nothing.
    pub(super) fn record(directory: &PrivateDir, name: &str) -> io::Result<Option<ProcessRecord>> {
        let Some(file) = directory.find_file(name, Access::Read)? else { return Ok(None) };
        match file.try_lock_shared() {
            Ok(()) => Ok(None),
            Err(TryLockError::WouldBlock) => Self { file, path: directory.path().join(name) }.holder().map(Some),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns whether the path leads to another file now. The lock was then broken or removed, and
    /// the next process locks the new file.
    pub(super) fn is_gone(&self) -> bool {
        !self.file.metadata().is_ok_and(|meta| is_in_place(&self.path, identity(&meta)))
    }
}
