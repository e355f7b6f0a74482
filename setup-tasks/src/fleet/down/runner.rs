//! The run that brings objects down: several components at once, dependents first.

use std::collections::{BTreeSet, VecDeque};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use foldhash::HashSet;
use futures_util::FutureExt;
use tokio::task::JoinSet;
use tracing::Instrument;

use super::super::report::{FleetReport, ObjectResult, ObjectStatus};
use super::super::runner::fail;
use super::super::schedule::address;
use super::super::{FleetError, FleetRun};
use super::graph::{Component, Graph, has_no_records};
use crate::object::{AnyObject, set_inherited};
use crate::report::{ObjectReport, RunError};
use crate::run::down::{COULD_NOT, DownResult, bring_down, needed};
use crate::work::{FleetOptions, Mode, RequestId, WorkContext, panicked};

/// Brings the selected objects and their dependents down, and returns the report.
pub(super) async fn run(
    fleet: &FleetRun,
    chosen: &[AnyObject],
    options: FleetOptions,
) -> Result<FleetReport, FleetError> {
    let began = Instant::now();
    let mode = fleet.mode();
    let all = fleet.layout.all();
    set_inherited(&all);
    let graph = Graph::of(all).await.map_err(FleetError::relationship)?;
    let selected: HashSet<_> = chosen.iter().map(|object| address(object).addr()).collect();
    let is_selected = |i: &usize| selected.contains(&address(&graph.objects[*i]).addr());
    let down = graph.with_dependents((0..graph.objects.len()).filter(is_selected));
    check_excluded(&graph, &down, &options)?;
    let options = Arc::new(options);
    let _listed = fleet.layout.list_fleet(&options);
    let mut results = Down::new(fleet, &graph, options.clone(), mode).run(&down).await;
    results.iter_mut().for_each(|(i, result)| result.chosen = is_selected(i));
    let objects: Vec<_> = results.into_iter().map(|(_, result)| result).collect();
    let stopped = options.stop.is_requested() && objects.iter().any(ObjectResult::is_failure);
    Ok(FleetReport { dry_run: mode.is_plan(), down: true, stopped, duration: began.elapsed(), objects })
}

/// Checks that no excluded object depends on one that is brought down.
fn check_excluded(graph: &Graph, down: &BTreeSet<usize>, options: &FleetOptions) -> Result<(), FleetError> {
    for &i in down {
        let excluded = graph.dependents(i).iter().find(|&&by| options.excludes(graph.objects[by].id()));
        if let Some(&by) = excluded.filter(|_| !options.excludes(graph.objects[i].id())) {
            let (object, dependent) = (graph.objects[i].id().to_owned(), graph.objects[by].id().to_owned());
            return Err(FleetError::Excluded { object, dependent });
        }
    }
    Ok(())
}

/// A run that brings objects down.
pub(super) struct Down<'f> {
    fleet: &'f FleetRun,
    graph: &'f Graph,
    options: Arc<FleetOptions>,
    mode: Mode,
    request: RequestId,
    /// The result of each object of the graph.
    results: Vec<Option<ObjectResult>>,
}

/// The results of a component.
struct Ended {
    component: usize,
    results: Vec<DownResult>,
    duration: Duration,
}

impl<'f> Down<'f> {
    pub(super) fn new(fleet: &'f FleetRun, graph: &'f Graph, options: Arc<FleetOptions>, mode: Mode) -> Self {
        let results = graph.objects.iter().map(|_| None).collect();
        Self { fleet, graph, options, mode, request: RequestId::new(), results }
    }

    /// Brings objects down. Returns the results in the order of the graph, each with its index.
    pub(super) async fn run(mut self, down: &BTreeSet<usize>) -> Vec<(usize, ObjectResult)> {
        let components = self.graph.components(down);
        let mut waits: Vec<_> = components.iter().map(|component| component.waits_for).collect();
        let mut free: VecDeque<_> = (0..components.len()).filter(|&at| waits[at] == 0).collect();
        let jobs = self.fleet.workers(down.len()).max(1);
        let (mut running, mut has_failed) = (JoinSet::new(), false);
        loop {
            while running.len() < jobs && !self.is_over(has_failed) {
                let Some(at) = free.pop_front() else { break };
                match self.obstacle(&components[at]).await {
                    None => self.spawn(&mut running, at, &components[at]),
                    Some(obstacle) => {
                        has_failed |= self.block(&components[at], &obstacle);
                        free_next(&components[at], &mut waits, &mut free);
                    }
                }
            }
            let Some(ended) = running.join_next().await else { break };
            match ended {
                Ok(ended) => {
                    let component = &components[ended.component];
                    has_failed |= self.keep(component, ended.results, ended.duration);
                    free_next(component, &mut waits, &mut free);
                }
                // Panics of undos are caught earlier, so this panic comes from the run itself.
                Err(error) => tracing::error!("a run that brings an object down ended early: {error}"),
            }
        }
        let result = |&i: &usize| {
            let not_tried = || {
                let mut result = ObjectResult::new(&self.graph.objects[i], Vec::new(), 0);
                result.outcome = ObjectStatus::NotTried;
                result
            };
            (i, self.results[i].take().unwrap_or_else(not_tried))
        };
        down.iter().map(result).collect()
    }

    fn is_over(&self, has_failed: bool) -> bool {
        self.options.stop.is_requested() || (has_failed && self.fleet.fail_fast)
    }

    fn spawn(&self, running: &mut JoinSet<Ended>, at: usize, component: &Component) {
        let objects = self.graph.together(component);
        let handles: Vec<_> = component.members.iter().map(|&i| self.graph.objects[i].clone()).collect();
        let work = WorkContext::get().of_fleet(self.options.clone(), self.request);
        let mode = self.mode;
        let down = work.clone().scope(async move {
            let began = Instant::now();
            let down = AssertUnwindSafe(bring_down(objects, mode, work)).catch_unwind().await;
            let results = down.unwrap_or_else(|panic| {
                let error = |object: &AnyObject| {
                    let source = panicked(&*panic);
                    RunError::check(object.id(), "", "way down", source)
                };
                let result = |object: &AnyObject| {
                    let (report, error) = (ObjectReport::new(object.id()), Some(error(object)));
                    DownResult { report, error, prunes: false }
                };
                handles.iter().map(result).collect()
            });
            Ended { component: at, results, duration: began.elapsed() }
        });
        running.spawn(down.in_current_span());
    }

    /// Keeps the results of a component. Returns whether one of its objects failed.
    fn keep(&mut self, component: &Component, results: Vec<DownResult>, duration: Duration) -> bool {
        let mut has_failed = false;
        for (&i, DownResult { report, error, prunes }) in component.members.iter().zip(results) {
            let mut result = ObjectResult::new(&self.graph.objects[i], report.tasks, 0);
            result.outcome = status(&result, prunes, self.mode);
            result.duration = duration;
            if let Some(error) = error {
                has_failed = true;
                fail(&mut result, anyhow::Error::new(error).into());
            }
            self.results[i] = Some(result);
        }
        has_failed
    }

    /// Returns the reason why a component cannot be brought down: it has a readonly object, or a
    /// dependent stays.
    async fn obstacle(&self, component: &Component) -> Option<Obstacle> {
        for &i in &component.members {
            for &by in self.graph.dependents(i).iter().filter(|by| !component.members.contains(by)) {
                let dependent = &self.graph.objects[by];
                match self.results[by].as_ref().map(|result| result.outcome) {
                    Some(ObjectStatus::Readonly) if has_no_records(dependent).await.unwrap_or(false) => {}
                    Some(ObjectStatus::Readonly) => {
                        return Some(Obstacle { of: i, by: dependent.id().to_owned(), why: "is readonly" });
                    }
                    Some(ObjectStatus::DependentFailed) => {
                        return Some(Obstacle { of: i, by: dependent.id().to_owned(), why: "stays, too" });
                    }
                    Some(_) if self.results[by].as_ref().is_some_and(ObjectResult::is_failure) => {
                        return Some(Obstacle { of: i, by: dependent.id().to_owned(), why: COULD_NOT });
                    }
                    _ => {}
                }
            }
        }
        let readonly = component.members.iter().find(|&&i| self.graph.objects[i].readonly())?;
        Some(Obstacle { of: *readonly, by: self.graph.objects[*readonly].id().to_owned(), why: "is readonly" })
    }

    /// Records the results of a component that stays. Returns whether this is a failure.
    fn block(&mut self, component: &Component, obstacle: &Obstacle) -> bool {
        let mut has_failed = false;
        for &i in &component.members {
            let object = &self.graph.objects[i];
            let mut result = ObjectResult::new(object, Vec::new(), 0);
            if object.readonly() {
                result.outcome = ObjectStatus::Readonly;
            } else {
                has_failed = true;
                let by = if obstacle.by == object.id() { self.graph.objects[obstacle.of].id() } else { &obstacle.by };
                let error = needed(object.id(), by, obstacle.why);
                fail(&mut result, anyhow::Error::new(error).into());
            }
            self.results[i] = Some(result);
        }
        has_failed
    }
}

/// The reason why a component stays.
struct Obstacle {
    /// The object that is needed, or the readonly object itself.
    of: usize,
    /// The id of the dependent that stays.
    by: String,
    why: &'static str,
}

fn free_next(component: &Component, waits: &mut [usize], free: &mut VecDeque<usize>) {
    for &next in &component.then {
        waits[next] -= 1;
        if waits[next] == 0 {
            free.push_back(next);
        }
    }
}

/// Returns the status of an object that did not fail.
fn status(result: &ObjectResult, prunes: bool, mode: Mode) -> ObjectStatus {
    match (result.tasks.is_empty() && !prunes, mode) {
        (true, _) => ObjectStatus::Down,
        (false, Mode::Apply) => ObjectStatus::BroughtDown,
        (false, Mode::Plan) => ObjectStatus::WouldBringDown,
    }
}
