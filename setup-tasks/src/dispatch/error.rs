//! The errors of a dispatch, and of the directory of hosts.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use crate::error::help_of;
use crate::error_help;

/// The error of a [`Dispatch`](super::Dispatch). No stamp is lost by it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DispatchError {
    /// The service that keeps the queue returned an error.
    #[error(transparent)]
    Service {
        /// The error of the service.
        source: Arc<dyn Error + Send + Sync>,
    },
}

error_help!(DispatchError);

impl DispatchError {
    /// Returns the error of a service that keeps a queue.
    pub fn service(source: impl Error + Send + Sync + 'static) -> Self {
        Self::Service { source: Arc::new(source) }
    }

    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Service { source } => help_of(&**source),
        }
    }
}
