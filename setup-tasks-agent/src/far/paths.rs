//! Files of the machine by their paths.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use super::file::{self, Attributes, Kind, Stat};
use super::walk::{Last, Place};
use super::{Draft, Far};
use crate::Result;
use crate::protocol::{Cause, Failure, Hash};

/// The greatest length of a file that [`Far::read`] returns, in bytes.
pub const MAX_READ: u64 = 64 << 20;
/// The permissions of new files and directories, unless others are requested.
const NEW_FILE: u32 = 0o644;
const NEW_DIRECTORY: u32 = 0o755;

/// The source of the content of a file.
pub enum Source<'a> {
    /// Bytes in memory.
    Bytes(&'a [u8]),
    /// An open file, from its beginning.
    File(&'a File),
    /// A function that writes the content.
    Writer(&'a mut dyn FnMut(&mut File) -> io::Result<()>),
}

impl Source<'_> {
    fn copy_to(&mut self, target: &mut File) -> io::Result<()> {
        match self {
            Self::Bytes(bytes) => target.write_all(bytes),
            Self::File(source) => {
                source.seek(SeekFrom::Start(0))?;
                io::copy(source, target).map(drop)
            }
            Self::Writer(write) => write(target),
        }
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Source<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        Self::Bytes(bytes)
    }
}

impl Far {
    /// Returns the attributes of a file, or `None` if nothing is there. A symbolic link at the end of the path is not followed.
    ///
    /// # Errors
    ///
    /// The system's, or that of a link that is not followed.
    pub fn stat(&self, path: impl AsRef<Path>) -> Result<Option<Stat>> {
        let path = path.as_ref();
        self.look(path, || format!("look at `{}`", path.display()), |place| self.stat_at(place)).map(Option::flatten)
    }

    /// Returns the path without symbolic links and the attributes of the file there, or `None` if nothing is there.
    ///
    /// # Errors
    ///
    /// The system's, or that of a link that is not followed.
    pub fn stat_followed(&self, path: impl AsRef<Path>) -> Result<Option<(PathBuf, Stat)>> {
        if self.stat(&path)?.is_none() {
            return Ok(None);
        }
        let path = self.resolve(path)?;
        Ok(self.stat(&path)?.map(|stat| (path, stat)))
    }

    /// Returns the content of a regular file of at most [`MAX_READ`] bytes, or `None` if nothing is there. Anything other than a file is an
    /// error.
    ///
    /// # Errors
    ///
    /// The system's, or that it is not such a file.
    pub fn read(&self, path: impl AsRef<Path>) -> Result<Option<Vec<u8>>> {
        let path = path.as_ref();
        self.look(path, || format!("read `{}`", path.display()), |place| file::read(place, MAX_READ))
            .map(Option::flatten)
    }

    /// Returns the content of a regular file as text, or `None` if nothing is there.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read), or that it is not UTF-8.
    pub fn read_text(&self, path: impl AsRef<Path>) -> Result<Option<String>> {
        let path = path.as_ref();
        let text = self.read(path)?.map(String::from_utf8).transpose();
        text.map_err(|_| Failure::new(format!("read `{}`", path.display()), Cause::Refused("it is not UTF-8".into())))
    }

    /// Returns the hash of a regular file, or `None` if nothing is there.
    ///
    /// # Errors
    ///
    /// As for [`read`](Self::read).
    pub fn hash(&self, path: impl AsRef<Path>) -> Result<Option<Hash>> {
        let path = path.as_ref();
        self.look(path, || format!("read `{}`", path.display()), file::hash).map(Option::flatten)
    }

    /// Opens a regular file for reading, or returns `None` if nothing is there.
    pub(crate) fn open(&self, path: &Path) -> Result<Option<File>> {
        self.look(path, || format!("read `{}`", path.display()), file::open).map(Option::flatten)
    }

    /// Returns the path that a symbolic link contains, or `None` if there is no link.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn read_link(&self, path: impl AsRef<Path>) -> Result<Option<OsString>> {
        let path = path.as_ref();
        self.look(path, || format!("read the link `{}`", path.display()), file::read_link).map(Option::flatten)
    }

    /// Returns the names in a directory, sorted, or nothing if there is no directory.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn list(&self, path: impl AsRef<Path>) -> Result<Vec<OsString>> {
        let path = path.as_ref();
        let names = self.look(
            path,
            || format!("list `{}`", path.display()),
            |place| {
                if file::Stat::of(place)?.is_none() { Ok(Vec::new()) } else { file::list(place) }
            },
        )?;
        Ok(names.unwrap_or_default())
    }

    /// Writes a file, whole or not at all. Attributes that are `None` are kept from an existing file.
    ///
    /// # Errors
    ///
    /// The system's. The old file is then as it was.
    pub fn write<'a>(
        &self,
        path: impl AsRef<Path>,
        source: impl Into<Source<'a>>,
        attributes: Attributes,
    ) -> Result<()> {
        self.write_checked(path, source, attributes, |_| Ok(()))
    }

    /// Writes a file as [`write`](Self::write) does, if `check` accepts its draft.
    pub(crate) fn write_checked<'a>(
        &self,
        path: impl AsRef<Path>,
        source: impl Into<Source<'a>>,
        attributes: Attributes,
        check: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let (path, mut source) = (path.as_ref(), source.into());
        let tried = || format!("write `{}`", path.display());
        let place = self.base.root.place(path, Last::Keep).map_err(|error| Failure::new(tried(), error))?;
        let mut draft = self.draft(&place, &mut source, attributes).map_err(|error| Failure::new(tried(), error))?;
        draft.file().sync_data().map_err(|error| Failure::new(tried(), error))?;
        check(&draft.path())?;
        draft.take_place().map_err(|error| Failure::new(tried(), error))
    }

    fn draft<'p>(&self, place: &'p Place, source: &mut Source<'_>, attributes: Attributes) -> io::Result<Draft<'p>> {
        let old = self.stat_at(place)?;
        if let Some(old) = old.as_ref().filter(|old| old.kind == Kind::Directory) {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, format!("it is {}", old.kind.words())));
        }
        let old = old.filter(|old| old.kind == Kind::File);
        let mut draft = Draft::new(place)?;
        source.copy_to(draft.file())?;
        let kept =
            Attributes { mode: None, uid: old.as_ref().map(|old| old.uid), gid: old.as_ref().map(|old| old.gid) };
        let mode = attributes.mode.or(old.map(|old| old.mode)).or(Some(NEW_FILE));
        if self.base.owners.is_some() {
            draft.set(Attributes { mode, ..Attributes::default() })?;
            let inode = inode_of(draft.file())?;
            self.remember(inode, attributes, (kept.uid.unwrap_or(0), kept.gid.unwrap_or(0)));
            return Ok(draft);
        }
        match draft.set(kept) {
            // An ordinary user cannot give the file back to its former owner, and nobody requested it.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            done => done?,
        }
        draft.set(Attributes { mode, ..attributes })?;
        Ok(draft)
    }

    /// Writes into an existing file of the kernel, such as one below `/proc/sys`. Other files are [written](Self::write) whole.
    ///
    /// # Errors
    ///
    /// The system's, such as that the kernel does not accept the value.
    pub fn write_in_place(&self, path: impl AsRef<Path>, content: &[u8]) -> Result<()> {
        let path = path.as_ref();
        self.change(path, || format!("write `{}`", path.display()), |place| file::write_in_place(place, content))
    }

    /// Lets a directory take the place of another one. If there is another one, it gets the first path.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn exchange(&self, new: &Path, path: &Path) -> Result<()> {
        let tried = || format!("put `{}` into its place", path.display());
        let new = self.base.root.place(new, Last::Keep).map_err(|error| Failure::new(tried(), error))?;
        self.change(path, tried, |place| file::exchange(&new, place))
    }

    /// Returns a path of this machine for a path of the other one, for programs that read it.
    pub(crate) fn real(&self, path: &Path) -> Result<PathBuf> {
        let place = self.base.root.place(path, Last::Keep);
        place.map(|place| place.path).map_err(|error| Failure::new(format!("look at `{}`", path.display()), error))
    }

    /// Sets attributes of an existing file or directory. A symbolic link is not followed.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn set(&self, path: impl AsRef<Path>, attributes: Attributes) -> Result<()> {
        let path = path.as_ref();
        let tried = || format!("set owner and permissions of `{}`", path.display());
        self.change(path, tried, |place| {
            let Some(stat) = self.stat_at(place)?.filter(|_| self.base.owners.is_some()) else {
                return file::set(place, attributes);
            };
            self.remember(stat.inode, attributes, (stat.uid, stat.gid));
            file::set(place, Attributes { mode: attributes.mode, ..Attributes::default() })
        })
    }

    /// Creates a directory, but not its parents.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn make_directory(&self, path: impl AsRef<Path>, attributes: Attributes) -> Result<()> {
        let path = path.as_ref();
        let private = attributes.uid.is_some() || attributes.gid.is_some();
        // A directory for another owner is closed until it belongs to that owner.
        let first = if private { 0o700 } else { attributes.mode.unwrap_or(NEW_DIRECTORY) };
        self.change(
            path,
            || format!("create the directory `{}`", path.display()),
            |place| file::make_dir(place, first),
        )?;
        self.set(path, Attributes { mode: Some(attributes.mode.unwrap_or(NEW_DIRECTORY)), ..attributes })
    }

    /// Creates the missing directories on the way to a path, with permissions 0755.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn make_parents(&self, path: impl AsRef<Path>) -> Result<()> {
        let mut missing = Vec::new();
        for parent in path.as_ref().ancestors().skip(1) {
            let found = self.look(
                parent,
                || format!("look at `{}`", parent.display()),
                |place| match self.stat_at(place)? {
                    Some(stat) if stat.kind == Kind::Symlink => {
                        self.stat_at(&self.base.root.place(parent, Last::Follow)?)
                    }
                    found => Ok(found),
                },
            )?;
            if found.flatten().is_some() {
                break;
            }
            missing.push(parent);
        }
        missing.into_iter().rev().try_for_each(|parent| self.make_directory(parent, Attributes::default()))
    }

    /// Creates a symbolic link, or replaces a link or a file by it.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn link(&self, path: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<()> {
        let (path, to) = (path.as_ref(), to.as_ref());
        self.change(path, || format!("create the link `{}`", path.display()), |place| file::link(place, to.as_os_str()))
    }

    /// Removes a file, a link, or a directory with its content. Returns whether there was anything. Other file systems that are
    /// mounted in the directory are an error.
    ///
    /// # Errors
    ///
    /// The system's. A part of a directory can be gone.
    pub fn remove(&self, path: impl AsRef<Path>) -> Result<bool> {
        let path = path.as_ref();
        self.look(path, || format!("remove `{}`", path.display()), file::remove).map(Option::unwrap_or_default)
    }

    /// Removes a directory if it is empty. A missing one is not an error.
    ///
    /// # Errors
    ///
    /// It is not empty, or the system's.
    pub fn remove_empty_directory(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let tried = || format!("remove the directory `{}`", path.display());
        let is_empty = self.list(path)?.is_empty();
        if !is_empty {
            return Err(Failure::new(tried(), Cause::Refused("it is not empty".into())));
        }
        self.look(path, tried, file::remove_empty).map(drop)
    }

    /// Returns a path without symbolic links, as path of the machine. The last component may be missing.
    ///
    /// # Errors
    ///
    /// The system's.
    pub fn resolve(&self, path: impl AsRef<Path>) -> Result<PathBuf> {
        let path = path.as_ref();
        let place = self.base.root.place(path, Last::Follow);
        let place = place.map_err(|error| Failure::new(format!("follow `{}`", path.display()), error))?;
        Ok(Path::new("/").join(place.path.strip_prefix(self.base.root.path()).unwrap_or(&place.path)))
    }

    /// Calls `look` for a place, or returns `None` if the directory of the place is missing.
    fn look<T>(
        &self,
        path: &Path,
        tried: impl Fn() -> String,
        look: impl FnOnce(&Place) -> io::Result<T>,
    ) -> Result<Option<T>> {
        match self.base.root.place(path, Last::Keep) {
            Ok(place) => look(&place).map(Some),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(error),
        }
        .map_err(|error| Failure::new(tried(), error))
    }

    fn change<T>(
        &self,
        path: &Path,
        tried: impl Fn() -> String,
        change: impl FnOnce(&Place) -> io::Result<T>,
    ) -> Result<T> {
        let place = self.base.root.place(path, Last::Keep).map_err(|error| Failure::new(tried(), error))?;
        change(&place).map_err(|error| Failure::new(tried(), error))
    }

    fn stat_at(&self, place: &Place) -> io::Result<Option<Stat>> {
        let Some(mut stat) = Stat::of(place)? else { return Ok(None) };
        if let Some(owners) = &self.base.owners {
            let owners = owners.lock().unwrap_or_else(PoisonError::into_inner);
            // Files that were there before belong to root.
            (stat.uid, stat.gid) = owners.get(&stat.inode).copied().unwrap_or_default();
        }
        Ok(Some(stat))
    }

    fn remember(&self, inode: (u64, u64), attributes: Attributes, old: (u32, u32)) {
        if let Some(owners) = &self.base.owners {
            let new = (attributes.uid.unwrap_or(old.0), attributes.gid.unwrap_or(old.1));
            owners.lock().unwrap_or_else(PoisonError::into_inner).insert(inode, new);
        }
    }
}

// The types of these fields differ between systems.
#[allow(clippy::unnecessary_cast, clippy::useless_conversion, clippy::cast_sign_loss)]
fn inode_of(file: &File) -> io::Result<(u64, u64)> {
    let stat = rustix::fs::fstat(file)?;
    Ok((stat.st_dev as u64, stat.st_ino as u64))
}
