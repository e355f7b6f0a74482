//! The reports of runs and dry runs.

mod error;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::task::file_change::FileChange;
pub use error::{RelatedError, RunError};

use crate::decide::Reason;
use crate::earlier::LastChange;

/// The report of a run or a dry run of an object.
///
/// ```
/// use setup_tasks::{prelude::*, run::TaskStatus};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let door = layout.add(Door)?;
/// let report = door.run_setup_tasks().await?;
/// let paint = report.task("paint").unwrap();
/// assert_eq!((paint.status, &paint.reason), (TaskStatus::Ran, &Some(Reason::NeverRan)));
/// assert!(door.run_setup_tasks().await?.is_up_to_date());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ObjectReport {
    /// The object's id.
    pub object: String,
    /// Whether the object is readonly, so that no task was considered.
    pub readonly: bool,
    /// The considered tasks, in run order.
    pub tasks: Vec<TaskReport>,
    /// The number of tasks that were up to date.
    pub up_to_date: usize,
}

/// The report on one task.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TaskReport {
    /// The task's name.
    pub task: &'static str,
    /// The task's description.
    pub description: Cow<'static, str>,
    /// The status of the task.
    pub status: TaskStatus,
    /// The reason why the task ran or would run, or `None` if it is up to date. If the task
    /// [may run](TaskStatus::MayRun), this is the reason for which it would.
    pub reason: Option<Reason>,
    /// The duration of the task's method.
    #[serde(rename = "duration_us", serialize_with = "micros")]
    pub duration: Duration,
    /// The tasks of a customization.
    pub subtasks: Vec<TaskReport>,
    /// The changes to files that the task would make, if [`Run::diff`](crate::run::Run::diff) or
    /// [`FleetRun::diff`](crate::fleet::FleetRun::diff) requested them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FileChange>,
    /// The reason why a dry run cannot decide about the task, or cannot compute the changes of a
    /// task that would run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<Undecided>,
    /// The digest of the texts and files that the task depends on, if the fleet requested it.
    #[serde(skip)]
    pub(crate) digest: Option<String>,
    /// The last change of the task, with which later tasks compare.
    #[serde(skip)]
    pub(crate) last_change: LastChange,
}

/// The status of a task in a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskStatus {
    /// The task is up to date.
    UpToDate,
    /// The task ran, and may have changed something.
    Ran,
    /// The task ran and reported that nothing had to change.
    Unchanged,
    /// The task skipped itself.
    Skipped,
    /// The object is readonly, and the state of the task's result differs from the desired one. The
    /// task is left alone.
    Drifted,
    /// The task would run. This is the status in a dry run.
    WouldRun,
    /// The task runs if an earlier task changes something. This is the status in a dry run.
    MayRun,
    /// A dry run cannot decide whether the task would run; see
    /// [`TaskReport::undecided`](field@TaskReport::undecided).
    Undecided,
    /// The object was brought down, and the task was undone.
    Undone,
    /// The object was brought down, and the task lost its stamp. It has no undo.
    Forgotten,
    /// The task would be undone. This is the status in a dry run.
    WouldUndo,
    /// The task would lose its stamp. This is the status in a dry run.
    WouldForget,
}

impl TaskStatus {
    /// The statuses of tasks that are not up to date, the most important first. The first one that a
    /// task of an object or of a customization has is the status of the whole.
    pub(crate) const BY_WEIGHT: [Self; 11] = [
        Self::Ran,
        Self::WouldRun,
        Self::Undecided,
        Self::MayRun,
        Self::Undone,
        Self::WouldUndo,
        Self::Forgotten,
        Self::WouldForget,
        Self::Unchanged,
        Self::Skipped,
        Self::Drifted,
    ];

    /// Returns the name of the status in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::UpToDate => "up_to_date",
            Self::Ran => "ran",
            Self::Unchanged => "unchanged",
            Self::Skipped => "skipped",
            Self::Drifted => "drifted",
            Self::WouldRun => "would_run",
            Self::MayRun => "may_run",
            Self::Undecided => "undecided",
            Self::Undone => "undone",
            Self::Forgotten => "forgotten",
            Self::WouldUndo => "would_undo",
            Self::WouldForget => "would_forget",
        }
    }
}

impl ObjectReport {
    pub(crate) fn new(object: &str) -> Self {
        Self { object: object.to_owned(), readonly: false, tasks: Vec::new(), up_to_date: 0 }
    }

    /// Returns the tasks with a status. The tasks of a customization replace the customization
    /// itself.
    pub fn with(&self, status: TaskStatus) -> impl Iterator<Item = &TaskReport> {
        with_status(&self.tasks, status)
    }

    /// Returns the tasks that ran and may have changed something.
    pub fn ran(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(TaskStatus::Ran)
    }

    /// Returns the tasks that ran and reported that nothing had to change.
    pub fn unchanged(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(TaskStatus::Unchanged)
    }

    /// Returns the tasks that would run.
    pub fn would_run(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(TaskStatus::WouldRun)
    }

    /// Returns the tasks that run if an earlier task changes something.
    pub fn may_run(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(TaskStatus::MayRun)
    }

    /// Returns the tasks that a dry run cannot decide.
    pub fn undecided(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(TaskStatus::Undecided)
    }

    /// Returns whether all tasks are up to date: none ran, would run, may run, skipped itself or is
    /// undecided.
    pub fn is_up_to_date(&self) -> bool {
        self.tasks.iter().all(|task| task.status == TaskStatus::UpToDate)
    }

    /// Returns the report on a task of any frame, by its stamp name.
    pub(crate) fn find(&self, name: &str) -> Option<&TaskReport> {
        fn find<'t>(tasks: &'t [TaskReport], name: &str) -> Option<&'t TaskReport> {
            tasks.iter().find_map(|task| if task.task == name { Some(task) } else { find(&task.subtasks, name) })
        }
        find(&self.tasks, name)
    }

    /// Returns the report on one task, or `None` if it was not considered.
    pub fn task(&self, name: &str) -> Option<&TaskReport> {
        self.tasks.iter().find(|task| task.task == name)
    }
}

/// Returns all tasks. The tasks of a customization replace the customization itself.
pub(crate) fn leaves(tasks: &[TaskReport]) -> Vec<&TaskReport> {
    tasks.iter().flat_map(|task| if task.subtasks.is_empty() { vec![task] } else { leaves(&task.subtasks) }).collect()
}

/// Returns the tasks of [`leaves`] with a status.
pub(crate) fn with_status(tasks: &[TaskReport], status: TaskStatus) -> impl Iterator<Item = &TaskReport> {
    leaves(tasks).into_iter().filter(move |task| task.status == status)
}

impl TaskReport {
    /// Returns whether the task is up to date.
    pub fn is_up_to_date(&self) -> bool {
        self.status == TaskStatus::UpToDate
    }

    /// Returns whether a dry run expects with certainty that the task changes something.
    #[doc(hidden)]
    pub fn is_certain_change(&self) -> bool {
        self.last_change == LastChange::CERTAIN
    }

    /// Returns the report on a customization. It ran, or would run, if one of its tasks did, and
    /// has the reason of that task.
    pub(crate) fn of_subtasks(
        task: &'static str,
        description: Cow<'static, str>,
        subtasks: Vec<Self>,
        last_change: LastChange,
    ) -> Self {
        let with = |status| subtasks.iter().find(|task| task.status == status);
        let telling = TaskStatus::BY_WEIGHT.into_iter().find_map(with);
        let status = telling.map_or(TaskStatus::UpToDate, |task| task.status);
        let (reason, duration) =
            (telling.and_then(|task| task.reason.clone()), subtasks.iter().map(|task| task.duration).sum());
        let undecided = telling.and_then(|task| task.undecided.clone());
        Self { status, reason, duration, subtasks, undecided, ..Self::up_to_date(task, description, last_change) }
    }

    pub(crate) fn up_to_date(task: &'static str, description: Cow<'static, str>, last_change: LastChange) -> Self {
        Self {
            task,
            description,
            status: TaskStatus::UpToDate,
            reason: None,
            duration: Duration::ZERO,
            subtasks: Vec::new(),
            changes: Vec::new(),
            undecided: None,
            digest: None,
            last_change,
        }
    }

    /// Returns the report on a task that was or would be undone or forgotten.
    pub(crate) fn taken_down(task: &'static str, description: Cow<'static, str>, status: TaskStatus) -> Self {
        Self { status, ..Self::up_to_date(task, description, LastChange::default()) }
    }
}

/// The reason why a plan cannot decide whether a task would run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Undecided {
    /// The task that must run first, as `object/task` if it belongs to another object. It would or
    /// may run, or is undecided itself.
    pub until: String,
    /// The error of the check that fails until then.
    pub error: String,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let error = self.error.lines().collect::<Vec<_>>().join("; ");
        write!(f, "decided once {} has run; before that, {error}", self.until)
    }
}

/// Serializes a duration in whole microseconds.
pub(crate) fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(crate::stamp::micros(*duration))
}
