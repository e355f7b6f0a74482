//! The errors of injectors.

use std::borrow::Cow;

use crate::error_help;
use crate::object::ReadyError;
use crate::wait::Circle;
use crate::work::SharedError;

/// The error of an injector that cannot return or accept a value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InjectError {
    /// No injector provides the key.
    #[error(
        "nothing provides {key}{}; searched {}",
        asker.as_ref().map(|asker| format!(", which {asker} requests")).unwrap_or_default(),
        searched.join(", then ")
    )]
    Missing {
        /// The key.
        key: String,
        /// The task or other work that requested the key.
        asker: Option<String>,
        /// The injectors that were searched, nearest first.
        searched: Vec<String>,
    },
    /// The injector already provides the key.
    #[error("{at} already provides {key}")]
    Provided {
        /// The key.
        key: String,
        /// The injector.
        at: String,
    },
    /// The key's factory failed. All callers that waited for the same attempt share the error.
    #[error("cannot create {key} at {at}")]
    Factory {
        /// The key.
        key: String,
        /// The injector that provides it.
        at: String,
        /// The factory's error.
        source: SharedError,
    },
    /// The key's factory has not created the value yet, and the caller cannot wait for it.
    #[error("{key} is requested by code that cannot wait, and its factory has not created it")]
    WouldBlock {
        /// The key.
        key: String,
    },
    /// The key's object cannot be brought to ready.
    #[error("{key} is not ready")]
    NotReady {
        /// The key.
        key: String,
        /// The reason.
        source: ReadyError,
    },
    /// The key's factory depends on its own value.
    #[error("cannot create {key} at {at}")]
    Circle {
        /// The key.
        key: String,
        /// The injector that provides it.
        at: String,
        /// The circle.
        source: Circle,
    },
}

error_help!(InjectError);

impl InjectError {
    /// Returns advice for the user. The cause of the error may have its own.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Missing { .. } => Some("`provide` it at one of these injectors first".into()),
            Self::Provided { .. } => Some("use `replace` to provide another value".into()),
            Self::WouldBlock { .. } => Some("provide a value".into()),
            Self::Factory { .. } | Self::NotReady { .. } | Self::Circle { .. } => None,
        }
    }

    /// Adds the name of the work that requested the key.
    pub(crate) fn asked_by(mut self, who: String) -> Self {
        if let Self::Missing { asker, .. } = &mut self {
            *asker = Some(who);
        }
        self
    }
}
