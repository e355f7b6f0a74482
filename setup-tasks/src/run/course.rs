//! How far an object has come: which of its tasks were considered, when, and with what result. Who depends on a task is told
//! from here if it was considered after that one began, and a run goes on from here. There is one course for real runs and one
//! for dry runs.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::futures::Notified;
use tokio::sync::{MutexGuard as TurnGuard, Notify};

use super::error::RunError;
use super::report::{ObjectReport, TaskReport};
use crate::decide::Newest;
use crate::object::DynObject;
use crate::stamp::Timestamp;
use crate::wait::{WaitCondition, WaitNode, WorkKind};
use crate::work::{Current, Epoch};

/// One of the two ways through the tasks of an object.
pub(crate) struct Course {
    pub(crate) node: WaitNode,
    /// Held by the one run that goes this way now.
    turn: tokio::sync::Mutex<()>,
    progress: Mutex<Progress>,
    advanced: Notify,
    /// How many wait for it to advance: mostly nobody, and then nobody is told.
    watchers: AtomicUsize,
}

#[derive(Default)]
struct Progress {
    /// Of the last run.
    epoch: Option<Epoch>,
    is_under_way: bool,
    /// For each task, by its row.
    passed: Vec<Option<Passed>>,
    /// For each task, what a run in another process said of it while this one waited for that.
    passed_elsewhere: Vec<Option<Passed>>,
    newest: Option<Newest>,
    failed: Option<(Box<RunError>, Epoch)>,
    /// What was done and is not up to date only.
    tasks: Vec<TaskReport>,
    up_to_date: usize,
}

/// What became of a task in the last run.
#[derive(Clone, Copy)]
struct Passed {
    time: Option<Timestamp>,
    /// It is good for what began before.
    at: Epoch,
}

/// The time of a task that was considered, or why it was not.
type Known = Result<Option<Timestamp>, RunError>;

/// On whose behalf something is asked.
#[derive(Clone, Copy)]
pub(super) struct Asker {
    pub(super) epoch: Epoch,
    /// Whether what an earlier epoch's run says is good, too, as long as that one is under way: waiting for its end could
    /// close a circle where it waits for the asker in turn.
    pub(super) takes_running: bool,
    /// Whether only what its own epoch did is good, since it forces the task.
    pub(super) own_alone: bool,
}

/// Where a run begins.
#[derive(Default)]
pub(crate) struct Start {
    pub(crate) newest: Option<Newest>,
    /// Rows that were considered before.
    passed: Vec<Option<Passed>>,
}

impl Start {
    pub(crate) fn has(&self, row: usize) -> bool {
        self.passed.get(row).is_some_and(Option::is_some)
    }
}

impl Progress {
    fn keep_newest(&mut self, newest: Option<&Newest>) {
        if self.newest.as_ref() != newest {
            self.newest = newest.cloned();
        }
    }

    fn is_good(&self, at: Epoch, asker: Asker) -> bool {
        self.epoch == Some(asker.epoch)
            || (!asker.own_alone && (at > asker.epoch || (asker.takes_running && self.is_under_way)))
    }
}

impl Course {
    pub(crate) fn new(kind: WorkKind, id: Arc<str>) -> Self {
        Self {
            node: WaitNode::new(kind, id),
            turn: tokio::sync::Mutex::new(()),
            progress: Mutex::default(),
            advanced: Notify::new(),
            watchers: AtomicUsize::new(0),
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the other runs that go this way in this process.
    pub(super) async fn turn(&self) -> TurnGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Who looks at what is known from here on can wait for more.
    pub(super) fn watch(&self) -> Watching<'_> {
        // Relaxed: a look at what is known and a change of that are ordered by their lock.
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Watching(self)
    }

    /// There is more to know, or nothing more will be.
    fn tell(&self) {
        if self.watchers.load(Ordering::Relaxed) > 0 {
            self.advanced.notify_waiters();
        }
    }

    /// The time of a task that was considered since the asker began, or why it was not and will not be.
    pub(super) fn known(&self, asker: Asker, row: usize) -> Option<Known> {
        let progress = self.progress();
        if let Some(Some(passed)) = progress.passed.get(row)
            && progress.is_good(passed.at, asker)
        {
            return Some(Ok(passed.time));
        }
        if let Some(Some(passed)) = progress.passed_elsewhere.get(row)
            && !asker.own_alone
            && passed.at > asker.epoch
        {
            return Some(Ok(passed.time));
        }
        let (error, at) = progress.failed.as_ref()?;
        progress.is_good(*at, asker).then(|| Err((**error).clone()))
    }

    /// Begins a run: on from where the last one of the same epoch ended, or from the start.
    pub(super) fn begin(&self, epoch: Epoch, go_on: bool, rows: usize) -> Result<Start, RunError> {
        let mut progress = self.progress();
        let is_same = progress.epoch == Some(epoch);
        if go_on && is_same {
            if let Some((error, _)) = &progress.failed {
                return Err((**error).clone());
            }
            progress.is_under_way = true;
            return Ok(Start { newest: progress.newest.clone(), passed: progress.passed.clone() });
        }
        let mut passed = std::mem::take(&mut progress.passed);
        passed.clear();
        passed.reserve_exact(rows);
        // What was done in the epoch stays to be told.
        let tasks = if is_same { std::mem::take(&mut progress.tasks) } else { Vec::new() };
        *progress = Progress { epoch: Some(epoch), is_under_way: true, passed, tasks, ..Progress::default() };
        Ok(Start::default())
    }

    /// A task was considered; or, if not `considered`, left out, which is good for nobody else.
    pub(super) fn advance(&self, row: usize, time: Option<Timestamp>, considered: bool, newest: Option<&Newest>) {
        let mut progress = self.progress();
        if progress.passed.len() <= row {
            progress.passed.resize(row + 1, None);
        }
        let at = if considered { Epoch::latest() } else { Epoch::NEVER };
        progress.passed[row] = Some(Passed { time, at });
        progress.keep_newest(newest);
        drop(progress);
        self.tell();
    }

    /// As [`advance`](Self::advance), for tasks that were considered one after another since `at`.
    pub(super) fn advance_all(&self, tasks: &[(usize, Option<Timestamp>)], at: Epoch, newest: Option<&Newest>) {
        let mut progress = self.progress();
        let rows = tasks.iter().map(|(row, _)| row + 1).max().unwrap_or_default();
        if progress.passed.len() < rows {
            progress.passed.resize(rows, None);
        }
        for &(row, time) in tasks {
            progress.passed[row] = Some(Passed { time, at });
        }
        progress.keep_newest(newest);
        drop(progress);
        self.tell();
    }

    /// Takes in that the run of another process has considered a task: good for all who asked before, and for them alone.
    pub(super) fn hear(&self, row: usize, time: Option<Timestamp>) {
        let mut progress = self.progress();
        if progress.passed_elsewhere.len() <= row {
            progress.passed_elsewhere.resize(row + 1, None);
        }
        progress.passed_elsewhere[row] = Some(Passed { time, at: Epoch::latest() });
        drop(progress);
        self.tell();
    }

    /// Returns the tasks that the run that is under way has considered, by row, with their times.
    pub(crate) fn passed_while_under_way(&self) -> Vec<(usize, Option<Timestamp>)> {
        let progress = self.progress();
        if !progress.is_under_way {
            return Vec::new();
        }
        let passed = progress.passed.iter().enumerate();
        let considered = passed
            .filter_map(|(row, passed)| passed.filter(|passed| passed.at != Epoch::NEVER).map(|it| (row, it.time)));
        considered.collect()
    }

    /// The run begins once more from where it began.
    pub(super) fn rewind(&self, start: &Start) {
        let mut progress = self.progress();
        progress.passed.clone_from(&start.passed);
        progress.newest.clone_from(&start.newest);
    }

    /// A run did this, for the fleet to be told.
    pub(super) fn keep_for_fleet(&self, epoch: Epoch, report: &ObjectReport) {
        let mut progress = self.progress();
        if progress.epoch != Some(epoch) {
            *progress = Progress { epoch: Some(epoch), ..Progress::default() };
        }
        progress.up_to_date += report.up_to_date;
        progress.tasks.extend(report.tasks.iter().filter(|task| !task.is_up_to_date()).cloned());
    }

    /// The run ended.
    pub(super) fn end(&self, error: Option<&RunError>) {
        let mut progress = self.progress();
        progress.failed = error.map(|error| (Box::new(error.clone()), Epoch::latest()));
        progress.is_under_way = false;
        drop(progress);
        self.tell();
    }

    /// Returns the task that later ones are newer than because it would run, as far as a plan of the epoch has come.
    pub(super) fn would_run(&self, epoch: Epoch) -> Option<Cow<'static, str>> {
        let progress = self.progress();
        let newest = progress.newest.as_ref().filter(|_| progress.epoch == Some(epoch))?;
        (newest.time >= Timestamp::UNDECIDED).then(|| newest.which.clone())
    }

    /// What was done in an epoch, and is not told again.
    pub(crate) fn take_done(&self, epoch: Epoch) -> Option<Done> {
        let mut progress = self.progress();
        (progress.epoch == Some(epoch)).then(|| Done {
            tasks: std::mem::take(&mut progress.tasks),
            up_to_date: std::mem::take(&mut progress.up_to_date),
            failed: progress.failed.as_ref().map(|(error, _)| (**error).clone()),
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

/// A run that is under way; one that is dropped is not any more.
pub(super) struct UnderWay<'c>(pub(super) &'c Course);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.progress().is_under_way = false;
        self.0.tell();
    }
}

/// Somebody who waits for a course to advance.
pub(super) struct Watching<'c>(&'c Course);

impl Watching<'_> {
    /// The next time that a task was considered, or the run failed.
    pub(super) fn advanced(&self) -> Notified<'_> {
        self.0.advanced.notified()
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Asker {
    /// The caller's work, which asks for a task of another object.
    pub(super) fn of(object: &dyn DynObject, row: usize) -> Self {
        let forced = Current::ask_fleet(|fleet| fleet.forces(&object.core().id, object.name(row)));
        Self { epoch: Current::epoch_now(), takes_running: forced.is_none(), own_alone: forced.unwrap_or_default() }
    }
}

/// A wait for one task of an object, which ends when that was considered.
pub(super) struct TaskPassed {
    pub(super) object: Weak<dyn DynObject>,
    pub(super) is_plan: bool,
    pub(super) asker: Asker,
    pub(super) row: usize,
}

impl WaitCondition for TaskPassed {
    fn is_over(&self) -> bool {
        let Some(object) = self.object.upgrade() else { return true };
        object.core().course(self.is_plan).known(self.asker, self.row).is_some()
    }

    fn task(&self) -> Option<&'static str> {
        let object = self.object.upgrade().filter(|_| !self.is_plan && !self.asker.own_alone)?;
        Some(object.stamp_name(self.row))
    }
}
