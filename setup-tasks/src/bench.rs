//! What benchmarks measure alone, and nobody else can call.

use crate::event::EventKind;
use crate::object::AnyObject;

/// Tells an event of an object's first task.
pub fn emit(object: &AnyObject, kind: impl FnOnce() -> EventKind) {
    object.0.emit(0, kind);
}
