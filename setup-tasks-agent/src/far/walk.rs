//! The walk from a root to the directory of a file, component by component.

use std::collections::VecDeque;
use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, fstat, openat, readlinkat};
use rustix::io::Errno;

/// The greatest number of symbolic links on a path, as in the kernel.
const MAX_LINKS: u32 = 40;

/// The flags that open a file of any kind, or a symbolic link itself, without access to its content.
#[cfg(any(target_os = "linux", target_os = "android"))]
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const LOOK: OFlags = OFlags::SYMLINK.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
/// The flags that open a directory for a walk.
#[cfg(any(target_os = "linux", target_os = "android"))]
const HOLD: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const HOLD: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// A directory that paths begin in. No path leads out of it.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    dir: Arc<OwnedFd>,
    path: PathBuf,
    bounds: Bounds,
}

/// The meaning of an absolute symbolic link, and of `..` in the root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// They lead to the root itself, as in a machine.
    Machine,
    /// They lead out of the root, which is an error.
    Directory,
}

/// A directory, and a name in it, which may be missing.
#[derive(Debug)]
pub(crate) struct Place {
    dir: Arc<OwnedFd>,
    pub(crate) name: OsString,
    /// The path without symbolic links, for programs.
    pub(crate) path: PathBuf,
}

/// Whether a symbolic link at the end of a path is followed. Links before the end are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Last {
    Follow,
    Keep,
}

impl Place {
    pub(crate) fn dir(&self) -> BorrowedFd<'_> {
        self.dir.as_fd()
    }
}

impl Root {
    /// Opens the root of a machine.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let dir = rustix::fs::open(path, HOLD, Mode::empty())?;
        Ok(Self { dir: Arc::new(dir), path: path.to_owned(), bounds: Bounds::Machine })
    }

    /// Returns a directory of this root as a root that no link leads out of.
    pub(crate) fn directory(&self, path: &Path) -> io::Result<Self> {
        let place = self.place(path, Last::Follow)?;
        let dir = openat(place.dir(), &place.name, HOLD | OFlags::NOFOLLOW, Mode::empty())?;
        Ok(Self { dir: Arc::new(dir), path: place.path, bounds: Bounds::Directory })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the place of a path below the root. In a machine, the path is absolute, and `..` does not leave the root.
    ///
    /// A symbolic link is followed only if it belongs to root or to the user of this process. A link of another user, in a directory
    /// that this user can write to, could lead a privileged process to any file.
    pub(crate) fn place(&self, path: &Path, last: Last) -> io::Result<Place> {
        if self.bounds == Bounds::Machine && !path.is_absolute() {
            let message = format!("the path `{}` is not absolute", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut walk = Walk { root: self, dirs: Vec::new(), pending: VecDeque::new(), links: 0 };
        walk.prepend(path.strip_prefix("/").unwrap_or(path))?;
        walk.run(last)
    }
}

struct Walk<'a> {
    root: &'a Root,
    /// The directories below the root, with their names.
    dirs: Vec<(Arc<OwnedFd>, OsString)>,
    pending: VecDeque<OsString>,
    links: u32,
}

impl Walk<'_> {
    fn run(mut self, last: Last) -> io::Result<Place> {
        while let Some(name) = self.pending.pop_front() {
            if name == ".." {
                if self.dirs.pop().is_none() && self.root.bounds == Bounds::Directory {
                    return Err(self.leads_out());
                }
                continue;
            }
            let is_last = self.pending.is_empty();
            if is_last && last == Last::Keep {
                return Ok(self.place(name));
            }
            let file = match openat(self.dir(), &name, LOOK, Mode::empty()) {
                Ok(file) => file,
                Err(Errno::NOENT) if is_last => return Ok(self.place(name)),
                Err(error) => return Err(error.into()),
            };
            let stat = fstat(&file)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Symlink => self.follow(&file, &name, stat.st_uid)?,
                _ if is_last => return Ok(self.place(name)),
                FileType::Directory => self.dirs.push((Arc::new(file), name)),
                _ => return Err(Errno::NOTDIR.into()),
            }
        }
        // The path names the root, or ends with `..`.
        Ok(match self.dirs.pop() {
            Some((_, name)) => self.place(name),
            None => self.place(OsString::from(".")),
        })
    }

    fn follow(&mut self, link: &OwnedFd, name: &OsStr, owner: u32) -> io::Result<()> {
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        if owner != 0 && owner != rustix::process::geteuid().as_raw() {
            let path = self.path().join(name);
            let message = format!("`{}` is a symbolic link of the user {owner}, and is not followed", path.display());
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
        }
        let target = self.read_link(link, name)?;
        self.prepend(Path::new(OsStr::from_bytes(target.as_bytes())))
    }

    /// Reads the link that was looked at, also if another one has its name by now.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    #[expect(clippy::unused_self, reason = "other systems need the directory")]
    fn read_link(&self, link: &OwnedFd, _: &OsStr) -> io::Result<CString> {
        Ok(readlinkat(link, c"", Vec::new())?)
    }

    /// Reads the link with this name. These systems cannot read an open link.
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    fn read_link(&self, _: &OwnedFd, name: &OsStr) -> io::Result<CString> {
        Ok(readlinkat(self.dir(), name, Vec::new())?)
    }

    fn leads_out(&self) -> io::Error {
        let message = format!("the path leads out of `{}`", self.root.path.display());
        io::Error::new(io::ErrorKind::PermissionDenied, message)
    }

    /// Adds the components of a path before the pending ones.
    fn prepend(&mut self, path: &Path) -> io::Result<()> {
        if path.is_absolute() {
            if self.root.bounds == Bounds::Directory {
                return Err(self.leads_out());
            }
            self.dirs.clear();
        }
        for component in path.components().rev() {
            match component {
                Component::Normal(name) => self.pending.push_front(name.to_owned()),
                Component::ParentDir => self.pending.push_front("..".into()),
                Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
            }
        }
        Ok(())
    }

    fn dir(&self) -> BorrowedFd<'_> {
        self.dirs.last().map_or(self.root.dir.as_fd(), |(dir, _)| dir.as_fd())
    }

    fn path(&self) -> PathBuf {
        let mut path = self.root.path.clone();
        path.extend(self.dirs.iter().map(|(_, name)| name));
        path
    }

    fn place(&self, name: OsString) -> Place {
        let dir = self.dirs.last().map_or(&self.root.dir, |(dir, _)| dir);
        Place { dir: dir.clone(), path: self.path().join(&name), name }
    }
}

/// Returns the attributes of a place, or `None` if nothing is there.
pub(crate) fn stat(place: &Place) -> io::Result<Option<rustix::fs::Stat>> {
    match rustix::fs::statat(place.dir(), &place.name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
