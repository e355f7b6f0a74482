//! An error that several waiters share.

use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use crate::flat::Flat;
use crate::secret;

/// A user's error with its chain, shared by all waiters of the failed work. It derefs to the error.
/// It does not implement `Error` itself, so a chain shows the user's error once and with its own
/// type.
#[derive(Clone)]
pub struct SharedError(Flat<Arc<anyhow::Error>>);

impl SharedError {
    /// Returns the error, for example to examine its type with `downcast_ref`.
    pub fn get(&self) -> &anyhow::Error {
        &self.0
    }
}

impl From<anyhow::Error> for SharedError {
    fn from(error: anyhow::Error) -> Self {
        Self(Flat::new(Arc::new(secret::clean(error))))
    }
}

impl Deref for SharedError {
    type Target = dyn Error + Send + Sync + 'static;

    fn deref(&self) -> &Self::Target {
        (**self.0).as_ref()
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&**self.0, f)
    }
}

impl fmt::Debug for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self.0, f)
    }
}

/// Converts the payload of a panic to an error.
pub(crate) fn panicked(panic: &(dyn std::any::Any + Send)) -> anyhow::Error {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    anyhow::anyhow!("panicked: {}", message.unwrap_or("without a message"))
}
