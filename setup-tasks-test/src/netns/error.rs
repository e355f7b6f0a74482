//! Errors of test machines.

use std::io;
use std::path::PathBuf;

/// An error of a test machine or its network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NetnsError {
    /// This system cannot run test machines.
    #[error("no test machines on this system: {reason}")]
    Unavailable {
        /// The missing condition.
        reason: String,
    },
    /// The name of a machine is not a host name.
    #[error("the name {name:?} is not a host name: use 1 to 11 lower-case letters, digits and hyphens")]
    Name {
        /// The name.
        name: String,
    },
    /// Two machines of a network have the same name.
    #[error("the network already has a machine {name:?}")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// A program could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: String,
        /// The error of the system.
        source: io::Error,
    },
    /// A command failed.
    #[error("{what} failed ({status}):\n{output}")]
    Command {
        /// The purpose of the command.
        what: String,
        /// The exit status.
        status: String,
        /// The output of the command.
        output: String,
    },
    /// A machine did not come up.
    #[error("the machine {name:?} did not come up within {seconds} s:\n{log}")]
    Boot {
        /// The name of the machine.
        name: String,
        /// The time that it had.
        seconds: u64,
        /// The messages of its start.
        log: String,
    },
    /// A file or directory could not be read or written.
    #[error("{}", path.display())]
    File {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
}

/// The result of an operation on test machines.
pub(super) type Result<T, E = NetnsError> = std::result::Result<T, E>;

/// A conversion of errors of the system that adds the path.
pub(super) trait AtPath<T> {
    /// Adds the path to the error.
    fn at(self, path: impl Into<PathBuf>) -> Result<T>;
}

impl<T> AtPath<T> for io::Result<T> {
    fn at(self, path: impl Into<PathBuf>) -> Result<T> {
        self.map_err(|source| NetnsError::File { path: path.into(), source })
    }
}
