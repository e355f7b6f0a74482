//! What a fleet leaves out, and what it forces: handed down to all that runs on its behalf.

use std::sync::atomic::AtomicUsize;
use std::time::SystemTime;

use super::Stops;
use super::name::{ObjectName, TaskName};

/// What a fleet run was told, as far as the runs of its objects must know.
pub(crate) struct Scope {
    pub(super) exclude: Vec<ObjectName>,
    pub(super) tags: Vec<String>,
    pub(super) force: Vec<TaskName>,
    pub(super) force_all: bool,
    pub(crate) diff: bool,
    pub(crate) stop: Stops,
    pub(crate) since: SystemTime,
    pub(crate) objects: usize,
    /// What was kept about its objects when it began: each knows its part.
    pub(crate) ahead: Vec<u8>,
    pub(crate) ended: Apart<AtomicUsize>,
}

/// On a cache line of its own: what is written for each object does not take from the others what is only read.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct Apart<T>(pub(crate) T);

impl Scope {
    /// Whether nothing runs on the object, not even for those that depend on it.
    pub(crate) fn leaves_out(&self, id: &str) -> bool {
        self.exclude.iter().any(|name| name.matches(id))
    }

    /// Whether every task is looked at, whatever its tags.
    pub(crate) fn takes_all(&self) -> bool {
        self.tags.is_empty()
    }

    /// Whether no task is forced.
    pub(crate) fn forces_none(&self) -> bool {
        !self.force_all && self.force.is_empty()
    }

    /// Whether a task with these tags is looked at.
    pub(crate) fn takes(&self, tags: impl FnOnce() -> Vec<&'static str>) -> bool {
        self.takes_all() || tags().iter().any(|tag| self.tags.iter().any(|taken| taken == tag))
    }

    /// Whether a task is run whether or not it must.
    pub(crate) fn forces(&self, id: &str, task: &str) -> bool {
        self.force_all || self.force.iter().any(|name| name.matches(id, task))
    }
}
