//! What happens to objects and their tasks, told to whoever listens: at the object's injector and those above it, by the
//! keys of the object. Progress, logs, the history of a test all read it.

mod key;
mod listen;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

pub use key::EventKey;
pub(crate) use listen::Listeners;
pub use listen::{EventStream, Listening};

use crate::decide::Reason;
use crate::run::{Undecided, micros};
use crate::stamp::Timestamp;

/// Something that happened to a task or an object.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Event {
    /// When it happened.
    pub at: Timestamp,
    /// The object's id.
    #[serde(serialize_with = "text")]
    pub object: Arc<str>,
    /// The task's name; empty for an event of the whole object.
    pub task: &'static str,
    /// What the task does, in words.
    pub description: Cow<'static, str>,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

impl Event {
    /// Something that happens now.
    pub fn new(
        object: impl Into<Arc<str>>,
        task: &'static str,
        description: impl Into<Cow<'static, str>>,
        kind: EventKind,
    ) -> Self {
        let (object, description) = (object.into(), description.into());
        Self { at: SystemTime::now().into(), object, task, description, kind }
    }
}

/// What happened.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// It was decided that the task runs.
    TaskShouldRun {
        /// Why.
        reason: Reason,
    },
    /// An attempt of its method begins.
    TaskStart {
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// It did its work and its stamp is written.
    TaskRan {
        /// How long its method took.
        #[serde(rename = "duration_us", serialize_with = "micros")]
        duration: Duration,
    },
    /// It failed for good, or a method that decides whether it runs did.
    TaskFail {
        /// The error, with its causes.
        error: String,
        /// How long its method took.
        #[serde(rename = "duration_us", serialize_with = "micros")]
        duration: Duration,
        /// The log of its last attempt, if that wrote one.
        log: Option<PathBuf>,
    },
    /// An attempt failed; there will be another.
    TaskRetry {
        /// The error, with its causes.
        error: String,
        /// Which attempt failed, from 1.
        attempt: u32,
        /// How long the run waits before the next.
        #[serde(rename = "wait_us", serialize_with = "micros")]
        wait: Duration,
    },
    /// It is up to date.
    TaskAlreadyRun,
    /// It asked to be skipped.
    TaskSkipped,
    /// It would run, were this not a dry run.
    TaskWouldRun {
        /// Why.
        reason: Reason,
    },
    /// A dry run cannot say whether it would run.
    TaskUndecided {
        /// Why.
        #[serde(flatten)]
        undecided: Undecided,
    },
    /// Its hash or its inputs changed while its method ran: the next run runs it again.
    ChangedWhileRunning,
    /// The run waits for another process that runs the object.
    Waiting {
        /// That process, as far as it is known.
        holder: String,
    },
    /// The object was brought to ready.
    ObjectReady,
    /// The object could not be brought to ready.
    ObjectFailed {
        /// The error, with its causes.
        error: String,
    },
    /// The task says something: [`TaskContext::log`](crate::TaskContext::log).
    LogLine {
        /// What it says.
        line: String,
    },
}

fn text<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(text)
}
