//! Filesystems of machines, into which files are installed.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use setup_tasks::run::FileChange;
use setup_tasks::{Result, TaskContext, error_help};

use crate::rooted_directory::RootedDirectory;
use crate::task::Rendered;

/// A machine that files can be installed on. See [`InstallTemplates`](crate::InstallTemplates) for an example.
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

/// A filesystem that files can be installed into. [`RootedDirectory`] is one for a directory of this machine.
pub trait Filesystem: Send + Sync {
    /// Whether checking a file costs about as much as a system call. Then every run checks the installed files, through
    /// [`local`](Self::local), and installs again any that has changed.
    const IS_CHEAP: bool = false;

    /// Returns the content of a file, or `None` if there is none. This changes nothing, also where the filesystem itself is not
    /// there yet. Anything other than a file is an error, and is never opened.
    fn read(&self, path: &Path) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;

    /// Writes a file with this content and these permissions, whole or not at all, and creates its directories. A file that has
    /// both already is not written. Returns whether it was written. `path` is relative and without `..`. `mode` has the bits of
    /// `chmod`. With `None`, the permissions of a file with this content do not matter, and a written file gets a usual mode such
    /// as 0644.
    fn install(&self, path: &Path, content: &[u8], mode: Option<u32>) -> impl Future<Output = Result<bool>> + Send;

    /// Returns the directory of this machine that the filesystem stands for, if there is one.
    fn local(&self) -> Option<&RootedDirectory> {
        None
    }
}

/// An error of an installation.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InstallError {
    /// The path is absolute or contains `..`.
    #[error("`{}` is not a path for an installed file", path.display())]
    Outside {
        /// The path.
        path: PathBuf,
    },
    /// Something other than a file is at the path.
    #[error("cannot {action} `{}`: it is {kind}", root.join(path).display())]
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

error_help!(InstallError);

impl InstallError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Outside { .. } => Some("write a relative path without `..`".into()),
            Self::InPlace { .. } => Some("move it away, or choose another path".into()),
            Self::Io { .. } => None,
        }
    }
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
