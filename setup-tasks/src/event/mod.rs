//! Events of objects and their tasks.
//!
//! An event is sent to the listeners at the object's injector and at its ancestors, selected by the
//! keys of the object. Progress displays, logs and tests are listeners.

mod key;
mod listen;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use key::EventKey;
pub(crate) use listen::Listeners;
pub use listen::{EventStream, Listening};

use crate::decide::Reason;
use crate::drift::Difference;
use crate::report::Undecided;
use crate::stamp::Timestamp;
use crate::task::file_change::FileChange;

/// An event of a task or an object.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// The time of the event.
    pub at: Timestamp,
    /// The id of the object.
    #[serde(serialize_with = "text")]
    pub object: Arc<str>,
    /// The name of the task, or an empty string for an event of the whole object.
    pub task: &'static str,
    /// The description of the task.
    pub description: Cow<'static, str>,
    /// The host of the worker that runs the task, or `None` if this process does.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "optional_text")]
    pub worker: Option<Arc<str>>,
    /// The kind of event and its details.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// Creates an event with the current time.
    pub fn new(
        object: impl Into<Arc<str>>,
        task: &'static str,
        description: impl Into<Cow<'static, str>>,
        kind: EventKind,
    ) -> Self {
        let (object, description) = (object.into(), description.into());
        Self { at: SystemTime::now().into(), object, task, description, worker: None, kind }
    }

    /// Adds the host of the worker that runs the task.
    #[must_use]
    pub fn of_worker(mut self, host: &str) -> Self {
        self.worker = Some(host.into());
        self
    }
}

/// The kind of an event, with its details.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// The task was found to need a run.
    TaskShouldRun {
        /// The reason for the run.
        reason: Reason,
    },
    /// An attempt of the task starts.
    TaskStart {
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// The task succeeded and its stamp is written.
    TaskRan {
        /// The duration of all attempts together.
        #[serde(rename = "duration_us", with = "duration_us")]
        duration: Duration,
    },
    /// The task succeeded and its stamp is written. It reported that nothing had to change.
    TaskUnchanged {
        /// The duration of all attempts together.
        #[serde(rename = "duration_us", with = "duration_us")]
        duration: Duration,
    },
    /// The task failed after its last attempt, or one of its decision methods failed.
    TaskFail {
        /// The error, with its causes.
        error: String,
        /// The duration of all attempts together, or zero if a decision method failed.
        #[serde(rename = "duration_us", with = "duration_us")]
        duration: Duration,
        /// The log of the last attempt, if it wrote one.
        log: Option<PathBuf>,
    },
    /// An attempt failed and another one follows.
    TaskRetry {
        /// The error, with its causes.
        error: String,
        /// The number of the failed attempt, from 1.
        attempt: u32,
        /// The delay before the next attempt.
        #[serde(rename = "wait_us", with = "duration_us")]
        wait: Duration,
    },
    /// The task is up to date.
    TaskAlreadyRun,
    /// The task skipped itself.
    TaskSkipped,
    /// The task would run if this were not a dry run.
    TaskWouldRun {
        /// The reason for the run.
        reason: Reason,
    },
    /// The object is readonly, and the state of the task's result differs from the desired one.
    TaskDrifted {
        /// The differences.
        what: Vec<Difference>,
    },
    /// The task would run if this were not a dry run and an earlier task changed something.
    TaskMayRun {
        /// The reason for the run. It names the earlier task, or the first of several.
        reason: Reason,
    },
    /// A dry run cannot determine whether the task would run.
    TaskUndecided {
        /// The reason.
        #[serde(flatten)]
        undecided: Undecided,
    },
    /// An attempt of the task's undo starts, because its object is brought down.
    UndoStart {
        /// The number of the attempt, from 1.
        attempt: u32,
    },
    /// The task was undone. Its record is removed.
    TaskUndone {
        /// The duration of all attempts together.
        #[serde(rename = "duration_us", with = "duration_us")]
        duration: Duration,
    },
    /// The task lost its stamp, because its object is brought down. It has no undo.
    TaskForgotten,
    /// The undo of the task failed after its last attempt.
    UndoFail {
        /// The error, with its causes.
        error: String,
        /// The duration of all attempts together.
        #[serde(rename = "duration_us", with = "duration_us")]
        duration: Duration,
        /// The log of the last attempt, if it wrote one.
        log: Option<PathBuf>,
    },
    /// The task would be undone if this were not a dry run.
    TaskWouldBeUndone,
    /// The task has no undo, and would lose its stamp if this were not a dry run.
    TaskWouldBeForgotten,
    /// The task is about to change files, and the run
    /// [shows changes](crate::fleet::FleetRun::show_changes).
    FileChanges {
        /// The changes, as far as the kind of the task can compute them.
        changes: Vec<FileChange>,
    },
    /// The task's hash or inputs changed while it ran, so the next run runs it again.
    ChangedWhileRunning,
    /// The run waits for another process that is running the object.
    Waiting {
        /// A description of that process, as far as it is known.
        holder: String,
    },
    /// The lease of the object was lost. The run stops its tasks, waits until the lease is free, and goes
    /// on with the tasks that its new holder has not done.
    LeaseLost {
        /// A description of the loss, with the new holder if it is known.
        reason: String,
    },
    /// The object is ready.
    ObjectReady,
    /// The object is down: none of its tasks has a record.
    ObjectDown,
    /// The object could not be brought to ready, or could not be brought down.
    ObjectFailed {
        /// The error, with its causes.
        error: String,
    },
    /// A command of the task starts.
    CommandStart {
        /// The command's [label](crate::command::TaskCommand::label), or the command as it would be
        /// typed.
        command: String,
    },
    /// A command of the task ended or was ended.
    CommandEnd {
        /// The command, as in the event of its start.
        command: String,
        /// The duration of the command.
        #[serde(rename = "duration_us", with = "duration_us")]
        duration: Duration,
    },
    /// The task wrote a line with [`TaskContext::log`](crate::TaskContext::log).
    LogLine {
        /// The line.
        line: String,
    },
}

/// A duration in whole microseconds.
mod duration_us {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        crate::report::micros(duration, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_micros)
    }
}

#[expect(clippy::ref_option, reason = "serde hands the field over")]
fn optional_text<S: Serializer>(text: &Option<Arc<str>>, serializer: S) -> Result<S::Ok, S::Error> {
    text.as_deref().serialize(serializer)
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
