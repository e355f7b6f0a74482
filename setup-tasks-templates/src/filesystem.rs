//! Filesystems of machines, into which files are installed.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};
use setup_tasks::fs::{Directory, WholeFile, found};
use setup_tasks::run::FileChange;
use setup_tasks::stamp::{FileStamp, kind_of};
use setup_tasks::task::Difference;
use setup_tasks::{Result, TaskContext};

use crate::file_record::{self, FileRecord};
use crate::task::Rendered;

/// A machine that files can be installed on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a machine on which templates can be installed",
    label = "implement `setup_tasks_templates::FilesystemAccess` for `{Self}`"
)]
pub trait FilesystemAccess: Sync {
    /// The type of its filesystem.
    type Filesystem: Filesystem;

    /// Opens the filesystem, for example by mounting it or by connecting to it. With [`Filesystem::IS_CHEAP`], every run opens it.
    fn filesystem(&self, cx: &TaskContext) -> impl Future<Output = Result<Self::Filesystem>> + Send;
}

/// A filesystem that files can be installed into.
pub trait Filesystem: Send + Sync {
    /// Whether checking a file costs about as much as a system call. Then every run checks the installed files, through
    /// [`local`](Self::local), and installs again any that has changed.
    const IS_CHEAP: bool = false;

    /// Returns the content of a file, or `None` if there is none. This changes nothing, also where the filesystem itself is not
    /// there yet. Anything other than a file is an error, and is never opened.
    fn read(&self, path: &Path) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;

    /// Writes a file with this content and these permissions, whole or not at all, and creates its directories. A file that has
    /// both already is not written. Returns whether it was written. `path` is relative and without `..`.
    fn install(&self, path: &Path, content: &[u8], mode: Option<u32>) -> impl Future<Output = Result<bool>> + Send;

    /// Returns the directory of this machine that the filesystem stands for, if there is one.
    fn local(&self) -> Option<&RootedDirectory> {
        None
    }
}

/// A directory of this machine as the root of a filesystem. No installed file can land outside of it, whatever symbolic links it
/// contains, even if another process changes them meanwhile.
#[derive(Debug)]
pub struct RootedDirectory {
    root: PathBuf,
}

/// An error of an installation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The path is absolute or contains `..`.
    #[error("`{}` is not a path for an installed file\nhelp: write a relative path without `..`", path.display())]
    Outside {
        /// The path.
        path: PathBuf,
    },
    /// Something other than a file is at the path.
    #[error("cannot {action} `{}`: it is {kind}\nhelp: move it away, or choose another path", root.join(path).display())]
    InPlace {
        /// The action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The root of the filesystem.
        root: PathBuf,
        /// The kind of thing at the path.
        kind: &'static str,
    },
    /// The operating system refused, or a symbolic link leads out of the root.
    #[error("cannot {action} `{}` under `{}`", path.display(), root.display())]
    Io {
        /// The action.
        action: &'static str,
        /// The path.
        path: PathBuf,
        /// The root of the filesystem.
        root: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// The result of an installation.
pub(crate) struct Put {
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
    pub fn install_now(&self, path: &Path, content: &[u8], mode: Option<u32>) -> Result<bool, InstallError> {
        Ok(self.put(path, content, mode)?.was_written)
    }

    /// Writes a file, unless one has the content and the mode already.
    pub(crate) fn put(&self, path: &Path, content: &[u8], mode: Option<u32>) -> Result<Put, InstallError> {
        require_plain(path)?;
        let error = |action| self.error(action, path);
        let open = || {
            fs::create_dir_all(&self.root)?;
            Dir::open_ambient_dir(&self.root, ambient_authority())
        };
        let root = open().map_err(error("open the root of"))?;
        let (parent, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
        let existing = found(root.symlink_metadata(path)).map_err(error("look at"))?;
        match existing {
            // The file replaces the link itself, not its target.
            Some(meta) if meta.is_symlink() => require_inside(&root, path).map_err(error("follow"))?,
            Some(meta) if !meta.is_file() => return Err(self.in_place("write", path, file_type(&meta))),
            Some(meta) if meta.len() == content.len() as u64 && mode.is_none_or(|mode| has_mode(&meta, mode)) => {
                if let Some(stamp) = self.unchanged(path, content)? {
                    return Ok(Put { was_written: false, stamp });
                }
            }
            Some(_) | None => {}
        }
        // From here on the directory is open by its handle, so renaming it has no effect.
        let directory = if parent.as_os_str().is_empty() {
            root
        } else {
            make_directories(&root, parent).map_err(error("create the directory of"))?;
            root.open_dir(parent).map_err(error("open the directory of"))?
        };
        let stamp = replace(&directory, Path::new(name), content, mode).map_err(error("write"))?;
        Ok(Put { was_written: true, stamp })
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

    /// Returns how a file differs from the one that the task wrote. The content is read only if the file's metadata has changed.
    pub(crate) fn differences(
        &self,
        path: &Path,
        file: &FileRecord,
        mode: Option<u32>,
        cx: &TaskContext,
    ) -> Result<Vec<Difference>> {
        let Some(left) = &file.stamp else { return Ok(Vec::new()) };
        let shown = path.display().to_string();
        let Some(meta) = self.look(path)? else { return Ok(vec![Difference::new(shown, "is missing")]) };
        if !meta.is_file() {
            return Ok(vec![Difference::new(shown, format!("is {}", kind_of(meta.file_type())))]);
        }
        if left.vouches_for(&meta) {
            return Ok(Vec::new());
        }
        let mut differences = Vec::new();
        let is_same = || self.read_now(path)?.map_or(Ok(false), |content| file.held(&content, cx));
        if meta.len() == 0 && left.size() > 0 {
            differences.push(Difference::new(&shown, "is empty"));
        } else if meta.len() != left.size() || !is_same()? {
            differences.push(Difference::new(&shown, "content differs"));
        }
        if let (Some(mode), Some(now)) = (mode, mode_of(&meta))
            && mode != now
        {
            let difference = Difference::new(shown, format!("mode {now:04o}"));
            differences.push(difference.instead_of(format!("{mode:04o}")));
        }
        Ok(differences)
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

    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        Ok(self.read_now(path)?)
    }

    async fn install(&self, path: &Path, content: &[u8], mode: Option<u32>) -> Result<bool> {
        Ok(self.install_now(path, content, mode)?)
    }

    fn local(&self) -> Option<&RootedDirectory> {
        Some(self)
    }
}

/// Returns whether a file of that mode is readable by its owner alone.
pub(crate) fn is_private(mode: u32) -> bool {
    (mode & 0o077).count_ones() == 0
}

/// Returns the change from a file's content to a rendering. If one of them depends on a secret, the texts are left out.
pub(crate) fn file_change(
    path: &str,
    before: Option<&[u8]>,
    rendered: &Rendered,
    was_secret: impl FnOnce() -> bool,
) -> FileChange {
    let before = before.map(|content| String::from_utf8_lossy(content).into_owned());
    if rendered.is_secret || (before.is_some() && was_secret()) {
        return FileChange::of_secret(path, before.as_deref(), &rendered.text);
    }
    FileChange::new(path, before, rendered.text.clone())
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
fn replace(directory: &Dir, name: &Path, content: &[u8], mode: Option<u32>) -> io::Result<FileStamp> {
    // File systems take times from a clock that ticks every few milliseconds. This time is exact, so a change of the content within
    // the same tick gives the file another time.
    let exact = SystemTime::now();
    let directory = OpenDirectory(directory);
    let file = WholeFile::new(content).mode(mode.unwrap_or(USUAL)).modified(exact).durable();
    let mut draft = file.draft_in(&directory)?;
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

/// The mode of a new file for which none was given.
pub(crate) const USUAL: u32 = 0o644;

#[cfg(unix)]
mod system {
    use super::{Dir, Metadata, OpenOptions, fs, io};

    /// Opens without blocking, since a FIFO may have replaced the file just now.
    pub(super) fn reading() -> OpenOptions {
        use cap_std::fs::OpenOptionsExt;
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits().cast_signed());
        options
    }

    pub(super) fn with_mode(options: &mut OpenOptions, mode: u32) {
        use cap_std::fs::OpenOptionsExt;
        options.mode(mode);
    }

    pub(super) fn sync(directory: &Dir) -> io::Result<()> {
        directory.open(".")?.sync_all()
    }

    pub(super) fn has_mode(meta: &Metadata, mode: u32) -> bool {
        use cap_std::fs::PermissionsExt;
        meta.permissions().mode() & 0o7777 == mode
    }

    #[expect(clippy::unnecessary_wraps, reason = "other systems have no modes")]
    pub(crate) fn mode_of(meta: &fs::Metadata) -> Option<u32> {
        use std::os::unix::fs::PermissionsExt;
        Some(meta.permissions().mode() & 0o7777)
    }

    pub(super) fn file_type(meta: &Metadata) -> &'static str {
        use cap_std::fs::FileTypeExt;
        let kind = meta.file_type();
        if kind.is_dir() {
            "a directory"
        } else if kind.is_fifo() {
            "a FIFO"
        } else if kind.is_socket() {
            "a socket"
        } else {
            "a device"
        }
    }
}

#[cfg(not(unix))]
mod system {
    use super::{Dir, Metadata, OpenOptions, fs, io};

    pub(super) fn reading() -> OpenOptions {
        let mut options = OpenOptions::new();
        options.read(true);
        options
    }

    pub(super) fn with_mode(_: &mut OpenOptions, _: u32) {}

    pub(super) fn sync(_: &Dir) -> io::Result<()> {
        Ok(())
    }

    pub(super) fn has_mode(_: &Metadata, _: u32) -> bool {
        true
    }

    pub(crate) fn mode_of(_: &fs::Metadata) -> Option<u32> {
        None
    }

    pub(super) fn file_type(_: &Metadata) -> &'static str {
        "no file"
    }
}

pub(crate) use system::mode_of;
use system::{file_type, has_mode, reading, sync, with_mode};
