//! The locks of the wait graph and of shared work: those of the standard library, or of the model checker that tries the orders in
//! which threads may take them.

#[cfg(not(feature = "__shuttle"))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(feature = "__shuttle")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
