//! The progress of an object within a request: the results of the tasks that its runs have considered so far. Dependents wait
//! here for a task's result, and a later run of the same request resumes here. Real runs and dry runs have a progress each.

use std::borrow::Cow;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use tokio::sync::futures::Notified;
use tokio::sync::{MutexGuard as RunLockGuard, Notify};

use super::{DynObject, RowId};
use crate::earlier::{EarlierTasks, LastChange};
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
    state: RunState,
    /// The result of each row that the last run considered.
    results: Vec<Option<TaskResult>>,
    /// The results that another process reported while this one waited for it.
    results_elsewhere: Option<Box<ResultsElsewhere>>,
    earlier: EarlierTasks,
    /// The reports on all tasks that were not up to date.
    tasks: Vec<TaskReport>,
    up_to_date: usize,
}

/// The results that another process reported, by row.
#[derive(Default)]
struct ResultsElsewhere(Vec<Option<TaskResult>>);

/// The state of the last run.
#[derive(Default)]
enum RunState {
    /// No run is in progress, and the last one did not fail.
    #[default]
    Idle,
    Running,
    /// The run failed. The error is valid for requests that began before the given one.
    Failed(Box<RunError>, RequestId),
}

/// The start of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunStart {
    /// The run considers all rows.
    Anew,
    /// The run resumes where the last run of the same request ended.
    Resume,
}

/// The requests for which a result is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ResultScope {
    /// The request of the run, and others that began before the result.
    AllRequests,
    /// The request of the run only, since the task was not considered.
    OwnRequest,
}

/// The result of a task that was considered.
#[derive(Clone, Copy)]
struct TaskResult {
    change: LastChange,
    /// The result is valid for requests that began before this.
    at: RequestId,
}

/// The last change of a task that was considered, or the error that kept it from being considered.
type QueryResult = Result<LastChange, RunError>;

/// The requirements of a dependent on a task's result.
#[derive(Clone, Copy)]
pub(crate) struct ProgressQuery {
    pub(crate) request: RequestId,
    pub(crate) accepts: Accepts,
}

/// The results that a dependent accepts apart from those of its own request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accepts {
    /// None, since its own request forces the task.
    OwnRequest,
    /// Results from after the start of its request.
    SinceRequest,
    /// Also earlier results of a run that is still in progress. Waiting for its end could close a
    /// circle, since that run may wait for this dependent.
    RunInProgress,
}

/// The state that a run begins with.
#[derive(Default)]
pub(crate) struct ResumePoint {
    pub(crate) earlier: EarlierTasks,
    /// The results of the rows that an earlier run of the same request considered.
    results: Vec<Option<TaskResult>>,
}

impl ResumePoint {
    pub(crate) fn has(&self, row: RowId) -> bool {
        self.results.get(row.index()).is_some_and(Option::is_some)
    }
}

impl Recorded {
    fn keep_earlier(&mut self, earlier: &EarlierTasks) {
        if self.earlier != *earlier {
            self.earlier = earlier.clone();
        }
    }

    /// Returns whether a result is valid for a query.
    fn is_valid(&self, at: RequestId, query: ProgressQuery) -> bool {
        let is_own = self.request == Some(query.request);
        is_own
            || match query.accepts {
                Accepts::OwnRequest => false,
                Accepts::SinceRequest => at > query.request,
                Accepts::RunInProgress => at > query.request || matches!(self.state, RunState::Running),
            }
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

    /// Acquires the lock of a run if no other run of this mode is in progress in this process.
    pub(crate) fn try_run_lock(&self) -> Option<RunLockGuard<'_, ()>> {
        self.run_lock.try_lock().ok()
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
    pub(crate) fn result(&self, query: ProgressQuery, row: RowId) -> Option<QueryResult> {
        let recorded = self.recorded();
        if let Some(Some(result)) = recorded.results.get(row.index())
            && recorded.is_valid(result.at, query)
        {
            return Some(Ok(result.change));
        }
        if let Some(elsewhere) = &recorded.results_elsewhere
            && let Some(Some(result)) = elsewhere.0.get(row.index())
            && query.accepts != Accepts::OwnRequest
            && result.at > query.request
        {
            return Some(Ok(result.change));
        }
        let RunState::Failed(error, at) = &recorded.state else { return None };
        recorded.is_valid(*at, query).then(|| Err((**error).clone()))
    }

    /// Begins a run.
    ///
    /// # Errors
    ///
    /// Returns the error of the run that it would resume.
    pub(crate) fn begin(&self, request: RequestId, start: RunStart, rows: usize) -> Result<ResumePoint, RunError> {
        let mut recorded = self.recorded();
        let is_same = recorded.request == Some(request);
        if start == RunStart::Resume && is_same {
            if let RunState::Failed(error, _) = &recorded.state {
                return Err((**error).clone());
            }
            recorded.state = RunState::Running;
            return Ok(ResumePoint { earlier: recorded.earlier.clone(), results: recorded.results.clone() });
        }
        let mut results = std::mem::take(&mut recorded.results);
        results.clear();
        results.reserve_exact(rows);
        // The reports of the request are kept for its fleet.
        let tasks = if is_same { std::mem::take(&mut recorded.tasks) } else { Vec::new() };
        let state = RunState::Running;
        *recorded = Recorded { request: Some(request), state, results, tasks, ..Recorded::default() };
        Ok(ResumePoint::default())
    }

    /// Records the result of a task.
    pub(crate) fn record(&self, row: RowId, change: LastChange, scope: ResultScope, earlier: &EarlierTasks) {
        let mut recorded = self.recorded();
        if recorded.results.len() <= row.index() {
            recorded.results.resize(row.index() + 1, None);
        }
        let at = match scope {
            ResultScope::AllRequests => RequestId::latest(),
            ResultScope::OwnRequest => RequestId::NEVER,
        };
        recorded.results[row.index()] = Some(TaskResult { change, at });
        recorded.keep_earlier(earlier);
        drop(recorded);
        self.notify();
    }

    /// Records the results of tasks that were considered without a wait in between, the first at `at`. Taking the lock once per
    /// object instead of once per task saves a tenth of a run with nothing to do.
    pub(crate) fn record_all(&self, tasks: &[(RowId, Option<Timestamp>)], at: RequestId, earlier: &EarlierTasks) {
        let mut recorded = self.recorded();
        let rows = tasks.iter().map(|(row, _)| row.index() + 1).max().unwrap_or_default();
        if recorded.results.len() < rows {
            recorded.results.resize(rows, None);
        }
        for &(row, time) in tasks {
            recorded.results[row.index()] = Some(TaskResult { change: time.into(), at });
        }
        recorded.keep_earlier(earlier);
        drop(recorded);
        self.notify();
    }

    /// Records a result that another process reported. It is valid only for requests that began before.
    pub(crate) fn record_elsewhere(&self, row: RowId, time: Option<Timestamp>) {
        let mut recorded = self.recorded();
        let results = &mut recorded.results_elsewhere.get_or_insert_default().0;
        if results.len() <= row.index() {
            results.resize(row.index() + 1, None);
        }
        results[row.index()] = Some(TaskResult { change: time.into(), at: RequestId::latest() });
        drop(recorded);
        self.notify();
    }

    /// Returns the rows that the run in progress has considered, with their times.
    pub(crate) fn recorded_by_current_run(&self) -> Vec<(RowId, Option<Timestamp>)> {
        let recorded = self.recorded();
        if !matches!(recorded.state, RunState::Running) {
            return Vec::new();
        }
        let results = recorded.results.iter().enumerate();
        let considered = results.filter_map(|(row, result)| {
            result
                .filter(|result| result.at != RequestId::NEVER)
                .map(|result| (RowId::of_index(row), result.change.time))
        });
        considered.collect()
    }

    /// Returns to the state that a run began with.
    pub(crate) fn rewind(&self, start: &ResumePoint) {
        let mut recorded = self.recorded();
        recorded.results.clone_from(&start.results);
        recorded.earlier.clone_from(&start.earlier);
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
        recorded.state = match error {
            Some(error) => RunState::Failed(Box::new(error.clone()), RequestId::latest()),
            None => RunState::Idle,
        };
        drop(recorded);
        self.notify();
    }

    /// Returns the task because of which later ones would or may run, if a plan of the request has found one.
    pub(crate) fn would_run(&self, request: RequestId) -> Option<Cow<'static, str>> {
        let recorded = self.recorded();
        recorded.earlier.all().pending().filter(|_| recorded.request == Some(request)).cloned()
    }

    /// Takes the results of a request.
    pub(crate) fn take_results(&self, request: RequestId) -> Option<RequestResults> {
        let mut recorded = self.recorded();
        (recorded.request == Some(request)).then(|| RequestResults {
            tasks: std::mem::take(&mut recorded.tasks),
            up_to_date: std::mem::take(&mut recorded.up_to_date),
            failed: match &recorded.state {
                RunState::Failed(error, _) => Some((**error).clone()),
                RunState::Idle | RunState::Running => None,
            },
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
        let mut recorded = self.0.recorded();
        if let RunState::Running = recorded.state {
            recorded.state = RunState::Idle;
        }
        drop(recorded);
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
    pub(crate) fn of(cx: &RequestCx<'_>, object: &dyn DynObject, row: RowId) -> Self {
        let forced = cx.fleet.map(|fleet| fleet.forces(&object.core().id, object.name(row)));
        let accepts = match forced {
            None => Accepts::RunInProgress,
            Some(false) => Accepts::SinceRequest,
            Some(true) => Accepts::OwnRequest,
        };
        Self { request: cx.request, accepts }
    }

    /// Returns this query, which also accepts earlier results of a run that is still in progress
    /// unless its own request forces the task.
    pub(crate) fn or_running(self) -> Self {
        let accepts = match self.accepts {
            Accepts::OwnRequest => Accepts::OwnRequest,
            Accepts::SinceRequest | Accepts::RunInProgress => Accepts::RunInProgress,
        };
        Self { accepts, ..self }
    }
}

/// The condition that a task of an object has a result.
pub(crate) struct TaskRecorded {
    pub(crate) object: Weak<dyn DynObject>,
    pub(crate) mode: Mode,
    pub(crate) query: ProgressQuery,
    pub(crate) row: RowId,
}

impl WaitCondition for TaskRecorded {
    fn is_over(&self) -> bool {
        let Some(object) = self.object.upgrade() else { return true };
        object.core().progress(self.mode).result(self.query, self.row).is_some()
    }

    fn task(&self) -> Option<&'static str> {
        let object =
            self.object.upgrade().filter(|_| !self.mode.is_plan() && self.query.accepts != Accepts::OwnRequest)?;
        Some(object.stamp_name(self.row))
    }
}
