//! The error of an object that cannot be brought to ready.

use crate::wait::Circle;
use crate::work::SharedError;

/// The error of an object that cannot be brought to ready. All callers that waited for the same
/// attempt share it.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadyError {
    /// The run of the object, or the method of its `ready` key, failed.
    #[error("`{object}` cannot be brought to ready")]
    Failed {
        /// The object's id.
        object: String,
        /// The cause.
        source: SharedError,
    },
    /// The object waits for itself.
    #[error("`{object}` cannot be brought to ready")]
    Circle {
        /// The object's id.
        object: String,
        /// The circle.
        source: Circle,
    },
}
