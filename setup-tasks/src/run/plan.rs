//! The work of a plan. Instead of executing tasks, it reports the tasks that would run, those that run
//! if an earlier task changes something, and those that are decided only after an earlier task has run.

use std::borrow::Cow;
use std::sync::Arc;

use super::driver::{Driver, Position};
use super::helper_call::call_helper;
use super::last_change::after_run;
use super::probe::TaskProbe;
use super::rows::Frame;
use super::walk::Considered;
use crate::decide::Reason;
use crate::earlier::LastChange;
use crate::error::explain;
use crate::event::EventKind;
use crate::object::RowId;
use crate::observer::{ObserveError, ObservedTask};
use crate::report::{RunError, TaskReport, TaskStatus, Undecided};
use crate::stamp::{InputStamp, Timestamp};
use crate::task::context::LazyContext;
use crate::task::file_change::FileChange;
use crate::work::{RequestedWork, WorkContext};

/// Calls user code in the context of its work. In a plan, `requested` records the work that the code
/// requests.
pub(super) async fn recording<F: Future>(
    work: &WorkContext,
    requested: Option<&Arc<RequestedWork>>,
    call: F,
) -> F::Output {
    match requested {
        Some(requested) => work.recording(requested.clone(), call).await,
        None => call.await,
    }
}

impl Driver<'_> {
    /// Returns a record for the work that user code requests, or `None` outside of a plan.
    pub(super) fn requested_work(&self) -> Option<Arc<RequestedWork>> {
        self.scope.is_plan().then(Arc::default)
    }

    /// Returns the first earlier task that the plan expects to change something, perhaps or certainly.
    /// A task of a customization comes after the tasks before the customization.
    fn pending(&self) -> Option<&Cow<'static, str>> {
        let Position { earlier, outer, .. } = &self.position;
        std::iter::once(earlier).chain(outer.iter().rev()).find_map(|earlier| earlier.all().pending())
    }

    /// Returns the reason why a check that failed in a plan may succeed later: an earlier task
    /// would run first, or a task that the check itself requested. Returns `None` if the failure is
    /// final.
    fn undecided_by(&self, requested: Option<&Arc<RequestedWork>>, error: &RunError) -> Option<Undecided> {
        let earlier = self.pending().filter(|_| self.scope.is_plan()).map(|which| which.clone().into_owned());
        let by_request = || requested.and_then(|requested| requested.would_run().map(str::to_owned));
        let until = earlier.or_else(by_request)?;
        // This error does not contain anything else that a reader needs.
        let is_too_early = matches!(error, RunError::Check { source, .. }
            if matches!(source.get().downcast_ref(), Some(ObserveError::TooEarly)));
        let error = if is_too_early { "its state cannot be observed".to_owned() } else { explain(error) };
        Some(Undecided { until, error })
    }

    /// Reports a task as undecided. Later tasks run if it changes something.
    pub(super) fn undecided(&mut self, frame: &Frame, row: RowId, undecided: Undecided) -> Considered {
        self.emit(frame, row, || EventKind::TaskUndecided { undecided: undecided.clone() });
        let has = frame.object.features(row);
        let last_change = self.records.get(has.stamp_name).and_then(|entry| entry.last_change(has.completion));
        let report = self.report_of(frame, row, TaskStatus::Undecided, LastChange::open(last_change));
        self.add_report(frame, row, TaskReport { undecided: Some(undecided), ..report })
    }

    /// Reports a task that runs if an earlier one changes something.
    pub(super) fn may_run(
        &mut self,
        frame: &Frame,
        row: RowId,
        reason: Reason,
        last_change: Option<Timestamp>,
    ) -> Considered {
        self.emit(frame, row, || EventKind::TaskMayRun { reason: reason.clone() });
        let report = self.report_of(frame, row, TaskStatus::MayRun, LastChange::open(last_change));
        self.add_report(frame, row, TaskReport { reason: Some(reason), ..report })
    }

    /// Reports that a task would run.
    pub(super) async fn plan(&mut self, frame: &Frame, row: RowId, reason: Reason) -> Result<Considered, RunError> {
        let observed = match Box::pin(self.observe_to_plan(frame, row)).await {
            Ok(observed) => observed,
            // What an earlier task creates cannot be observed yet.
            Err(error) if self.undecided_by(None, &error).is_some() => None,
            Err(error) => {
                self.emit_failure(frame, row, &error);
                return Err(error);
            }
        };
        self.emit(frame, row, || EventKind::TaskWouldRun { reason: reason.clone() });
        let change = self.change_by_run(frame, row, &reason, observed.as_ref()).await?;
        let mut report = self.report_of(frame, row, TaskStatus::WouldRun, change);
        report.reason = Some(reason);
        if self.shows_changes() {
            let requested = self.requested_work();
            match recording(self.scope.cx.work, requested.as_ref(), self.changes(frame, row, observed.as_ref())).await {
                Ok(changes) => report.changes = changes,
                Err(error) => report.undecided = Some(self.undecided_by(requested.as_ref(), &error).ok_or(error)?),
            }
        }
        if self.scope.cx.fleet.is_some_and(|fleet| fleet.digests) {
            report.digest = self.digest(frame, row).await?;
        }
        Ok(self.add_report(frame, row, report))
    }

    /// Returns a digest of the hash text and the input files of a task that would run. A text that
    /// cannot be known in advance counts as missing.
    async fn digest(&self, frame: &Frame, row: RowId) -> Result<Option<String>, RunError> {
        let (object, has) = (&frame.object, frame.object.features(row));
        if has.completion || !(has.hash || has.inputs) {
            return Ok(None);
        }
        let (entry, resources) = (self.records.get(has.stamp_name), self.position.contexts.resources());
        let mode = self.scope.cx.mode;
        let probe = TaskProbe { object, row, entry, resources, observation: None, mode };
        let hash = recording(self.scope.cx.work, self.requested_work().as_ref(), probe.hash()).await.ok().flatten();
        let inputs = probe.record_inputs().unwrap_or_default();
        let inputs: Vec<_> = inputs.iter().map(InputStamp::content).collect();
        Ok(Some(object.core().layout.texts().digest(&(hash, inputs), false)?))
    }

    fn report_of(&self, frame: &Frame, row: RowId, status: TaskStatus, change: LastChange) -> TaskReport {
        let (object, name) = (&frame.object, frame.object.stamp_name(row));
        TaskReport { status, ..TaskReport::up_to_date(name, object.describe(row), change) }
    }

    /// Adds the report on a task, and passes its last change on.
    fn add_report(&mut self, frame: &Frame, row: RowId, report: TaskReport) -> Considered {
        let change = report.last_change;
        self.pass_on(frame, row, change, || Cow::Borrowed(report.task));
        self.results.tasks.push(report);
        Considered::At(change)
    }

    /// Returns the last change of a task after the run that the plan expects.
    async fn change_by_run(
        &self,
        frame: &Frame,
        row: RowId,
        reason: &Reason,
        observed: Option<&ObservedTask>,
    ) -> Result<LastChange, RunError> {
        let has = frame.object.features(row);
        let change = after_run(&frame.object.meta(row), reason, self.records.get(has.stamp_name), &has);
        if !change.may_change {
            return Ok(change);
        }
        Ok(match self.would_change(frame, row, observed).await {
            Some(true) => LastChange::CERTAIN,
            Some(false) if !self.is_behind_pending(frame, row).await? => change.time.into(),
            // A difference between the observed and the desired state is a change.
            None if matches!(reason, Reason::Drifted { .. }) => LastChange::CERTAIN,
            Some(false) | None => change,
        })
    }

    /// Returns whether a task would change something in the present state, or `None` if its kind
    /// cannot compute it. An error is left to the run that would meet it.
    async fn would_change(&self, frame: &Frame, row: RowId, observed: Option<&ObservedTask>) -> Option<bool> {
        let (object, requested) = (&frame.object, self.requested_work());
        let cx = self.context_to_plan(frame, row, observed);
        let call = call_helper(|| object.would_change(row, &cx));
        let answer = recording(self.scope.cx.work, requested.as_ref(), call).await;
        // The answer does not hold if it relies on work that was only planned.
        let is_early = requested.is_some_and(|requested| requested.would_run().is_some());
        answer.ok().flatten().flatten().filter(|_| !is_early)
    }

    /// Returns whether a task comes after another one that may change what it finds.
    async fn is_behind_pending(&self, frame: &Frame, row: RowId) -> Result<bool, RunError> {
        let depends = frame.object.features(row).dependencies;
        Ok(self.pending().is_some() || (depends && self.dependencies(frame, row).await?.pending().is_some()))
    }

    /// Returns the context of the methods that look ahead at a run of a task.
    fn context_to_plan<'f>(&'f self, frame: &'f Frame, row: RowId, observed: Option<&ObservedTask>) -> LazyContext<'f> {
        let name = frame.object.stamp_name(row);
        let cx = LazyContext::new(&frame.object, name, self.records.get(name), self.position.contexts.resources());
        match observed {
            Some(observed) => cx.with_observed(observed.clone()),
            None => cx,
        }
    }

    /// Returns whether the reports of the run contain changes to files.
    fn shows_changes(&self) -> bool {
        self.scope.options.diff || self.scope.cx.fleet.is_some_and(|fleet| fleet.diff)
    }

    /// Returns the changes that a task is about to make to files, if the run shows them. An error is
    /// left to the task, which meets it, too.
    pub(super) async fn shown_changes(&self, frame: &Frame, row: RowId) -> Vec<FileChange> {
        if !self.shows_changes() {
            return Vec::new();
        }
        let changes = self.changes(frame, row, None).await.unwrap_or_default();
        if !changes.is_empty() {
            self.emit(frame, row, || EventKind::FileChanges { changes: changes.clone() });
        }
        changes
    }

    /// Returns the changes that a task would make to files.
    async fn changes(
        &self,
        frame: &Frame,
        row: RowId,
        observed: Option<&ObservedTask>,
    ) -> Result<Vec<FileChange>, RunError> {
        let (object, cx) = (&frame.object, self.context_to_plan(frame, row, observed));
        let changes = call_helper(|| object.changes(row, &cx)).await;
        let failed = |source| RunError::check(&self.scope.object.core().id, cx.task, "preview", source);
        Ok(changes.map_err(failed)?.unwrap_or_default())
    }

    /// Ends the run with the error of a check. In a plan, the check may only have come too early,
    /// and then reports its task as undecided.
    pub(super) fn fail_or_defer(
        &mut self,
        frame: &Frame,
        row: RowId,
        requested: Option<&Arc<RequestedWork>>,
        error: RunError,
    ) -> Result<Considered, RunError> {
        match self.undecided_by(requested, &error) {
            Some(undecided) => Ok(self.undecided(frame, row, undecided)),
            None => {
                self.emit_failure(frame, row, &error);
                Err(error)
            }
        }
    }
}
