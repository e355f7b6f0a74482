//! The errors of leases.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use crate::error_help;
use crate::private_dir::help;
use crate::text::rough_duration;

/// The reason why a lease cannot be taken, kept or broken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LeaseError {
    /// Another process held the lease for the whole of the configured time.
    #[error("the lease of `{object}` has been held by {holder} for at least {}{doing}", rough_duration(*waited))]
    Held {
        /// The object.
        object: String,
        /// The holder, as far as it is known.
        holder: String,
        /// The time for which this run has waited.
        waited: Duration,
        /// The holder's current work, as the rest of the sentence; empty if the work is unknown.
        doing: String,
    },
    /// The holder is alive, so its lease is not broken.
    #[error("the lease of `{object}` is held by {holder}, which is alive, so it stays")]
    Alive {
        /// The object.
        object: String,
        /// The holder.
        holder: String,
    },
    /// Nothing proves that the holder has ended, so its lease is not broken.
    #[error(
        "the lease of `{object}` is held by {holder}, and nothing seen from here proves that it has ended: its lease stays"
    )]
    Unknown {
        /// The object.
        object: String,
        /// The holder.
        holder: String,
        /// Advice for the user.
        help: String,
    },
    /// A change was refused because the run is a dry run.
    #[error("the lease of `{object}` stays: this is a dry run")]
    DryRun {
        /// The object.
        object: String,
    },
    /// The lease was taken over or expired while the session held it.
    #[error("the lease of `{object}` was lost: {detail}; another process may have run the object at the same time")]
    Lost {
        /// The object.
        object: String,
        /// A description of the loss.
        detail: String,
    },
    /// The operating system refused the lock on which the lease is based.
    #[error("cannot take the lease of `{object}`, which is a lock of `{}`", path.display())]
    Io {
        /// The object.
        object: String,
        /// The file of the lock.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The service that keeps the leases failed.
    #[error("cannot reach the leases")]
    Service {
        /// The error of the service.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

error_help!(LeaseError);

impl LeaseError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::Held { .. } => {
                "wait for it to end or stop it, and run again; `lease_timeout_secs` in the configuration sets how \
                 long to wait"
                    .into()
            }
            Self::Alive { .. } => "wait for the holder to end, or stop it; its lease goes with it".into(),
            Self::Unknown { help, .. } => help.into(),
            Self::DryRun { .. } => "leave out `dry_run` in the configuration".into(),
            Self::Lost { .. } => "run again, and leave the files of the runtime alone while something runs".into(),
            Self::Io { source, .. } => help(source).into(),
            Self::Service { .. } => return None,
        })
    }

    /// Returns the error with the object's id. Leases know only the object's subdir.
    pub(crate) fn about(mut self, id: &str) -> Self {
        match &mut self {
            Self::Held { object, .. }
            | Self::Alive { object, .. }
            | Self::Unknown { object, .. }
            | Self::DryRun { object }
            | Self::Lost { object, .. }
            | Self::Io { object, .. } => id.clone_into(object),
            Self::Service { .. } => {}
        }
        self
    }
}
