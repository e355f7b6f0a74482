//! The history: one line per attempt that ended, with its time, reason, duration and result.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::decide::Reason;

/// The way in which an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptEnd {
    /// The method did its work.
    Ran,
    /// The method did its work, and found that nothing had to change.
    Unchanged,
    /// The method skipped the task.
    Skipped,
    /// The method failed.
    Failed,
    /// A user declared the task done.
    Marked,
    /// The undo of the task did its work.
    Undone,
    /// The undo of the task failed.
    UndoFailed,
    /// The object was brought down, and the task lost its stamp because it has no undo.
    Forgotten,
}

/// An attempt that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// The run, in the format of [`RunId`](super::RunId).
    pub run: String,
    /// The object's `stamp_subdir`.
    pub object: String,
    /// The task's name.
    pub task: String,
    /// The time when the attempt ended.
    pub time: Timestamp,
    /// The duration in microseconds.
    pub duration_us: u64,
    /// The result.
    pub ended: AttemptEnd,
    /// The reason for the run or the undo, as text.
    pub reason: String,
    /// The error, if the attempt or the undo failed.
    pub error: Option<String>,
    /// The reason for the run. It is `None` for an undo, for a task that a user declared done, and for entries
    /// of an earlier version of the format that did not record the reason.
    #[serde(default)]
    pub why: Option<Reason>,
}

/// A filter for entries of the history.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HistoryFilter {
    /// The object of the entries, or `None` for all objects.
    pub object: Option<String>,
    /// The name of the tasks, or `None` for all names.
    pub task: Option<String>,
    /// The greatest number of entries, or `None` for no limit.
    pub limit: Option<usize>,
}

impl HistoryFilter {
    /// Returns a filter that accepts the whole history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Accepts only entries of an object, which is identified by its `stamp_subdir`.
    #[must_use]
    pub fn object(mut self, subdir: impl Into<String>) -> Self {
        self.object = Some(subdir.into());
        self
    }

    /// Accepts only entries of tasks with this name.
    #[must_use]
    pub fn task(mut self, task: impl Into<String>) -> Self {
        self.task = Some(task.into());
        self
    }

    /// Accepts only the latest entries, at most `limit` of them.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Returns whether the filter accepts an entry. The store applies the limit.
    pub fn accepts(&self, entry: &HistoryEntry) -> bool {
        self.object.as_ref().is_none_or(|object| *object == entry.object)
            && self.task.as_ref().is_none_or(|task| *task == entry.task)
    }
}

/// Returns a duration in whole microseconds, the unit of all durations in records and in JSON
/// output.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl HistoryEntry {
    /// Returns an entry of a task that ran.
    pub(super) fn at(time: u64) -> Self {
        let (run, object, task) = ("1-2".to_owned(), "ada".to_owned(), format!("at {time}"));
        let (ended, reason, error, why) = (AttemptEnd::Ran, "forced".to_owned(), None, None);
        Self { run, object, task, time: Timestamp(time), duration_us: 0, ended, reason, error, why }
    }
}
