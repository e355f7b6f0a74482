//! Directories by their paths, where the system has no handles for this. Links are followed, and rights are the system's.

#![allow(clippy::unnecessary_wraps, reason = "the signatures are those of the directories as handles")]

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Access, Identity, Refusal, draft_name, kept_within};

/// A directory of the runtime, by its path.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    path: PathBuf,
}

impl PrivateDir {
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => Ok(Some(Self { path: path.to_owned() })),
            Ok(_) => Err(Refusal::NoDirectory(path.to_owned()).into()),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
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

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn file(&self, name: impl AsRef<OsStr>, access: Access) -> io::Result<Option<File>> {
        let mut options = OpenOptions::new();
        options.read(true).write(access != Access::Read).append(matches!(access, Access::Append | Access::NewToAppend));
        options
            .create(matches!(access, Access::Make | Access::Append))
            .create_new(matches!(access, Access::New | Access::NewToAppend));
        match options.open(self.path.join(name.as_ref())) {
            Ok(file) => Ok(Some(file)),
            Err(error) if is_missing(&error) && matches!(access, Access::Read | Access::Change) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn read(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path.join(name.as_ref())) {
            Ok(content) => Ok(Some(content)),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn replace(&self, name: impl AsRef<OsStr>, content: &[u8], time: Option<SystemTime>) -> io::Result<()> {
        let draft = self.path.join(draft_name(name.as_ref()));
        let write = || {
            let mut file = File::create(&draft)?;
            file.write_all(content)?;
            if let Some(time) = time {
                file.set_modified(time)?;
            }
            drop(file);
            fs::rename(&draft, self.path.join(name.as_ref()))
        };
        write().inspect_err(|_| {
            // Nobody reads what is left of the draft, and removing it may fail for the same reason.
            let _ = fs::remove_file(&draft);
        })
    }

    pub(crate) fn rename(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> io::Result<()> {
        fs::rename(self.path.join(from.as_ref()), self.path.join(to.as_ref()))
    }

    pub(crate) fn link(&self, from: impl AsRef<OsStr>, to: impl AsRef<OsStr>) -> io::Result<bool> {
        match fs::hard_link(self.path.join(from.as_ref()), self.path.join(to.as_ref())) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        match fs::remove_file(self.path.join(name.as_ref())) {
            Err(error) if !is_missing(&error) => Err(error),
            _ => Ok(()),
        }
    }

    pub(crate) fn has(&self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        match fs::symlink_metadata(self.path.join(name.as_ref())) {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
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

    pub(crate) fn check(&self, _: impl AsRef<OsStr>, _: bool, _: bool) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn is_in_place(path: &Path, _: Identity) -> bool {
    path.exists()
}

pub(crate) fn identity(_: &File) -> io::Result<Identity> {
    Ok((0, 0))
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}
