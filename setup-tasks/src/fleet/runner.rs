//! Runs objects in parallel: each once those that it depends on have ended.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::task::{JoinError, JoinSet};

use super::path::path_of;
use super::report::{FleetReport, ObjectOutcome, ObjectResult};
use super::{FleetRun, Scope};
use crate::object::{AnyObject, RowKind};
use crate::ready::{Current, Epoch, SharedError};
use crate::run::Done;

/// Runs the objects that were chosen.
pub(super) async fn run(fleet: &FleetRun, objects: Vec<AnyObject>, scope: Arc<Scope>) -> FleetReport {
    let began = Instant::now();
    let is_plan = fleet.dry_run || fleet.layout.config().dry_run;
    let _listed = fleet.layout.list_fleet(&scope);
    let current = Current::get().of_fleet(scope);
    let epoch = current.epoch();
    let mut runner = Runner::new(objects, current, is_plan);
    runner.run(fleet.jobs, fleet.fail_fast).await;
    let mut results: Vec<_> = runner.ended.into_iter().zip(&runner.objects).collect();
    let mut objects: Vec<_> =
        results.iter_mut().map(|(ended, object)| result(object, ended.take(), epoch, is_plan)).collect();
    if objects.len() < fleet.layout.len() {
        objects.extend(pulled(fleet, &runner.objects, epoch, is_plan));
    }
    FleetReport { dry_run: is_plan, duration: began.elapsed(), objects }
}

/// How an object ended.
struct Ended {
    result: Result<(), SharedError>,
    duration: Duration,
}

struct Runner {
    objects: Vec<AnyObject>,
    /// For each object, those that begin after it.
    dependents: Vec<Vec<usize>>,
    /// For each object, how many it still has to wait for.
    waits_for: Vec<usize>,
    free: VecDeque<usize>,
    begun: Vec<bool>,
    ended: Vec<Option<Ended>>,
    running: JoinSet<(usize, Ended)>,
    current: Current,
    is_plan: bool,
}

impl Runner {
    fn new(objects: Vec<AnyObject>, current: Current, is_plan: bool) -> Self {
        let count = objects.len();
        let mut runner = Self {
            dependents: vec![Vec::new(); count],
            waits_for: vec![0; count],
            free: VecDeque::new(),
            begun: vec![false; count],
            ended: (0..count).map(|_| None).collect(),
            running: JoinSet::new(),
            objects,
            current,
            is_plan,
        };
        runner.find_edges();
        runner.free = (0..count).filter(|&i| runner.waits_for[i] == 0).collect();
        runner
    }

    /// As far as relationships say it beforehand. What they do not say, runs wait for when they come to it.
    fn find_edges(&mut self) {
        let places: HashMap<*const (), usize> =
            self.objects.iter().enumerate().map(|(i, object)| (address(object), i)).collect();
        for (i, object) in self.objects.iter().enumerate() {
            for row in object.0.order().iter().filter(|&row| object.0.kind(row) == RowKind::Relation) {
                for other in object.0.relatives_now(row) {
                    if let Some(&other) = places.get(&address(&other))
                        && other != i
                        && self.dependents[other].last() != Some(&i)
                    {
                        self.dependents[other].push(i);
                        self.waits_for[i] += 1;
                    }
                }
            }
        }
    }

    async fn run(&mut self, jobs: usize, fail_fast: bool) {
        let mut failed = false;
        loop {
            while self.running.len() < jobs && !(fail_fast && failed) {
                let Some(i) = self.next() else { break };
                self.begin(i);
            }
            let Some(joined) = self.running.join_next().await else { return };
            failed |= self.join(joined);
            // All that has ended, before anything more begins.
            while let Some(joined) = self.running.try_join_next() {
                failed |= self.join(joined);
            }
        }
    }

    /// An object has ended; whether it failed.
    fn join(&mut self, joined: Result<(usize, Ended), JoinError>) -> bool {
        match joined {
            Ok((i, ended)) => {
                let failed = ended.result.is_err();
                self.end(i, ended);
                failed
            }
            // Not a task's: those are failures of the task. What it ran is reported as not tried.
            Err(error) => {
                tracing::error!("the run of an object ended early: {error}");
                true
            }
        }
    }

    /// An object that waits for none. Where all wait for each other, one that was not begun: its run waits for just what it
    /// needs.
    fn next(&mut self) -> Option<usize> {
        while let Some(i) = self.free.pop_front() {
            if !self.begun[i] {
                return Some(i);
            }
        }
        if self.running.is_empty() { self.begun.iter().position(|begun| !begun) } else { None }
    }

    fn begin(&mut self, i: usize) {
        self.begun[i] = true;
        let (object, is_plan) = (self.objects[i].clone(), self.is_plan);
        let work = async move {
            let began = Instant::now();
            let result = bring_up(&object, is_plan).await;
            (i, Ended { result, duration: began.elapsed() })
        };
        self.running.spawn(self.current.clone().carry(work));
    }

    fn end(&mut self, i: usize, ended: Ended) {
        self.ended[i] = Some(ended);
        if let Some(scope) = &self.current.fleet {
            scope.ended.fetch_add(1, Ordering::Relaxed);
        }
        for &dependent in &self.dependents[i] {
            self.waits_for[dependent] = self.waits_for[dependent].saturating_sub(1);
            if self.waits_for[dependent] == 0 {
                self.free.push_back(dependent);
            }
        }
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
    let result = if is_plan {
        crate::run::plan_part(object.0.clone()).await.map_err(anyhow::Error::new)
    } else {
        crate::ready::renew(&object.0).await.map_err(anyhow::Error::new)
    };
    result.map_err(SharedError::from)
}

fn result(object: &AnyObject, ended: Option<Ended>, epoch: Epoch, is_plan: bool) -> ObjectResult {
    let Done { tasks, up_to_date, .. } = object.0.core().course(is_plan).take_done(epoch).unwrap_or_default();
    let mut result = ObjectResult::new(object, tasks, up_to_date);
    match ended {
        None => result.outcome = ObjectOutcome::NotTried,
        Some(ended) => {
            result.duration = ended.duration;
            if object.readonly() {
                result.outcome = ObjectOutcome::Readonly;
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
    result.outcome = ObjectOutcome::Failed;
    if path.len() > 1 {
        (result.outcome, result.path) = (ObjectOutcome::DependencyFailed, path);
    }
    result.error = Some(error);
}

/// Objects that were not chosen, and were run for those that were.
fn pulled(fleet: &FleetRun, chosen: &[AnyObject], epoch: Epoch, is_plan: bool) -> Vec<ObjectResult> {
    let chosen: std::collections::HashSet<_> = chosen.iter().map(address).collect();
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
