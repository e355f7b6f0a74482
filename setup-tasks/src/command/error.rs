//! Why a command did not do its work.

use std::io;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

/// Why a command did not do its work. [Secrets](crate::Secret) in the texts are replaced.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// It cannot be started.
    #[error("cannot start `{command}`{}", hint(source))]
    Start {
        /// The command.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
    /// It ended without success.
    #[error("`{command}` ended with {status}{}", stderr_excerpt(stderr))]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// It took longer than its timeout, and was ended.
    #[error("`{command}` took longer than its timeout of {limit:?}{}", stderr_excerpt(stderr))]
    TimedOut {
        /// The command.
        command: String,
        /// The timeout.
        limit: Duration,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// It wrote more than may be captured, and was ended.
    #[error(
        "`{command}` wrote more than the {limit} bytes that are captured of its output\nhelp: raise `output_limit_kib` in the configuration, give the command an `output_limit`, or let it write to a file"
    )]
    TooMuchOutput {
        /// The command.
        command: String,
        /// How many bytes are captured.
        limit: usize,
    },
    /// There is no terminal that could be handed over to it.
    #[error(
        "cannot hand the terminal over to `{command}`: {problem}\nhelp: run it from a terminal, in the foreground, or give the command what it asks for by its standard input"
    )]
    NoTerminal {
        /// The command.
        command: String,
        /// What is missing.
        problem: &'static str,
    },
    /// It was to outlive its task, and its log cannot be made.
    #[error("cannot make the log `{}` of `{command}`", path.display())]
    Log {
        /// The command.
        command: String,
        /// The log, or the directory that it is to be in.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system would not say what became of it.
    #[error("cannot follow `{command}`")]
    Lost {
        /// The command.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "\nhelp: install it, or see whether its directory is in PATH",
        io::ErrorKind::PermissionDenied => "\nhelp: see whether it is executable for the user who runs this",
        io::ErrorKind::WouldBlock => {
            "\nhelp: see how many processes and threads this user may have (`ulimit -u`), and how many there are"
        }
        _ => "",
    }
}

/// Parts of what programs say that look for a terminal and find none: shells and gpg, sudo, git, ssh, passwd and su.
const ASKS: [&str; 8] = [
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
    let help = "\nhelp: a command of a task has no terminal that it could ask at; give it what it asks for by its standard input or its options, or hand the terminal over with `.interactive()`";
    let help = if ASKS.iter().any(|asks| stderr.contains(asks)) { help } else { "" };
    format!("\nit said last:\n{stderr}{help}")
}
