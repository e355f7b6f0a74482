//! Work that is done once and waited for by many: readiness of objects, factories of injectors. A wait that would close a
//! circle is an error.

mod once;
mod shared_error;
mod waits;

use std::sync::Arc;

pub(crate) use once::{Once, OnceError};
pub use shared_error::SharedError;
pub use waits::Circle;
pub(crate) use waits::{Epoch, Node, Wait, within};

use crate::object::{AnyObject, DynObject};

/// Why an object is not ready. Shared by all who waited for the same attempt.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    /// Its run failed, or what its model does instead.
    #[error("`{object}` cannot be brought to ready")]
    Failed {
        /// The object's id.
        object: String,
        /// What went wrong.
        source: SharedError,
    },
    /// It waits for itself.
    #[error("`{object}` cannot be brought to ready")]
    Circle {
        /// The object's id.
        object: String,
        /// The circle.
        source: Circle,
    },
}

/// Brings an object to ready, or waits for whoever does; once it is, it is.
pub(crate) async fn ready(object: &Arc<dyn DynObject>) -> Result<(), ReadyError> {
    let core = object.core();
    let made = core.ready.get(|| object.clone().bring_to_ready()).await;
    made.map_err(|error| {
        let object = core.id.to_string();
        match error {
            OnceError::Failed(source) => ReadyError::Failed { object, source },
            OnceError::Circle(source) => ReadyError::Circle { object, source },
        }
    })
}

impl AnyObject {
    /// As [`Object::ready`](crate::Object::ready).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn ready(&self) -> Result<(), ReadyError> {
        ready(&self.0).await
    }
}
