//! Filesystems of machines, which files are installed into.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use setup_tasks::{Result, TaskContext};

/// A machine that files can be installed on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no machine that templates can be installed on",
    label = "implement `setup_tasks_templates::FilesystemAccess` for `{Self}`"
)]
pub trait FilesystemAccess: Sync {
    /// Its filesystem.
    type Filesystem: Filesystem;

    /// Opens the filesystem: mounts it, connects to it.
    fn filesystem(&self, cx: &TaskContext) -> impl Future<Output = Result<Self::Filesystem>> + Send;
}

/// A filesystem that files can be installed into.
pub trait Filesystem: Send + Sync {
    /// The content of a file; `None` if there is none. Changes nothing, also where the filesystem itself is not there yet.
    fn read(&self, path: &Path) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;

    /// Makes a file of that content and those permissions, whole or not at all, with its directories, unless there is one
    /// that has both. Whether it was made. `path` is relative, without `..`.
    fn install(&self, path: &Path, content: &[u8], mode: Option<u32>) -> impl Future<Output = Result<bool>> + Send;
}

/// A directory of this machine as the root of a filesystem: nothing that is installed leads out of it, whatever symbolic links
/// are in it, and whoever changes them meanwhile.
#[derive(Debug)]
pub struct RootedDirectory {
    root: PathBuf,
}

/// Why a file cannot be installed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The path is no plain relative one.
    #[error("`{}` is no path to install at\nhelp: write a relative path without `..`", path.display())]
    Outside {
        /// The path.
        path: PathBuf,
    },
    /// The operating system refused, or a symbolic link leads out of the root.
    #[error("cannot {action} `{}` under `{}`", path.display(), root.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The root of the filesystem.
        root: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl RootedDirectory {
    /// The directory of that path, which is created when something is installed. A relative one is made absolute now, so that
    /// a task that changes the working directory does not move it.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { root: std::path::absolute(&root).unwrap_or(root) }
    }

    fn error<'a>(&'a self, action: &'static str, path: &'a Path) -> impl Fn(io::Error) -> InstallError + 'a {
        move |source| InstallError::Io { action, path: path.to_owned(), root: self.root.clone(), source }
    }

    /// As [`Filesystem::read`], without a future.
    ///
    /// # Errors
    ///
    /// As [`install_now`](Self::install_now).
    pub fn read_now(&self, path: &Path) -> Result<Option<Vec<u8>>, InstallError> {
        require_plain(path)?;
        match Dir::open_ambient_dir(&self.root, ambient_authority()).and_then(|root| root.read(path)) {
            Ok(content) => Ok(Some(content)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.error("read", path)(error)),
        }
    }

    /// As [`Filesystem::install`], without a future.
    ///
    /// # Errors
    ///
    /// A path that leads out, by itself or by symbolic links; what the operating system refuses.
    pub fn install_now(&self, path: &Path, content: &[u8], mode: Option<u32>) -> Result<bool, InstallError> {
        require_plain(path)?;
        let error = |action| self.error(action, path);
        let open = || {
            std::fs::create_dir_all(&self.root)?;
            Dir::open_ambient_dir(&self.root, ambient_authority())
        };
        let root = open().map_err(error("open the root of"))?;
        let (parent, name) = (path.parent().unwrap_or(Path::new("")), path.file_name().unwrap_or_default());
        // From here on the directory is held by its handle: what its name becomes meanwhile does not matter.
        let directory = if parent.as_os_str().is_empty() {
            root
        } else {
            root.create_dir_all(parent).map_err(error("create the directory of"))?;
            root.open_dir(parent).map_err(error("open the directory of"))?
        };
        if is_same(&directory, Path::new(name), content, mode).map_err(error("read"))? {
            return Ok(false);
        }
        replace(&directory, Path::new(name), content, mode).map_err(error("write"))?;
        Ok(true)
    }
}

impl Filesystem for RootedDirectory {
    async fn read(&self, path: &Path) -> Result<Option<Vec<u8>>> {
        Ok(self.read_now(path)?)
    }

    async fn install(&self, path: &Path, content: &[u8], mode: Option<u32>) -> Result<bool> {
        Ok(self.install_now(path, content, mode)?)
    }
}

fn require_plain(path: &Path) -> Result<(), InstallError> {
    if crate::output::is_plain(path) { Ok(()) } else { Err(InstallError::Outside { path: path.to_owned() }) }
}

fn is_same(directory: &Dir, name: &Path, content: &[u8], mode: Option<u32>) -> io::Result<bool> {
    let mut file = match directory.open(name) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let meta = file.metadata()?;
    if meta.len() != content.len() as u64 || mode.is_some_and(|mode| !has_mode(&meta, mode)) {
        return Ok(false);
    }
    let mut found = Vec::with_capacity(content.len());
    file.read_to_end(&mut found)?;
    Ok(found == content)
}

/// A draft beside the file, which takes its name once it is whole.
fn replace(directory: &Dir, name: &Path, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let draft = format!(".setup-tasks-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    let mut options = OpenOptions::new();
    private(options.write(true).create_new(true));
    let write = || {
        let mut file = directory.open_with(&draft, &options)?;
        file.write_all(content)?;
        set_mode(&file, mode)?;
        directory.rename(&draft, directory, name)
    };
    write().inspect_err(|_| {
        // It may not have been made.
        let _ = directory.remove_file(&draft);
    })
}

#[cfg(unix)]
fn private(options: &mut OpenOptions) {
    use cap_std::fs::OpenOptionsExt;
    options.mode(0o600);
}

#[cfg(unix)]
fn set_mode(file: &cap_std::fs::File, mode: Option<u32>) -> io::Result<()> {
    use cap_std::fs::{Permissions, PermissionsExt};
    file.set_permissions(Permissions::from_mode(mode.unwrap_or(crate::output::USUAL)))
}

#[cfg(unix)]
fn has_mode(meta: &cap_std::fs::Metadata, mode: u32) -> bool {
    use cap_std::fs::PermissionsExt;
    meta.permissions().mode() & 0o7777 == mode
}

#[cfg(not(unix))]
fn private(_: &mut OpenOptions) {}

#[cfg(not(unix))]
fn set_mode(_: &cap_std::fs::File, _: Option<u32>) -> io::Result<()> {
    Ok(())
}

#[cfg(not(unix))]
fn has_mode(_: &cap_std::fs::Metadata, _: u32) -> bool {
    true
}
