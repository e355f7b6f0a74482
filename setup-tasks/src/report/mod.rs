//! What a run did, or would do.

mod error;

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

use crate::task::file_change::FileChange;
pub(crate) use error::explain;
pub use error::{RelatedError, RunError};

use crate::decide::Reason;
use crate::stamp::Timestamp;

/// What a run of an object did, or what a dry run would do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ObjectReport {
    /// The object's id.
    pub object: String,
    /// Whether nothing was considered because the object is readonly.
    pub readonly: bool,
    /// Every task that was considered, in run order.
    pub tasks: Vec<TaskReport>,
    /// How many were up to date.
    pub up_to_date: usize,
}

/// What became of one task.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct TaskReport {
    /// The task's name.
    pub task: &'static str,
    /// What it does.
    pub description: Cow<'static, str>,
    /// What became of it.
    pub status: TaskStatus,
    /// Why it ran or would run; `None` if it is up to date.
    pub reason: Option<Reason>,
    /// How long its method took.
    #[serde(rename = "duration_us", serialize_with = "micros")]
    pub duration: Duration,
    /// Of a customization, its tasks.
    pub subtasks: Vec<TaskReport>,
    /// In a dry run that was asked for it, what it would change in files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<FileChange>,
    /// In a dry run, why it is undecided. Of a task that would run, why its changes are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undecided: Option<Undecided>,
    /// When it last completed, as far as it is known.
    #[serde(skip)]
    pub(crate) time: Option<Timestamp>,
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum TaskStatus {
    /// There was nothing to do.
    UpToDate,
    /// It ran.
    Ran,
    /// It asked to be skipped.
    Skipped,
    /// It would run, were this not a dry run.
    WouldRun,
    /// A dry run cannot say whether it would run: [`TaskReport::undecided`](field@TaskReport::undecided).
    Undecided,
}

impl ObjectReport {
    pub(crate) fn new(object: &str) -> Self {
        Self { object: object.to_owned(), readonly: false, tasks: Vec::new(), up_to_date: 0 }
    }

    /// The tasks with a status; in the place of customizations, their tasks.
    pub fn with(&self, status: TaskStatus) -> impl Iterator<Item = &TaskReport> {
        with_status(&self.tasks, status)
    }

    /// The tasks that ran.
    pub fn ran(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(TaskStatus::Ran)
    }

    /// The tasks that would run.
    pub fn would_run(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(TaskStatus::WouldRun)
    }

    /// The tasks that a dry run cannot decide.
    pub fn undecided(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(TaskStatus::Undecided)
    }

    /// Whether nothing ran, nothing would, and nothing is undecided.
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

    /// The report on one task, if it was considered.
    pub fn task(&self, name: &str) -> Option<&TaskReport> {
        self.tasks.iter().find(|task| task.task == name)
    }
}

/// Every task, and in the place of a customization its tasks.
pub(crate) fn leaves(tasks: &[TaskReport]) -> Vec<&TaskReport> {
    tasks.iter().flat_map(|task| if task.subtasks.is_empty() { vec![task] } else { leaves(&task.subtasks) }).collect()
}

/// Those with a status of [`leaves`].
pub(crate) fn with_status(tasks: &[TaskReport], status: TaskStatus) -> impl Iterator<Item = &TaskReport> {
    leaves(tasks).into_iter().filter(move |task| task.status == status)
}

impl TaskReport {
    /// Whether there was nothing to do.
    pub fn is_up_to_date(&self) -> bool {
        self.status == TaskStatus::UpToDate
    }

    /// The report on a customization: it ran, or would, if one of its tasks did, for that one's reason.
    pub(crate) fn of_subtasks(
        task: &'static str,
        description: Cow<'static, str>,
        subtasks: Vec<Self>,
        time: Option<Timestamp>,
    ) -> Self {
        let with = |status| subtasks.iter().find(|task| task.status == status);
        let telling = [TaskStatus::Ran, TaskStatus::WouldRun, TaskStatus::Undecided, TaskStatus::Skipped]
            .into_iter()
            .find_map(with);
        let status = telling.map_or(TaskStatus::UpToDate, |task| task.status);
        let (reason, duration) =
            (telling.and_then(|task| task.reason.clone()), subtasks.iter().map(|task| task.duration).sum());
        let undecided = telling.and_then(|task| task.undecided.clone());
        Self { status, reason, duration, subtasks, undecided, ..Self::up_to_date(task, description, time) }
    }

    pub(crate) fn up_to_date(task: &'static str, description: Cow<'static, str>, time: Option<Timestamp>) -> Self {
        Self {
            task,
            description,
            status: TaskStatus::UpToDate,
            reason: None,
            duration: Duration::ZERO,
            subtasks: Vec::new(),
            changes: Vec::new(),
            undecided: None,
            time,
        }
    }

    pub(crate) fn undecided(task: &'static str, description: Cow<'static, str>, undecided: Undecided) -> Self {
        let (status, undecided) = (TaskStatus::Undecided, Some(undecided));
        Self { status, undecided, ..Self::up_to_date(task, description, Some(Timestamp::UNDECIDED)) }
    }

    pub(crate) fn would_run(task: &'static str, description: Cow<'static, str>, reason: Reason) -> Self {
        let (status, reason) = (TaskStatus::WouldRun, Some(reason));
        Self { status, reason, ..Self::up_to_date(task, description, Some(Timestamp::FUTURE)) }
    }
}

/// The reason why a plan cannot say whether a task would run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Undecided {
    /// The task that would run, or that is undecided itself, and has to run first; of another object as `object/task`.
    pub until: String,
    /// The error of the check that cannot answer before; `None` if the task runs just if `until` does.
    pub error: Option<String>,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "decided once {} has run; before that, {error}", self.until),
            None => write!(f, "it runs if {} runs", self.until),
        }
    }
}

/// Serializes a duration in whole microseconds.
pub(crate) fn micros<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(crate::stamp::micros(*duration))
}
