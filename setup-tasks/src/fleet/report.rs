//! What a fleet did.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::object::AnyObject;
use crate::run::{TaskReport, TaskStatus, explain, leaves, micros, with_status};
use crate::work::SharedError;

/// The version of the report as JSON.
const VERSION: u32 = 1;

/// What a fleet did, or would do. Its text (`Display`) has a line for every task that is not up to date and for every object
/// that is not as it should be, then the [`summary`](Self::summary). As JSON: docs/src/formats.md.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FleetReport {
    /// Whether it was a dry run.
    pub dry_run: bool,
    /// Whether it was stopped before its end: [`FleetRun::stop_when`](super::FleetRun::stop_when).
    pub stopped: bool,
    /// How long it took.
    pub duration: Duration,
    /// The objects that were chosen, in the order of adding; then those that were run for them.
    pub objects: Vec<ObjectResult>,
}

/// What became of one object.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ObjectResult {
    /// Its id.
    pub object: String,
    /// The name of its model's type.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// Whether it was chosen, and not just run for one that was.
    pub chosen: bool,
    /// What became of it.
    pub outcome: ObjectStatus,
    /// Its tasks that are not up to date, in run order.
    pub tasks: Vec<TaskReport>,
    /// How many of its tasks are up to date.
    pub up_to_date: usize,
    /// Why it failed; as JSON the error with its causes on one line.
    #[serde(serialize_with = "text")]
    pub error: Option<SharedError>,
    /// The objects from this one to the one that failed on its own.
    pub path: Vec<String>,
    /// How long it took, waiting included.
    #[serde(rename = "duration_us", serialize_with = "micros")]
    pub duration: Duration,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ObjectStatus {
    /// A task ran.
    Ran,
    /// There was nothing to do.
    UpToDate,
    /// Nothing ran, and a task asked to be skipped.
    Skipped,
    /// A task would run, were this not a dry run.
    WouldRun,
    /// No task would run for sure, and a dry run cannot decide some.
    Undecided,
    /// It failed.
    Failed,
    /// Something that it depends on failed.
    DependencyFailed,
    /// It is readonly: nothing was looked at.
    Readonly,
    /// It was not begun, since another one failed or the fleet was stopped.
    NotTried,
    /// The fleet was stopped before its last task.
    Stopped,
}

impl ObjectResult {
    pub(super) fn new(object: &AnyObject, tasks: Vec<TaskReport>, up_to_date: usize) -> Self {
        let has = |status| leaves(&tasks).iter().any(|task| task.status == status);
        let outcome = if has(TaskStatus::Ran) {
            ObjectStatus::Ran
        } else if has(TaskStatus::WouldRun) {
            ObjectStatus::WouldRun
        } else if has(TaskStatus::Undecided) {
            ObjectStatus::Undecided
        } else if has(TaskStatus::Skipped) {
            ObjectStatus::Skipped
        } else {
            ObjectStatus::UpToDate
        };
        Self {
            object: object.id().to_owned(),
            type_name: object.type_name(),
            chosen: true,
            outcome,
            tasks,
            up_to_date,
            error: None,
            path: Vec::new(),
            duration: Duration::ZERO,
        }
    }

    /// Its tasks; in the place of customizations, their tasks.
    pub fn leaves(&self) -> impl Iterator<Item = &TaskReport> {
        leaves(&self.tasks).into_iter()
    }

    /// Its tasks with a status; in the place of customizations, their tasks.
    pub fn with(&self, status: TaskStatus) -> impl Iterator<Item = &TaskReport> {
        with_status(&self.tasks, status)
    }

    /// Whether it is not as it should be: it, or something that it depends on, failed, or it was not tried or not finished.
    pub fn is_failure(&self) -> bool {
        use ObjectStatus::{DependencyFailed, Failed, NotTried, Stopped};
        matches!(self.outcome, Failed | DependencyFailed | NotTried | Stopped)
    }
}

impl FleetReport {
    /// The result of one object.
    pub fn object(&self, id: &str) -> Option<&ObjectResult> {
        self.objects.iter().find(|result| result.object == id)
    }

    /// The objects with an outcome.
    pub fn with(&self, outcome: ObjectStatus) -> impl Iterator<Item = &ObjectResult> {
        self.objects.iter().filter(move |result| result.outcome == outcome)
    }

    /// Whether nothing failed.
    pub fn is_success(&self) -> bool {
        !self.objects.iter().any(ObjectResult::is_failure)
    }

    /// How many tasks have a status.
    pub fn count(&self, status: TaskStatus) -> usize {
        match status {
            TaskStatus::UpToDate => self.objects.iter().map(|result| result.up_to_date).sum(),
            status => self.objects.iter().map(|result| result.with(status).count()).sum(),
        }
    }

    /// What became of all, on one line.
    pub fn summary(&self) -> String {
        let of = |outcome| self.with(outcome).count();
        let (failed, behind, not_tried) =
            (of(ObjectStatus::Failed), of(ObjectStatus::DependencyFailed), of(ObjectStatus::NotTried));
        let (ran, same, would) =
            (self.count(TaskStatus::Ran), self.count(TaskStatus::UpToDate), self.count(TaskStatus::WouldRun));
        let objects = counted(self.objects.len(), "object");
        let unfinished = of(ObjectStatus::Stopped);
        let has_failed = failed + behind > 0 || (not_tried > 0 && !self.stopped);
        let is_stopped = !has_failed && self.stopped;
        let undecided = self.count(TaskStatus::Undecided);
        let is_same = !has_failed && !is_stopped && would == 0 && ran == 0 && undecided == 0;
        let mut line = if has_failed {
            format!("failed: {failed} of {objects}")
        } else if is_stopped {
            format!("stopped: {} of {objects} not finished", unfinished + not_tried)
        } else if is_same {
            format!("up to date: {objects}, {}, nothing to do", counted(same, "task"))
        } else if would > 0 {
            format!("would run: {} on {}", counted(would, "task"), counted(of(ObjectStatus::WouldRun), "object"))
        } else if undecided > 0 {
            format!("undecided: {} on {}", counted(undecided, "task"), counted(of(ObjectStatus::Undecided), "object"))
        } else {
            format!("done: {objects}")
        };
        let mut parts = Vec::new();
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        };
        add(behind, "depend on what failed");
        add(if is_stopped { 0 } else { unfinished }, "stopped before the end");
        add(not_tried, "not tried");
        add(if would > 0 || has_failed || is_stopped { undecided } else { 0 }, "undecided");
        add(ran, if ran == 1 { "task ran" } else { "tasks ran" });
        add(if is_same { 0 } else { same }, "up to date");
        add(self.count(TaskStatus::Skipped), "skipped");
        add(of(ObjectStatus::Readonly), "readonly");
        if !parts.is_empty() {
            line.push_str("; ");
            line.push_str(&parts.join(", "));
        }
        line
    }
}

fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

impl fmt::Display for FleetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in &self.objects {
            for task in leaves(&result.tasks) {
                let status = match task.status {
                    TaskStatus::Ran => "ran",
                    TaskStatus::Skipped => "skipped",
                    TaskStatus::WouldRun => "would run",
                    TaskStatus::Undecided => "undecided",
                    TaskStatus::UpToDate => continue,
                };
                let undecided = task.undecided.as_ref().filter(|_| task.status == TaskStatus::Undecided);
                let reason = task.reason.as_ref().map(|reason| format!(": {reason}"));
                let reason = undecided.map(|undecided| format!(": {undecided}")).or(reason).unwrap_or_default();
                writeln!(f, "{}/{} {status}{reason}", result.object, task.task)?;
            }
            let error = result.error.as_ref().map(|error| explain(&**error)).unwrap_or_default();
            match result.outcome {
                ObjectStatus::Failed => writeln!(f, "{} failed: {error}", result.object)?,
                ObjectStatus::DependencyFailed => {
                    writeln!(f, "{} depends on a failed object: {}", result.object, result.path.join(" -> "))?;
                }
                ObjectStatus::Readonly => writeln!(f, "{} is readonly", result.object)?,
                ObjectStatus::NotTried => writeln!(f, "{} was not tried", result.object)?,
                ObjectStatus::Stopped => writeln!(f, "{} was stopped before its end", result.object)?,
                _ => {}
            }
        }
        f.write_str(&self.summary())
    }
}

#[expect(clippy::ref_option, reason = "serde hands the field over")]
fn text<S: Serializer>(error: &Option<SharedError>, serializer: S) -> Result<S::Ok, S::Error> {
    error.as_ref().map(|error| explain(&**error)).serialize(serializer)
}

/// With a version in front.
impl Serialize for FleetReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Versioned<'r> {
            version: u32,
            dry_run: bool,
            stopped: bool,
            #[serde(rename = "duration_us", serialize_with = "micros")]
            duration: Duration,
            summary: String,
            objects: &'r [ObjectResult],
        }
        let (dry_run, stopped, duration) = (self.dry_run, self.stopped, self.duration);
        let (summary, objects) = (self.summary(), &*self.objects);
        Versioned { version: VERSION, dry_run, stopped, duration, summary, objects }.serialize(serializer)
    }
}
