//! Why an injector has no answer, or takes no value.

use crate::object::ReadyError;
use crate::wait::Circle;
use crate::work::SharedError;

/// Why an injector has no answer, or takes no value.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InjectError {
    /// Nobody provides the key.
    #[error(
        "nothing provides {key}{}; searched {}\nhelp: `provide` it at one of these before it is asked for",
        asker.as_ref().map(|asker| format!(", which {asker} asks for")).unwrap_or_default(),
        searched.join(", then ")
    )]
    Missing {
        /// The key.
        key: String,
        /// Who asked.
        asker: Option<String>,
        /// The injectors that were searched, the nearest first.
        searched: Vec<String>,
    },
    /// The key is provided already.
    #[error("{at} provides {key} already\nhelp: use `replace` to put another value in its place")]
    Provided {
        /// The key.
        key: String,
        /// The injector.
        at: String,
    },
    /// The key's factory failed. Shared by all who waited for the same attempt.
    #[error("{key} cannot be made at {at}")]
    Factory {
        /// The key.
        key: String,
        /// The injector that provides it.
        at: String,
        /// The factory's error.
        source: SharedError,
    },
    /// The key's factory would have to be waited for, where nothing can be.
    #[error("{key} is asked for where nothing can be awaited, and its factory has not made it\nhelp: provide a value")]
    WouldBlock {
        /// The key.
        key: String,
    },
    /// The key's object cannot be brought to ready.
    #[error("{key} is not ready")]
    NotReady {
        /// The key.
        key: String,
        /// Why not.
        source: ReadyError,
    },
    /// The key's factory needs itself.
    #[error("{key} cannot be made at {at}")]
    Circle {
        /// The key.
        key: String,
        /// The injector that provides it.
        at: String,
        /// The circle.
        source: Circle,
    },
}

impl InjectError {
    /// Adds who asked.
    pub(crate) fn asked_by(mut self, who: String) -> Self {
        if let Self::Missing { asker, .. } = &mut self {
            *asker = Some(who);
        }
        self
    }
}
