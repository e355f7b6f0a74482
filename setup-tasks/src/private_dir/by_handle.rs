//! Directories as handles, on Unix.

use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Access, Creation, Identity, Refusal, kept_within};
use crate::fs::{Directory, LinkDirectory, found};
use crate::private_dir::RESERVED;

const DIRECTORY: Mode = Mode::RWXU;
const FILE: Mode = Mode::RUSR.union(Mode::WUSR);
/// The rights of the group and of others.
const OTHERS: Mode = Mode::RWXG.union(Mode::RWXO);
/// As many links as Linux follows in one path.
const LINKS: usize = 40;

const OPEN: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A directory on the way, which may be one that cannot be listed.
#[cfg(target_os = "linux")]
const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
#[cfg(not(target_os = "linux"))]
const PASS: OFlags = OPEN;

/// An open directory of the runtime, with its path for errors.
#[derive(Debug)]
pub(crate) struct PrivateDir {
    handle: OwnedFd,
    path: PathBuf,
    identity: Identity,
}

impl PrivateDir {
    /// Opens a directory that the configuration names, if it is there.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        let Some(handle) = Walk::new(path, false)?.walk()? else { return Ok(None) };
        Self::new(handle, path.to_owned()).map(Some)
    }

    /// Opens a directory that the configuration names, making it and its parents if they are missing, and makes it private.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let directory = Self::create_shared(path)?;
        directory.make_private()?;
        Ok(directory)
    }

    /// As [`create`](Self::create), for a directory that may hold other files of the user: one that is there keeps its mode,
    /// unless it is the runtime's by its name.
    pub(crate) fn create_shared(path: &Path) -> io::Result<Self> {
        let handle = Walk::new(path, true)?.walk()?.ok_or(io::ErrorKind::NotFound)?;
        // One that is reached step by step may have a path that is too long for everybody else.
        fs::stat(path)?;
        Self::new(handle, path.to_owned())
    }

    /// Refuses the directory of another user.
    fn new(handle: OwnedFd, path: PathBuf) -> io::Result<Self> {
        Ok(Self::with_mode(handle, path)?.0)
    }

    /// As [`new`](Self::new), with the directory's mode.
    fn with_mode(handle: OwnedFd, path: PathBuf) -> io::Result<(Self, Mode)> {
        let stat = fs::fstat(&handle)?;
        check_owner(stat.st_uid, || path.clone())?;
        Ok((Self { handle, path, identity: (stat.st_dev, stat.st_ino) }, Mode::from_raw_mode(stat.st_mode)))
    }

    /// Opens a directory below this one, if it is there.
    pub(crate) fn find(&self, name: impl AsRef<Path>) -> io::Result<Option<Self>> {
        let name = name.as_ref();
        let path = self.path.join(name);
        let handle = found(open_below(&self.handle, name).map_err(|error| self.explain(name, error)))?;
        handle.map(|handle| Self::new(handle, path)).transpose()
    }

    /// Opens a directory below this one, making it and those on the way if they are missing. All of them become private.
    pub(crate) fn make(&self, name: impl AsRef<Path>) -> io::Result<Self> {
        let mut made: Option<Self> = None;
        for part in name.as_ref().components() {
            let Component::Normal(part) = part else { return Err(io::ErrorKind::InvalidInput.into()) };
            made = Some(made.as_ref().unwrap_or(self).make_one(part)?);
        }
        made.ok_or_else(|| io::ErrorKind::InvalidInput.into())
    }

    fn make_one(&self, name: &OsStr) -> io::Result<Self> {
        // The mask of the process may have removed the user's own rights from a new directory.
        let own = match fs::mkdirat(&self.handle, name, DIRECTORY) {
            Ok(()) => DIRECTORY,
            Err(Errno::EXIST) => Mode::empty(),
            Err(error) => return Err(error.into()),
        };
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

    /// Opens a file, or returns `None` if it is missing. A file that can be written becomes private.
    pub(crate) fn find_file(&self, name: impl AsRef<OsStr>, access: Access) -> io::Result<Option<File>> {
        let flags = match access {
            Access::Read => OFlags::RDONLY,
            Access::ReadWrite => OFlags::RDWR,
        };
        found(self.open_file(name.as_ref(), flags))
    }

    /// Opens a file, and creates it if it is missing. It becomes private.
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
        // Opening a FIFO must not block, and opening a terminal must not make it the controlling one.
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

    /// Returns the whole content of a file, or `None` if it is missing.
    pub(crate) fn read(&self, name: impl AsRef<OsStr>) -> io::Result<Option<Vec<u8>>> {
        let Some(mut file) = self.find_file(name, Access::Read)? else { return Ok(None) };
        let mut content = Vec::new();
        file.read_to_end(&mut content)?;
        Ok(Some(content))
    }

    /// Removes a file or a link, if it is there.
    pub(crate) fn remove(&self, name: impl AsRef<OsStr>) -> io::Result<()> {
        found(self.remove_file(name.as_ref())).map(|_| ())
    }

    /// Returns whether a name is taken, be it by a link that leads nowhere.
    pub(crate) fn has(&self, name: impl AsRef<OsStr>) -> io::Result<bool> {
        let stat = fs::statat(&self.handle, name.as_ref(), AtFlags::SYMLINK_NOFOLLOW);
        Ok(found(stat.map_err(io::Error::from))?.is_some())
    }

    /// Returns the names in this directory.
    pub(crate) fn names(&self) -> io::Result<Vec<OsString>> {
        let mut names = Vec::new();
        // Over a handle of its own, which begins at the first name.
        for entry in Dir::read_from(&self.handle)? {
            let name = entry?.file_name().to_bytes().to_vec();
            if name != b"." && name != b".." {
                names.push(OsString::from_vec(name));
            }
        }
        Ok(names)
    }

    /// Returns whether its path still leads to it.
    pub(crate) fn is_in_place(&self) -> bool {
        is_in_place(&self.path, self.identity)
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Removes everything in this directory but the directories `keep`, which are relative to it. A link is removed and never
    /// followed; where something is mounted, nothing is removed.
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
            Self { handle, path, identity: (stat.st_dev, stat.st_ino) }.clear(&kept)?;
            if kept.is_empty() {
                fs::unlinkat(&self.handle, &*name, AtFlags::REMOVEDIR)?;
            }
        }
        Ok(())
    }

    /// Refuses a file that is there and is not the runtime's own, and makes it private if it is to be written. It is not
    /// opened: to close it again would take the locks that `SQLite` has on it in this process.
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
            // Nobody else can put a link in its place: the directory is the user's own.
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

    /// Says what a name is that could not be opened.
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

/// Opens a directory below another one. No link is followed, wherever it is on the way.
fn open_below(at: &OwnedFd, name: &Path) -> rustix::io::Result<OwnedFd> {
    #[cfg(target_os = "linux")]
    {
        use fs::ResolveFlags;
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        match fs::openat2(at, name, OPEN, Mode::empty(), resolve) {
            // An old kernel, or a sandbox that does not know the call.
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

/// Opens a directory in another one, unless something is mounted there.
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

/// Returns whether a path leads to the directory or file of that identity.
pub(crate) fn is_in_place(path: &Path, identity: Identity) -> bool {
    fs::stat(path).is_ok_and(|now| (now.st_dev, now.st_ino) == identity)
}

/// Returns the identity of an open file.
pub(crate) fn identity(file: &File) -> io::Result<Identity> {
    let meta = file.metadata()?;
    Ok((meta.dev(), meta.ino()))
}

/// Refuses what belongs neither to this user nor to root, who may do as they like anyway.
fn check_owner(owner: u32, path: impl FnOnce() -> PathBuf) -> io::Result<()> {
    let own = rustix::process::geteuid().as_raw();
    if owner == own || owner == 0 { Ok(()) } else { Err(Refusal::Owner { path: path(), owner, own }.into()) }
}

/// Returns whether a mode gives nobody else a right, and the user the rights `own`.
fn is_private(mode: Mode, own: Mode) -> bool {
    !mode.intersects(OTHERS) && mode.contains(own)
}

/// Removes the rights of the group and of others, and adds the rights `own` of the user.
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

/// The way to a directory, from the root, one component after the other.
struct Walk {
    at: OwnedFd,
    path: PathBuf,
    /// The components that are left, the next one last.
    left: Vec<OsString>,
    links: usize,
    makes: bool,
}

impl Walk {
    fn new(path: &Path, makes: bool) -> io::Result<Self> {
        let mut walk = Self { at: root()?, path: "/".into(), left: Vec::new(), links: 0, makes };
        walk.add(&std::path::absolute(path)?);
        Ok(walk)
    }

    fn add(&mut self, path: &Path) {
        self.left.extend(path.components().rev().filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        }));
    }

    /// Returns the directory, or `None` if it is missing and is not to be made.
    fn walk(mut self) -> io::Result<Option<OwnedFd>> {
        while let Some(name) = self.left.pop() {
            match fs::openat(&self.at, &*name, PASS, Mode::empty()) {
                Ok(handle) => self.enter(name, handle)?,
                Err(Errno::NOENT) if self.makes => self.make(name)?,
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
        if is_own && self.makes {
            // The handle of a directory on the way may not be one to change it by.
            let handle = fs::openat(&self.at, ".", OPEN, Mode::empty())?;
            PrivateDir::new(handle, self.path.clone())?.make_private()?;
        }
        Ok(())
    }

    fn make(&mut self, name: OsString) -> io::Result<()> {
        match fs::mkdirat(&self.at, &*name, DIRECTORY) {
            Ok(()) => {
                // The mask of the process may have taken the user's own rights.
                let handle = fs::openat(&self.at, &*name, OPEN, Mode::empty());
                if let Ok(handle) = handle {
                    make_private(&handle, DIRECTORY, || self.path.join(&name))?;
                }
            }
            Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        self.left.push(name);
        Ok(())
    }

    /// Goes on where a link leads, if it is one that may be followed.
    fn follow(&mut self, name: &OsStr) -> io::Result<()> {
        let path = self.path.join(name);
        let stat = fs::statat(&self.at, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::Symlink {
            return Err(Refusal::NoDirectory(path).into());
        }
        // As Linux does in directories that others may write to (`fs.protected_symlinks`).
        let own = rustix::process::geteuid().as_raw();
        if ![own, 0, fs::fstat(&self.at)?.st_uid].contains(&stat.st_uid) {
            return Err(Refusal::ForeignLink { path, owner: stat.st_uid }.into());
        }
        self.links += 1;
        if self.links > LINKS {
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
