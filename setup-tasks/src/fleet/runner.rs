//! The job slots that run the objects of a fleet in parallel. Their [`Dispatch`] hands out the objects.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use foldhash::HashSet;
use futures_util::FutureExt;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::down::{Retired, bring_down_retired};
use super::hosts::{Places, WireResult, verdicts};
use super::order::Order;
use super::path::{is_loss, is_stop, path_of};
use super::prefetch::prefetch_stamps;
use super::report::{FleetReport, ObjectResult, ObjectStatus};
use super::rolling::Batch;
use super::schedule::{Schedule, address};
use super::{FleetError, FleetRun};
use crate::dispatch::{Dispatch, DispatchError, EndState, Ended, Next};
use crate::object::{AnyObject, RequestResults, set_inherited};
use crate::report::RunError;
use crate::work::{FleetOptions, Mode};
use crate::work::{RequestId, SharedError, WorkContext, panicked};

/// The number of objects that a slot runs without a wait before it yields the thread.
const OBJECTS_PER_TURN: usize = 64;

/// The result of an object that a slot has run.
struct Finished {
    result: Result<(), SharedError>,
    duration: Duration,
    /// The report on the object, if the dispatch wanted it at once.
    report: Option<ObjectResult>,
}

/// Runs the selected objects, and returns their results.
pub(super) async fn run(
    fleet: &FleetRun,
    objects: Vec<AnyObject>,
    mut options: FleetOptions,
) -> Result<FleetReport, FleetError> {
    let began = Instant::now();
    let mode = fleet.mode();
    let (current, request) = (WorkContext::get(), RequestId::new());
    set_inherited(&objects);
    let Retired { retired, others: objects } = Retired::of(objects);
    let order = if retired.is_empty() { Vec::new() } else { fleet.layout.all() };
    options.prefetched = prefetch_stamps(fleet.layout.store_for(mode), &objects, request).await;
    if mode.is_plan() && fleet.dispatch.is_none() && !fleet.here {
        options.verdicts = verdicts(&fleet.layout, &objects, fleet.verify).await?;
    }
    let options = Arc::new(options);
    let _listed = fleet.layout.list_fleet(&options);
    // The process that began a run on several hosts has brought the retired objects down.
    let has_down = !retired.is_empty() && fleet.dispatch.is_none();
    let down = if has_down { bring_down_retired(fleet, retired, &options).await } else { Vec::new() };
    if options.verifies() {
        let of_fleet = current.of_fleet(options.clone(), request);
        of_fleet.scope(crate::run::gather(&objects, &options, mode)).await;
    }
    let is_over = fleet.fail_fast && down.iter().any(ObjectResult::is_failure);
    let jobs = if is_over { 0 } else { fleet.workers(objects.len()) };
    let dispatch = fleet.dispatch.clone().unwrap_or_else(|| {
        let rules = (fleet.fail_fast, Batch::of(fleet));
        let is_placed = fleet.layout.hosts().is_some() && !fleet.here;
        let places = is_placed.then(|| Places::new(&fleet.layout));
        Arc::new(Schedule::new(Order::of(&objects), rules, options.stop.clone(), places))
    });
    let shared = Arc::new(Slot { objects, dispatch, options, request, mode });
    let finished = run_slots(&shared, &current, jobs).await?;
    let chosen = shared.objects.iter().zip(finished);
    let is_own = |(_, finished): &(_, Option<Finished>)| fleet.dispatch.is_none() || finished.is_some();
    let mut results: Vec<_> =
        chosen.filter(is_own).map(|(object, finished)| result(object, finished.as_ref(), request, mode)).collect();
    if !down.is_empty() {
        results.extend(down);
        let place = |result: &ObjectResult| order.iter().position(|object| object.id() == result.object);
        results.sort_by_cached_key(place);
    }
    let stopped = shared.options.stop.is_requested() && results.iter().any(ObjectResult::is_failure);
    if results.len() < fleet.layout.len() {
        results.extend(pulled(fleet, &shared.objects, request, mode));
    }
    Ok(FleetReport { dry_run: mode.is_plan(), down: false, stopped, duration: began.elapsed(), objects: results })
}

/// Runs slots until no object is left, and returns the results by the positions of the objects.
async fn run_slots(
    shared: &Arc<Slot>,
    current: &WorkContext,
    jobs: usize,
) -> Result<Vec<Option<Finished>>, DispatchError> {
    let mut finished: Vec<_> = shared.objects.iter().map(|_| None).collect();
    let slots = shared.options.slots.clone();
    slots.begin(jobs, shared.dispatch.clone());
    let mut running = JoinSet::new();
    let open = |running: &mut JoinSet<_>| {
        let of_fleet = current.of_fleet(shared.options.clone(), shared.request);
        running.spawn(of_fleet.clone().scope(shared.clone().run(of_fleet)).in_current_span());
    };
    (0..jobs).for_each(|_| open(&mut running));
    let (mut failed, mut is_closed) = (None, false);
    while !running.is_empty() {
        let ended = tokio::select! {
            Some(ended) = running.join_next() => ended,
            () = slots.needed() => {
                open(&mut running);
                continue;
            }
            () = shared.options.stop.requested(), if !is_closed => {
                shared.dispatch.close();
                is_closed = true;
                continue;
            }
        };
        match ended {
            Ok((of_slot, error)) => {
                of_slot.into_iter().for_each(|(i, result)| finished[i] = Some(result));
                failed = failed.or(error);
            }
            // Panics of tasks and objects are caught earlier, so this panic comes from the runner itself.
            Err(error) => tracing::error!("a slot of a fleet ended early: {error}"),
        }
    }
    failed.map_or(Ok(finished), Err)
}

/// The state that all slots of a fleet share.
struct Slot {
    objects: Vec<AnyObject>,
    dispatch: Arc<dyn Dispatch>,
    options: Arc<FleetOptions>,
    request: RequestId,
    mode: Mode,
}

impl Slot {
    /// Runs one object after another until none are left, or until the slot is closed.
    async fn run(self: Arc<Self>, work: WorkContext) -> (Vec<(usize, Finished)>, Option<DispatchError>) {
        let (mut finished, mut run_in_turn) = (Vec::new(), 0);
        let mut next = self.dispatch.next(None).await;
        loop {
            let i = match next {
                Ok(Next::Run(i)) if i < self.objects.len() => i,
                Ok(Next::Run(_) | Next::End) => return (finished, None),
                Err(error) => return (finished, Some(error)),
            };
            if self.dispatch.wants_results() {
                work.note_object(&self.objects[i].0.core().subdir);
            }
            let began = Instant::now();
            let result = bring_up(&self.objects[i], self.mode, &work).await;
            let mut result = Finished { result, duration: began.elapsed(), report: None };
            let ended = self.ended(i, &mut result);
            // The report of the process that has taken the object over counts.
            if ended.state != EndState::Lost || !self.dispatch.wants_results() {
                finished.push((i, result));
            }
            self.options.ended.0.fetch_add(1, Ordering::Relaxed);
            if self.options.slots.closes() {
                return (finished, self.dispatch.end(ended).await.err());
            }
            next = self.dispatch.next(Some(ended)).await;
            run_in_turn += 1;
            if run_in_turn % OBJECTS_PER_TURN == 0 {
                tokio::task::yield_now().await;
            }
        }
    }

    /// Returns the end of an object for the dispatch.
    fn ended(&self, i: usize, finished: &mut Finished) -> Ended {
        let state = match &finished.result {
            Ok(()) => EndState::Done,
            Err(error) if is_loss(&**error) => EndState::Lost,
            Err(error) if is_stop(&**error) => EndState::Stopped,
            Err(_) => EndState::Failed,
        };
        let mut ended = Ended::new(i, state);
        if self.dispatch.wants_results() {
            let report = result(&self.objects[i], Some(finished), self.request, self.mode);
            ended.result = serde_json::to_string(&WireResult::of(&report)).ok();
            finished.report = Some(report);
        }
        ended
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

fn result(object: &AnyObject, finished: Option<&Finished>, request: RequestId, mode: Mode) -> ObjectResult {
    if let Some(known) = finished.and_then(|finished| finished.report.clone()) {
        return known;
    }
    let core = object.0.core();
    let progress = core.progress(core.mode_for(mode));
    let RequestResults { tasks, up_to_date, .. } = progress.take_results(request).unwrap_or_default();
    let mut result = ObjectResult::new(object, tasks, up_to_date);
    match finished {
        None => result.outcome = ObjectStatus::NotTried,
        Some(finished) => {
            result.duration = finished.duration;
            if object.readonly() {
                result.outcome = ObjectStatus::Readonly;
            }
            if let Err(error) = &finished.result {
                fail(&mut result, error.clone());
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
