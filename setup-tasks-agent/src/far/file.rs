//! Files of the machine: attributes, content, and writing whole or not at all.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, RawMode, RenameFlags, Uid, chmodat, chownat, fchmod, fchown, fsync,
    mkdirat, openat, readlinkat, renameat, renameat_with, symlinkat, unlinkat,
};
use rustix::io::Errno;

use super::walk::{Place, stat};
use crate::protocol::Hash;

/// The attributes of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stat {
    /// The kind of the file.
    pub kind: Kind,
    /// The permissions, with the bits of `chmod`.
    pub mode: u32,
    /// The number of the owner.
    pub uid: u32,
    /// The number of the group.
    pub gid: u32,
    /// The length in bytes.
    pub size: u64,
    /// The time of modification, in nanoseconds since 1970.
    pub modified: i64,
    pub(super) inode: (u64, u64),
}

/// The kind of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A device, a socket or a pipe.
    Other,
}

/// Returns permissions in the type of the system.
#[allow(clippy::unnecessary_cast, clippy::cast_possible_truncation)]
pub(super) fn mode_of(bits: u32) -> Mode {
    Mode::from_raw_mode(bits as RawMode)
}

/// The attributes that a file gets. `None` leaves an existing file's as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// The permissions.
    pub mode: Option<u32>,
    /// The number of the owner.
    pub uid: Option<u32>,
    /// The number of the group.
    pub gid: Option<u32>,
}

impl Kind {
    /// Returns the kind in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Symlink => "a symbolic link",
            Self::Other => "a device, a socket or a pipe",
        }
    }
}

impl Stat {
    pub(super) fn of(place: &Place) -> io::Result<Option<Self>> {
        Ok(stat(place)?.map(|stat| Self::from_raw(&stat)))
    }

    // The types of these fields differ between systems.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast, clippy::cast_sign_loss, clippy::cast_possible_wrap)]
    fn from_raw(stat: &rustix::fs::Stat) -> Self {
        let kind = match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            _ => Kind::Other,
        };
        let modified = (stat.st_mtime as i64).saturating_mul(1_000_000_000).saturating_add(stat.st_mtime_nsec as i64);
        Self {
            kind,
            mode: u32::from(stat.st_mode) & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: stat.st_size as u64,
            modified,
            inode: (stat.st_dev as u64, stat.st_ino as u64),
        }
    }
}

/// Opens a regular file, and nothing else. A pipe at the path is not waited for.
pub(super) fn open(place: &Place) -> io::Result<Option<File>> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let file = match openat(place.dir(), &place.name, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(not_a_file(Kind::Symlink)),
        Err(Errno::NXIO) => return Err(not_a_file(Kind::Other)),
        Err(error) => return Err(error.into()),
    };
    let found = Stat::from_raw(&rustix::fs::fstat(&file)?);
    if found.kind == Kind::File { Ok(Some(file.into())) } else { Err(not_a_file(found.kind)) }
}

fn not_a_file(kind: Kind) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, format!("it is {}", kind.words()))
}

/// Returns the content of a regular file of at most `max` bytes.
pub(super) fn read(place: &Place, max: u64) -> io::Result<Option<Vec<u8>>> {
    let Some(file) = open(place)? else { return Ok(None) };
    let mut content = Vec::new();
    file.take(max + 1).read_to_end(&mut content)?;
    if content.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it has more than {} MiB", max >> 20)));
    }
    Ok(Some(content))
}

/// Returns the hash of a regular file.
pub(super) fn hash(place: &Place) -> io::Result<Option<Hash>> {
    open(place)?.map(hash_of).transpose()
}

/// Returns the hash of everything that can be read.
pub(crate) fn hash_of(mut input: impl Read) -> io::Result<Hash> {
    let mut hasher = blake3::Hasher::new();
    io::copy(&mut input, &mut hasher)?;
    Ok(Hash(*hasher.finalize().as_bytes()))
}

/// A new version of a file, which nobody sees yet. It is removed when this is dropped.
pub(crate) struct Draft<'a> {
    place: &'a Place,
    name: OsString,
    file: File,
    taken: bool,
}

impl<'a> Draft<'a> {
    /// Creates a draft beside a file, which only its owner can read. The draft of an earlier attempt that was killed is replaced, since the
    /// name of the draft is derived from that of the file.
    pub(crate) fn new(place: &'a Place) -> io::Result<Self> {
        let name = draft_name(&place.name);
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let create = || openat(place.dir(), &name, flags, mode_of(0o600));
        let file = match create() {
            Err(Errno::EXIST) => {
                unlinkat(place.dir(), &name, AtFlags::empty())?;
                create()?
            }
            file => file?,
        };
        Ok(Self { place, name, file: file.into(), taken: false })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.place.path.with_file_name(&self.name)
    }

    pub(crate) fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Sets owner, group and permissions, in this order, since the system clears some permissions of a new owner.
    pub(crate) fn set(&mut self, attributes: Attributes) -> io::Result<()> {
        if attributes.uid.is_some() || attributes.gid.is_some() {
            fchown(&self.file, attributes.uid.map(Uid::from_raw), attributes.gid.map(Gid::from_raw))?;
        }
        attributes.mode.iter().try_for_each(|mode| fchmod(&self.file, mode_of(*mode)))?;
        Ok(())
    }

    /// Waits until the content is on the disk, and lets the draft take the place of the file.
    pub(crate) fn take_place(mut self) -> io::Result<()> {
        self.file.flush()?;
        fsync(&self.file)?;
        renameat(self.place.dir(), &self.name, self.place.dir(), &self.place.name)?;
        self.taken = true;
        sync_dir(self.place)
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.taken {
            let _ = unlinkat(self.place.dir(), &self.name, AtFlags::empty());
        }
    }
}

/// Returns a name that begins with a dot, so that programs that read all files of a directory skip it.
fn draft_name(name: &OsStr) -> OsString {
    let hash = Hash::of(name.as_bytes()).to_string();
    format!(".setup-tasks-{}", &hash[..16]).into()
}

/// Waits until the names in the directory of a place are on the disk.
fn sync_dir(place: &Place) -> io::Result<()> {
    let dir = openat(place.dir(), ".", OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty());
    match dir.map(|dir| fsync(&dir)) {
        // A directory that this process cannot read, and a file system without this.
        Err(Errno::ACCESS) | Ok(Err(Errno::INVAL)) => Ok(()),
        other => Ok(other??),
    }
}

pub(super) fn set(place: &Place, attributes: Attributes) -> io::Result<()> {
    refuse_planted(place)?;
    if attributes.uid.is_some() || attributes.gid.is_some() {
        let (uid, gid) = (attributes.uid.map(Uid::from_raw), attributes.gid.map(Gid::from_raw));
        chownat(place.dir(), &place.name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    attributes.mode.iter().try_for_each(|mode| set_mode(place, mode_of(*mode)))
}

/// Refuses a file with several names in a directory of another user, who could have given a second name to any file.
fn refuse_planted(place: &Place) -> io::Result<()> {
    let Some(found) = stat(place)? else { return Ok(()) };
    let owner = rustix::fs::fstat(place.dir())?.st_uid;
    let trusted = owner == 0 || owner == rustix::process::geteuid().as_raw();
    let is_file = FileType::from_raw_mode(found.st_mode) == FileType::RegularFile;
    if trusted || !is_file || found.st_nlink == 1 {
        return Ok(());
    }
    let message = format!("it has {} names, and its directory belongs to the user {owner}", found.st_nlink);
    Err(io::Error::new(io::ErrorKind::PermissionDenied, message))
}

/// Sets the permissions of a file, and never those of a link's target.
fn set_mode(place: &Place, mode: Mode) -> io::Result<()> {
    let flags = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    match openat(place.dir(), &place.name, OFlags::RDONLY | flags, Mode::empty()) {
        Ok(file) => Ok(fchmod(&file, mode)?),
        Err(Errno::ACCESS | Errno::NXIO) => set_mode_unread(place, mode),
        Err(error) => Err(error.into()),
    }
}

/// Sets the permissions of a file that this process cannot read.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn set_mode_unread(place: &Place, mode: Mode) -> io::Result<()> {
    let file = openat(place.dir(), &place.name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?;
    let path = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&file));
    Ok(chmodat(rustix::fs::CWD, path, mode, AtFlags::empty())?)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn set_mode_unread(place: &Place, mode: Mode) -> io::Result<()> {
    Ok(chmodat(place.dir(), &place.name, mode, AtFlags::SYMLINK_NOFOLLOW)?)
}

pub(super) fn make_dir(place: &Place, mode: u32) -> io::Result<()> {
    mkdirat(place.dir(), &place.name, mode_of(mode))?;
    sync_dir(place)
}

pub(super) fn read_link(place: &Place) -> io::Result<Option<OsString>> {
    match readlinkat(place.dir(), &place.name, Vec::new()) {
        Ok(target) => Ok(Some(OsString::from_vec(target.into_bytes()))),
        Err(Errno::NOENT | Errno::INVAL) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Creates a symbolic link, or replaces a link or a file by it.
pub(super) fn link(place: &Place, to: &OsStr) -> io::Result<()> {
    let draft = draft_name(&place.name);
    match unlinkat(place.dir(), &draft, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => {}
        Err(error) => return Err(error.into()),
    }
    symlinkat(to, place.dir(), &draft)?;
    if let Err(error) = renameat(place.dir(), &draft, place.dir(), &place.name) {
        let _ = unlinkat(place.dir(), &draft, AtFlags::empty());
        return Err(error.into());
    }
    sync_dir(place)
}

/// Returns the names in a directory, sorted.
pub(super) fn list(place: &Place) -> io::Result<Vec<OsString>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let dir = openat(place.dir(), &place.name, flags, Mode::empty())?;
    let mut names = names_in(&dir)?;
    names.sort();
    Ok(names)
}

fn names_in(dir: &OwnedFd) -> io::Result<Vec<OsString>> {
    let names = Dir::read_from(dir)?.map(|entry| Ok(OsStr::from_bytes(entry?.file_name().to_bytes()).to_owned()));
    names.filter(|name: &io::Result<OsString>| !name.as_ref().is_ok_and(|name| name == "." || name == "..")).collect()
}

/// Removes a file, a link, or a directory with its content. Returns whether there was anything.
pub(super) fn remove(place: &Place) -> io::Result<bool> {
    if place.name == "." {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is the root directory"));
    }
    if !remove_at(place.dir(), &place.name)? {
        return Ok(false);
    }
    sync_dir(place)?;
    Ok(true)
}

fn remove_at(dir: impl std::os::fd::AsFd, name: &OsStr) -> io::Result<bool> {
    match unlinkat(&dir, name, AtFlags::empty()) {
        Ok(()) => return Ok(true),
        Err(Errno::NOENT) => return Ok(false),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let inner = openat(&dir, name, flags, Mode::empty())?;
    if rustix::fs::fstat(&inner)?.st_dev != rustix::fs::fstat(&dir)?.st_dev {
        let message = format!("a file system is mounted at `{}` in it", Path::new(name).display());
        return Err(io::Error::new(io::ErrorKind::ResourceBusy, message));
    }
    for entry in names_in(&inner)? {
        remove_at(&inner, &entry)?;
    }
    unlinkat(&dir, name, AtFlags::REMOVEDIR)?;
    Ok(true)
}

/// Removes an empty directory, if it is there.
pub(super) fn remove_empty(place: &Place) -> io::Result<()> {
    match unlinkat(place.dir(), &place.name, AtFlags::REMOVEDIR) {
        Ok(()) => sync_dir(place),
        Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Writes into an existing file.
pub(super) fn write_in_place(place: &Place, content: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    File::from(openat(place.dir(), &place.name, flags, Mode::empty())?).write_all(content)
}

/// Lets a file or directory take the place of another one, which gets its name.
pub(super) fn exchange(new: &Place, place: &Place) -> io::Result<()> {
    match renameat_with(new.dir(), &new.name, place.dir(), &place.name, RenameFlags::EXCHANGE) {
        Err(Errno::NOENT) => renameat(new.dir(), &new.name, place.dir(), &place.name)?,
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => exchange_in_steps(new, place)?,
        done => done?,
    }
    sync_dir(place)
}

/// Exchanges two names on a file system that cannot do so at once, such as NFS.
fn exchange_in_steps(new: &Place, place: &Place) -> io::Result<()> {
    let between = draft_name(&place.name);
    renameat(place.dir(), &place.name, place.dir(), &between)?;
    if let Err(error) = renameat(new.dir(), &new.name, place.dir(), &place.name) {
        renameat(place.dir(), &between, place.dir(), &place.name)?;
        return Err(error.into());
    }
    Ok(renameat(place.dir(), &between, new.dir(), &new.name)?)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::super::walk::{Last, Root};
    use super::*;

    #[test]
    fn directories_are_exchanged_at_once_and_in_steps() {
        for exchange in [exchange, exchange_in_steps] {
            let directory = tempfile::tempdir().unwrap();
            for name in ["a", "b"] {
                fs::create_dir(directory.path().join(name)).unwrap();
                fs::write(directory.path().join(name).join("f"), name).unwrap();
            }
            let root = Root::open(directory.path()).unwrap();
            let place = |name: &str| root.place(Path::new(name), Last::Keep).unwrap();
            exchange(&place("/a"), &place("/b")).unwrap();
            let text = |name: &str| fs::read_to_string(directory.path().join(name)).unwrap();
            assert_eq!((text("a/f"), text("b/f")), ("b".into(), "a".into()));
            assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 2);
        }
    }
}
