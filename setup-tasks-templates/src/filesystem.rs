//! Filesystems of machines, into which files are installed.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};

use setup_tasks::observer::Question;
use setup_tasks::run::FileChange;
use setup_tasks::{HasMachine, Result, TaskContext, error_help};

use crate::rooted_directory::RootedDirectory;
use crate::task::Rendered;

/// A machine that files can be installed on. See [`InstallTemplates`](crate::InstallTemplates) for an example.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a machine on which templates can be installed",
    label = "implement `setup_tasks_templates::FilesystemAccess` for `{Self}`, or mark a field with a machine by `#[machine]`"
)]
pub trait FilesystemAccess: Sync {
    /// The type of its filesystem.
    type Filesystem: Filesystem;

    /// Opens the filesystem, for example by mounting it or by connecting to it. With [`Filesystem::IS_CHEAP`], every run opens it.
    fn filesystem(&self, cx: &TaskContext) -> impl Future<Output = Result<Self::Filesystem>> + Send;
}

/// A model with the attribute `#[machine]`, whose machine is a filesystem, needs no implementation of its own.
#[diagnostic::do_not_recommend]
impl<T> FilesystemAccess for T
where
    T: HasMachine + Sync,
    T::Machine: Filesystem + Clone,
{
    type Filesystem = T::Machine;

    async fn filesystem(&self, _cx: &TaskContext) -> Result<T::Machine> {
        Ok(self.machine().clone())
    }
}

/// A filesystem that files can be installed into. [`RootedDirectory`] is one for a directory of this machine.
///
/// Paths are relative to its root and without `..`. `cx` is the context of the task on whose behalf the method is called.
pub trait Filesystem: Send + Sync + 'static {
    /// Whether checking a file costs about as much as a system call. Then every run checks the installed files, and installs
    /// again any that has changed. Otherwise only runs that verify do.
    const IS_CHEAP: bool = false;

    /// Returns the content of a file, or `None` if there is none. This changes nothing, also where the filesystem itself is not
    /// there yet. Anything other than a file is an error, and is never opened.
    fn read(&self, cx: &TaskContext, path: &Path) -> impl Future<Output = Result<Option<Vec<u8>>>> + Send;

    /// Returns what is at a path, or `None` if nothing is. A symbolic link is not followed.
    fn stat(&self, cx: &TaskContext, path: &Path) -> impl Future<Output = Result<Option<FileStat>>> + Send;

    /// Writes a file with this content and these attributes, whole or not at all, and creates its directories. A file that has
    /// them already is not written. Returns whether anything was changed.
    fn install(
        &self,
        cx: &TaskContext,
        path: &Path,
        content: &[u8],
        attributes: &FileAttributes,
    ) -> impl Future<Output = Result<bool>> + Send;

    /// Creates a symbolic link in place of a file or another link, and creates its directories. Returns whether anything was
    /// changed.
    fn symlink(&self, cx: &TaskContext, path: &Path, target: &Path) -> impl Future<Output = Result<bool>> + Send;

    /// Removes a file or a symbolic link. Returns whether there was one.
    fn remove(&self, cx: &TaskContext, path: &Path) -> impl Future<Output = Result<bool>> + Send;

    /// Returns a question about the state of these files, whose answer is a `Vec<FileState>` in the same order. A machine
    /// answers it together with other questions. With `None`, the default, each file is examined with [`stat`](Self::stat) and
    /// [`read`](Self::read).
    fn question(&self, _cx: &TaskContext, _files: &[ExpectedFile]) -> Option<Question> {
        None
    }

    /// Returns the directory of this machine that the filesystem stands for, if there is one.
    fn local(&self) -> Option<&RootedDirectory> {
        None
    }
}

/// The attributes of an installed file besides its content. An attribute that is `None` does not matter: a new file then has a
/// usual value for it, such as the mode 0644.
///
/// ```
/// use setup_tasks_templates::FileAttributes;
///
/// let attributes = FileAttributes::new().mode(0o640).owner("www-data");
/// assert_eq!(attributes.owner.as_deref(), Some("www-data"));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileAttributes {
    /// The bits of `chmod`.
    pub mode: Option<u32>,
    /// The name of the owner, or its number in digits.
    pub owner: Option<String>,
    /// The name of the group, or its number in digits.
    pub group: Option<String>,
}

impl FileAttributes {
    /// Returns attributes that do not matter.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the mode.
    #[must_use]
    pub fn mode(mut self, mode: impl Into<Option<u32>>) -> Self {
        self.mode = mode.into();
        self
    }

    /// Sets the owner.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> Self {
        self.owner = Some(owner.into());
        self
    }

    /// Sets the group.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.group = Some(group.into());
        self
    }
}

/// The kind of thing at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link with its target.
    Symlink(PathBuf),
    /// Anything else, as a noun with its article, such as `a FIFO`.
    Other(String),
}

impl FileKind {
    /// Returns the kind as a noun with its article.
    pub fn noun(&self) -> &str {
        match self {
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Symlink(_) => "a symbolic link",
            Self::Other(noun) => noun,
        }
    }
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FileStat {
    /// The kind of thing.
    pub kind: FileKind,
    /// The size in bytes.
    pub size: u64,
    /// The mode, the owner and the group, as far as the system has them.
    pub attributes: FileAttributes,
    /// The numbers of the owner and the group, as far as the system has them. A name and its number are the same owner.
    pub numbers: Option<(u32, u32)>,
}

impl FileStat {
    /// Creates a description of what is at a path.
    pub fn new(kind: FileKind, size: u64, attributes: FileAttributes) -> Self {
        Self { kind, size, attributes, numbers: None }
    }

    /// Sets the numbers of the owner and the group.
    #[must_use]
    pub fn numbers(mut self, owner: u32, group: u32) -> Self {
        self.numbers = Some((owner, group));
        self
    }
}

/// A file as a task left it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ExpectedFile {
    /// The path.
    pub path: PathBuf,
    /// The BLAKE3 hash of the content. `None` for a content that depends on a secret.
    pub hash: Option<[u8; 32]>,
}

impl ExpectedFile {
    pub(crate) fn new(path: impl Into<PathBuf>, hash: Option<[u8; 32]>) -> Self {
        Self { path: path.into(), hash }
    }
}

/// The current state of a file that a task wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileState {
    /// The file is as the task left it, as its metadata prove.
    AsLeft,
    /// Nothing is at the path.
    Missing,
    /// Something is at the path.
    Present {
        /// What it is.
        stat: FileStat,
        /// The BLAKE3 hash of the content of a regular file. `None` if the size shows already that the content differs.
        hash: Option<[u8; 32]>,
        /// The content of a file whose hash is not the expected one, for dry runs that show changes. `None` if it is too large,
        /// or if no hash was expected.
        content: Option<Vec<u8>>,
    },
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
    /// The machine has no such user or group.
    #[error("there is no {what} `{name}` in `{}`", list.display())]
    Unknown {
        /// `user` or `group`.
        what: &'static str,
        /// The name.
        name: String,
        /// The file with the names.
        list: PathBuf,
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
            Self::Unknown { what, .. } => {
                Some(format!("create the {what} in an earlier task, or write its number").into())
            }
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
