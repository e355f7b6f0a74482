//! Private directories as open handles, on Unix.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::own::kept_within;
use super::{Access, Creation, Identity, Refusal};
use crate::fs::{Directory, LinkDirectory, found};
use crate::private_dir::RESERVED;

const DIRECTORY: Mode = Mode::RWXU;
const FILE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The permissions of the group and of others.
const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);
/// The maximum number of links on a path, as on Linux.
const MAX_LINKS: usize = 40;

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// The flags for opening a directory on the path. The user may lack the permission to list it.
#[cfg(target_os = "linux")]
const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const PASS: OFlags = OPEN;

/// An open directory of the runtime. Its path is for error messages.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    handle: OwnedFd,
    path: PathBuf,
    identity: Identity,
    /// The owner, which was checked when the directory was opened.
    owner: u32,
}

impl PrivateDir {
    /// Opens a configured directory. Returns `None` if it does not exist.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let Some(handle) = Walk::new(path, false)?.walk()? else { return Ok(None) };
        Self::new(handle, path.to_owned()).map(Some)
    }

    /// Opens a configured directory and makes it private. The directory and its parents are created
    /// if they are missing.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let directory = Self::create_shared(path)?;
        directory.make_private()?;
        Ok(directory)
    }

    /// Like [`create`](Self::create), for a directory that may also contain files of the user. An
    /// existing directory keeps its mode, unless it has the reserved name of the runtime.
    pub(crate) fn create_shared(path: &Path) -> io::Result<Self> {
        let handle = Walk::new(path, true)?.walk()?.ok_or(io::ErrorKind::NotFound)?;
        // The step-by-step walk also reaches directories whose path is too long for other calls.
        fs::stat(path)?;
        Self::new(handle, path.to_owned())
    }

    /// Wraps a handle. Rejects a directory of another user.
    fn new(handle: OwnedFd, path: PathBuf) -> io::Result<Self> {
        Ok(Self::with_mode(handle, path)?.0)
    }

    /// Like [`new`](Self::new), and also returns the mode of the directory.
    fn with_mode(handle: OwnedFd, path: PathBuf) -> io::Result<(Self, Mode)> {
        let stat = fs::fstat(&handle)?;
        check_owner(stat.st_uid, || path.clone())?;
        Ok((Self::of_stat(handle, path, &stat), Mode::from_raw_mode(stat.st_mode)))
    }

    fn of_stat(handle: OwnedFd, path: PathBuf, stat: &fs::Stat) -> Self {
        Self { handle, path, identity: (stat.st_dev, stat.st_ino), owner: stat.st_uid }
    }

    /// Opens a directory below this one. Returns `None` if it does not exist.
    pub(crate) fn find(&self, name: impl AsRef<Path>) -> io::Result<Option<Self>> {
        let name = name.as_ref();
        let path = self.path.join(name);
        let handle = found(open_below(&self.handle, name).map_err(|error| self.explain(name, error)))?;
        handle.map(|handle| Self::new(handle, path)).transpose()
    }

    /// Opens a directory below this one. It and its parents below this one are created if they are
    /// missing, and made private.
    pub(crate) fn make(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        let mut made: Option<Self> = None;
        for part in name.as_ref().components() {
            let Component::Normal(part) = part else { return Err(io::ErrorKind::InvalidInput.into()) };
            made = Some(made.as_ref().unwrap_or(self).make_one(part)?);
        }
        made.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    fn make_one(&self, name: &OsStr) -> io::Result<Self> {
        let own = self.make_entry(name)?;
        self.open_private(name, own)
    }

    /// Creates a directory in this one like [`make`](Self::make), and does not open it unless its
    /// owner or its permissions must be changed or refused.
    pub(crate) fn make_closed(&self, name: &str) -> io::Result<()> {
        let name = OsStr::new(name);
        self.require_name(name)?;
        let own = self.make_entry(name)?;
        let stat = fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        if is_directory && stat.st_uid == self.owner && is_private(Mode::from_raw_mode(stat.st_mode), own) {
            return Ok(());
        }
        self.open_private(name, own).map(drop)
    }

    /// Creates a directory in this one unless the name exists. Returns the permissions of the user
    /// that it must have.
    fn make_entry(&self, name: &OsStr) -> io::Result<Mode> {
        match fs::mkdirat(&self.handle, name, DIRECTORY) {
            // The process's mask may have removed the user's own permissions.
            Ok(()) => Ok(DIRECTORY),
            Err(Errno::EXIST) => Ok(Mode::empty()),
            Err(error) => Err(error.into()),
        }
    }

    /// Opens a directory in this one, and makes it private.
    fn open_private(&self, name: &OsStr, own: Mode) -> io::Result<Self> {
        let handle = fs::openat(&self.handle, name, OPEN, Mode::empty());
        let handle = handle.map_err(|error| self.explain(Path::new(name), error))?;
        let (directory, mode) = Self::with_mode(handle, self.path.join(name))?;
        if !is_private(mode, own) {
            make_private(&directory.handle, own, || directory.path.clone())?;
        }
        Ok(directory)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens a file, or returns `None` if it is missing. A file that is opened for writing is made
    /// private.
    pub(crate) fn find_file(&self, name: impl AsRef<OsStr>, access: Access) -> io::Result<Option<File>> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
        };
        found(self.open_file(name.as_ref(), flags))
    }

    /// Opens a file, creates it if it is missing, and makes it private.
    pub(crate) fn make_file(&self, name: impl AsRef<OsStr>, creation: Creation) -> io::Result<File> {
        let flags = match creation {
            Creation::Write => OFlags::empty(),
            Creation::Append => OFlags::APPEND,
            Creation::New => OFlags::EXCL,
            Creation::NewToAppend => OFlags::EXCL | OFlags::APPEND,
        };
        self.open_file(name.as_ref(), OFlags::RDWR | OFlags::CREATE | flags)
    }

    fn open_file(&self, name: &OsStr, flags: OFlags) -> io::Result<File> {
        self.require_name(name)?;
        // Opening a FIFO must not block, and opening a terminal must not make it the controlling
        // one.
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
        let file = fs::openat(&self.handle, name, flags, FILE).map(File::from);
        let file = file.map_err(|error| self.explain(Path::new(name), error))?;
        let is_written = flags.contains(OFlags::RDWR);
        self.check_file(name, &file.metadata()?, is_written)?;
        if is_written {
            make_private(&file, FILE, || self.path.join(name))?;
        }
        Ok(file)
    }

    /// Returns the content of a file, or `None` if it is missing.
    pub(crate) fn read(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = self.find_file(name, Access::Read)? else { return Ok(None) };
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(Some(content))
    }

    /// Removes a file or a link if it exists.
    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        found(self.remove_file(name.as_ref())).map(|_| ())
    }

    /// Returns whether a name exists, even as a dangling link.
    pub(crate) fn has(&self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        let stat = fs::statat(&self.handle, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW);
        Ok(found(stat.map_err(io::Error::from))?.is_some())
    }

    /// Returns the names in this directory.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        // A handle of its own starts at the first entry.
        for entry in Dir::read_from(&self.handle)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// Returns whether the path still refers to this directory.
    pub(crate) fn is_in_place(&self) -> bool {
        is_in_place(&self.path, self.identity)
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Removes everything in this directory except the directories `keep`, which are relative to
    /// it. Links are removed without being followed. A mount point is an error and nothing below it
    /// is removed.
    pub(crate) fn clear(&self, keep: &[&Path]) -> io::Result<()> {
        for name in self.names()? {
            if keep.iter().any(|kept| kept.as_os_str() == name) {
                continue;
            }
            let stat = match fs::statat(&self.handle, &*name, AtFlags::SYMLINK_NOFOLLOW) {
                Err(Errno::NOENT) => continue,
                stat => stat?,
            };
            if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
                self.remove(&name)?;
                continue;
            }
            let path = self.path.join(&name);
            let handle = match open_unmounted(&self.handle, &name) {
                Err(Errno::XDEV) => return Err(Refusal::Mount(path).into()),
                Err(error) => return Err(self.explain(Path::new(&name), error)),
                Ok(handle) => handle,
            };
            let kept = kept_within(keep, &name);
            let stat = fs::fstat(&handle)?;
            Self::of_stat(handle, path, &stat).clear(&kept)?;
            if kept.is_empty() {
                fs::unlinkat(&self.handle, &*name, AtFlags::REMOVEDIR)?;
            }
        }
        Ok(())
    }

    /// Moves a file or a directory into another directory.
    pub(crate) fn rename_into(&self, name: &OsStr, target: &Self) -> io::Result<()> {
        self.require_name(name)?;
        match fs::renameat(&self.handle, name, &target.handle, name) {
            Err(Errno::XDEV) => Err(Refusal::Mount(self.path.join(name)).into()),
            renamed => Ok(renamed?),
        }
    }

    /// Removes an empty directory. Returns whether it is gone, which a directory with contents is
    /// not.
    pub(crate) fn remove_empty(&self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        let name = name.as_ref();
        self.require_name(name)?;
        match fs::unlinkat(&self.handle, name, AtFlags::REMOVEDIR) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            Err(Errno::NOTEMPTY | Errno::EXIST) => Ok(false),
            Err(error) => Err(self.explain(Path::new(name), error)),
        }
    }

    /// Checks that an existing file is safe to use, and makes it private if `is_written`. The file
    /// is not opened, because closing it would release the locks that `SQLite` holds on it in this
    /// process.
    pub(crate) fn check(&self, name: impl AsRef<OsStr>, is_written: bool, may_be_linked: bool) -> io::Result<()> {
        let name = name.as_ref();
        let path = || self.path.join(name);
        let stat = match fs::statat(&self.handle, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(()),
            stat => stat?,
        };
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => {}
            FileType::Symlink => return Err(Refusal::Link(path()).into()),
            _ => return Err(Refusal::NoFile(path()).into()),
        }
        check_owner(stat.st_uid, path)?;
        if is_written && stat.st_nlink > 1 && !may_be_linked {
            return Err(Refusal::HardLink(path()).into());
        }
        if is_written && Mode::from_raw_mode(stat.st_mode).intersects(OTHERS) {
            // Nobody else can replace the file by a link, because the directory belongs to the
            // user.
            fs::chmodat(&self.handle, name, FILE, AtFlags::empty()).map_err(|_| Refusal::Open(path()))?;
        }
        Ok(())
    }

    fn require_name(&self, name: &OsStr) -> io::Result<()> {
        let mut parts = Path::new(name).components();
        let is_name = matches!((parts.next(), parts.next()), (Some(Component::Normal(part)), None) if part == name);
        if is_name { Ok(()) } else { Err(self.explain(Path::new(name), Errno::INVAL)) }
    }

    fn make_private(&self) -> io::Result<()> {
        make_private(&self.handle, Mode::empty(), || self.path.clone())
    }

    fn check_file(&self, name: &OsStr, meta: &Metadata, is_written: bool) -> io::Result<()> {
        let path = || self.path.join(name);
        if !meta.is_file() {
            return Err(Refusal::NoFile(path()).into());
        }
        check_owner(meta.uid(), path)?;
        if is_written && meta.nlink() > 1 {
            return Err(Refusal::HardLink(path()).into());
        }
        Ok(())
    }

    /// Returns an error that describes the kind of file at a name that could not be opened.
    fn explain(&self, name: &Path, error: Errno) -> io::Error {
        let is_link = |path: &Path| {
            fs::statat(&self.handle, path, AtFlags::SYMLINK_NOFOLLOW)
                .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Symlink)
        };
        if matches!(error, Errno::LOOP | Errno::NOTDIR | Errno::MLINK)
            && let Some(link) = name.ancestors().filter(|path| !path.as_os_str().is_empty()).find(|path| is_link(path))
        {
            return Refusal::Link(self.path.join(link)).into();
        }
        match error {
            Errno::NOTDIR => Refusal::NoDirectory(self.path.join(name)).into(),
            error => error.into(),
        }
    }
}

impl Directory for PrivateDir {
    fn create_file(&self, name: &OsStr, _: u32) -> io::Result<File> {
        self.make_file(name, Creation::New)
    }

    fn rename_file(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.require_name(to)?;
        Ok(fs::renameat(&self.handle, from, &self.handle, to)?)
    }

    fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        self.require_name(name)?;
        Ok(fs::unlinkat(&self.handle, name, AtFlags::empty())?)
    }

    fn sync(&self) -> io::Result<()> {
        Ok(fs::fsync(&self.handle)?)
    }
}

impl LinkDirectory for PrivateDir {
    fn link_file(&self, from: &OsStr, to: &OsStr) -> io::Result<bool> {
        match fs::linkat(&self.handle, from, &self.handle, to, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::EXIST) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// Opens a directory below another one. No link on the path is followed.
fn open_below(at: &OwnedFd, name: &Path) -> rustix::io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match fs::openat2(at, name, OPEN, Mode::empty(), resolve) {
            // The kernel is old, or a sandbox does not support the call.
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened,
        }
    }
    let mut handle = None;
    for part in name.components() {
        let Component::Normal(part) = part else { return Err(Errno::INVAL) };
        handle = Some(fs::openat(handle.as_ref().unwrap_or(at), part, OPEN, Mode::empty())?);
    }
    handle.ok_or(Errno::INVAL)
}

/// Opens a directory in another one unless it is a mount point.
fn open_unmounted(at: &OwnedFd, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        match fs::openat2(at, name, OPEN, Mode::empty(), resolve) {
            Err(Errno::NOSYS | Errno::PERM) => {}
            opened => return opened,
        }
    }
    let handle = fs::openat(at, name, OPEN, Mode::empty())?;
    if fs::fstat(at)?.st_dev == fs::fstat(&handle)?.st_dev { Ok(handle) } else { Err(Errno::XDEV) }
}

/// Returns whether a path refers to the file or directory with this identity.
pub(crate) fn is_in_place(path: &Path, identity: Identity) -> bool {
    fs::stat(path).is_ok_and(|now| (now.st_dev, now.st_ino) == identity)
}

/// Returns the identity of a file from its metadata.
pub(crate) fn identity(meta: &Metadata) -> Identity {
    (meta.dev(), meta.ino())
}

/// Rejects an owner other than this user and root. Root can change everything anyway.
fn check_owner(owner: u32, path: impl FnOnce() -> PathBuf) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    if owner == own || owner == 0 { Ok(()) } else { Err(Refusal::Owner { path: path(), owner, own }.into()) }
}

/// Returns whether a mode grants nothing to others and all of `own` to the user.
fn is_private(mode: Mode, own: Mode) -> bool {
    !mode.intersects(OTHERS) && mode.contains(own)
}

/// Removes the permissions of the group and of others, and adds the permissions `own` of the user.
fn make_private(handle: impl AsFd, own: Mode, path: impl Fn() -> PathBuf) -> io::Result<()> {
    let mode = || -> io::Result<Mode> { Ok(Mode::from_raw_mode(fs::fstat(&handle)?.st_mode)) };
    let is_private = |mode: Mode| is_private(mode, own);
    let now = mode()?;
    if is_private(now) {
        return Ok(());
    }
    match fs::fchmod(&handle, (now | own) - OTHERS) {
        Ok(()) if is_private(mode()?) => Ok(()),
        Err(Errno::PERM) => {
            let (owner, own) = (fs::fstat(&handle)?.st_uid, rustix::process::geteuid().as_raw());
            let path = path();
            Err(if owner == own { Refusal::Open(path) } else { Refusal::Owner { path, owner, own } }.into())
        }
        Ok(()) => Err(Refusal::Open(path()).into()),
        Err(error) => Err(error.into()),
    }
}

/// A walk to a directory from the root, one component at a time.
struct Walk {
    at: OwnedFd,
    path: PathBuf,
    /// The remaining components in reverse order.
    remaining: Vec<OsString>,
    links: usize,
    creates: bool,
}

impl Walk {
    fn new(path: &Path, creates: bool) -> io::Result<Self> {
        let mut walk = Self { at: root()?, path: "/".into(), remaining: Vec::new(), links: 0, creates };
        walk.add(&std::path::absolute(path)?);
        Ok(walk)
    }

    fn add(&mut self, path: &Path) {
        self.remaining.extend(path.components().rev().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        }));
    }

    /// Returns the directory, or `None` if it is missing and must not be created.
    fn walk(mut self) -> io::Result<Option<OwnedFd>> {
        while let Some(name) = self.remaining.pop() {
            match fs::openat(&self.at, &*name, PASS, Mode::empty()) {
                Ok(handle) => self.enter(name, handle)?,
                Err(Errno::NOENT) if self.creates => self.make(name)?,
                Err(Errno::NOENT) => return Ok(None),
                Err(Errno::LOOP | Errno::NOTDIR | Errno::MLINK) => self.follow(&name)?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(fs::openat(&self.at, ".", OPEN, Mode::empty())?))
    }

    fn enter(&mut self, name: OsString, handle: OwnedFd) -> io::Result<()> {
        self.at = handle;
        if name == ".." {
            self.path.pop();
            return Ok(());
        }
        let is_own = name == RESERVED;
        self.path.push(name);
        if is_own && self.creates {
            // The handle may be path-only, and such a handle cannot change the mode.
            let handle = fs::openat(&self.at, ".", OPEN, Mode::empty())?;
            PrivateDir::new(handle, self.path.clone())?.make_private()?;
        }
        Ok(())
    }

    fn make(&mut self, name: OsString) -> io::Result<()> {
        match fs::mkdirat(&self.at, &*name, DIRECTORY) {
            Ok(()) => {
                // The process's mask may have removed the user's own permissions.
                let handle = fs::openat(&self.at, &*name, OPEN, Mode::empty());
                if let Ok(handle) = handle {
                    make_private(&handle, DIRECTORY, || self.path.join(&name))?;
                }
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        self.remaining.push(name);
        Ok(())
    }

    /// Continues the walk at the target of a link, if the link may be followed.
    fn follow(&mut self, name: &OsStr) -> io::Result<()> {
        let path = self.path.join(name);
        let stat = fs::statat(&self.at, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Err(Refusal::NoDirectory(path).into());
        }
        // Linux applies the same rule to world-writable directories (`fs.protected_symlinks`).
        let own = rustix::process::geteuid().as_raw();
        if ![own, 0, fs::fstat(&self.at)?.st_uid].contains(&stat.st_uid) {
            return Err(Refusal::ForeignLink { path, owner: stat.st_uid }.into());
        }
        self.links += 1;
        if self.links > MAX_LINKS {
            return Err(Errno::LOOP.into());
        }
        let target = fs::readlinkat(&self.at, name, Vec::new())?;
        let target = Path::new(OsStr::from_bytes(target.to_bytes())).to_owned();
        if target.is_absolute() {
            (self.at, self.path) = (root()?, "/".into());
        }
        self.add(&target);
        Ok(())
    }
}

fn root() -> io::Result<OwnedFd> {
    Ok(fs::open("/", PASS, Mode::empty())?)
}
