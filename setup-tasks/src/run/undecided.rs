//! Tasks of a plan that are decided only once an earlier task has run.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

use super::driver::{Considered, Driver, explain};
use super::error::RunError;
use super::level::Level;
use super::report::TaskReport;
use crate::event::EventKind;
use crate::ready::{Current, Reached};
use crate::stamp::Timestamp;

/// Why a plan cannot say whether a task would run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Undecided {
    /// The task that would run, or that is undecided itself, and has to run first; of another object as `object/task`.
    pub until: String,
    /// The error of the check that cannot answer before; `None` if the task runs just if `until` does.
    pub error: Option<String>,
}

impl fmt::Display for Undecided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.error {
            Some(error) => write!(f, "decided once {} has run; before that, {error}", self.until),
            None => write!(f, "it runs if {} runs", self.until),
        }
    }
}

/// Calls user code, noting in a plan the work that it asks for.
pub(super) async fn noting<F: Future>(reached: Option<&Arc<Reached>>, call: F) -> F::Output {
    match reached {
        Some(reached) => Current::reaching(reached.clone(), call).await,
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
    pub(super) fn undecided(&mut self, level: &Level, row: usize, undecided: Undecided) -> Considered {
        let (object, name) = (&level.object, level.object.stamp_name(row));
        self.emit(level, row, || EventKind::TaskUndecided { undecided: undecided.clone() });
        self.pass_on(Some(Timestamp::UNDECIDED), || name.into());
        self.tasks.push(TaskReport::undecided(name, object.describe(row), undecided));
        Considered::At(Some(Timestamp::UNDECIDED))
    }
}
