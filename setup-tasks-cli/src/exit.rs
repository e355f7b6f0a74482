//! Exit codes.

use std::process::ExitCode;

use setup_tasks::error_help;

/// The end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    WouldChange,
    Interrupted,
}

impl Exit {
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::WouldChange => 3,
            // Shells use 128 plus the signal's number. SIGINT is 2. `interrupt::finish` handles the other signals.
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}

/// A mistake in the command line, such as the name of an object that does not exist.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub struct UsageError {
    text: String,
    help: String,
}

error_help!(UsageError);

impl UsageError {
    /// Returns the error with a text and advice.
    pub fn new(text: impl Into<String>, help: impl Into<String>) -> Self {
        Self { text: text.into(), help: help.into() }
    }

    fn help(&self) -> &str {
        &self.help
    }
}
