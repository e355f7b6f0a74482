//! The errors of stores.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;

use crate::error_help;
use crate::private_dir::help;

/// The help for a change that a dry run refused.
pub(crate) const DRY_RUN_HELP: &str = "leave out `--dry-run`, or `dry_run` in the configuration";

/// An error of a stamp store. No error loses a stamp that was written, or invents a stamp.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum StampError {
    /// The store's file contains data that the store did not write.
    #[error("the stamps in `{}` are damaged: {detail}", path.display())]
    Damaged {
        /// The damaged file.
        path: PathBuf,
        /// A description of the damage.
        detail: String,
    },
    /// A newer version of setup-tasks wrote the store.
    #[error("the stamps in `{}` have format {found}, newer than format {known} which this program knows", path.display())]
    Newer {
        /// The store's file.
        path: PathBuf,
        /// The format of the file.
        found: i64,
        /// The newest format that this version understands.
        known: i64,
    },
    /// The store's files were removed, moved or replaced while this process used them.
    #[error("the stamps in `{}` were removed, moved or replaced while the run used them: what it wrote there is lost", path.display())]
    Moved {
        /// The store's file or directory.
        path: PathBuf,
    },
    /// The path of the database is longer than `SQLite` can open.
    #[error("the stamp database `{}` cannot be opened: its path has {} bytes, and SQLite opens paths of at most {longest}", path.display(), path.as_os_str().len())]
    TooLong {
        /// The database.
        path: PathBuf,
        /// The greatest number of bytes that a path may have.
        longest: usize,
    },
    /// The disk is full.
    #[error("the stamps in `{}` cannot be written: the disk is full", path.display())]
    DiskFull {
        /// The store's file.
        path: PathBuf,
    },
    /// An operation of the operating system failed.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// The operation that failed, as a verb.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The error of the operating system.
        source: std::sync::Arc<io::Error>,
    },
    /// The write came too late: another process has taken over its lease.
    #[error(
        "the stamps of `{object}` were not changed: another process has taken over the object's lease (fence {seen}; this run has {fence})"
    )]
    Fenced {
        /// The object's `stamp_subdir`.
        object: String,
        /// The fence of the write.
        fence: super::Fence,
        /// The highest fence that the store has seen for the object.
        seen: super::Fence,
    },
    /// The data of an object under a former name cannot be moved to its present name.
    #[error("`{object}` cannot take over what it has under its former name `{from}`")]
    Rename {
        /// The former name.
        from: String,
        /// The id of the object.
        object: String,
        /// The error of a lease or of a directory.
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A store outside this crate failed.
    #[error("the stamp store failed")]
    Other {
        /// The store's error.
        #[from]
        source: std::sync::Arc<dyn std::error::Error + Send + Sync>,
    },
    /// A write was refused because the run is a dry run.
    #[error("the stamps of `{object}` stay as they are: this is a dry run")]
    DryRun {
        /// The object's id.
        object: String,
    },
    /// The operating system could not start the thread that writes.
    #[error("cannot start the thread that writes stamps")]
    Thread {
        /// The error of the operating system.
        source: std::sync::Arc<io::Error>,
    },
    /// The database returned another error.
    #[error("the stamp database `{}` refused: {detail}", path.display())]
    Database {
        /// The database.
        path: PathBuf,
        /// The message of the database.
        detail: String,
    },
}

error_help!(StampError);

impl StampError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Damaged { .. } => {
                "restore the file from a backup, or move it away: every task then counts as never run".into()
            }
            Self::Newer { .. } => "update this program, or give it a cache directory of its own".into(),
            Self::Moved { .. } => "put them back, or run again: a task whose stamp is lost runs again".into(),
            Self::TooLong { .. } => "set `cache_dir` to a directory with a shorter path".into(),
            Self::DiskFull { .. } => "make room and run again; no stamp was lost".into(),
            Self::Io { source, .. } => help(source).into(),
            Self::Fenced { .. } => "run again; what the other process has done is up to date then".into(),
            Self::DryRun { .. } => DRY_RUN_HELP.into(),
            Self::Thread { .. } => {
                "compare the number of processes and threads of this user with the limit (`ulimit -u`)".into()
            }
            Self::Database { .. } => "see whether another program holds it open, and run again".into(),
            Self::Rename { .. } | Self::Other { .. } => return None,
        })
    }

    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, source: io::Error) -> Self {
        let path = path.into();
        if source.kind() == io::ErrorKind::StorageFull {
            return Self::DiskFull { path };
        }
        Self::Io { action, path, source: std::sync::Arc::new(source) }
    }
}
