//! Files that are written whole or not at all, and files that may be missing.
//!
//! A task that is killed while it writes a file must not leave a partial one. [`WholeFile`] writes
//! a draft next to the file and renames it, so that a reader finds either the old content or the
//! new one.
//!
//! ```
//! use setup_tasks::fs::{WholeFile, found};
//!
//! # fn main() -> std::io::Result<()> {
//! # let directory = tempfile::tempdir()?;
//! let path = directory.path().join("host.key");
//! WholeFile::new("secret").mode(0o600).write(&path)?;
//! assert_eq!(found(std::fs::read_to_string(&path))?.as_deref(), Some("secret"));
//! assert_eq!(found(std::fs::read_to_string(directory.path().join("other")))?, None);
//! # Ok(()) }
//! ```

use std::ffi::{OsStr, OsString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The permissions of a draft that gets its final permissions later.
const PRIVATE: u32 = 0o600;
/// The permissions of a new file before the process's mask is applied.
const USUAL: u32 = 0o666;

/// Returns `None` instead of the error that a file, or a directory on its path, does not exist.
///
/// # Errors
///
/// Returns every other error of `result`.
pub fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The content and the attributes of a file that is written whole or not at all.
///
/// ```
/// use setup_tasks::fs::WholeFile;
///
/// # fn main() -> std::io::Result<()> {
/// # let directory = tempfile::tempdir()?;
/// # let path = directory.path().join("hosts");
/// WholeFile::new("10.0.0.1 gateway\n").mode(0o644).durable().write(&path)?;
/// assert_eq!(std::fs::read_to_string(&path)?, "10.0.0.1 gateway\n");
/// # Ok(()) }
/// ```
#[derive(Clone, Copy, Debug)]
#[must_use = "nothing is written before `write` is called"]
pub struct WholeFile<'a> {
    content: &'a [u8],
    mode: Option<u32>,
    modified: Option<SystemTime>,
    durability: Durability,
}

/// The data that is on the disk when a write returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Durability {
    None,
    Content,
    ContentAndName,
}

impl<'a> WholeFile<'a> {
    /// Creates a description of a file with this content.
    pub fn new(content: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        Self { content: content.as_ref(), mode: None, modified: None, durability: Durability::None }
    }

    /// Sets the permissions, as `chmod` takes them. The default is `0o666` without the bits of the
    /// process's mask. Systems other than Unix ignore this.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Sets the time of modification. The default is the time of the file system's clock, which
    /// ticks every few milliseconds.
    pub fn modified(mut self, modified: SystemTime) -> Self {
        self.modified = Some(modified);
        self
    }

    /// Waits until the content and then the name are on the disk, so that they survive a power
    /// loss.
    pub fn durable(mut self) -> Self {
        self.durability = Durability::ContentAndName;
        self
    }

    /// Waits until the content is on the disk. After a power loss the file has the old content or
    /// the new one, never a part.
    pub(crate) fn synced(mut self) -> Self {
        self.durability = Durability::Content;
        self
    }

    /// Writes the file and replaces an existing one. A symbolic link at the path is replaced and
    /// not followed.
    ///
    /// # Errors
    ///
    /// The error of the operating system. No draft is left in this case.
    pub fn write(&self, path: impl AsRef<Path>) -> io::Result<()> {
        let path = path.as_ref();
        let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.draft_in(directory)?.rename_to(name)
    }

    /// Writes a draft with a unique name. A process that is killed leaves its draft behind.
    #[doc(hidden)]
    pub fn draft_in<'d, D: Directory + ?Sized>(&self, directory: &'d D) -> io::Result<Draft<'d, D>> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        loop {
            let name = format!(".setup-tasks-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
            match self.create_draft(directory, name.into()) {
                // A killed process with the same id may have left a draft.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                draft => return draft,
            }
        }
    }

    /// Writes a draft with this name. A draft that a killed process left is replaced, so only one
    /// writer may use the name at a time.
    pub(crate) fn draft_named<'d, D: Directory + ?Sized>(
        &self,
        directory: &'d D,
        name: OsString,
    ) -> io::Result<Draft<'d, D>> {
        found(directory.remove_file(&name))?;
        self.create_draft(directory, name)
    }

    fn create_draft<'d, D: Directory + ?Sized>(&self, directory: &'d D, name: OsString) -> io::Result<Draft<'d, D>> {
        let mode = if self.mode.is_some() { PRIVATE } else { USUAL };
        let file = directory.create_file(&name, mode)?;
        let mut draft = Draft { directory, name, file, durability: self.durability, is_renamed: false };
        draft.file.write_all(self.content)?;
        if let Some(mode) = self.mode {
            set_mode(&draft.file, mode)?;
        }
        if let Some(modified) = self.modified {
            draft.file.set_modified(modified)?;
        }
        if self.durability >= Durability::Content {
            // A file system may write the new name before the content. A power loss would then
            // leave an empty file.
            draft.file.sync_all()?;
        }
        Ok(draft)
    }
}

/// A written file that does not have its final name yet. Dropping it removes the file.
#[doc(hidden)]
#[derive(Debug)]
pub struct Draft<'d, D: Directory + ?Sized> {
    directory: &'d D,
    name: OsString,
    file: File,
    durability: Durability,
    is_renamed: bool,
}

impl<D: Directory + ?Sized> Draft<'_, D> {
    /// Returns the open file.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Gives the draft its final name, and replaces an existing file.
    ///
    /// # Errors
    ///
    /// If the file cannot be renamed, or its directory cannot be synced.
    pub fn rename_to(&mut self, name: &OsStr) -> io::Result<()> {
        self.directory.rename_file(&self.name, name)?;
        self.is_renamed = true;
        self.sync_name()
    }

    /// Gives the draft a second name unless that name is taken. Returns whether it did.
    pub(crate) fn link_to(&self, name: &OsStr) -> io::Result<bool>
    where
        D: LinkDirectory,
    {
        let is_linked = self.directory.link_file(&self.name, name)?;
        if is_linked {
            self.sync_name()?;
        }
        Ok(is_linked)
    }

    fn sync_name(&self) -> io::Result<()> {
        if self.durability >= Durability::ContentAndName { self.directory.sync() } else { Ok(()) }
    }
}

impl<D: Directory + ?Sized> Drop for Draft<'_, D> {
    fn drop(&mut self) {
        if !self.is_renamed {
            // Nothing reads a draft, and removing it may fail for the same reason as writing it.
            let _ = self.directory.remove_file(&self.name);
        }
    }
}

/// A directory in which files are written, given by its path or an open handle. Names have one
/// component.
#[doc(hidden)]
pub trait Directory {
    /// Creates a file that must not exist yet, with at most these permissions, and opens it for
    /// writing.
    fn create_file(&self, name: &OsStr, mode: u32) -> io::Result<File>;

    /// Renames a file and replaces an existing one with the new name.
    fn rename_file(&self, from: &OsStr, to: &OsStr) -> io::Result<()>;

    /// Removes a file.
    fn remove_file(&self, name: &OsStr) -> io::Result<()>;

    /// Waits until the names in the directory are on the disk.
    fn sync(&self) -> io::Result<()>;
}

/// A directory that can give a file a second name.
pub(crate) trait LinkDirectory: Directory {
    /// Gives a file a second name unless that name is taken. Returns whether it did.
    fn link_file(&self, from: &OsStr, to: &OsStr) -> io::Result<bool>;
}

impl Directory for Path {
    fn create_file(&self, name: &OsStr, mode: u32) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        #[cfg(not(unix))]
        let _ = mode;
        options.open(self.join(name))
    }

    fn rename_file(&self, from: &OsStr, to: &OsStr) -> io::Result<()> {
        fs::rename(self.join(from), self.join(to))
    }

    fn remove_file(&self, name: &OsStr) -> io::Result<()> {
        fs::remove_file(self.join(name))
    }

    #[cfg(unix)]
    fn sync(&self) -> io::Result<()> {
        File::open(self)?.sync_all()
    }

    #[cfg(not(unix))]
    fn sync(&self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
fn set_mode(file: &File, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.set_permissions(fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_: &File, _: u32) -> io::Result<()> {
    Ok(())
}

/// Returns the name of a file about a subdir, with an ending. A subdir can be longer than a name may
/// be, so the file is named by a hash.
pub(crate) fn hashed_name(subdir: &str, ending: &str) -> String {
    format!("{}{ending}", &blake3::hash(subdir.as_bytes()).to_hex()[..32])
}

/// Returns an absolute path, so that a change of the working directory does not affect it. If the
/// working directory is unknown, the path stays relative.
pub(crate) fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_is_replaced_and_no_draft_is_left() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("f");
        let modified = SystemTime::UNIX_EPOCH + Duration::from_secs(7);
        for content in ["one", "another"] {
            WholeFile::new(content).modified(modified).durable().write(&path).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), modified);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_file_has_its_mode_whatever_the_mask_and_no_mode_means_the_mask() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let mode = |name: &str| fs::metadata(place.path().join(name)).unwrap().permissions().mode() & 0o7777;
        WholeFile::new("").mode(0o4777).write(place.path().join("given")).unwrap();
        assert_eq!(mode("given"), 0o4777);
        fs::write(place.path().join("usual"), "").unwrap();
        WholeFile::new("").write(place.path().join("masked")).unwrap();
        assert_eq!(mode("masked"), mode("usual"));
        let draft = WholeFile::new("").mode(0o640).draft_in(place.path()).unwrap();
        drop(draft);
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 3, "a draft that is dropped is removed");
    }

    #[test]
    fn an_error_leaves_no_draft() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("directory")).unwrap();
        WholeFile::new("x").write(place.path().join("directory")).unwrap_err();
        assert_eq!(fs::read_dir(place.path()).unwrap().count(), 1);
        assert_eq!(found(WholeFile::new("x").write(place.path().join("missing/f"))).unwrap(), None);
    }

    #[test]
    fn only_a_missing_file_is_not_found() {
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("f"), "x").unwrap();
        assert_eq!(found(fs::read(place.path().join("f"))).unwrap().as_deref(), Some(&b"x"[..]));
        for missing in ["missing", "missing/below", "f/below"] {
            assert_eq!(found(fs::read(place.path().join(missing))).unwrap(), None, "{missing}");
        }
        found(fs::read(place.path())).unwrap_err();
    }
}
