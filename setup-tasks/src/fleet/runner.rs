//! Runs objects in parallel: each once those that it depends on have ended.

use std::collections::VecDeque;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use foldhash::{HashMap, HashMapExt, HashSet};
use futures_util::FutureExt;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use super::ahead::read_ahead;
use super::path::{is_stop, path_of};
use super::report::{FleetReport, ObjectResult, ObjectStatus};
use super::scope::Apart;
use super::{FleetRun, Scope};
use crate::object::{AnyObject, settle};
use crate::ready::{Current, Epoch, SharedError};
use crate::run::{Done, panicked};

/// After so many objects without a wait, a worker lets others have the thread.
const IN_A_ROW: usize = 64;

/// Runs the objects that were chosen.
pub(super) async fn run(fleet: &FleetRun, objects: Vec<AnyObject>, mut scope: Scope) -> FleetReport {
    let began = Instant::now();
    let is_plan = fleet.is_plan();
    let (current, epoch) = (Current::get(), Epoch::now());
    settle(&objects);
    scope.ahead = read_ahead(fleet.layout.store_for(is_plan), &objects, epoch);
    let scope = Arc::new(scope);
    let _listed = fleet.layout.list_fleet(&scope);
    let workers = fleet.workers(objects.len());
    let shared = Arc::new(Shared {
        schedule: Apart(Mutex::new(Schedule::new(&objects, fleet.fail_fast))),
        more: Notify::new(),
        objects,
        scope,
        is_plan,
    });
    let mut running = JoinSet::new();
    for _ in 0..workers {
        let of_fleet = current.of_fleet(shared.scope.clone(), epoch);
        running.spawn(of_fleet.carry(work(shared.clone())));
    }
    while let Some(ended) = running.join_next().await {
        if let Err(error) = ended {
            // Not a task's, and not an object's: those are failures of theirs.
            tracing::error!("a worker of a fleet ended early: {error}");
        }
    }
    let ended = std::mem::take(&mut shared.schedule().ended);
    let chosen = shared.objects.iter().zip(ended);
    let mut results: Vec<_> = chosen.map(|(object, ended)| result(object, ended, epoch, is_plan)).collect();
    let stopped = shared.scope.stop.is_asked() && results.iter().any(ObjectResult::is_failure);
    if results.len() < fleet.layout.len() {
        results.extend(pulled(fleet, &shared.objects, epoch, is_plan));
    }
    FleetReport { dry_run: is_plan, stopped, duration: began.elapsed(), objects: results }
}

/// How an object ended.
struct Ended {
    result: Result<(), SharedError>,
    duration: Duration,
}

/// What the workers share.
struct Shared {
    objects: Vec<AnyObject>,
    schedule: Apart<Mutex<Schedule>>,
    /// Told when there may be more to do, or nothing will be any more.
    more: Notify,
    scope: Arc<Scope>,
    is_plan: bool,
}

/// Which object is next.
struct Schedule {
    /// For an object, those that begin after it.
    dependents: HashMap<usize, Vec<usize>>,
    /// For each object, how many it still has to wait for.
    waits_for: Vec<usize>,
    free: VecDeque<usize>,
    begun: Vec<bool>,
    running: usize,
    ended: Vec<Option<Ended>>,
    fail_fast: bool,
    failed: bool,
}

/// What a worker does next.
enum Next {
    Run(usize),
    Wait,
    End,
}

impl Shared {
    fn schedule(&self) -> MutexGuard<'_, Schedule> {
        self.schedule.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that an object has ended, and what is next for the worker that ran it: the schedule is locked once an object.
    fn next(&self, ended: Option<(usize, Ended)>) -> Next {
        let has_ended = ended.is_some();
        let mut schedule = self.schedule();
        let freed = ended.map_or(0, |(i, ended)| schedule.end(i, ended));
        let next = if self.scope.stop.is_asked() { Next::End } else { schedule.next() };
        drop(schedule);
        if has_ended {
            self.scope.ended.0.fetch_add(1, Ordering::Relaxed);
        }
        // One is for this worker.
        (1..freed).for_each(|_| self.more.notify_one());
        next
    }
}

/// A worker: runs one object after another until there are none.
async fn work(shared: Arc<Shared>) {
    let mut in_a_row = 0;
    let mut next = shared.next(None);
    loop {
        match next {
            Next::Run(i) => {
                let began = Instant::now();
                let result = bring_up(&shared.objects[i], shared.is_plan).await;
                next = shared.next(Some((i, Ended { result, duration: began.elapsed() })));
            }
            Next::Wait => {
                // Told of all that happens from here on; and looked once more, so that nothing is missed in between.
                let mut more = pin!(shared.more.notified());
                more.as_mut().enable();
                next = shared.next(None);
                if let Next::Wait = next {
                    more.await;
                }
            }
            Next::End => return shared.more.notify_waiters(),
        }
        in_a_row += 1;
        if in_a_row % IN_A_ROW == 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Schedule {
    fn new(objects: &[AnyObject], fail_fast: bool) -> Self {
        let count = objects.len();
        let mut schedule = Self {
            dependents: HashMap::new(),
            waits_for: vec![0; count],
            free: VecDeque::new(),
            begun: vec![false; count],
            running: 0,
            ended: (0..count).map(|_| None).collect(),
            fail_fast,
            failed: false,
        };
        schedule.find_edges(objects);
        schedule.free = (0..count).filter(|&i| schedule.waits_for[i] == 0).collect();
        schedule
    }

    /// As far as relationships say it beforehand. What they do not say, runs wait for when they come to it.
    fn find_edges(&mut self, objects: &[AnyObject]) {
        let related: Vec<_> = objects.iter().enumerate().filter(|(_, object)| object.0.relates()).collect();
        if related.is_empty() {
            return;
        }
        let places: HashMap<*const (), usize> =
            objects.iter().enumerate().map(|(i, object)| (address(object), i)).collect();
        for (i, object) in related {
            for row in object.0.order().iter() {
                for (other, _) in object.0.needs_now(row) {
                    if let Some(&other) = places.get(&address(&other))
                        && other != i
                    {
                        let dependents = self.dependents.entry(other).or_default();
                        if dependents.last() != Some(&i) {
                            dependents.push(i);
                            self.waits_for[i] += 1;
                        }
                    }
                }
            }
        }
    }

    /// An object that waits for none. Where all wait for each other, one that was not begun: its run waits for just what it
    /// needs.
    fn next(&mut self) -> Next {
        if self.fail_fast && self.failed {
            return Next::End;
        }
        while let Some(i) = self.free.pop_front() {
            if !self.begun[i] {
                return self.begin(i);
            }
        }
        if self.running > 0 {
            return Next::Wait;
        }
        match self.begun.iter().position(|begun| !begun) {
            Some(i) => self.begin(i),
            None => Next::End,
        }
    }

    fn begin(&mut self, i: usize) -> Next {
        self.begun[i] = true;
        self.running += 1;
        Next::Run(i)
    }

    /// An object has ended; how many may begin now that could not before.
    fn end(&mut self, i: usize, ended: Ended) -> usize {
        self.running -= 1;
        self.failed |= ended.result.is_err();
        self.ended[i] = Some(ended);
        let before = self.free.len();
        for &dependent in self.dependents.get(&i).into_iter().flatten() {
            self.waits_for[dependent] = self.waits_for[dependent].saturating_sub(1);
            if self.waits_for[dependent] == 0 {
                self.free.push_back(dependent);
            }
        }
        self.free.len() - before
    }
}

/// Tells one object from another.
fn address(object: &AnyObject) -> *const () {
    Arc::as_ptr(&object.0).cast()
}

async fn bring_up(object: &AnyObject, is_plan: bool) -> Result<(), SharedError> {
    if object.readonly() {
        return Ok(());
    }
    let work = async {
        if is_plan || object.0.core().is_dry_run() {
            crate::run::plan_part(object.0.clone()).await.map_err(anyhow::Error::new)
        } else {
            crate::ready::renew(&object.0).await.map_err(anyhow::Error::new)
        }
    };
    // Wherever a model's code panics, that is a failure of its object: a worker that ended would leave the others waiting.
    let result = AssertUnwindSafe(work).catch_unwind().await;
    result.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(SharedError::from)
}

fn result(object: &AnyObject, ended: Option<Ended>, epoch: Epoch, is_plan: bool) -> ObjectResult {
    let core = object.0.core();
    let course = core.course(is_plan || core.is_dry_run());
    let Done { tasks, up_to_date, .. } = course.take_done(epoch).unwrap_or_default();
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

fn fail(result: &mut ObjectResult, error: SharedError) {
    let path = path_of(&*error);
    result.outcome = if is_stop(&*error) { ObjectStatus::Stopped } else { ObjectStatus::Failed };
    if path.len() > 1 && result.outcome == ObjectStatus::Failed {
        (result.outcome, result.path) = (ObjectStatus::DependencyFailed, path);
    }
    result.error = Some(error);
}

/// Objects that were not chosen, and were run for those that were.
fn pulled(fleet: &FleetRun, chosen: &[AnyObject], epoch: Epoch, is_plan: bool) -> Vec<ObjectResult> {
    let chosen: HashSet<_> = chosen.iter().map(address).collect();
    let others = fleet.layout.all().into_iter().filter(|object| !chosen.contains(&address(object)));
    let pulled = others.filter_map(|object| {
        let done = object.0.core().course(is_plan).take_done(epoch)?;
        let mut result = ObjectResult::new(&object, done.tasks, done.up_to_date);
        result.chosen = false;
        if let Some(error) = done.failed {
            fail(&mut result, anyhow::Error::new(error).into());
        }
        Some(result)
    });
    pulled.collect()
}
