//! A directory of this machine as the root of a filesystem.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use setup_tasks::fs::{Directory, WholeFile, found};
use setup_tasks::run::FileChange;
use setup_tasks::stamp::{FileStamp, kind_of};
use setup_tasks::{Result, TaskContext};

use crate::file_record;
use crate::filesystem::{FileAttributes, FileKind, FileStat, FileState, Filesystem, InstallError, file_change};
use crate::mode::{
    DEFAULT_MODE, Owner, file_type, has_mode, has_owner, is_private, link, mode_of, owners_of, reading, set_owner,
    sync, with_mode,
};
use crate::owners::OwnerList;
use crate::task::Rendered;

/// A directory of this machine as the root of a filesystem. No installed file can land outside of it, whatever symbolic links it
/// contains, even if another process changes them meanwhile.
///
/// ```
/// use std::path::Path;
/// use setup_tasks_templates::{FileAttributes, RootedDirectory};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let layout = setup_tasks::Layout::in_memory()?;
/// # let root = layout.config().base_dir.join("root");
/// let machine = RootedDirectory::new(&root);
/// let attributes = FileAttributes::new().mode(0o644);
/// assert!(machine.install_now(Path::new("etc/hostname"), b"gw\n", &attributes)?);
/// assert!(!machine.install_now(Path::new("etc/hostname"), b"gw\n", &attributes)?); // it is there already
/// assert_eq!(machine.read_now(Path::new("etc/hostname"))?.as_deref(), Some(&b"gw\n"[..]));
/// assert!(machine.install_now(Path::new("../shadow"), b"", &attributes).is_err());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct RootedDirectory {
    root: PathBuf,
}

/// The result of an installation.
pub(crate) struct Installed {
    pub(crate) was_written: bool,
    pub(crate) stamp: FileStamp,
}

impl RootedDirectory {
    /// Returns the filesystem of a directory. The directory is created at the first installation.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn error<'a>(&'a self, action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> InstallError + 'a {
        move |source| InstallError::Io { action, path: path.to_owned(), root: self.root.clone(), source }
    }

    fn in_place(&self, action: &'static str, path: &Path, kind: &'static str) -> InstallError {
        InstallError::InPlace { action, path: path.to_owned(), root: self.root.clone(), kind }
    }

    /// Reads a file as [`Filesystem::read`] does, without a future.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`install_now`](Self::install_now).
    pub fn read_now(&self, path: &Path) -> Result<Option<Vec<u8>>, InstallError> {
        let Some(mut file) = self.open(path)? else { return Ok(None) };
        let mut content = Vec::new();
        file.read_to_end(&mut content).map_err(self.error("read", path))?;
        Ok(Some(content))
    }

    /// Opens a file for reading, through symbolic links within the root, or returns `None` if there is none.
    fn open(&self, path: &Path) -> Result<Option<fs::File>, InstallError> {
        require_plain(path)?;
        let error = self.error("read", path);
        let Some(root) = found(Dir::open_ambient_dir(&self.root, ambient_authority())).map_err(&error)? else {
            return Ok(None);
        };
        let Some(meta) = found(root.metadata(path)).map_err(&error)? else { return Ok(None) };
        if !meta.is_file() {
            return Err(self.in_place("read", path, file_type(&meta)));
        }
        let Some(file) = found(root.open_with(path, &reading())).map_err(&error)? else { return Ok(None) };
        let file = file.into_std();
        let kind = file.metadata().map_err(&error)?.file_type();
        if kind.is_file() { Ok(Some(file)) } else { Err(self.in_place("read", path, kind_of(kind))) }
    }

    /// Installs a file as [`Filesystem::install`] does, without a future.
    ///
    /// # Errors
    ///
    /// Fails if the path leads out of the root, by itself or by a symbolic link, if something other than a file is at the path, or
    /// if the operating system refuses.
    pub fn install_now(&self, path: &Path, content: &[u8], attributes: &FileAttributes) -> Result<bool, InstallError> {
        Ok(self.put(path, content, attributes)?.was_written)
    }

    /// Writes a file, unless one has the content and the attributes already.
    pub(crate) fn put(
        &self,
        path: &Path,
        content: &[u8],
        attributes: &FileAttributes,
    ) -> Result<Installed, InstallError> {
        require_plain(path)?;
        let error = |action| self.error(action, path);
        let (mode, owner) = (attributes.mode, self.owner_of(attributes)?);
        let root = self.open_root(path)?;
        let existing = found(root.symlink_metadata(path)).map_err(error("look at"))?;
        match existing {
            // The file replaces the link itself, not its target.
            Some(meta) if meta.is_symlink() => require_inside(&root, path).map_err(error("follow"))?,
            Some(meta) if !meta.is_file() => return Err(self.in_place("write", path, file_type(&meta))),
            Some(meta)
                if meta.len() == content.len() as u64
                    && mode.is_none_or(|mode| has_mode(&meta, mode))
                    && has_owner(&meta, owner) =>
            {
                if let Some(stamp) = self.unchanged(path, content)? {
                    return Ok(Installed { was_written: false, stamp });
                }
            }
            Some(_) | None => {}
        }
        // From here on the directory is open by its handle, so renaming it has no effect.
        let (directory, name) = self.make_place(path)?;
        let stamp = replace(&directory, Path::new(name), content, mode, owner).map_err(error("write"))?;
        Ok(Installed { was_written: true, stamp })
    }

    /// Opens the root, which is created if it does not exist.
    fn open_root(&self, path: &Path) -> Result<Dir, InstallError> {
        let open = || {
            fs::create_dir_all(&self.root)?;
            Dir::open_ambient_dir(&self.root, ambient_authority())
        };
        open().map_err(self.error("open the root of", path))
    }

    /// Opens the directory of a path, which is created if it does not exist, and returns it with the name of the file.
    fn make_place<'p>(&self, path: &'p Path) -> Result<(Dir, &'p OsStr), InstallError> {
        let root = self.open_root(path)?;
        let (parent, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
        if parent.as_os_str().is_empty() {
            return Ok((root, name));
        }
        make_directories(&root, parent).map_err(self.error("create the directory of", path))?;
        Ok((root.open_dir(parent).map_err(self.error("open the directory of", path))?, name))
    }

    /// Returns the numbers of the owner and the group.
    fn owner_of(&self, attributes: &FileAttributes) -> Result<Owner, InstallError> {
        let number =
            |list: OwnerList, name: &Option<String>| name.as_ref().map(|name| list.number(self, name)).transpose();
        Ok((number(OwnerList::Users, &attributes.owner)?, number(OwnerList::Groups, &attributes.group)?))
    }

    /// Returns the path of the root.
    pub fn path(&self) -> &Path {
        &self.root
    }

    /// Returns the stamp of a file, or `None` if its content differs from this one.
    fn unchanged(&self, path: &Path, content: &[u8]) -> Result<Option<FileStamp>, InstallError> {
        let Some(mut file) = self.open(path)? else { return Ok(None) };
        let mut now = Vec::with_capacity(content.len());
        file.read_to_end(&mut now).map_err(self.error("read", path))?;
        let meta = file.metadata().map_err(self.error("read", path))?;
        // A concurrent writer gives the file times other than those in the stamp.
        Ok((now == content).then(|| FileStamp::new(&meta, content)))
    }

    /// Returns the state of a file. The content is read only if the file's metadata is not that of its stamp.
    pub(crate) fn state(&self, path: &Path, stamp: Option<&FileStamp>) -> Result<FileState, InstallError> {
        let Some(meta) = self.look(path)? else { return Ok(FileState::Missing) };
        if meta.is_file() && stamp.is_some_and(|stamp| stamp.vouches_for(&meta)) {
            return Ok(FileState::AsLeft);
        }
        let is_read = meta.is_file() && stamp.is_some_and(|stamp| stamp.size() == meta.len());
        let content = if is_read { self.read_now(path)? } else { None };
        let hash = content.map(|content| *blake3::hash(&content).as_bytes());
        Ok(FileState::Present { stat: self.stat_of(path, &meta), hash, content: None })
    }

    /// Returns what is at a path, as [`Filesystem::stat`] does, without a future.
    ///
    /// # Errors
    ///
    /// Fails if the path leads out of the root, or if the operating system refuses.
    pub fn stat_now(&self, path: &Path) -> Result<Option<FileStat>, InstallError> {
        Ok(self.look(path)?.map(|meta| self.stat_of(path, &meta)))
    }

    fn stat_of(&self, path: &Path, meta: &fs::Metadata) -> FileStat {
        let kind = match meta.file_type() {
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_dir() => FileKind::Directory,
            kind if kind.is_symlink() => FileKind::Symlink(fs::read_link(self.root.join(path)).unwrap_or_default()),
            kind => FileKind::Other(kind_of(kind).to_owned()),
        };
        let attributes = FileAttributes::new().mode(mode_of(meta));
        let Some((owner, group)) = owners_of(meta) else { return FileStat::new(kind, meta.len(), attributes) };
        let (owner_name, group_name) = (OwnerList::Users.name(self, owner), OwnerList::Groups.name(self, group));
        FileStat::new(kind, meta.len(), attributes.owner(owner_name).group(group_name)).numbers(owner, group)
    }

    /// Creates a symbolic link as [`Filesystem::symlink`] does, without a future. The target may lie anywhere, but no file is
    /// installed through a link that leads out of the root.
    ///
    /// # Errors
    ///
    /// Fails if the path leads out of the root, if something other than a file or a link is at the path, or if the operating
    /// system refuses.
    pub fn symlink_now(&self, path: &Path, target: &Path) -> Result<bool, InstallError> {
        match self.stat_now(path)?.map(|stat| stat.kind) {
            Some(FileKind::Symlink(now)) if now == target => return Ok(false),
            None | Some(FileKind::File | FileKind::Symlink(_)) => {}
            Some(FileKind::Directory | FileKind::Other(_)) => {
                let kind = self.look(path)?.map_or("gone", |meta| kind_of(meta.file_type()));
                return Err(self.in_place("replace", path, kind));
            }
        }
        let (directory, name) = self.make_place(path)?;
        replace_by_link(&directory, Path::new(name), target).map_err(self.error("create the link", path))?;
        Ok(true)
    }

    /// Removes a file or a symbolic link as [`Filesystem::remove`] does, without a future.
    ///
    /// # Errors
    ///
    /// Fails if the path leads out of the root, if something other than a file or a link is at the path, or if the operating
    /// system refuses.
    pub fn remove_now(&self, path: &Path) -> Result<bool, InstallError> {
        let Some(meta) = self.look(path)? else { return Ok(false) };
        if !meta.is_file() && !meta.is_symlink() {
            return Err(self.in_place("remove", path, kind_of(meta.file_type())));
        }
        let error = self.error("remove", path);
        let root = Dir::open_ambient_dir(&self.root, ambient_authority()).map_err(&error)?;
        Ok(found(root.remove_file(path)).map_err(error)?.is_some())
    }

    /// Returns the change that writing a text would make in a file. Texts that depend on a secret are hidden. For the old text, the
    /// record about the file decides, or the file's permissions if there is none.
    pub(crate) fn change(
        &self,
        path: &Path,
        rendered: &Rendered,
        mode: Option<u32>,
        kept: &[&[u8]],
    ) -> Result<FileChange, InstallError> {
        // A new file replaces a link.
        let meta = self.look(path)?.filter(|meta| !meta.is_symlink());
        let before = if meta.is_some() { self.read_now(path)? } else { None };
        let now = meta.as_ref().and_then(mode_of);
        let shown = path.display().to_string();
        let was_secret = || file_record::was_secret(kept, &shown).unwrap_or(now.is_some_and(is_private));
        let change = file_change(&shown, before.as_deref(), rendered, was_secret);
        Ok(match (now, mode) {
            (Some(now), Some(mode)) if before.is_some() => change.with_modes(now, mode),
            _ => change,
        })
    }

    /// Returns the kind of thing at a path, without following a link there or opening anything.
    pub(crate) fn look(&self, path: &Path) -> Result<Option<fs::Metadata>, InstallError> {
        require_plain(path)?;
        found(fs::symlink_metadata(self.root.join(path))).map_err(self.error("look at", path))
    }
}

impl Filesystem for RootedDirectory {
    const IS_CHEAP: bool = true;

    async fn read(&self, _cx: &TaskContext, path: &Path) -> Result<Option<Vec<u8>>> {
        Ok(self.read_now(path)?)
    }

    async fn stat(&self, _cx: &TaskContext, path: &Path) -> Result<Option<FileStat>> {
        Ok(self.stat_now(path)?)
    }

    async fn install(
        &self,
        _cx: &TaskContext,
        path: &Path,
        content: &[u8],
        attributes: &FileAttributes,
    ) -> Result<bool> {
        Ok(self.install_now(path, content, attributes)?)
    }

    async fn symlink(&self, _cx: &TaskContext, path: &Path, target: &Path) -> Result<bool> {
        Ok(self.symlink_now(path, target)?)
    }

    async fn remove(&self, _cx: &TaskContext, path: &Path) -> Result<bool> {
        Ok(self.remove_now(path)?)
    }

    fn local(&self) -> Option<&RootedDirectory> {
        Some(self)
    }
}

fn require_plain(path: &Path) -> Result<(), InstallError> {
    if crate::output::is_plain(path) { Ok(()) } else { Err(InstallError::Outside { path: path.to_owned() }) }
}

/// Fails if a symbolic link leads out of the root. A link that leads in a circle or nowhere stays within.
fn require_inside(root: &Dir, path: &Path) -> io::Result<()> {
    match root.metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Creates the missing directories. Each is durable before its entries are.
fn make_directories(root: &Dir, path: &Path) -> io::Result<()> {
    if root.is_dir(path) {
        return Ok(());
    }
    root.create_dir_all(path)?;
    for made in path.ancestors().skip(1) {
        let made = if made.as_os_str().is_empty() { Path::new(".") } else { made };
        sync(&root.open_dir(made)?)?;
    }
    Ok(())
}

/// Writes a file whole and durably, and returns its stamp.
fn replace(directory: &Dir, name: &Path, content: &[u8], mode: Option<u32>, owner: Owner) -> io::Result<FileStamp> {
    // File systems take times from a clock that ticks every few milliseconds. This time is exact, so a change of the content within
    // the same tick gives the file another time.
    let exact = SystemTime::now();
    let directory = OpenDirectory(directory);
    let file = WholeFile::new(content).mode(mode.unwrap_or(DEFAULT_MODE)).modified(exact).durable();
    let mut draft = file.draft_in(&directory)?;
    set_owner(draft.file(), owner, mode)?;
    let written = draft.file().metadata()?;
    draft.rename_to(name.as_os_str())?;
    let meta = draft.file().metadata()?;
    let is_ours = meta.len() == written.len() && meta.modified().ok() == written.modified().ok();
    Ok(if is_ours && meta.modified().ok() == Some(exact) {
        FileStamp::exact(&meta, content)
    } else if is_ours {
        FileStamp::new(&meta, content)
    } else {
        FileStamp::unsure(&meta, content)
    })
}

/// Creates a symbolic link in place of what is at the path. A link that another process has just created is replaced, too.
fn replace_by_link(directory: &Dir, name: &Path, target: &Path) -> io::Result<()> {
    let draft = format!(".setup-tasks-link-{}-{}", std::process::id(), name.display());
    found(directory.remove_file(&draft))?;
    link(directory, target, Path::new(&draft))?;
    directory.rename(&draft, directory, name).inspect_err(|_| drop(directory.remove_file(&draft)))?;
    sync(directory)
}

/// A directory of the filesystem, by its handle.
struct OpenDirectory<'d>(&'d Dir);

impl Directory for OpenDirectory<'_> {
    fn create_file(&self, name: &OsStr, mode: u32) -> io::Result<fs::File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        with_mode(&mut options, mode);
        Ok(self.0.open_with(name, &options)?.into_std())
    }

    fn rename_file(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        self.0.rename(from, self.0, to)
    }

    fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        self.0.remove_file(name)
    }

    fn sync(&self) -> io::Result<()> {
        sync(self.0)
    }
}
