//! The approval of a plan: the tasks that a fleet may run, and the records that it may change.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};

/// The tasks of a plan, by the ids of their objects.
#[derive(Debug, Default)]
pub(crate) struct Approved(HashMap<String, ApprovedObject>);

#[derive(Debug)]
struct ApprovedObject {
    /// The digest of the object's records when the plan was made.
    records: String,
    tasks: HashSet<String>,
    /// Whether the fleet has begun to change the object.
    has_begun: AtomicBool,
}

impl Approved {
    /// Adds an object with the digest of its records and the tasks that may run.
    pub(crate) fn add(&mut self, id: &str, records: &str, tasks: impl Iterator<Item = String>) {
        let (records, tasks, has_begun) = (records.to_owned(), tasks.collect(), AtomicBool::new(false));
        self.0.insert(id.to_owned(), ApprovedObject { records, tasks, has_begun });
    }

    /// Returns whether a task may run.
    pub(crate) fn allows(&self, id: &str, task: &str) -> bool {
        self.0.get(id).is_some_and(|object| object.tasks.contains(task))
    }

    /// Returns the digest that the records of an object must have when the fleet begins to change it.
    /// Later, the records contain changes of the fleet itself, and this returns `None`.
    pub(crate) fn records_at_begin(&self, id: &str) -> Option<&str> {
        let object = self.0.get(id)?;
        (!object.has_begun.swap(true, Ordering::Relaxed)).then_some(&object.records)
    }
}
