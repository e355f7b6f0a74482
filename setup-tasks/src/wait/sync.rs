//! The locks of the wait graph and of shared work. They come from the standard library, or from the
//! model checker, which tries the orders in which threads can acquire them.

#[cfg(not(feature = "__shuttle"))]
pub(crate) use std::sync::{Mutex, MutexGuard};

#[cfg(feature = "__shuttle")]
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
