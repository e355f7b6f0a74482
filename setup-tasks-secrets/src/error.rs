//! Errors of sources of secrets. None contains a value.

use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use setup_tasks::error::Excerpt;
use setup_tasks::error_help;

/// The error of a secret that cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The name is not one of an environment variable.
    #[error("{name:?} is not the name of an environment variable")]
    Name {
        /// The name.
        name: String,
    },
    /// The environment variable is not set.
    #[error("the environment variable {name} with a secret is not set")]
    Unset {
        /// The variable.
        name: String,
    },
    /// The file cannot be read.
    #[error("the file `{}` with a secret cannot be read", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The command has no words.
    #[error("a command for a secret is empty")]
    NoCommand,
    /// The command cannot be started.
    #[error("the command `{command}` for a secret cannot be started")]
    Start {
        /// The command.
        command: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The command failed.
    #[error("the command `{command}` for a secret ended with {status}")]
    Failed {
        /// The command.
        command: String,
        /// The status.
        status: ExitStatus,
        /// Its standard error.
        #[source]
        stderr: Option<Excerpt>,
    },
    /// The command took too long.
    #[error("the command `{command}` for a secret took longer than {limit:?}")]
    TimedOut {
        /// The command.
        command: String,
        /// The time that it had.
        limit: Duration,
    },
    /// The secret is empty.
    #[error("the secret of the {place} is empty")]
    Empty {
        /// The place.
        place: String,
    },
    /// The secret is too long.
    #[error("the secret of the {place} is longer than {longest} bytes")]
    TooLong {
        /// The place.
        place: String,
        /// The greatest length, in bytes.
        longest: usize,
    },
    /// The secret is not UTF-8.
    #[error("the secret of the {place} is not UTF-8")]
    NotText {
        /// The place.
        place: String,
    },
}

error_help!(SecretError);

impl SecretError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<&'static str> {
        Some(match self {
            Self::Name { .. } => "write `{ env = \"NAME\" }`",
            Self::Unset { .. } => "set it for this command; `export` does so for all commands of a shell",
            Self::File { .. } => "check the path and its permissions; a relative path begins at the working directory",
            Self::NoCommand => "write `{ command = [\"pass\", \"show\", \"NAME\"] }`",
            Self::Start { .. } => "install the program, or correct its name; the words are passed on without a shell",
            Self::Failed { .. } | Self::TimedOut { .. } => {
                "run the command in your shell; it has no standard input here, so a passphrase must come from an agent"
            }
            Self::Empty { .. } => "store a secret there; an empty one would be set as it is",
            Self::TooLong { .. } => "name a place that holds the secret alone",
            Self::NotText { .. } => "encode it, for example in base64",
        })
    }
}
