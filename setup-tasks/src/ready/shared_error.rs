//! An error that many are told.

use std::fmt;
use std::sync::Arc;

/// A user's error, with its chain, shared by all who waited for what failed.
#[derive(Clone, Debug)]
pub struct SharedError(Arc<anyhow::Error>);

impl SharedError {
    /// The error, to look at its type: `downcast_ref`.
    pub fn get(&self) -> &anyhow::Error {
        &self.0
    }
}

impl From<anyhow::Error> for SharedError {
    fn from(error: anyhow::Error) -> Self {
        Self(Arc::new(error))
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for SharedError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source()
    }
}
