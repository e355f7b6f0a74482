//! The results of objects as JSON, which workers write and the process with the run reads. The page "Formats" of the book describes it.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::decide::Reason;
use crate::earlier::LastChange;
use crate::error::explain;
use crate::error_help;
use crate::fleet::{ObjectResult, ObjectStatus};
use crate::report::{TaskReport, TaskStatus, Undecided};
use crate::stamp::micros;

/// The version of the format.
const VERSION: u32 = 1;

/// The result of an object.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::fleet) struct WireResult {
    version: u32,
    object: String,
    #[serde(rename = "type")]
    type_name: String,
    chosen: bool,
    outcome: ObjectStatus,
    tasks: Vec<WireTask>,
    up_to_date: usize,
    error: Option<String>,
    path: Vec<String>,
    duration_us: u64,
}

/// The report on a task.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::fleet) struct WireTask {
    task: String,
    description: String,
    status: TaskStatus,
    reason: Option<Reason>,
    duration_us: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    subtasks: Vec<Self>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undecided: Option<Undecided>,
}

/// The error of an object that another process has run.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
struct WorkerError {
    text: String,
    help: Option<String>,
}

error_help!(WorkerError);

impl WorkerError {
    fn help(&self) -> Option<Cow<'_, str>> {
        self.help.as_deref().map(Cow::from)
    }
}

impl WireResult {
    pub(in crate::fleet) fn of(result: &ObjectResult) -> Self {
        Self {
            version: VERSION,
            object: result.object.clone(),
            type_name: result.type_name.to_owned(),
            chosen: result.chosen,
            outcome: result.outcome,
            tasks: result.tasks.iter().map(WireTask::of).collect(),
            up_to_date: result.up_to_date,
            error: result.error.as_ref().map(|error| explain(&**error)),
            path: result.path.clone(),
            duration_us: micros(result.duration),
        }
    }

    /// Parses a result. Returns `None` for another version.
    pub(in crate::fleet) fn parse(json: &str) -> Option<ObjectResult> {
        let wire: Self = serde_json::from_str(json).ok().filter(|wire: &Self| wire.version == VERSION)?;
        let error = wire.error.map(|text| {
            let (text, help) = match text.split_once("\nhelp: ") {
                Some((text, help)) => (text.to_owned(), Some(help.to_owned())),
                None => (text, None),
            };
            anyhow::Error::new(WorkerError { text, help }).into()
        });
        Some(ObjectResult {
            object: wire.object,
            type_name: interned(&wire.type_name),
            chosen: wire.chosen,
            outcome: wire.outcome,
            tasks: wire.tasks.into_iter().map(WireTask::report).collect(),
            up_to_date: wire.up_to_date,
            error,
            path: wire.path,
            worker: None,
            duration: Duration::from_micros(wire.duration_us),
        })
    }
}

impl WireTask {
    pub(in crate::fleet) fn of(report: &TaskReport) -> Self {
        Self {
            task: report.task.to_owned(),
            description: report.description.clone().into_owned(),
            status: report.status,
            reason: report.reason.clone(),
            duration_us: micros(report.duration),
            subtasks: report.subtasks.iter().map(Self::of).collect(),
            undecided: report.undecided.clone(),
        }
    }

    pub(in crate::fleet) fn report(self) -> TaskReport {
        TaskReport {
            status: self.status,
            reason: self.reason,
            duration: Duration::from_micros(self.duration_us),
            subtasks: self.subtasks.into_iter().map(Self::report).collect(),
            undecided: self.undecided,
            ..TaskReport::up_to_date(interned(&self.task), self.description.into(), LastChange::default())
        }
    }
}

/// Returns a text that lives as long as the process. Names of tasks and types are part of the program, so there are few of them.
pub(in crate::fleet) fn interned(text: &str) -> &'static str {
    static TEXTS: OnceLock<Mutex<HashSet<&'static str>>> = OnceLock::new();
    let mut texts = TEXTS.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = texts.get(text) {
        return known;
    }
    let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
    texts.insert(text);
    text
}
