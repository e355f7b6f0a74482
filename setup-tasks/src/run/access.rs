//! The rights of a run: a plan has none, and a run acquires them with the lease of its object.

use std::sync::Arc;

use super::driver::Driver;
use super::execute::DueTask;
use super::lease_wait::{LeasePurpose, LeaseWaits};
use super::rows::{Forcing, Frame};
use super::scope::RunScope;
use super::session::{Session, SessionStart};
use crate::object::{DynObject, Permit};
use crate::report::RunError;
use crate::stamp::Records;
use crate::work::FleetOptions;

/// The rights of a run. Code that calls a task's method or writes a stamp needs a session, which a
/// plan cannot have.
pub(super) enum Access {
    Plan,
    Apply {
        permit: Permit,
        /// The session, which begins when the first task runs.
        session: Option<Arc<Session>>,
        /// The state of the run's waits for other processes.
        waits: LeaseWaits,
    },
}

/// The answer to a request for the right to run a task.
pub(super) enum Authorization {
    /// The run is a plan.
    PlanOnly,
    /// The task may run.
    Session(Arc<Session>),
    /// Another process changed the records, so the walk starts again.
    Restart,
}

impl Access {
    /// Returns the rights of a run that has no session yet, or those of a plan without a permit.
    pub(super) fn of(permit: Option<Permit>) -> Self {
        permit.map_or(Self::Plan, |permit| Self::Apply { permit, session: None, waits: LeaseWaits::default() })
    }

    /// Returns the rights of a run within an existing session.
    pub(super) fn within(session: &Arc<Session>) -> Self {
        let permit = session.permit().clone();
        Self::Apply { permit, session: Some(session.clone()), waits: LeaseWaits::default() }
    }

    /// Ends a session whose lease was lost, and returns a description of the loss.
    pub(super) fn take_lost_session(&mut self) -> Option<String> {
        let loss = self.session()?.loss()?;
        if let Self::Apply { session, .. } = self {
            *session = None;
        }
        Some(loss)
    }

    /// Returns the session, if it has begun.
    pub(super) fn session(&self) -> Option<&Arc<Session>> {
        match self {
            Self::Plan => None,
            Self::Apply { session, .. } => session.as_ref(),
        }
    }
}

/// Fails if the fleet applies a plan that was made with other records of the object.
fn check_records(object: &Arc<dyn DynObject>, fleet: Option<&FleetOptions>, records: &Records) -> Result<(), RunError> {
    let core = object.core();
    match fleet.and_then(|fleet| fleet.approved.as_ref()?.records_at_begin(&core.id)) {
        Some(planned) if core.records_digest(records)? != planned => {
            Err(RunError::NotAsPlanned { object: core.id.to_string() })
        }
        Some(_) | None => Ok(()),
    }
}

impl Driver<'_> {
    /// Fails if the fleet applies a plan that does not contain the task. A task that another one runs
    /// through its handle is a part of that one.
    pub(super) fn check_approved(&self, due: &DueTask<'_>) -> Result<(), RunError> {
        let RunScope { object, cx, caller, .. } = &self.scope;
        let approved = cx.fleet.and_then(|fleet| fleet.approved.as_ref());
        let Some(approved) = approved.filter(|_| caller.is_none() && !cx.mode.is_plan()) else { return Ok(()) };
        let id = &object.core().id;
        if approved.allows(id, due.name()) {
            return Ok(());
        }
        let reason = Box::new(due.reason.clone());
        let error = RunError::NotPlanned { object: id.to_string(), task: due.name(), reason };
        self.emit_failure(due.frame, due.row, &error);
        Err(error)
    }

    /// Acquires the right to change the object for a task that must run. Requests a new walk if
    /// another process changed the records while this one waited.
    pub(super) async fn authorize(&mut self, frame: &Frame, task: &'static str) -> Result<Authorization, RunError> {
        // A call of the task through its handle needs the task to run here.
        let is_called = frame.forcing != Forcing::Nothing && self.scope.is_single_task();
        let Access::Apply { permit, session, waits } = &mut self.access else { return Ok(Authorization::PlanOnly) };
        if let Some(session) = session {
            return Ok(Authorization::Session(session.clone()));
        }
        let decided = (!is_called).then_some((task, &self.records.all));
        let purpose = LeasePurpose { task: decided, query: self.scope.options.query };
        let RunScope { object, cx, .. } = &self.scope;
        match Box::pin(Session::begin_if_needed(object, permit, cx, purpose, waits)).await? {
            SessionStart::Session(begun, records) => {
                check_records(object, cx.fleet, &records)?;
                let begun = Arc::new(begun);
                *session = Some(begun.clone());
                if records == self.records.all {
                    return Ok(Authorization::Session(begun));
                }
                self.records.all = records;
            }
            SessionStart::RecordsChanged(records) => self.records.all = records,
            SessionStart::ResultKnown => {}
        }
        Ok(Authorization::Restart)
    }
}
