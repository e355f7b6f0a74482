//! The locks of this room: those of the system, or of the model checker that tries the orders in which threads may take them.

#[cfg(not(feature = "__shuttle"))]
pub(super) use std::sync::{Mutex, MutexGuard};

#[cfg(feature = "__shuttle")]
pub(super) use shuttle::sync::{Mutex, MutexGuard};
