//! Errors of commands.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use crate::error::Excerpt;
use crate::error_help;

/// An error of a command. [Secrets](crate::Secret) in the texts are replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command cannot be started.
    #[error("cannot start `{command}`")]
    Start {
        /// The command.
        command: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The command ended without success.
    #[error("`{command}` ended with {status}")]
    Failed {
        /// The command.
        command: String,
        /// The exit status.
        status: ExitStatus,
        /// The last lines of standard error, if there are any.
        #[source]
        stderr: Option<Excerpt>,
    },
    /// The command exceeded its timeout and was ended.
    #[error("`{command}` took longer than its timeout of {limit:?}")]
    TimedOut {
        /// The command.
        command: String,
        /// The timeout.
        limit: Duration,
        /// The last lines of standard error, if there are any.
        #[source]
        stderr: Option<Excerpt>,
    },
    /// The command wrote more than may be captured and was ended.
    #[error("`{command}` wrote more output than its limit of {limit} bytes")]
    TooMuchOutput {
        /// The command.
        command: String,
        /// The number of bytes that may be captured.
        limit: usize,
    },
    /// There is no terminal that could be handed over to the command.
    #[error("cannot hand the terminal over to `{command}`: {problem}")]
    NoTerminal {
        /// The command.
        command: String,
        /// The reason.
        problem: &'static str,
    },
    /// The file for the standard input of the command cannot be opened. The command was not started.
    #[error("cannot read the standard input of `{command}` from `{}`", path.display())]
    StdinFile {
        /// The command.
        command: String,
        /// The file.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The reader of the standard input failed, and the command was ended.
    #[error("cannot read the standard input of `{command}`, which was ended")]
    Stdin {
        /// The command.
        command: String,
        /// The error of the reader.
        source: io::Error,
    },
    /// The log of a detached command cannot be created.
    #[error("cannot create the log `{}` of `{command}`", path.display())]
    Log {
        /// The command.
        command: String,
        /// The directory of the log.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The command was started, and waiting for it failed.
    #[error("cannot wait for `{command}`")]
    Lost {
        /// The command.
        command: String,
        /// The error of the system.
        source: io::Error,
    },
}

error_help!(CommandError);

impl CommandError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        let help = match self {
            Self::Start { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "install it, or check that its directory is in PATH",
                io::ErrorKind::PermissionDenied => "check that this user may execute it",
                io::ErrorKind::WouldBlock => {
                    "compare the number of processes and threads of this user with the limit (`ulimit -u`)"
                }
                _ => return None,
            },
            Self::Failed { stderr: Some(stderr), .. } | Self::TimedOut { stderr: Some(stderr), .. }
                if TERMINAL_ERRORS.iter().any(|error| stderr.as_str().contains(error)) =>
            {
                "a task's command has no terminal to ask at; pass the answer by its standard input or an option, or \
                 hand the terminal over with `.interactive()`"
            }
            Self::TooMuchOutput { .. } => {
                "raise `output_limit_kib` in the configuration, give the command an `output_limit`, or let it write \
                 to a file"
            }
            Self::NoTerminal { .. } => {
                "run it from a terminal, in the foreground, or pass the answers by the command's standard input"
            }
            Self::StdinFile { source, .. } => match source.kind() {
                io::ErrorKind::NotFound => "check the path; a relative path starts at the directory of this process",
                io::ErrorKind::InvalidInput => {
                    "name a regular file, or open it and pass it as a reader with `stdin_reader`"
                }
                _ => return None,
            },
            Self::Failed { .. } | Self::TimedOut { .. } | Self::Stdin { .. } | Self::Log { .. } | Self::Lost { .. } => {
                return None;
            }
        };
        Some(help.into())
    }

    /// Returns the error with the last lines of output from another place.
    pub(super) fn with_last_lines(mut self, lines: impl FnOnce() -> Option<Excerpt>) -> Self {
        if let Self::Failed { stderr, .. } | Self::TimedOut { stderr, .. } = &mut self {
            *stderr = lines();
        }
        self
    }
}

/// Parts of the messages of programs that need a terminal and find none: shells, gpg, sudo, git,
/// ssh, passwd and su.
const TERMINAL_ERRORS: [&str; 8] = [
    "/dev/tty",
    "a terminal is required",
    "no tty present",
    "could not read Username",
    "could not read Password",
    "Host key verification failed",
    "Inappropriate ioctl for device",
    "must be run from a terminal",
];
