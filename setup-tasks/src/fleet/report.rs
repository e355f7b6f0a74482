//! The report of a fleet.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::error::explain;
use crate::object::AnyObject;
use crate::report::{TaskReport, TaskStatus, leaves, micros, with_status};
use crate::span::WorkSpan;
use crate::work::SharedError;

/// The version of the report's JSON form.
const VERSION: u32 = 2;

/// The results of a fleet, or of its dry run. The text (`Display`) has one line for every task that
/// is not up to date and for every object that is readonly or was not completed, and then the
/// [`summary`](Self::summary). The page "Formats" of the book describes the JSON form.
///
/// ```
/// use setup_tasks::{fleet::ObjectStatus, prelude::*};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self) -> Result<()> {
///         Err(anyhow::anyhow!("the paint is dry"))
///     }
/// }
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Door)?;
/// let report = layout.run().await?;
/// assert!(!report.is_success());
/// for failed in report.with(ObjectStatus::Failed) {
///     eprintln!("{} failed: {}", failed.object, failed.error.as_ref().unwrap());
/// }
/// # assert_eq!(report.with(ObjectStatus::Failed).count(), 1);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FleetReport {
    /// Whether the fleet was a dry run.
    pub dry_run: bool,
    /// Whether the fleet brought objects down; see [`Layout::down`](crate::Layout::down).
    pub down: bool,
    /// Whether the fleet was stopped before its end; see [`FleetRun::stop_when`](super::FleetRun::stop_when).
    pub stopped: bool,
    /// The duration of the fleet.
    pub duration: Duration,
    /// The results of the selected objects in the order of adding, and then those of unselected
    /// objects that ran as dependencies.
    pub objects: Vec<ObjectResult>,
}

/// The result of one object.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct ObjectResult {
    /// The object's id.
    pub object: String,
    /// The name of the model's type.
    #[serde(rename = "type")]
    pub type_name: &'static str,
    /// Whether the object was selected. An unselected object ran because a selected one needed it.
    pub chosen: bool,
    /// The status of the object.
    pub outcome: ObjectStatus,
    /// The object's tasks that are not up to date, in run order.
    pub tasks: Vec<TaskReport>,
    /// The number of the object's tasks that are up to date.
    pub up_to_date: usize,
    /// The error of a failed object. The JSON form contains the error and its causes on one line.
    #[serde(serialize_with = "text")]
    pub error: Option<SharedError>,
    /// The path of objects from this one to the one that caused the failure.
    pub path: Vec<String>,
    /// The host of the worker that ran the object, or `None` if this process did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker: Option<String>,
    /// The duration, including the time of waiting.
    #[serde(rename = "duration_us", serialize_with = "micros")]
    pub duration: Duration,
}

/// The status of an object in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ObjectStatus {
    /// At least one task ran and may have changed something.
    Ran,
    /// At least one task ran, and none had to change anything.
    Unchanged,
    /// All tasks are up to date.
    UpToDate,
    /// No task completed, and at least one task skipped itself.
    Skipped,
    /// In a dry run: at least one task would run.
    WouldRun,
    /// In a dry run: no task is certain to run, and at least one is undecided.
    Undecided,
    /// In a dry run: at least one task runs if an earlier task changes something, and all others are up
    /// to date.
    MayRun,
    /// The object failed.
    Failed,
    /// A dependency of the object failed.
    DependencyFailed,
    /// The object is readonly. Its tasks were not considered. If the fleet verifies, the result
    /// contains those whose state differs from the desired one.
    Readonly,
    /// The object was brought down: tasks were undone or lost their stamps.
    BroughtDown,
    /// In a dry run: the object would be brought down.
    WouldBringDown,
    /// The object was to be brought down, and was down already.
    Down,
    /// The object was to be brought down, and stays because an object that depends on it does.
    DependentFailed,
    /// The object was not started because another one failed or the fleet was stopped.
    NotTried,
    /// The fleet was stopped before the object's last task.
    Stopped,
}

impl ObjectResult {
    pub(super) fn new(object: &AnyObject, tasks: Vec<TaskReport>, up_to_date: usize) -> Self {
        let has = |status| leaves(&tasks).iter().any(|task| task.status == status);
        let outcome = match TaskStatus::BY_WEIGHT.into_iter().find(|&status| has(status)) {
            Some(TaskStatus::Ran) => ObjectStatus::Ran,
            Some(TaskStatus::WouldRun) => ObjectStatus::WouldRun,
            Some(TaskStatus::Undecided) => ObjectStatus::Undecided,
            Some(TaskStatus::MayRun) => ObjectStatus::MayRun,
            Some(TaskStatus::Undone | TaskStatus::Forgotten) => ObjectStatus::BroughtDown,
            Some(TaskStatus::WouldUndo | TaskStatus::WouldForget) => ObjectStatus::WouldBringDown,
            Some(TaskStatus::Unchanged) => ObjectStatus::Unchanged,
            Some(TaskStatus::Skipped) => ObjectStatus::Skipped,
            Some(TaskStatus::Drifted | TaskStatus::UpToDate) | None => ObjectStatus::UpToDate,
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
            worker: None,
            duration: Duration::ZERO,
        }
    }

    /// Returns the tasks. The tasks of a customization replace the customization itself.
    pub fn leaves(&self) -> impl Iterator<Item = &TaskReport> {
        leaves(&self.tasks).into_iter()
    }

    /// Returns the tasks with a status. The tasks of a customization replace the customization itself.
    pub fn with(&self, status: TaskStatus) -> impl Iterator<Item = &TaskReport> {
        with_status(&self.tasks, status)
    }

    /// Returns whether the object was not completed: it or a dependency failed, or it was not tried
    /// or not finished.
    pub fn is_failure(&self) -> bool {
        use ObjectStatus::{DependencyFailed, DependentFailed, Failed, NotTried, Stopped};
        matches!(self.outcome, Failed | DependencyFailed | DependentFailed | NotTried | Stopped)
    }
}

impl FleetReport {
    /// Returns the result of one object, or `None` if it was neither selected nor needed.
    pub fn object(&self, id: &str) -> Option<&ObjectResult> {
        self.objects.iter().find(|result| result.object == id)
    }

    /// Returns the results of the objects with a status.
    pub fn with(&self, outcome: ObjectStatus) -> impl Iterator<Item = &ObjectResult> {
        self.objects.iter().filter(move |result| result.outcome == outcome)
    }

    /// Returns whether no result is a [failure](ObjectResult::is_failure).
    pub fn is_success(&self) -> bool {
        !self.objects.iter().any(ObjectResult::is_failure)
    }

    /// Returns whether something was changed: a task ran and may have changed something, or an object was brought down. A
    /// dry run changes nothing.
    pub fn has_changes(&self) -> bool {
        let is_change =
            |task: &TaskReport| matches!(task.status, TaskStatus::Ran | TaskStatus::Undone | TaskStatus::Forgotten);
        let is_down = |result: &ObjectResult| result.outcome == ObjectStatus::BroughtDown;
        !self.dry_run && self.objects.iter().any(|result| is_down(result) || result.leaves().any(is_change))
    }

    /// Records the results in the span of the run.
    pub(super) fn record(&self, span: &WorkSpan) {
        let outcome = match (self.is_success(), self.stopped, self.has_changes()) {
            (true, _, true) => "changed",
            (true, _, false) => "unchanged",
            (false, true, _) => "stopped",
            (false, false, _) => "failed",
        };
        let counted = [TaskStatus::Ran, TaskStatus::Unchanged, TaskStatus::UpToDate];
        counted.into_iter().for_each(|status| span.count(status.name(), self.count(status)));
        let failed = self.objects.iter().filter(|result| result.is_failure()).count();
        span.count("failed", failed);
        if outcome == "failed" { span.failed_with(outcome, || self.summary()) } else { span.ended(outcome) }
    }

    /// Returns the number of tasks with a status.
    pub fn count(&self, status: TaskStatus) -> usize {
        match status {
            TaskStatus::UpToDate => self.objects.iter().map(|result| result.up_to_date).sum(),
            status => self.objects.iter().map(|result| result.with(status).count()).sum(),
        }
    }

    /// Returns a summary of all results on one line.
    pub fn summary(&self) -> String {
        if self.down {
            return super::down::summary(self);
        }
        let of = |outcome| self.with(outcome).count();
        let behind = of(ObjectStatus::DependencyFailed) + of(ObjectStatus::DependentFailed);
        let (failed, not_tried) = (of(ObjectStatus::Failed), of(ObjectStatus::NotTried));
        let (ran, same, would) =
            (self.count(TaskStatus::Ran), self.count(TaskStatus::UpToDate), self.count(TaskStatus::WouldRun));
        let objects = counted(self.objects.len(), "object");
        let unfinished = of(ObjectStatus::Stopped);
        let has_failed = failed + behind > 0 || (not_tried > 0 && !self.stopped);
        let is_stopped = !has_failed && self.stopped;
        let (undecided, may) = (self.count(TaskStatus::Undecided), self.count(TaskStatus::MayRun));
        let unchanged = self.count(TaskStatus::Unchanged);
        let (down, would_down) = (of(ObjectStatus::BroughtDown), of(ObjectStatus::WouldBringDown));
        let drifted = self.count(TaskStatus::Drifted);
        let not_same = would + may + ran + undecided + unchanged + down + would_down + drifted;
        let is_same = !has_failed && !is_stopped && not_same == 0;
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
        } else if may > 0 {
            format!("may run: {} on {}", counted(may, "task"), counted(of(ObjectStatus::MayRun), "object"))
        } else if would_down > 0 {
            format!("would bring down: {}", counted(would_down, "object"))
        } else if drifted > 0 && ran + unchanged + down == 0 {
            let objects = self.objects.iter().filter(|object| object.with(TaskStatus::Drifted).next().is_some());
            format!("drifted: {} on {}", counted(drifted, "task"), counted(objects.count(), "readonly object"))
        } else {
            format!("done: {objects}")
        };
        let is_drifted = line.starts_with("drifted: ");
        let mut parts = Vec::new();
        let mut add = |count: usize, what: &str| {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        };
        add(behind, "depend on what failed");
        add(if is_stopped { 0 } else { unfinished }, "stopped before the end");
        add(not_tried, "not tried");
        let is_listed = has_failed || is_stopped || would > 0;
        add(if is_listed || undecided > 0 { may } else { 0 }, "may run");
        add(if is_listed { undecided } else { 0 }, "undecided");
        add(ran, if ran == 1 { "task ran" } else { "tasks ran" });
        add(unchanged, "unchanged");
        add(if is_same { 0 } else { same }, "up to date");
        add(self.count(TaskStatus::Skipped), "skipped");
        add(if is_drifted { 0 } else { drifted }, "drifted");
        add(down, "brought down");
        add(if line.starts_with("would bring down") { 0 } else { would_down }, "to bring down");
        add(of(ObjectStatus::Readonly), "readonly");
        if !parts.is_empty() {
            line.push_str("; ");
            line.push_str(&parts.join(", "));
        }
        line
    }
}

/// Returns a number with its noun.
pub(super) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

impl fmt::Display for FleetReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for result in &self.objects {
            for task in leaves(&result.tasks) {
                let status = match task.status {
                    TaskStatus::Ran => "ran",
                    TaskStatus::Unchanged => "unchanged",
                    TaskStatus::Skipped => "skipped",
                    TaskStatus::WouldRun => "would run",
                    TaskStatus::MayRun => "may run",
                    TaskStatus::Undecided => "undecided",
                    TaskStatus::Drifted => "drifted",
                    TaskStatus::Undone => "undone",
                    TaskStatus::Forgotten => "forgotten: it has no undo",
                    TaskStatus::WouldUndo => "would be undone",
                    TaskStatus::WouldForget => "would be forgotten: it has no undo",
                    TaskStatus::UpToDate => continue,
                };
                let undecided = task.undecided.as_ref().filter(|_| task.status == TaskStatus::Undecided);
                let reason = task.reason.as_ref().map(|reason| match task.status {
                    TaskStatus::MayRun => format!(", {}", reason.condition()),
                    _ => format!(": {reason}"),
                });
                let reason = undecided.map(|undecided| format!(": {undecided}")).or(reason).unwrap_or_default();
                writeln!(f, "{}/{} {status}{reason}", result.object, task.task)?;
            }
            let error = result.error.as_ref().map(|error| explain(&**error)).unwrap_or_default();
            match result.outcome {
                ObjectStatus::Failed => writeln!(f, "{} failed: {error}", result.object)?,
                ObjectStatus::DependencyFailed => {
                    writeln!(f, "{} depends on a failed object: {}", result.object, result.path.join(" -> "))?;
                }
                ObjectStatus::DependentFailed => writeln!(f, "{error}")?,
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

/// The JSON form begins with a version.
impl Serialize for FleetReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Versioned<'r> {
            version: u32,
            dry_run: bool,
            down: bool,
            stopped: bool,
            #[serde(rename = "duration_us", serialize_with = "micros")]
            duration: Duration,
            summary: String,
            objects: &'r [ObjectResult],
        }
        let &Self { dry_run, down, stopped, duration, .. } = self;
        let (summary, objects) = (self.summary(), &*self.objects);
        Versioned { version: VERSION, dry_run, down, stopped, duration, summary, objects }.serialize(serializer)
    }
}
