//! The observation of tasks: a run that verifies gathers the questions of an object's tasks on the
//! board of its run or its fleet, where the first task that needs an answer asks for all.

use std::sync::Arc;

use futures_util::StreamExt;

use super::driver::Driver;
use super::execute::ExecutionEnd;
use super::helper_call::call_helper;
use super::probe::TaskProbe;
use super::rows::Frame;
use crate::Result;
use crate::decide::Reason;
use crate::drift::Difference;
use crate::earlier::LastChange;
use crate::event::EventKind;
use crate::object::{AnyObject, DynObject, Features, RowId};
use crate::observer::{Answer, Board, Gathered, ObserveError, Observed, ObservedTask, Place, Question, TaskEnd};
use crate::report::{RunError, TaskReport, TaskStatus};
use crate::stamp::{Clock, Records, Timestamp};
use crate::task::category::TaskCategory;
use crate::task::context::{LazyContext, Resources, TaskContext};
use crate::work::{FleetOptions, Mode, RequestedWork, SharedError, WorkContext};

/// The number of objects whose questions are gathered at the same time.
const OBJECTS_AT_ONCE: usize = 64;

/// The observation of one task in a run that verifies.
pub(super) struct Observation {
    place: Place,
    gathered: Result<Gathered, SharedError>,
    /// The time of the last change before the task. Earlier answers are stale.
    since: Timestamp,
}

impl Observation {
    /// Returns the answer to the task's question, or `None` if there is nothing to observe. If the
    /// board has no fresh answer, the observer is asked.
    pub(super) async fn answer(&self, clock: &Clock) -> Result<Option<Answer>, SharedError> {
        match self.gathered.clone()? {
            Gathered::Nothing => Ok(None),
            Gathered::Later => Err(too_early()),
            Gathered::Cheap(question) => Ok(ask_alone(&question).await?),
            Gathered::Shared(asking) => {
                let answer = asking.answer(&self.place, self.since, clock).await?;
                if answer.is_later() { Err(too_early()) } else { Ok(Some(answer)) }
            }
        }
    }
}

fn too_early() -> SharedError {
    anyhow::Error::from(ObserveError::TooEarly).into()
}

/// Observes a task in a run that does not verify. Returns `None` if its observer is not cheap.
pub(super) async fn observe_cheaply(
    object: &Arc<dyn DynObject>,
    row: RowId,
    cx: &LazyContext<'_>,
) -> Result<Option<Answer>> {
    match call_helper(|| object.question(row, cx)).await?.flatten() {
        Some(question) if question.parts().is_some_and(|(observer, _)| observer.is_cheap()) => {
            ask_alone(&question).await
        }
        Some(_) | None => Ok(None),
    }
}

/// Asks one question.
async fn ask_alone(question: &Question) -> Result<Option<Answer>> {
    let Some((observer, data)) = question.parts() else { return Ok(None) };
    let mut answers = crate::observer::ask(observer, vec![data.clone()]).await?;
    answers.pop().transpose()
}

/// The tasks of an object whose questions a run gathers.
struct Gathering<'g> {
    board: &'g Arc<Board>,
    /// The object that runs the tasks. The tasks of a customization belong to its host.
    root: &'g Arc<str>,
    object: &'g Arc<dyn DynObject>,
    records: &'g Records,
    clock: &'g Clock,
}

impl Gathering<'_> {
    /// Gathers the questions of an object's own tasks before its run.
    async fn gather_object(&self, is_selected: impl Fn(RowId) -> bool) {
        for row in self.object.order().iter().filter(|&row| is_selected(row)) {
            self.gather_early(row, Resources::new(), Timestamp::default()).await;
        }
    }

    /// Gathers the question of a task before the run reaches the task. This happens in a plan, so
    /// that it starts no work. A question that fails or depends on such work is gathered again later.
    async fn gather_early(&self, row: RowId, resources: Resources, since: Timestamp) {
        let has = self.object.features(row);
        let place = Place { object: self.root.clone(), task: has.stamp_name };
        if has.observed == Observed::Never
            || has.category != TaskCategory::Task
            || self.board.gathered(&place, since).is_some()
            || self.board.asks_alone(&place)
        {
            return;
        }
        let (at, requested) = (self.clock.now(), Arc::<RequestedWork>::default());
        let cx = LazyContext::new(self.object, has.stamp_name, self.records.get(has.stamp_name), resources);
        let question = WorkContext::in_plan(async {
            let work = WorkContext::get();
            work.recording(requested.clone(), Box::pin(call_helper(|| self.object.question(row, &cx)))).await
        });
        let question = match Box::pin(question).await {
            Ok(question) if requested.would_run().is_none() => question.flatten(),
            Ok(_) | Err(_) => Some(Question::later()),
        };
        self.board.put(&place, at, question);
    }
}

/// Gathers the questions of all objects of a fleet that verifies, so that each observer is asked once
/// for all of them. An object whose records cannot be read reports the error itself.
pub(crate) async fn gather(objects: &[AnyObject], fleet: &FleetOptions, mode: Mode) {
    let Some(board) = &fleet.board else { return };
    let gathered = futures_util::stream::iter(objects).for_each_concurrent(OBJECTS_AT_ONCE, |object| async move {
        let (object, core) = (&object.0, object.0.core());
        if !object.order().iter().any(|row| object.features(row).observed != Observed::Never) {
            return;
        }
        let Ok(records) = core.load_in(core.mode_for(mode)).await else { return };
        let clock = core.layout.clock();
        let gathering = Gathering { board, root: &core.id, object, records: &records, clock };
        gathering.gather_object(|row| fleet.selects(|| object.tags(row))).await;
    });
    gathered.await;
}

impl Driver<'_> {
    /// Returns the board of the run or its fleet.
    pub(super) fn board(&mut self) -> Arc<Board> {
        self.board.get_or_insert_default().clone()
    }

    /// Returns the time of the last change before the current task. Observations from before that
    /// time are stale. In a plan, nothing changes.
    fn last_change(&self) -> Timestamp {
        if self.scope.is_plan() {
            return Timestamp::default();
        }
        let position = &self.position;
        let changes =
            position.outer.iter().chain([&position.earlier]).filter_map(|earlier| earlier.all().newest.as_ref());
        changes.map(|newest| newest.time).max().unwrap_or_default()
    }

    /// Returns the observation of a task, or `None` if the run does not verify, or if the task is
    /// never observed. The questions of later tasks of the frame are gathered with it.
    pub(super) async fn observation(&mut self, frame: &Frame, row: RowId, has: &Features) -> Option<Observation> {
        if has.observed == Observed::Never || !self.scope.verifies(&frame.object) {
            return None;
        }
        let (board, since) = (self.board(), self.last_change());
        let place = Place { object: self.scope.object.core().id.clone(), task: has.stamp_name };
        let resources = self.position.contexts.resources();
        let gathered = match board.gathered(&place, since) {
            Some(gathered) if !matches!(gathered, Gathered::Later) => Ok(gathered),
            Some(_) | None => {
                let at = self.scope.object.core().layout.clock().now();
                let cx = LazyContext::new(
                    &frame.object,
                    has.stamp_name,
                    self.records.get(has.stamp_name),
                    resources.clone(),
                );
                let question = call_helper(|| frame.object.question(row, &cx)).await;
                question.map(|question| board.put(&place, at, question.flatten())).map_err(SharedError::from)
            }
        };
        self.gather_later(frame, row, &board, |_| true).await;
        Some(Observation { place, gathered, since })
    }

    /// Gathers the questions of the frame's tasks after a row.
    async fn gather_later(&self, frame: &Frame, row: RowId, board: &Arc<Board>, asks: impl Fn(Observed) -> bool) {
        let core = self.scope.object.core();
        let (object, records, clock) = (&frame.object, &*self.records, core.layout.clock());
        let gathering = Gathering { board, root: &core.id, object, records, clock };
        let (order, since) = (object.order(), self.last_change());
        let rows = order.iter().take(self.scope.end(frame, &order)).skip_while(|other| *other != row).skip(1);
        for later in rows.filter(|&later| asks(object.features(later).observed)) {
            if self.scope.is_selected(frame, later) && !self.scope.is_passed_over(frame, later) {
                gathering.gather_early(later, self.position.contexts.resources(), since).await;
            }
        }
    }

    /// Gathers the questions of later tasks before a task runs, so that its method can answer them
    /// together with its own change. Later tasks run after the change, and find their answers.
    pub(super) async fn gather_for(&mut self, frame: &Frame, row: RowId) {
        if frame.object.features(row).observed == Observed::WhenVerified {
            let board = self.board();
            self.gather_later(frame, row, &board, |observed| observed == Observed::WhenVerified).await;
        }
    }

    /// Observes the tasks of a frame of a readonly object, and reports those whose state differs from
    /// the desired one. No task is considered.
    pub(super) async fn find_drift(&mut self, frame: &Frame) -> Result<(), RunError> {
        let object = frame.object.clone();
        for row in object.order().iter() {
            let has = object.features(row);
            if !self.scope.is_selected(frame, row) {
                continue;
            }
            if has.category == TaskCategory::Customization {
                // A customization that cannot be created has nothing to observe yet.
                let Ok(inner) = object.clone().customization(row) else { continue };
                let inner = self.scope.customization_frame(frame, row, inner);
                Box::pin(self.find_drift(&inner)).await?;
            } else if let Some(observation) = self.observation(frame, row, &has).await {
                let (entry, resources, mode) = (self.records.get(has.stamp_name), Vec::new(), Mode::Plan);
                let observation = Some(&observation);
                let probe = TaskProbe { object: &object, row, entry, resources, observation, mode };
                let what = match probe.differences().await {
                    Ok(what) => what,
                    Err(error) => {
                        self.emit_failure(frame, row, &error);
                        return Err(error);
                    }
                };
                if !what.is_empty() {
                    self.drifted(frame, row, what);
                }
            }
        }
        Ok(())
    }

    /// Reports a task of a readonly object whose state differs from the desired one.
    fn drifted(&mut self, frame: &Frame, row: RowId, what: Vec<Difference>) {
        self.emit(frame, row, || EventKind::TaskDrifted { what: what.clone() });
        let (name, description) = (frame.object.stamp_name(row), frame.object.describe(row));
        let report = TaskReport::up_to_date(name, description, LastChange::default());
        let reason = Some(Reason::Drifted { what });
        self.results.tasks.push(TaskReport { status: TaskStatus::Drifted, reason, ..report });
    }

    /// Adds the observation of a task to its context, for a method that can use it.
    pub(super) fn with_observation(&self, cx: TaskContext, has: &Features, reason: &Reason) -> TaskContext {
        let Some(board) = self.board.as_ref().filter(|_| has.observed != Observed::Never) else { return cx };
        let place = Place { object: self.scope.object.core().id.clone(), task: has.stamp_name };
        let since = self.last_change();
        // A dependency of the task's own kind is not among the earlier tasks.
        let is_behind_other = matches!(reason, Reason::DependencyNewer { which } if which.contains('/'));
        let answer = match board.gathered(&place, since) {
            Some(Gathered::Shared(asking)) if !is_behind_other => asking.fresh(&place, since).and_then(Result::ok),
            _ => None,
        };
        self.observed(has);
        let answer = answer.filter(|answer| !answer.is_later());
        cx.with_observed(ObservedTask { answer, board: board.clone(), place })
    }

    /// Observes a task that would run, if the run verifies, so that a plan knows what the task would
    /// change.
    pub(super) async fn observe_to_plan(
        &mut self,
        frame: &Frame,
        row: RowId,
    ) -> Result<Option<ObservedTask>, RunError> {
        let has = frame.object.features(row);
        let Some(observation) = self.observation(frame, row, &has).await else { return Ok(None) };
        let core = self.scope.object.core();
        let answer = observation.answer(core.layout.clock()).await.map_err(|source| RunError::Check {
            object: core.id.to_string(),
            task: has.stamp_name,
            what: "observation",
            source,
        })?;
        let place = Place { object: core.id.clone(), task: has.stamp_name };
        let board = self.board.clone().unwrap_or_default();
        Ok(Some(ObservedTask { answer, board, place }))
    }

    /// Notes the end of a task, which may have made earlier observations stale.
    pub(super) fn note_end(&self, task: &'static str, end: &Result<ExecutionEnd, RunError>) {
        let Some(board) = &self.board else { return };
        let core = self.scope.object.core();
        let end = match end {
            Ok(ExecutionEnd::Completed(at)) => TaskEnd::Changed(*at),
            Ok(ExecutionEnd::Unchanged(_) | ExecutionEnd::Skipped) => TaskEnd::Unchanged,
            Ok(ExecutionEnd::Failed(_)) | Err(_) => TaskEnd::Failed(core.layout.clock().now()),
        };
        board.note_end(&Place { object: core.id.clone(), task }, end);
    }

    /// Marks a task as considered, so that its question is asked no more. A handle that runs a single
    /// task leaves the question to the run of the object.
    pub(super) fn observed(&self, has: &Features) {
        if let Some(board) = self.board.as_ref().filter(|_| !self.scope.is_single_task()) {
            board.consider(&Place { object: self.scope.object.core().id.clone(), task: has.stamp_name });
        }
    }

    /// Marks all tasks of the object as considered at the end of its run.
    pub(super) fn end_observations(&self) {
        if let Some(board) = &self.board {
            board.end(&self.scope.object.core().id);
        }
    }
}
