//! The history: one line for each attempt that ended, with its time, reason, duration and result.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Timestamp;
use crate::decide::Reason;

/// The end of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AttemptEnd {
    /// The method did its work.
    Ran,
    /// The method asked to be skipped.
    Skipped,
    /// The method failed.
    Failed,
    /// A user declared the task done.
    Marked,
}

/// One attempt of a task that ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// The run, as [`RunId`](super::RunId) prints.
    pub run: String,
    /// The object's `stamp_subdir`.
    pub object: String,
    /// The task's name.
    pub task: String,
    /// When the attempt ended.
    pub time: Timestamp,
    /// The duration in microseconds.
    pub duration_us: u64,
    /// The result.
    pub ended: AttemptEnd,
    /// Why it ran, in words.
    pub reason: String,
    /// The error of one that failed.
    pub error: Option<String>,
    /// Why it ran; `None` for what was marked, and where an earlier version of the format did not say.
    #[serde(default)]
    pub why: Option<Reason>,
}

/// Which part of the history is wanted.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct HistoryFilter {
    /// Of this object alone.
    pub object: Option<String>,
    /// Of tasks of this name alone.
    pub task: Option<String>,
    /// At most so many entries.
    pub limit: Option<usize>,
}

impl HistoryFilter {
    /// Returns a filter that takes the whole history.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes only entries of an object, which is named by its `stamp_subdir`.
    #[must_use]
    pub fn object(mut self, subdir: impl Into<String>) -> Self {
        self.object = Some(subdir.into());
        self
    }

    /// Takes only entries of tasks with this name.
    #[must_use]
    pub fn task(mut self, task: impl Into<String>) -> Self {
        self.task = Some(task.into());
        self
    }

    /// Takes only the latest entries, at most `limit` of them.
    #[must_use]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Returns whether an entry is wanted. The limit is the store's to apply.
    pub fn accepts(&self, entry: &HistoryEntry) -> bool {
        self.object.as_ref().is_none_or(|object| *object == entry.object)
            && self.task.as_ref().is_none_or(|task| *task == entry.task)
    }
}

/// Returns a duration in whole microseconds, the unit of all that is kept or printed as JSON.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
impl HistoryEntry {
    /// One of a task that ran.
    pub(super) fn at(time: u64) -> Self {
        let (run, object, task) = ("1-2".to_owned(), "ada".to_owned(), format!("at {time}"));
        let (ended, reason, error, why) = (AttemptEnd::Ran, "forced".to_owned(), None, None);
        Self { run, object, task, time: Timestamp(time), duration_us: 0, ended, reason, error, why }
    }
}
