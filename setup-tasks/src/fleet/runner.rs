//! Workers that run the objects of a fleet in parallel. An object begins once those that it depends
//! on have ended.

use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use foldhash::HashSet;
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::FleetRun;
use super::down::{Retired, bring_down_retired};
use super::path::{is_stop, path_of};
use super::prefetch::prefetch_stamps;
use super::report::{FleetReport, ObjectResult, ObjectStatus};
use super::rolling::Batch;
use super::schedule::{FinishedObject, Next, Schedule, address};
use crate::object::{AnyObject, RequestResults, set_inherited};
use crate::report::RunError;
use crate::work::{CachePadded, FleetOptions, Mode};
use crate::work::{RequestId, SharedError, WorkContext, panicked};

/// The number of objects that a worker runs without a wait before it yields the thread.
const OBJECTS_PER_TURN: usize = 64;

/// Runs the selected objects, and returns their results.
pub(super) async fn run(fleet: &FleetRun, objects: Vec<AnyObject>, mut options: FleetOptions) -> FleetReport {
    let began = Instant::now();
    let mode = fleet.mode();
    let (current, request) = (WorkContext::get(), RequestId::new());
    set_inherited(&objects);
    let Retired { retired, others: objects } = Retired::of(objects);
    let order = if retired.is_empty() { Vec::new() } else { fleet.layout.all() };
    options.prefetched = prefetch_stamps(fleet.layout.store_for(mode), &objects, request).await;
    let options = Arc::new(options);
    let _listed = fleet.layout.list_fleet(&options);
    let down = if retired.is_empty() { Vec::new() } else { bring_down_retired(fleet, retired, &options).await };
    if options.verifies() {
        let of_fleet = current.of_fleet(options.clone(), request);
        of_fleet.scope(crate::run::gather(&objects, &options, mode)).await;
    }
    let is_over = fleet.fail_fast && down.iter().any(ObjectResult::is_failure);
    let workers = if is_over { 0 } else { fleet.workers(objects.len()) };
    let shared = Arc::new(FleetState {
        schedule: CachePadded(Mutex::new(Schedule::new(&objects, fleet.fail_fast, Batch::of(fleet)))),
        more: Notify::new(),
        objects,
        options,
        mode,
    });
    let mut running = JoinSet::new();
    for _ in 0..workers {
        let of_fleet = current.of_fleet(shared.options.clone(), request);
        running.spawn(of_fleet.clone().scope(run_objects(shared.clone(), of_fleet)).in_current_span());
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            // Panics of tasks and objects are caught earlier, so this panic comes from the runner itself.
            tracing::error!("a worker of a fleet ended early: {error}");
        }
    }
    let ended = std::mem::take(&mut shared.schedule().finished);
    let chosen = shared.objects.iter().zip(ended);
    let mut results: Vec<_> = chosen.map(|(object, ended)| result(object, ended, request, mode)).collect();
    if !down.is_empty() {
        results.extend(down);
        let place = |result: &ObjectResult| order.iter().position(|object| object.id() == result.object);
        results.sort_by_cached_key(place);
    }
    let stopped = shared.options.stop.is_requested() && results.iter().any(ObjectResult::is_failure);
    if results.len() < fleet.layout.len() {
        results.extend(pulled(fleet, &shared.objects, request, mode));
    }
    FleetReport { dry_run: mode.is_plan(), down: false, stopped, duration: began.elapsed(), objects: results }
}

/// The state that all workers of a fleet share. A worker writes to it once per object, so that a
/// second thread saves time; the figure is under "Measured changes" in
/// `docs/src/internals/performance.md`.
struct FleetState {
    objects: Vec<AnyObject>,
    schedule: CachePadded<Mutex<Schedule>>,
    /// Notified when objects become free, and when none are left.
    more: Notify,
    options: Arc<FleetOptions>,
    mode: Mode,
}

impl FleetState {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an object that a worker has run, and returns what the worker does next. The schedule
    /// is locked once per object.
    fn next(&self, finished: Option<(usize, FinishedObject)>) -> Next {
        let has_finished = finished.is_some();
        let mut schedule = self.schedule();
        let freed = finished.map_or(0, |(i, finished)| schedule.end(i, finished));
        let next = if self.options.stop.is_requested() { Next::End } else { schedule.next() };
        drop(schedule);
        if has_finished {
            self.options.ended.0.fetch_add(1, Ordering::Relaxed);
        }
        // This worker takes one of the freed objects itself.
        (1..freed).for_each(|_| self.more.notify_one());
        next
    }
}

/// Runs one object after another until none are left.
async fn run_objects(shared: Arc<FleetState>, work: WorkContext) {
    let mut run_in_turn = 0;
    let mut next = shared.next(None);
    loop {
        match next {
            Next::Run(i) => {
                let began = Instant::now();
                let result = bring_up(&shared.objects[i], shared.mode, &work).await;
                next = shared.next(Some((i, FinishedObject { result, duration: began.elapsed() })));
            }
            Next::Wait => {
                // The notification is enabled before the second look at the schedule so that none
                // in between is missed.
                let mut more = pin!(shared.more.notified());
                more.as_mut().enable();
                next = shared.next(None);
                if let Next::Wait = next {
                    more.await;
                }
            }
            Next::End => return shared.more.notify_waiters(),
        }
        run_in_turn += 1;
        if run_in_turn % OBJECTS_PER_TURN == 0 {
            tokio::task::yield_now().await;
        }
    }
}

async fn bring_up(object: &AnyObject, mode: Mode, work: &WorkContext) -> Result<(), SharedError> {
    if object.readonly() && !work.fleet().is_some_and(FleetOptions::verifies) {
        return Ok(());
    }
    let run = async {
        match object.0.core().mode_for(mode) {
            Mode::Plan => crate::run::plan_part(object.0.clone(), work.clone()).await.map_err(anyhow::Error::new),
            Mode::Apply if object.readonly() => {
                crate::run::bring_up(object.0.clone()).await.map_err(anyhow::Error::new)
            }
            Mode::Apply if crate::run::pass(&object.0, work) => Ok(()),
            Mode::Apply => crate::ready::renew(&object.0, work).await.map_err(anyhow::Error::new),
        }
    };
    // A panic in a model's code fails its object. If it ended the worker instead, the others would
    // wait for ever.
    let result = AssertUnwindSafe(run).catch_unwind().await;
    result.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(SharedError::from)
}

fn result(object: &AnyObject, ended: Option<FinishedObject>, request: RequestId, mode: Mode) -> ObjectResult {
    let core = object.0.core();
    let progress = core.progress(core.mode_for(mode));
    let RequestResults { tasks, up_to_date, .. } = progress.take_results(request).unwrap_or_default();
    let mut result = ObjectResult::new(object, tasks, up_to_date);
    match ended {
        None => result.outcome = ObjectStatus::NotTried,
        Some(ended) => {
            result.duration = ended.duration;
            if object.readonly() {
                result.outcome = ObjectStatus::Readonly;
            }
            if let Err(error) = ended.result {
                fail(&mut result, error);
            }
        }
    }
    result
}

/// Records the error of an object.
pub(super) fn fail(result: &mut ObjectResult, error: SharedError) {
    let path = path_of(&*error);
    result.outcome = if is_stop(&*error) { ObjectStatus::Stopped } else { ObjectStatus::Failed };
    if let Some(RunError::Needed { .. }) = error.downcast_ref() {
        (result.outcome, result.path) = (ObjectStatus::DependentFailed, path);
    } else if path.len() > 1 && result.outcome == ObjectStatus::Failed {
        (result.outcome, result.path) = (ObjectStatus::DependencyFailed, path);
    }
    result.error = Some(error);
}

/// Returns the results of objects that were not selected but ran because others needed them.
fn pulled(fleet: &FleetRun, chosen: &[AnyObject], request: RequestId, mode: Mode) -> Vec<ObjectResult> {
    let chosen: HashSet<_> = chosen.iter().map(address).collect();
    let others = fleet.layout.all().into_iter().filter(|object| !chosen.contains(&address(object)));
    let pulled = others.filter_map(|object| {
        let done = object.0.core().progress(mode).take_results(request)?;
        let mut result = ObjectResult::new(&object, done.tasks, done.up_to_date);
        result.chosen = false;
        if let Some(error) = done.failed {
            fail(&mut result, anyhow::Error::new(error).into());
        }
        Some(result)
    });
    pulled.collect()
}
