//! The errors of workers, and of runs that they carry out.

use std::borrow::Cow;
use std::io;

use crate::dispatch::{DispatchError, Version};
use crate::error_help;

/// The reason why workers do not carry out a run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkersError {
    /// The layout has a store of its own.
    #[error("this layout has no shared store, so it has no workers")]
    NotShared,
    /// All workers have another version than the program that begins the run.
    #[error("the worker on {host} has another version: {theirs}; this is {own}")]
    OtherVersion {
        /// The host of the worker.
        host: String,
        /// The version of the worker.
        theirs: Box<Version>,
        /// The version of this process.
        own: Box<Version>,
    },
    /// No run has the number.
    #[error("no run {number} is known")]
    NoRun {
        /// The number.
        number: u64,
    },
    /// The run was begun by another version, and its objects are unknown here.
    #[error("run {number} was begun by another version: {theirs}; this is {own}")]
    OtherRun {
        /// The number of the run.
        number: u64,
        /// The version of the program that began the run.
        theirs: Box<Version>,
        /// The version of this process.
        own: Box<Version>,
    },
    /// The options of the run have another format.
    #[error("the options of run {number} cannot be read")]
    Options {
        /// The number of the run.
        number: u64,
    },
    /// The run was stopped at once, and running tasks were cancelled.
    #[error("run {number} was stopped at once; its interrupted tasks will run again")]
    Stopped {
        /// The number of the run.
        number: u64,
    },
    /// A pattern of the key `placement` is malformed.
    #[error("`{pattern}` in `placement` is not a pattern: {problem}")]
    Placement {
        /// The pattern.
        pattern: String,
        /// The error in the pattern.
        problem: String,
    },
    /// The file of the program cannot be read.
    #[error("the file of this program cannot be read")]
    Binary {
        /// The error of the system.
        source: io::Error,
    },
    /// The directory of hosts cannot be used.
    #[error(transparent)]
    Service(#[from] DispatchError),
}

error_help!(WorkersError);

impl WorkersError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        Some(match self {
            Self::NotShared => "name one with `store` in the configuration or with `--on`, such as `postgres://site@db/site`".into(),
            Self::OtherVersion { .. } => {
                "install the same program and the same files on all hosts, and restart the workers; `up --here` runs all \
                 objects in this process"
                    .into()
            }
            Self::Options { .. } | Self::OtherRun { .. } => "use the program that began it".into(),
            Self::NoRun { .. } => "`ps` lists the runs".into(),
            Self::Placement { .. } => "`*` stands for any text, `?` for one character, `[ab]` for one of those".into(),
            Self::Binary { .. } | Self::Stopped { .. } => return None,
            Self::Service(error) => return error.help(),
        })
    }
}
