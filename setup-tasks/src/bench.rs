//! The functions of the runtime that only benchmarks call.

use crate::event::EventKind;
use crate::object::AnyObject;

/// Emits an event of an object's first task.
pub fn emit(object: &AnyObject, kind: impl FnOnce() -> EventKind) {
    if let Some(row) = object.0.order().iter().next() {
        object.0.emit(row, kind);
    }
}
