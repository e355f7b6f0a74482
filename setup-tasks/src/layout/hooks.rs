//! The entry points of higher floors, which lower floors call without importing them.

use std::sync::Arc;

use super::Layout;
use crate::BoxFuture;
use crate::object::{DynObject, ReadyError};
use crate::report::RunError;

/// A function that does work of an object.
type Hook<E> = fn(Arc<dyn DynObject>) -> BoxFuture<'static, Result<(), E>>;

/// The functions of higher floors that lower floors call. They are passed to the constructor of a
/// layout.
pub(crate) struct Hooks {
    /// Runs the setup tasks of an object as a part of a larger request.
    pub(crate) run_setup_tasks: Hook<RunError>,
    /// Brings an object to ready.
    pub(crate) ready: Hook<ReadyError>,
    /// Returns the activities of a layout as JSON.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only sockets ask"))]
    pub(crate) snapshot_as_json: fn(&Layout) -> serde_json::Result<String>,
}
