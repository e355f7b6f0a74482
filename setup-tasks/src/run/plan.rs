//! The work of a plan. Instead of executing tasks, it reports the tasks that would run, and the
//! tasks that are decided only after an earlier task has run.

use std::borrow::Cow;
use std::sync::Arc;

use super::driver::Driver;
use super::helper_call::call_helper;
use super::rows::Frame;
use super::walk::Considered;
use crate::decide::Reason;
use crate::error::explain;
use crate::event::EventKind;
use crate::object::RowId;
use crate::report::RunError;
use crate::report::{TaskReport, Undecided};
use crate::stamp::Timestamp;
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

    /// Returns the reason why a check that failed in a plan may succeed later: an earlier task
    /// would run first, or a task that the check itself requested. Returns `None` if the failure is
    /// final.
    fn undecided_by(&self, requested: Option<&Arc<RequestedWork>>, error: &RunError) -> Option<Undecided> {
        let newest = self.position.earlier.newest().filter(|_| self.scope.is_plan());
        let earlier = newest.filter(|newest| newest.time >= Timestamp::UNDECIDED);
        let by_request = || requested.and_then(|requested| requested.would_run().map(str::to_owned));
        let until = earlier.map(|newest| newest.which.clone().into_owned()).or_else(by_request)?;
        Some(Undecided { until, error: Some(explain(error)) })
    }

    /// Reports a task as undecided. Later tasks run if it runs.
    pub(super) fn undecided(&mut self, frame: &Frame, row: RowId, undecided: Undecided) -> Considered {
        let (object, name) = (&frame.object, frame.object.stamp_name(row));
        self.emit(frame, row, || EventKind::TaskUndecided { undecided: undecided.clone() });
        self.pass_on(frame, row, Some(Timestamp::UNDECIDED), || name.into());
        self.results.tasks.push(TaskReport::undecided(name, object.describe(row), undecided));
        Considered::At(Some(Timestamp::UNDECIDED))
    }

    /// Reports that a task would run.
    pub(super) async fn plan(&mut self, frame: &Frame, row: RowId, reason: Reason) -> Result<Considered, RunError> {
        let (object, name) = (&frame.object, frame.object.stamp_name(row));
        let newest = self.position.earlier.newest().map(|newest| newest.time);
        if let (Reason::DependencyNewer { which }, Some(Timestamp::UNDECIDED)) = (&reason, newest) {
            let until = which.clone().into_owned();
            return Ok(self.undecided(frame, row, Undecided { until, error: None }));
        }
        self.emit(frame, row, || EventKind::TaskWouldRun { reason: reason.clone() });
        // A check that runs in every run and reports no change passes on its last one.
        let is_unchanged = reason == Reason::Always && !object.meta(row).reports;
        let last_change = self.records.get(name).and_then(|entry| entry.last_change(false));
        let time = if is_unchanged { last_change } else { Some(Timestamp::FUTURE) };
        let mut report = TaskReport::would_run(name, object.describe(row), reason);
        if self.scope.options.diff || self.scope.cx.fleet.is_some_and(|fleet| fleet.diff) {
            let requested = self.requested_work();
            match recording(self.scope.cx.work, requested.as_ref(), self.changes(frame, row)).await {
                Ok(changes) => report.changes = changes,
                Err(error) => report.undecided = Some(self.undecided_by(requested.as_ref(), &error).ok_or(error)?),
            }
        }
        self.pass_on(frame, row, time, || Cow::Borrowed(name));
        report.time = time;
        self.results.tasks.push(report);
        Ok(Considered::At(time))
    }

    /// Returns the changes that a task would make to files.
    async fn changes(&self, frame: &Frame, row: RowId) -> Result<Vec<FileChange>, RunError> {
        let (object, name) = (&frame.object, frame.object.stamp_name(row));
        let cx = LazyContext::new(object, name, self.records.get(name), self.position.contexts.resources());
        let changes = call_helper(|| object.changes(row, &cx)).await;
        let failed = |source| RunError::check(&self.scope.object.core().id, name, "preview", source);
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
