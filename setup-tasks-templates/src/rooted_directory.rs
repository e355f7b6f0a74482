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
use setup_tasks::task::Difference;
use setup_tasks::{Result, TaskContext};

use crate::file_record::{self, FileRecord};
use crate::filesystem::{Filesystem, InstallError, file_change};
use crate::mode::{DEFAULT_MODE, file_type, has_mode, is_private, mode_of, reading, sync, with_mode};
use crate::task::Rendered;

/// A directory of this machine as the root of a filesystem. No installed file can land outside of it, whatever symbolic links it
/// contains, even if another process changes them meanwhile.
///
/// ```
/// use std::path::Path;
/// use setup_tasks_templates::RootedDirectory;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let layout = setup_tasks::Layout::in_memory()?;
/// # let root = layout.config().base_dir.join("root");
/// let machine = RootedDirectory::new(&root);
/// assert!(machine.install_now(Path::new("etc/hostname"), b"gw\n", Some(0o644))?);
/// assert!(!machine.install_now(Path::new("etc/hostname"), b"gw\n", Some(0o644))?); // it is there already
/// assert_eq!(machine.read_now(Path::new("etc/hostname"))?.as_deref(), Some(&b"gw\n"[..]));
/// assert!(machine.install_now(Path::new("../shadow"), b"", None).is_err());
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
    pub fn install_now(&self, path: &Path, content: &[u8], mode: Option<u32>) -> Result<bool, InstallError> {
        Ok(self.put(path, content, mode)?.was_written)
    }

    /// Writes a file, unless one has the content and the mode already.
    pub(crate) fn put(&self, path: &Path, content: &[u8], mode: Option<u32>) -> Result<Installed, InstallError> {
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
                    return Ok(Installed { was_written: false, stamp });
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
        Ok(Installed { was_written: true, stamp })
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
        let shown = path.display().to_string();
        let Some(meta) = self.look(path)? else { return Ok(vec![Difference::new(shown, "is missing")]) };
        if !meta.is_file() {
            return Ok(vec![Difference::new(shown, format!("is {}", kind_of(meta.file_type())))]);
        }
        let Some(left) = file.stamp.as_ref().filter(|left| !left.vouches_for(&meta)) else { return Ok(Vec::new()) };
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
    let file = WholeFile::new(content).mode(mode.unwrap_or(DEFAULT_MODE)).modified(exact).durable();
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
