//! Content that the controller transferred, in files without a name.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{AtFlags, CWD, OFlags, openat, unlinkat};
#[cfg(any(target_os = "linux", target_os = "android"))]
use rustix::io::Errno;

use super::file::mode_of;

use crate::protocol::Hash;

/// Content by its hash. It is gone with the agent.
#[derive(Debug, Default)]
pub(crate) struct Blobs(HashMap<Hash, Arc<File>>);

/// Content that is being received.
pub(crate) struct Receiving {
    file: File,
    hasher: blake3::Hasher,
    missing: u64,
}

impl Blobs {
    pub(crate) fn get(&self, hash: &Hash) -> Option<Arc<File>> {
        self.0.get(hash).cloned()
    }

    pub(crate) fn insert(&mut self, hash: Hash, file: File) {
        self.0.insert(hash, Arc::new(file));
    }
}

impl Receiving {
    /// Creates a file without a name for content of this length.
    pub(crate) fn new(size: u64) -> io::Result<Self> {
        Ok(Self { file: nameless()?, hasher: blake3::Hasher::new(), missing: size })
    }

    /// Adds content.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.missing = self.missing.checked_sub(bytes.len() as u64).ok_or_else(|| wrong("is longer than announced"))?;
        self.hasher.update(bytes);
        self.file.write_all(bytes)
    }

    /// Returns the file, if it has all of the content.
    pub(crate) fn finish(self, hash: &Hash) -> io::Result<File> {
        if self.missing > 0 {
            return Err(wrong("ended too early"));
        }
        if self.hasher.finalize().as_bytes() != &hash.0 {
            return Err(wrong("has another hash than announced"));
        }
        Ok(self.file)
    }
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("the content {what}"))
}

/// Creates a file that has no name, in the first directory that permits it. Large content does not fit in memory, so directories on disk come first.
fn nameless() -> io::Result<File> {
    let mut error = None;
    for directory in ["/var/tmp", "/tmp", "/dev/shm"] {
        match nameless_in(Path::new(directory)) {
            Ok(file) => return Ok(file),
            Err(other) => error = error.or(Some(other)),
        }
    }
    Err(error.unwrap_or_else(|| io::ErrorKind::NotFound.into()))
}

fn nameless_in(directory: &Path) -> io::Result<File> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match openat(CWD, directory, OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode_of(0o600)) {
        Ok(file) => return Ok(file.into()),
        // The file system cannot create files without a name.
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => {}
        Err(error) => return Err(error.into()),
    }
    let name = directory.join(format!(".setup-tasks-{}", std::process::id()));
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::RDWR | OFlags::CLOEXEC;
    let file = openat(CWD, &name, flags, mode_of(0o600))?;
    unlinkat(CWD, &name, AtFlags::empty())?;
    Ok(file.into())
}
