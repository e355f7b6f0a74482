//! Tasks of a plan that are decided only once an earlier task has run.

use std::sync::Arc;

use super::driver::{Considered, Driver};
use super::frame::Frame;
use crate::event::EventKind;
use crate::report::RunError;
use crate::report::explain;
use crate::report::{TaskReport, Undecided};
use crate::stamp::Timestamp;
use crate::work::{Reached, WorkContext};

/// Calls user code, noting in a plan the work that it asks for.
pub(super) async fn noting<F: Future>(reached: Option<&Arc<Reached>>, call: F) -> F::Output {
    match reached {
        Some(reached) => WorkContext::reaching(reached.clone(), call).await,
        None => call.await,
    }
}

impl Driver<'_> {
    /// Returns what notes the work that user code asks for, in a plan.
    pub(super) fn reached(&self) -> Option<Arc<Reached>> {
        self.is_plan().then(Arc::default)
    }

    /// Returns why a check that failed in a plan may answer later: an earlier task would run first, or a task that the check itself
    /// asked for. `None` if it failed for good.
    pub(super) fn undecided_by(&self, reached: Option<&Arc<Reached>>, error: &RunError) -> Option<Undecided> {
        let earlier = self.newest.as_ref().filter(|newest| self.is_plan() && newest.time >= Timestamp::UNDECIDED);
        let asked = || reached.and_then(|reached| reached.would_run().map(str::to_owned));
        let until = earlier.map(|newest| newest.which.clone().into_owned()).or_else(asked)?;
        Some(Undecided { until, error: Some(explain(error)) })
    }

    /// Says that a task is undecided. Later tasks run if it does.
    pub(super) fn undecided(&mut self, frame: &Frame, row: usize, undecided: Undecided) -> Considered {
        let (object, name) = (&frame.object, frame.object.stamp_name(row));
        self.emit(frame, row, || EventKind::TaskUndecided { undecided: undecided.clone() });
        self.pass_on(Some(Timestamp::UNDECIDED), || name.into());
        self.tasks.push(TaskReport::undecided(name, object.describe(row), undecided));
        Considered::At(Some(Timestamp::UNDECIDED))
    }
}
