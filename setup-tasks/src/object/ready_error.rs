//! The error of an object that cannot be brought to ready.

use crate::wait::Circle;
use crate::work::SharedError;

/// The reason why an object is not ready. All that waited for the same attempt share it.
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
