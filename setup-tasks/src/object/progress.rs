//! The progress of an object within a request: the results of the tasks that its runs have considered so far. Dependents wait
//! here for a task's result, and a later run of the same request resumes here. Real runs and dry runs have a progress each.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::futures::Notified;
use tokio::sync::{MutexGuard as RunLockGuard, Notify};

use super::DynObject;
use crate::decide::Newest;
use crate::report::{ObjectReport, RunError, TaskReport};
use crate::stamp::Timestamp;
use crate::wait::{WaitCondition, WaitNode, WorkKind};
use crate::work::{Mode, RequestCx, RequestId};

/// The results of an object's tasks in its last run, and the lock that serializes its runs.
pub(crate) struct ObjectProgress {
    pub(crate) node: WaitNode,
    /// Held by the run that is in progress.
    run_lock: tokio::sync::Mutex<()>,
    recorded: Mutex<Recorded>,
    changed: Notify,
    /// The number of waiters. It is mostly zero, which saves a notification per task. The figure is
    /// under "Measured changes" in `docs/src/internals/performance.md`.
    waiters: AtomicUsize,
}

#[derive(Default)]
struct Recorded {
    /// The request of the last run.
    request: Option<RequestId>,
    is_running: bool,
    /// The result of each row that the last run considered.
    results: Vec<Option<TaskResult>>,
    /// The results that another process reported while this one waited for it.
    results_elsewhere: Vec<Option<TaskResult>>,
    newest: Option<Newest>,
    failed: Option<(Box<RunError>, RequestId)>,
    /// The reports on all tasks that were not up to date.
    tasks: Vec<TaskReport>,
    up_to_date: usize,
}

/// The result of a task that was considered.
#[derive(Clone, Copy)]
struct TaskResult {
    time: Option<Timestamp>,
    /// The result is valid for requests that began before this.
    at: RequestId,
}

/// The time of a task that was considered, or the error that kept it from being considered.
type QueryResult = Result<Option<Timestamp>, RunError>;

/// The requirements of a dependent on a task's result.
#[derive(Clone, Copy)]
pub(crate) struct ProgressQuery {
    pub(crate) request: RequestId,
    /// Accepts results of a run that an earlier request started and that is still in progress. Waiting for its end could close
    /// a circle, since that run may wait for this dependent.
    pub(crate) takes_running: bool,
    /// Accepts only results of its own request, since that forces the task.
    pub(crate) own_alone: bool,
}

/// The state that a run begins with.
#[derive(Default)]
pub(crate) struct ResumePoint {
    pub(crate) newest: Option<Newest>,
    /// The results of the rows that an earlier run of the same request considered.
    results: Vec<Option<TaskResult>>,
}

impl ResumePoint {
    pub(crate) fn has(&self, row: usize) -> bool {
        self.results.get(row).is_some_and(Option::is_some)
    }
}

impl Recorded {
    fn keep_newest(&mut self, newest: Option<&Newest>) {
        if self.newest.as_ref() != newest {
            self.newest = newest.cloned();
        }
    }

    fn is_good(&self, at: RequestId, query: ProgressQuery) -> bool {
        self.request == Some(query.request)
            || (!query.own_alone && (at > query.request || (query.takes_running && self.is_running)))
    }
}

impl ObjectProgress {
    pub(crate) fn new(kind: WorkKind, id: Arc<str>) -> Self {
        Self {
            node: WaitNode::new(kind, id),
            run_lock: tokio::sync::Mutex::new(()),
            recorded: Mutex::default(),
            changed: Notify::new(),
            waiters: AtomicUsize::new(0),
        }
    }

    fn recorded(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no other run of this mode is in progress in this process.
    pub(crate) async fn run_lock(&self) -> RunLockGuard<'_, ()> {
        self.run_lock.lock().await
    }

    /// Registers a waiter. Results that are recorded after this call notify it.
    pub(crate) fn waiter(&self) -> ProgressWaiter<'_> {
        // Relaxed is enough: the lock orders queries and changes.
        self.waiters.fetch_add(1, Ordering::Relaxed);
        ProgressWaiter(self)
    }

    /// Notifies waiters that a result was recorded, or that the run has ended.
    fn notify(&self) {
        if self.waiters.load(Ordering::Relaxed) > 0 {
            self.changed.notify_waiters();
        }
    }

    /// Returns the result of a task, or `None` until the query has a valid one.
    pub(crate) fn result(&self, query: ProgressQuery, row: usize) -> Option<QueryResult> {
        let recorded = self.recorded();
        if let Some(Some(result)) = recorded.results.get(row)
            && recorded.is_good(result.at, query)
        {
            return Some(Ok(result.time));
        }
        if let Some(Some(result)) = recorded.results_elsewhere.get(row)
            && !query.own_alone
            && result.at > query.request
        {
            return Some(Ok(result.time));
        }
        let (error, at) = recorded.failed.as_ref()?;
        recorded.is_good(*at, query).then(|| Err((**error).clone()))
    }

    /// Begins a run. With `go_on`, it resumes where the last run of the same request ended.
    pub(crate) fn begin(&self, request: RequestId, go_on: bool, rows: usize) -> Result<ResumePoint, RunError> {
        let mut recorded = self.recorded();
        let is_same = recorded.request == Some(request);
        if go_on && is_same {
            if let Some((error, _)) = &recorded.failed {
                return Err((**error).clone());
            }
            recorded.is_running = true;
            return Ok(ResumePoint { newest: recorded.newest.clone(), results: recorded.results.clone() });
        }
        let mut results = std::mem::take(&mut recorded.results);
        results.clear();
        results.reserve_exact(rows);
        // The reports of the request are kept for its fleet.
        let tasks = if is_same { std::mem::take(&mut recorded.tasks) } else { Vec::new() };
        *recorded = Recorded { request: Some(request), is_running: true, results, tasks, ..Recorded::default() };
        Ok(ResumePoint::default())
    }

    /// Records the result of a task. The result is valid for other requests only if the task was
    /// `considered`.
    pub(crate) fn record(&self, row: usize, time: Option<Timestamp>, considered: bool, newest: Option<&Newest>) {
        let mut recorded = self.recorded();
        if recorded.results.len() <= row {
            recorded.results.resize(row + 1, None);
        }
        let at = if considered { RequestId::latest() } else { RequestId::NEVER };
        recorded.results[row] = Some(TaskResult { time, at });
        recorded.keep_newest(newest);
        drop(recorded);
        self.notify();
    }

    /// Records the results of tasks that were considered without a wait in between, the first at `at`. Taking the lock once per
    /// object instead of once per task saves a tenth of a run with nothing to do.
    pub(crate) fn record_all(&self, tasks: &[(usize, Option<Timestamp>)], at: RequestId, newest: Option<&Newest>) {
        let mut recorded = self.recorded();
        let rows = tasks.iter().map(|(row, _)| row + 1).max().unwrap_or_default();
        if recorded.results.len() < rows {
            recorded.results.resize(rows, None);
        }
        for &(row, time) in tasks {
            recorded.results[row] = Some(TaskResult { time, at });
        }
        recorded.keep_newest(newest);
        drop(recorded);
        self.notify();
    }

    /// Records a result that another process reported. It is valid only for requests that began before.
    pub(crate) fn record_elsewhere(&self, row: usize, time: Option<Timestamp>) {
        let mut recorded = self.recorded();
        if recorded.results_elsewhere.len() <= row {
            recorded.results_elsewhere.resize(row + 1, None);
        }
        recorded.results_elsewhere[row] = Some(TaskResult { time, at: RequestId::latest() });
        drop(recorded);
        self.notify();
    }

    /// Returns the rows that the run in progress has considered, with their times.
    pub(crate) fn recorded_by_current_run(&self) -> Vec<(usize, Option<Timestamp>)> {
        let recorded = self.recorded();
        if !recorded.is_running {
            return Vec::new();
        }
        let results = recorded.results.iter().enumerate();
        let considered = results.filter_map(|(row, result)| {
            result.filter(|result| result.at != RequestId::NEVER).map(|result| (row, result.time))
        });
        considered.collect()
    }

    /// Returns to the state that a run began with.
    pub(crate) fn rewind(&self, start: &ResumePoint) {
        let mut recorded = self.recorded();
        recorded.results.clone_from(&start.results);
        recorded.newest.clone_from(&start.newest);
    }

    /// Keeps the report of a run until its fleet takes it.
    pub(crate) fn keep_for_fleet(&self, request: RequestId, report: &ObjectReport) {
        let mut recorded = self.recorded();
        if recorded.request != Some(request) {
            *recorded = Recorded { request: Some(request), ..Recorded::default() };
        }
        recorded.up_to_date += report.up_to_date;
        recorded.tasks.extend(report.tasks.iter().filter(|task| !task.is_up_to_date()).cloned());
    }

    /// Ends a run.
    pub(crate) fn end(&self, error: Option<&RunError>) {
        let mut recorded = self.recorded();
        recorded.failed = error.map(|error| (Box::new(error.clone()), RequestId::latest()));
        recorded.is_running = false;
        drop(recorded);
        self.notify();
    }

    /// Returns the task because of which later ones would run, if a plan of the request has found one.
    pub(crate) fn would_run(&self, request: RequestId) -> Option<Cow<'static, str>> {
        let recorded = self.recorded();
        let newest = recorded.newest.as_ref().filter(|_| recorded.request == Some(request))?;
        (newest.time >= Timestamp::UNDECIDED).then(|| newest.which.clone())
    }

    /// Takes the results of a request.
    pub(crate) fn take_results(&self, request: RequestId) -> Option<RequestResults> {
        let mut recorded = self.recorded();
        (recorded.request == Some(request)).then(|| RequestResults {
            tasks: std::mem::take(&mut recorded.tasks),
            up_to_date: std::mem::take(&mut recorded.up_to_date),
            failed: recorded.failed.as_ref().map(|(error, _)| (**error).clone()),
        })
    }
}

/// The results of all runs of one request.
#[derive(Default)]
pub(crate) struct RequestResults {
    /// The reports on all tasks that were not up to date.
    pub(crate) tasks: Vec<TaskReport>,
    pub(crate) up_to_date: usize,
    pub(crate) failed: Option<RunError>,
}

/// Marks a run as in progress until it is dropped.
pub(crate) struct RunGuard<'c>(pub(crate) &'c ObjectProgress);

impl Drop for RunGuard<'_> {
    fn drop(&mut self) {
        self.0.recorded().is_running = false;
        self.0.notify();
    }
}

/// A registered waiter. Without one, results are recorded without a notification.
pub(crate) struct ProgressWaiter<'c>(&'c ObjectProgress);

impl ProgressWaiter<'_> {
    /// Waits for the next result, or for the end of the run.
    pub(crate) fn changed(&self) -> Notified<'_> {
        self.0.changed.notified()
    }
}

impl Drop for ProgressWaiter<'_> {
    fn drop(&mut self) {
        self.0.waiters.fetch_sub(1, Ordering::Relaxed);
    }
}

impl ProgressQuery {
    /// Returns the query of the current work for a task of another object.
    pub(crate) fn of(cx: &RequestCx<'_>, object: &dyn DynObject, row: usize) -> Self {
        let forced = cx.fleet.map(|fleet| fleet.forces(&object.core().id, object.name(row)));
        Self { request: cx.request, takes_running: forced.is_none(), own_alone: forced.unwrap_or_default() }
    }
}

/// The condition that a task of an object has a result.
pub(crate) struct TaskRecorded {
    pub(crate) object: Weak<dyn DynObject>,
    pub(crate) mode: Mode,
    pub(crate) query: ProgressQuery,
    pub(crate) row: usize,
}

impl WaitCondition for TaskRecorded {
    fn is_over(&self) -> bool {
        let Some(object) = self.object.upgrade() else { return true };
        object.core().progress(self.mode).result(self.query, self.row).is_some()
    }

    fn task(&self) -> Option<&'static str> {
        let object = self.object.upgrade().filter(|_| !self.mode.is_plan() && !self.query.own_alone)?;
        Some(object.stamp_name(self.row))
    }
}
