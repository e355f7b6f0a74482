//! The answers of other hosts about tasks whose files are there.

use std::collections::HashMap;

use crate::decide::Reason;

/// The answers about objects that are placed on other hosts, by the ids of the objects.
#[derive(Debug, Default)]
pub(crate) struct Verdicts(HashMap<String, ObjectVerdict>);

/// The answer about one object.
#[derive(Debug)]
pub(crate) enum ObjectVerdict {
    /// The tasks that are not up to date, by their names in stamps.
    Tasks(HashMap<String, TaskVerdict>),
    /// The host has no worker that answers.
    Unknown { host: String },
}

/// The answer about a task that is not up to date.
#[derive(Clone, Debug)]
pub(crate) enum TaskVerdict {
    Run(Reason),
    MayRun(Reason),
    Undecided { until: String, error: String },
}

impl Verdicts {
    pub(crate) fn add(&mut self, object: String, verdict: ObjectVerdict) {
        self.0.insert(object, verdict);
    }

    /// Returns the answer about an object, or `None` if this host decides.
    pub(crate) fn of(&self, object: &str) -> Option<&ObjectVerdict> {
        self.0.get(object)
    }
}
