//! Private directories on systems without directory handles. Links are followed, and the system's
//! default permissions apply.

#![allow(clippy::unnecessary_wraps, reason = "the signatures are those of the directories as handles")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use super::own::kept_within;
use super::{Access, Creation, Identity, Refusal};
use crate::fs::{Directory, LinkDirectory, found};

/// A directory of the runtime, given by its path.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        match found(fs::metadata(path))? {
            Some(meta) if meta.is_dir() => Ok(Some(Self { path: path.to_owned() })),
            Some(_) => Err(Refusal::NoDirectory(path.to_owned()).into()),
            None => Ok(None),
        }
    }

    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self { path: path.to_owned() })
    }

    pub(crate) fn create_shared(path: &Path) -> io::Result<Self> {
        Self::create(path)
    }

    pub(crate) fn find(&self, name: impl AsRef<Path>) -> io::Result<Option<Self>> {
        Self::open(&self.path.join(name))
    }

    pub(crate) fn make(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        Self::create(&self.path.join(name))
    }

    pub(crate) fn make_closed(&self, name: &str) -> io::Result<()> {
        self.make(name).map(drop)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn find_file(&self, name: impl AsRef<OsStr>, access: Access) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        found(options.read(true).write(access == Access::ReadWrite).open(self.path.join(name.as_ref())))
    }

    pub(crate) fn make_file(&self, name: impl AsRef<OsStr>, creation: Creation) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).append(matches!(creation, Creation::Append | Creation::NewToAppend));
        options.create(matches!(creation, Creation::Write | Creation::Append));
        options.create_new(matches!(creation, Creation::New | Creation::NewToAppend));
        options.open(self.path.join(name.as_ref()))
    }

    pub(crate) fn read(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Vec<u8>>> {
        found(fs::read(self.path.join(name.as_ref())))
    }

    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        found(self.remove_file(name.as_ref())).map(|_| ())
    }

    pub(crate) fn has(&self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        Ok(found(fs::symlink_metadata(self.path.join(name.as_ref())))?.is_some())
    }

    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        fs::read_dir(&self.path)?.map(|entry| entry.map(|entry| entry.file_name())).collect()
    }

    pub(crate) fn is_in_place(&self) -> bool {
        self.path.is_dir()
    }

    pub(crate) fn identity(&self) -> Identity {
        (0, 0)
    }

    pub(crate) fn clear(&self, keep: &[&Path]) -> io::Result<()> {
        for name in self.names()? {
            let path = self.path.join(&name);
            if keep.iter().any(|kept| kept.as_os_str() == name) {
                continue;
            }
            if !fs::symlink_metadata(&path)?.is_dir() {
                fs::remove_file(&path)?;
                continue;
            }
            let kept = kept_within(keep, &name);
            Self { path: path.clone() }.clear(&kept)?;
            if kept.is_empty() {
                fs::remove_dir(&path)?;
            }
        }
        Ok(())
    }

    pub(crate) fn rename_into(&self, name: &OsStr, target: &Self) -> io::Result<()> {
        fs::rename(self.path.join(name), target.path.join(name))
    }

    pub(crate) fn remove_empty(&self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        match found(fs::remove_dir(self.path.join(name.as_ref()))) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => Ok(false),
            removed => removed.map(|_| true),
        }
    }

    pub(crate) fn check(&self, _: impl AsRef<OsStr>, _: bool, _: bool) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn is_in_place(path: &Path, _: Identity) -> bool {
    path.exists()
}

pub(crate) fn identity(_: &Metadata) -> Identity {
    (0, 0)
}

impl Directory for PrivateDir {
    fn create_file(&self, name: &OsStr, _: u32) -> io::Result<File> {
        self.make_file(name, Creation::New)
    }

    fn rename_file(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.path.rename_file(from, to)
    }

    fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        self.path.remove_file(name)
    }

    fn sync(&self) -> io::Result<()> {
        self.path.sync()
    }
}

impl LinkDirectory for PrivateDir {
    fn link_file(&self, from: &OsStr, to: &OsStr) -> io::Result<bool> {
        match fs::hard_link(self.path.join(from), self.path.join(to)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }
}
