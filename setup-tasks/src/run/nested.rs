//! Tasks that a running task runs on its own object through their handles. They run one after
//! another, within the session of the running task. When the running task succeeds, their stamps
//! get its time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Options;
use super::driver::Driver;
use super::rows::Rows;
use super::session::Session;
use crate::BoxFuture;
use crate::object::{DynObject, ResultScope};
use crate::report::RunError;
use crate::report::{ObjectReport, TaskReport, TaskStatus};
use crate::stamp::{Change, Records, StampError, Timestamp};
use crate::task::context::Resources;
use crate::wait::{ActiveTask, Circle};
use crate::work::{Mode, RequestCx, WorkContext};

/// The number of nested levels after which a new tokio task begins. A chain of hundreds of tasks,
/// each run by the one before it, would otherwise overflow the stack.
const LEVELS: u32 = 8;

tokio::task_local! {
    /// The task whose method is being polled, unless another piece of work is polled within it.
    static RUNNING: Option<Arc<RunningTask>>;
}

/// A task whose method is running, as seen by the handles that it calls.
pub(super) struct RunningTask {
    object: Arc<dyn DynObject>,
    pub(super) session: Arc<Session>,
    /// The resources of the entered contexts.
    pub(super) resources: Resources,
    step: ActiveTask,
    /// The task that runs this one through its handle.
    parent: Option<Arc<Self>>,
    level: u32,
    /// Held by the nested run that is in progress.
    run_lock: tokio::sync::Mutex<()>,
    nested: Mutex<Nested>,
}

/// The tasks that a running task has run.
#[derive(Default)]
pub(super) struct Nested {
    /// Whether at least one task began, so that the records have changed.
    began: bool,
    /// The stamp names of tasks and customizations, with a time for each one that was not skipped.
    tasks: Vec<NestedTask>,
    reports: Vec<TaskReport>,
}

/// A task that another task ran. The walk does not consider it again.
#[derive(Clone, Copy)]
pub(super) struct NestedTask {
    pub(super) name: &'static str,
    pub(super) time: Option<Timestamp>,
    /// Whether the task may have changed something.
    pub(super) is_change: bool,
}

impl RunningTask {
    pub(super) fn new(
        object: &Arc<dyn DynObject>,
        session: &Arc<Session>,
        resources: Resources,
        step: ActiveTask,
        parent: Option<&Arc<Self>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            object: object.clone(),
            session: session.clone(),
            resources,
            step,
            level: parent.map_or(0, |parent| parent.level + 1),
            parent: parent.cloned(),
            run_lock: tokio::sync::Mutex::default(),
            nested: Mutex::default(),
        })
    }

    /// Polls the task's method. An `async fn` would hold the method's future twice, and every task
    /// allocates a future that contains it.
    pub(super) fn scope<F: Future>(self: &Arc<Self>, method: F) -> impl Future<Output = F::Output> + use<F> {
        RUNNING.scope(Some(self.clone()), method)
    }

    /// Returns the task of `object` whose method is the caller.
    pub(super) fn of(object: &Arc<dyn DynObject>, work: &WorkContext) -> Option<Arc<Self>> {
        let running = RUNNING.try_with(Clone::clone).ok().flatten()?;
        let is_own = work.node.as_ref() == Some(&object.core().progress(Mode::Apply).node);
        (is_own && Arc::ptr_eq(&running.object, object)).then_some(running)
    }

    /// Returns this task and the tasks that run it, the innermost first.
    fn chain(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |running| running.parent.as_deref())
    }

    /// Returns whether this task, or one that runs it, belongs to a customization. If so, the
    /// customization's context is entered.
    pub(super) fn is_within(&self, customization: &str) -> bool {
        self.chain().any(|running| is_part(running.step.task, customization))
    }

    /// Returns an error for a task that is already running, or for a customization with a running
    /// task.
    fn refuse_circle(&self, task: &str) -> Result<(), RunError> {
        let id = &self.object.core().id;
        let is_it = |running: &Self| running.step.task == task || is_part(running.step.task, task);
        let Some(levels) = self.chain().position(is_it) else { return Ok(()) };
        let mut names: Vec<_> =
            self.chain().take(levels + 1).map(|running| format!("`{id}/{}`", running.step.task)).collect();
        names.reverse();
        Err(RunError::circle(id, Circle::of(names)))
    }

    fn nested(&self) -> MutexGuard<'_, Nested> {
        self.nested.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the tasks that the method has run, or returns `None` if it has run none.
    pub(super) fn take_nested(&self) -> Option<Nested> {
        let nested = std::mem::take(&mut *self.nested());
        nested.began.then_some(nested)
    }

    /// Runs a task of the same object for the method that called its handle.
    pub(super) async fn run(self: Arc<Self>, options: Options, work: WorkContext) -> Result<ObjectReport, RunError> {
        self.refuse_circle(options.single_task.as_deref().unwrap_or_default())?;
        let is_deep = self.level % LEVELS == LEVELS - 1;
        let run = |work: WorkContext| -> BoxFuture<'static, _> {
            Box::pin(async move { self.run_locked(&options, &work).await })
        };
        if is_deep { work.run_in_own_task(run).await } else { run(work).await }
    }

    async fn run_locked(self: &Arc<Self>, options: &Options, work: &WorkContext) -> Result<ObjectReport, RunError> {
        let _lock = self.run_lock.lock().await;
        self.nested().began = true;
        let core = self.object.core();
        let current_row = core.current_row();
        // The method of a running task called the handle, so the request is that of the caller.
        let cx = RequestCx::of(work, Mode::Apply);
        let mut driver = Driver::nested(&self.object, options, self, cx).await?;
        let mut rows = Rows::new(&driver.scope);
        let result = RUNNING.scope(None, driver.run(&mut rows)).await;
        core.set_current_row(current_row);
        core.progress(Mode::Apply).node.step(Some(self.step.clone()));
        let report = driver.report();
        let mut nested = self.nested();
        nested.tasks.append(&mut driver.results.nested);
        nested.tasks.extend(report.tasks.iter().flat_map(executed));
        nested.reports.extend(report.tasks.iter().cloned());
        result.map(|()| report)
    }
}

impl NestedTask {
    /// Sets the time of the task to that of the task that ran it. If the task changed nothing, the
    /// time of its last change stays. Returns the change to its record, if it has one.
    pub(super) fn retime(&mut self, time: Timestamp, records: &Records) -> Option<Change> {
        let passed = self.time.as_mut()?;
        if self.is_change {
            *passed = time;
        }
        let mut entry = records.get(self.name)?.clone();
        if let Some(stamp) = &mut entry.stamp {
            stamp.time = time;
        } else if !self.is_change {
            return None;
        } else {
            entry.changed = entry.changed.and(Some(time));
        }
        Some(Change::Retime { task: self.name.to_owned(), entry })
    }
}

impl Driver<'_> {
    /// Returns the task of this name if another task ran it through its handle.
    pub(super) fn nested_task(&self, name: &str) -> Option<NestedTask> {
        self.results.nested.iter().find(|task| task.name == name).copied()
    }

    /// Takes the tasks that the method of a task has run, and reloads the records, which these
    /// tasks have changed.
    pub(super) async fn take_nested(&mut self, running: &RunningTask) -> Result<Vec<NestedTask>, StampError> {
        let Some(nested) = running.take_nested() else { return Ok(Vec::new()) };
        self.records.all = self.scope.object.core().load_in(Mode::Apply).await?;
        self.results.nested_reports.extend(nested.reports);
        Ok(nested.tasks)
    }

    /// Records the results of tasks that a running task ran, which notifies their dependents.
    pub(super) fn record_nested(&self, nested: &[NestedTask]) {
        for task in nested.iter().filter(|task| task.time.is_some()) {
            if let Some(row) = self.scope.object.row(task.name) {
                self.record_row(row, task.time.into(), ResultScope::AllRequests);
            }
        }
    }
}

/// Returns the tasks of a report that ran, changed nothing or skipped themselves, customizations
/// included.
fn executed(report: &TaskReport) -> Vec<NestedTask> {
    let mut all: Vec<_> = report.subtasks.iter().flat_map(executed).collect();
    if matches!(report.status, TaskStatus::Ran | TaskStatus::Unchanged | TaskStatus::Skipped) {
        let is_change = report.status == TaskStatus::Ran;
        all.push(NestedTask { name: report.task, time: report.last_change.time, is_change });
    }
    all
}

/// Returns whether a task belongs to a customization.
fn is_part(task: &str, customization: &str) -> bool {
    task.strip_prefix(customization).is_some_and(|rest| rest.starts_with('.'))
}
