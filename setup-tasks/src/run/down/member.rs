//! One object on its way down.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::contexts::ContextStack;
use super::super::session::Session;
use super::steps::{Step, StepKind, positions, steps_of};
use super::{DownResult, StepWait};
use crate::error::explain;
use crate::event::EventKind;
use crate::object::{DynObject, Permit, RunStart};
use crate::paths::PathError;
use crate::report::{ObjectReport, RunError, TaskReport, TaskStatus};
use crate::span::WorkSpan;
use crate::stamp::Records;
use crate::task::name::intern;
use crate::task::run_context::ContextExit;
use crate::work::{Mode, RequestCx, RequestId, WorkContext};

/// An object on its way down.
pub(super) struct Member {
    pub(super) object: Arc<dyn DynObject>,
    /// The permit, or `None` in a plan.
    pub(super) permit: Option<Permit>,
    /// The session, which begins together with those of all members when the first task is undone.
    pub(super) session: Option<Arc<Session>>,
    pub(super) records: Records,
    pub(super) steps: Vec<Step>,
    /// The number of steps that remain. The next one is the last of them.
    pub(super) remaining: usize,
    /// For each step, the members and the positions that it waits for.
    waits: Vec<Vec<(usize, usize)>>,
    pub(super) contexts: ContextStack,
    pub(super) tasks: Vec<TaskReport>,
    /// The context of user code that is called for the object.
    pub(super) work: WorkContext,
    /// Whether the cache of a retired object was or would be removed.
    pub(super) prunes: bool,
    pub(super) span: WorkSpan,
    has_ended: bool,
}

impl Member {
    pub(super) async fn new(
        object: Arc<dyn DynObject>,
        permit: Option<Permit>,
        waits: Vec<StepWait>,
        work: &WorkContext,
        request: RequestId,
    ) -> Result<Self, RunError> {
        let (core, mode) = (object.core(), if permit.is_some() { Mode::Apply } else { Mode::Plan });
        let progress = core.progress(mode);
        // No result of an earlier run is valid after this.
        progress.begin(request, RunStart::Anew, 0)?;
        let records = core.load_for(&RequestCx { mode, request, ..RequestCx::of(work, mode) }).await?;
        let work = work.of_node(&progress.node, request);
        let steps = work.clone().scope(async { steps_of(&object) }).await;
        let mut waiting = vec![Vec::new(); steps.len()];
        for wait in waits {
            positions(&steps, wait.row).for_each(|at| waiting[at].push((wait.dependent, wait.at)));
        }
        let remaining = steps.len();
        let span = WorkSpan::of_object(&core.id, core.type_name);
        let (contexts, tasks) = (ContextStack::default(), Vec::new());
        let (session, waits, prunes, has_ended) = (None, waiting, false, false);
        Ok(Self {
            object: object.clone(),
            permit,
            session,
            records,
            steps,
            remaining,
            waits,
            contexts,
            tasks,
            work,
            prunes,
            span,
            has_ended,
        })
    }

    pub(super) fn mode(&self) -> Mode {
        if self.permit.is_some() { Mode::Apply } else { Mode::Plan }
    }

    pub(super) fn id(&self) -> &Arc<str> {
        &self.object.core().id
    }

    /// Returns the next step, and the members and positions that it waits for.
    pub(super) fn next(&self) -> Option<(&Step, &[(usize, usize)])> {
        let at = self.remaining.checked_sub(1)?;
        Some((&self.steps[at], &self.waits[at]))
    }

    /// Returns to the first step, because the records have changed. No task was undone.
    pub(super) fn restart(&mut self, records: Records) {
        self.remaining = self.steps.len();
        self.contexts = ContextStack::default();
        self.tasks.clear();
        self.records = records;
    }

    /// Returns the tasks with records that no step stands for: tasks of an earlier version of the
    /// program, and stamps that a user wrote. The records of readonly customizations stay.
    pub(super) fn remnants(&self) -> Vec<&'static str> {
        let names: HashSet<_> = self.steps.iter().map(Step::name).collect();
        let left: Vec<_> = self.steps.iter().filter(|step| matches!(step.kind, StepKind::LeftAlone)).collect();
        let is_left = |task: &str| left.iter().any(|step| is_within(task, step.name()));
        let others = self.records.iter().map(|(task, _)| task).filter(|task| !names.contains(task) && !is_left(task));
        others.map(intern).collect()
    }

    /// Returns whether a task of the customization has a record.
    pub(super) fn has_records_within(&self, customization: &str) -> bool {
        self.records.iter().any(|(task, _)| is_within(task, customization))
    }

    pub(super) fn report(&mut self, task: &'static str, step: Option<&Step>, status: TaskStatus) {
        let description = step.map_or("A task of an earlier version".into(), |step| step.frame.describe(step.row));
        self.tasks.push(TaskReport::taken_down(task, description, status));
    }

    /// Returns whether the cache of the object has files. The directories of other objects do not
    /// count.
    pub(super) fn has_cache(&self) -> Result<bool, PathError> {
        let core = self.object.core();
        core.paths().has_cache(&core.layout.nested_in(&core.subdir))
    }

    /// Removes the cache of the object.
    pub(super) fn prune_cache(&self) -> Result<(), PathError> {
        let core = self.object.core();
        core.paths().clear(&core.layout.nested_in(&core.subdir))
    }

    /// Ends the way down of the object.
    pub(super) async fn end(&mut self, error: Option<&RunError>) -> Result<(), RunError> {
        let exit = if error.is_none() { ContextExit::Done } else { ContextExit::Failed };
        let mut left = Ok(());
        while !self.contexts.is_empty() {
            left = left.and(self.contexts.pop(&self.object.core().id, exit, &self.work).await);
        }
        let in_place = match &self.session {
            Some(session) => session.check_places().await,
            None => Ok(()),
        };
        left.and(in_place)
    }

    /// Publishes the end: later requests bring the object up again.
    pub(super) fn publish(&mut self, error: Option<&RunError>) {
        if std::mem::replace(&mut self.has_ended, true) {
            return;
        }
        let core = self.object.core();
        core.set_current_row(None);
        core.progress(self.mode()).end(error);
        if self.mode().is_plan() {
            return;
        }
        if !self.tasks.is_empty() {
            core.ready.forget();
        }
        core.emit("", || match error {
            None => EventKind::ObjectDown,
            Some(error) => EventKind::ObjectFailed { error: explain(error) },
        });
    }

    pub(super) fn into_result(self, error: Option<RunError>) -> DownResult {
        let report = ObjectReport { tasks: self.tasks, ..ObjectReport::new(&self.object.core().id) };
        self.span.object_ended(&report, error.as_ref());
        DownResult { report, error, prunes: self.prunes }
    }
}

/// Returns whether a task is a customization or belongs to it.
fn is_within(task: &str, customization: &str) -> bool {
    task.strip_prefix(customization).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Returns the error of an object that stays because its dependent does.
pub(crate) fn needed(object: &str, dependent: &str, why: &'static str) -> RunError {
    RunError::Needed { object: object.to_owned(), dependent: dependent.to_owned(), why }
}

/// Returns the results if one object failed before the walk began.
pub(super) fn failed_together(
    objects: &[Arc<dyn DynObject>],
    failed: &Arc<dyn DynObject>,
    error: &RunError,
) -> Vec<DownResult> {
    let failed_id = &failed.core().id;
    let result = |object: &Arc<dyn DynObject>| {
        let id = &object.core().id;
        let error = if id == failed_id { error.clone() } else { needed(id, failed_id, COULD_NOT) };
        DownResult { report: ObjectReport::new(id), error: Some(error), prunes: false }
    };
    objects.iter().map(result).collect()
}

/// The reason why an object stays if its dependent failed.
pub(crate) const COULD_NOT: &str = "could not be brought down";
