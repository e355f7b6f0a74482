//! What a run did, or would do.

use std::borrow::Cow;
use std::time::Duration;

use crate::decide::Reason;
use crate::stamp::Moment;

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
}

/// What became of one task.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskReport {
    /// The task's name.
    pub task: &'static str,
    /// What it does.
    pub description: Cow<'static, str>,
    /// What became of it.
    pub status: Status,
    /// Why it ran or would run; `None` if it is up to date.
    pub reason: Option<Reason>,
    /// How long its method took.
    pub duration: Duration,
    /// When it last completed, as far as it is known.
    pub(crate) time: Option<Moment>,
}

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Status {
    /// There was nothing to do.
    UpToDate,
    /// It ran.
    Ran,
    /// It asked to be skipped.
    Skipped,
    /// It would run, were this not a dry run.
    WouldRun,
}

impl ObjectReport {
    /// The tasks with a status.
    pub fn with(&self, status: Status) -> impl Iterator<Item = &TaskReport> {
        self.tasks.iter().filter(move |task| task.status == status)
    }

    /// The tasks that ran.
    pub fn ran(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(Status::Ran)
    }

    /// The tasks that would run.
    pub fn would_run(&self) -> impl Iterator<Item = &TaskReport> {
        self.with(Status::WouldRun)
    }

    /// Whether nothing ran and nothing would.
    pub fn is_up_to_date(&self) -> bool {
        self.tasks.iter().all(|task| task.status == Status::UpToDate)
    }

    /// The report on one task, if it was considered.
    pub fn task(&self, name: &str) -> Option<&TaskReport> {
        self.tasks.iter().find(|task| task.task == name)
    }
}

impl TaskReport {
    pub(crate) fn up_to_date(task: &'static str, description: Cow<'static, str>, time: Option<Moment>) -> Self {
        Self { task, description, status: Status::UpToDate, reason: None, duration: Duration::ZERO, time }
    }

    pub(crate) fn would_run(task: &'static str, description: Cow<'static, str>, reason: Reason) -> Self {
        let (reason, time) = (Some(reason), Some(Moment::FUTURE));
        Self { task, description, status: Status::WouldRun, reason, duration: Duration::ZERO, time }
    }
}
