//! Errors of commands.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// An error of a command. [Secrets](crate::Secret) in the texts are replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command cannot be started.
    #[error("cannot start `{command}`{}", hint(source))]
    Start {
        /// The command.
        command: String,
        /// The error of the system.
        source: io::Error,
    },
    /// The command ended without success.
    #[error("`{command}` ended with {status}{}", stderr_excerpt(stderr))]
    Failed {
        /// The command.
        command: String,
        /// The exit status.
        status: ExitStatus,
        /// The last lines of standard error.
        stderr: String,
    },
    /// The command exceeded its timeout and was ended.
    #[error("`{command}` took longer than its timeout of {limit:?}{}", stderr_excerpt(stderr))]
    TimedOut {
        /// The command.
        command: String,
        /// The timeout.
        limit: Duration,
        /// The last lines of standard error.
        stderr: String,
    },
    /// The command wrote more than may be captured and was ended.
    #[error(
        "`{command}` wrote more output than its limit of {limit} bytes\nhelp: raise `output_limit_kib` in the configuration, give the command an `output_limit`, or let it write to a file"
    )]
    TooMuchOutput {
        /// The command.
        command: String,
        /// The number of bytes that may be captured.
        limit: usize,
    },
    /// There is no terminal that could be handed over to the command.
    #[error(
        "cannot hand the terminal over to `{command}`: {problem}\nhelp: run it from a terminal, in the foreground, or pass the answers by the command's standard input"
    )]
    NoTerminal {
        /// The command.
        command: String,
        /// The reason.
        problem: &'static str,
    },
    /// The file for the standard input of the command cannot be opened. The command was not started.
    #[error("cannot read the standard input of `{command}` from `{}`{}", path.display(), input_help(source))]
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

impl CommandError {
    /// Returns the error with the last lines of output from another place.
    pub(super) fn with_last_lines(mut self, lines: impl FnOnce() -> String) -> Self {
        if let Self::Failed { stderr, .. } | Self::TimedOut { stderr, .. } = &mut self {
            *stderr = lines();
        }
        self
    }
}

fn input_help(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "\nhelp: check the path; a relative path starts at the directory of this process",
        io::ErrorKind::InvalidInput => {
            "\nhelp: name a regular file, or open it and pass it as a reader with `stdin_reader`"
        }
        _ => "",
    }
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "\nhelp: install it, or check that its directory is in PATH",
        io::ErrorKind::PermissionDenied => "\nhelp: check that this user may execute it",
        io::ErrorKind::WouldBlock => {
            "\nhelp: compare the user's limit of processes and threads (`ulimit -u`) with their number"
        }
        _ => "",
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

fn stderr_excerpt(stderr: &str) -> String {
    let stderr = stderr.trim_end();
    if stderr.is_empty() {
        return String::new();
    }
    let help = "\nhelp: a task's command has no terminal to ask at; pass the answer by its standard input or an option, or hand the terminal over with `.interactive()`";
    let help = if TERMINAL_ERRORS.iter().any(|error| stderr.contains(error)) { help } else { "" };
    format!("\nlast output:\n{stderr}{help}")
}
