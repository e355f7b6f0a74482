//! The options of a fleet, as the runs of its objects need them.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::SystemTime;

use super::approved::Approved;
use super::fleet_names::{ObjectName, TaskName};
use super::slots::Slots;
use super::stop::Stops;
use super::verdicts::Verdicts;
use crate::observer::Board;
use crate::stamp::Timestamp;

/// The options of a fleet run that the runs of its objects need, and the progress of the fleet.
pub(crate) struct FleetOptions {
    pub(crate) exclude: Vec<ObjectName>,
    pub(crate) tags: Vec<String>,
    pub(crate) force: Vec<TaskName>,
    pub(crate) force_all: bool,
    /// The time of the latest stamp when the run began: a forced task with a later one has run. Several processes can share the run.
    pub(crate) forced_before: Option<Timestamp>,
    pub(crate) diff: bool,
    /// Whether the reports of a dry run have digests of what the tasks depend on.
    pub(crate) digests: bool,
    /// The plan that the fleet applies, or `None` if any task may run.
    pub(crate) approved: Option<Arc<Approved>>,
    /// The questions of the fleet's tasks, or `None` if the fleet does not verify.
    pub(crate) board: Option<Arc<Board>>,
    /// The answers of other hosts, in a plan of objects that are placed there.
    pub(crate) verdicts: Option<Verdicts>,
    pub(crate) stop: Stops,
    pub(crate) since: SystemTime,
    pub(crate) objects: usize,
    /// The records of the fleet's objects, read with one scan at the start of the fleet. Each
    /// object stores its range of these bytes.
    pub(crate) prefetched: Vec<u8>,
    pub(crate) ended: CachePadded<AtomicUsize>,
    pub(crate) slots: Arc<Slots>,
}

/// A value on cache lines of its own. Writing it for each object does not evict data that all
/// workers only read.
#[derive(Default)]
#[repr(align(128))]
pub(crate) struct CachePadded<T>(pub(crate) T);

impl FleetOptions {
    /// Returns whether the object is excluded, even as a dependency of others.
    pub(crate) fn excludes(&self, id: &str) -> bool {
        self.exclude.iter().any(|name| name.matches(id))
    }

    /// Returns whether slow invalidators are called and observers asked that are not cheap.
    pub(crate) fn verifies(&self) -> bool {
        self.board.is_some()
    }

    /// Returns whether tasks are considered regardless of their tags.
    pub(crate) fn selects_all(&self) -> bool {
        self.tags.is_empty()
    }

    /// Returns whether no task is forced.
    pub(crate) fn forces_none(&self) -> bool {
        !self.force_all && self.force.is_empty()
    }

    /// Returns whether a task with these tags is considered.
    pub(crate) fn selects(&self, tags: impl FnOnce() -> Vec<&'static str>) -> bool {
        self.selects_all() || tags().iter().any(|tag| self.tags.iter().any(|taken| taken == tag))
    }

    /// Returns whether a task is forced to run.
    pub(crate) fn forces(&self, id: &str, task: &str) -> bool {
        self.force_all || self.force.iter().any(|name| name.matches(id, task))
    }
}
