//! Errors of notifications.

use std::process::ExitStatus;
use std::time::Duration;

use setup_tasks::error::Excerpt;
use setup_tasks::error_help;

/// The error of a notification that was not delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotifyError {
    /// The receiver has no name.
    #[error("a receiver of notifications is empty")]
    Empty,
    /// The program was built without the feature `webhooks`.
    #[error("this program cannot send notifications to web addresses")]
    NoWebhooks,
    /// The text is not a web address.
    #[error("the web address of a notification cannot be used")]
    Address {
        /// The reason.
        #[source]
        reason: Option<Excerpt>,
    },
    /// The command could not be started.
    #[error("the notification command `{command}` cannot be started")]
    Start {
        /// The command.
        command: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The command ended with another status than 0.
    #[error("the notification command `{command}` ended with {status}")]
    Failed {
        /// The command.
        command: String,
        /// The status.
        status: ExitStatus,
        /// The last lines of its standard error.
        #[source]
        stderr: Option<Excerpt>,
    },
    /// The receiver took too long.
    #[error("the notification to {receiver} took longer than {limit:?}")]
    TimedOut {
        /// The receiver.
        receiver: String,
        /// The time that it had.
        limit: Duration,
    },
    /// The web address cannot be reached.
    #[error("the notification to {address} cannot be sent")]
    Unreachable {
        /// The address without its path.
        address: String,
        /// The cause.
        #[source]
        cause: Option<Excerpt>,
    },
    /// The web address answered with an error.
    #[error("{address} answered the notification with status {status}")]
    Refused {
        /// The address without its path.
        address: String,
        /// The status.
        status: u16,
        /// The beginning of the answer.
        #[source]
        answer: Option<Excerpt>,
    },
}

error_help!(NotifyError);

impl NotifyError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Empty => "name a command, or a web address that begins with `https://`",
            Self::NoWebhooks => {
                "build it with the feature `webhooks` of setup-tasks-cli, or notify a command such as `curl`"
            }
            Self::Address { .. } => "write it as `https://HOST/PATH`",
            Self::Start { .. } | Self::Failed { .. } => {
                "the command runs in `sh` and receives the notification as JSON on its standard input; try it with `up --json | tail -n 1`"
            }
            Self::TimedOut { .. } => "start slow work in the background, so that the command ends",
            Self::Unreachable { .. } => "check the address and the network; the run itself is not affected",
            Self::Refused { .. } => "check the path and the token of the address; the run itself is not affected",
        })
    }
}
