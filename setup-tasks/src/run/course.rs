//! How far an object has come: which of its tasks were considered, in which epoch, and with what result. What depends on a
//! task in the same epoch is told from here, and the object goes on from here. There is one course for real runs and one for
//! dry runs.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::futures::Notified;
use tokio::sync::{MutexGuard as TurnGuard, Notify};

use super::error::RunError;
use super::report::{ObjectReport, TaskReport};
use crate::decide::Newest;
use crate::object::DynObject;
use crate::ready::{Epoch, Node, Until, WorkKind};
use crate::stamp::Moment;

/// One of the two ways through the tasks of an object.
pub(crate) struct Course {
    pub(crate) node: Node,
    /// Held by the one run that goes this way now.
    turn: tokio::sync::Mutex<()>,
    progress: Mutex<Progress>,
    advanced: Notify,
}

#[derive(Default)]
struct Progress {
    epoch: Option<Epoch>,
    /// For each task, by its row: whether it was considered, and its time.
    times: Vec<Passed>,
    newest: Option<Newest>,
    failed: Option<Box<RunError>>,
    /// What was done and is not up to date only.
    tasks: Vec<TaskReport>,
    up_to_date: usize,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Passed {
    #[default]
    No,
    WithoutTime,
    At(Moment),
}

impl Passed {
    fn known(self) -> Option<Known> {
        match self {
            Self::No => None,
            Self::WithoutTime => Some(Ok(None)),
            Self::At(time) => Some(Ok(Some(time))),
        }
    }
}

/// The time of a task that was considered, or why it was not.
type Known = Result<Option<Moment>, RunError>;

/// Where a run begins.
#[derive(Default)]
pub(crate) struct Start {
    pub(crate) newest: Option<Newest>,
    /// Rows that were considered before.
    passed: Vec<Passed>,
}

impl Start {
    pub(crate) fn has(&self, row: usize) -> bool {
        self.passed.get(row).is_some_and(|passed| *passed != Passed::No)
    }
}

impl Course {
    pub(crate) fn new(kind: WorkKind, id: Arc<str>) -> Self {
        Self {
            node: Node::new(kind, id),
            turn: tokio::sync::Mutex::new(()),
            progress: Mutex::default(),
            advanced: Notify::new(),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the other runs that go this way in this process.
    pub(super) async fn turn(&self) -> TurnGuard<'_, ()> {
        self.turn.lock().await
    }

    /// The next time that a task was considered, or the run failed.
    pub(super) fn advanced(&self) -> Notified<'_> {
        self.advanced.notified()
    }

    /// The time of a task that was considered in this epoch, or why it was not and will not be.
    pub(super) fn known(&self, epoch: Epoch, row: usize) -> Option<Known> {
        let progress = self.progress();
        if progress.epoch != Some(epoch) {
            return None;
        }
        let known = progress.times.get(row).copied().unwrap_or_default().known();
        known.or_else(|| progress.failed.as_deref().cloned().map(Err))
    }

    /// Begins a run: on from where the last one of the same epoch ended, or from the start.
    pub(super) fn begin(&self, epoch: Epoch, go_on: bool, rows: usize) -> Result<Start, RunError> {
        let mut progress = self.progress();
        if go_on && progress.epoch == Some(epoch) {
            if let Some(error) = progress.failed.as_deref() {
                return Err(error.clone());
            }
            return Ok(Start { newest: progress.newest.clone(), passed: progress.times.clone() });
        }
        let mut times = std::mem::take(&mut progress.times);
        times.clear();
        times.reserve_exact(rows);
        // What was done in the epoch stays to be told.
        let tasks = if progress.epoch == Some(epoch) { std::mem::take(&mut progress.tasks) } else { Vec::new() };
        *progress = Progress { epoch: Some(epoch), times, tasks, ..Progress::default() };
        Ok(Start::default())
    }

    /// A task was considered.
    pub(super) fn advance(&self, row: usize, time: Option<Moment>, newest: Option<&Newest>) {
        let mut progress = self.progress();
        if progress.times.len() <= row {
            progress.times.resize(row + 1, Passed::No);
        }
        progress.times[row] = time.map_or(Passed::WithoutTime, Passed::At);
        if progress.newest.as_ref() != newest {
            progress.newest = newest.cloned();
        }
        drop(progress);
        self.advanced.notify_waiters();
    }

    /// The run begins once more from where it began.
    pub(super) fn rewind(&self, start: &Start) {
        let mut progress = self.progress();
        progress.times.clone_from(&start.passed);
        progress.newest.clone_from(&start.newest);
    }

    /// The run ended, and did this.
    pub(super) fn end(&self, report: ObjectReport, error: Option<&RunError>) {
        let mut progress = self.progress();
        progress.up_to_date += report.up_to_date;
        progress.tasks.extend(report.tasks.into_iter().filter(|task| !task.is_up_to_date()));
        progress.failed = error.cloned().map(Box::new);
        drop(progress);
        self.advanced.notify_waiters();
    }

    /// What was done in an epoch, and is not told again.
    pub(crate) fn take_done(&self, epoch: Epoch) -> Option<Done> {
        let mut progress = self.progress();
        (progress.epoch == Some(epoch)).then(|| Done {
            tasks: std::mem::take(&mut progress.tasks),
            up_to_date: std::mem::take(&mut progress.up_to_date),
            failed: progress.failed.as_deref().cloned(),
        })
    }
}

/// What was done in an epoch.
#[derive(Default)]
pub(crate) struct Done {
    /// Tasks that are not up to date.
    pub(crate) tasks: Vec<TaskReport>,
    pub(crate) up_to_date: usize,
    pub(crate) failed: Option<RunError>,
}

/// A wait for one task of an object, which ends when that was considered.
pub(super) struct TaskPassed {
    pub(super) object: Weak<dyn DynObject>,
    pub(super) is_plan: bool,
    pub(super) epoch: Epoch,
    pub(super) row: usize,
}

impl Until for TaskPassed {
    fn is_over(&self) -> bool {
        let Some(object) = self.object.upgrade() else { return true };
        object.core().course(self.is_plan).known(self.epoch, self.row).is_some()
    }
}
