//! The right to change things: a run that may do so takes one when its first task runs; a dry run never has one.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, join_all, select};

use super::lock_wait::{Patience, Wait, Waiting, Wanted};
use crate::layout::Layout;
use crate::lease::{HeldLease, acquire};
use crate::neighbours::Holding;
use crate::object::{DynObject, Permit};
use crate::report::RunError;
use crate::stamp::{Fence, Records};
use crate::task::context::TaskContext;
use crate::work::Stops;

/// Holds the object's lease, and knows the system dependencies that are up.
pub(crate) struct Session {
    object: Arc<dyn DynObject>,
    permit: Permit,
    up: Mutex<HashSet<String>>,
    /// It is dropped before others are told, so that they find it free.
    lease: HeldLease,
    holding: Holding,
}

/// How a session began, or why none is needed.
pub(super) enum Begun {
    /// With what is kept about the object.
    Session(Session, Records),
    /// Another process changed what is kept about the object: the walk may come further without the lock.
    Changed(Records),
    /// Another process considered the task that the run is for.
    Passed,
}

impl Session {
    /// Takes the object's lock, and reads what is kept about it. What is stamped from then on is later than all that was stamped
    /// before.
    pub(crate) async fn begin(object: &Arc<dyn DynObject>, permit: &Permit) -> Result<(Self, Records), RunError> {
        loop {
            let begun = Self::begin_if_needed(object, permit, Wanted::default(), &mut Patience::default()).await?;
            if let Begun::Session(session, records) = begun {
                return Ok((session, records));
            }
        }
    }

    /// As [`begin`](Self::begin); while another process holds the lock, what that does may spare this one the lock.
    pub(super) async fn begin_if_needed(
        object: &Arc<dyn DynObject>,
        permit: &Permit,
        wanted: Wanted<'_>,
        patience: &mut Patience,
    ) -> Result<Begun, RunError> {
        let core = object.core();
        // Before the lock is taken: whoever finds it held can ask by whom it is held, and why.
        core.layout.answer_others();
        let (leases, renewals) = core.layout.leases();
        let holder = match acquire(leases, renewals, (&core.id, &core.subdir)).await? {
            Ok(lease) => return Self::leased(object, permit.clone(), lease).await,
            Err(holder) => holder,
        };
        let wait = Box::pin(Wait { object, wanted, patience, holder, suspected: None }.end());
        let stop = Stops::now(core.layout.stop());
        let ended = match select(wait, pin!(stop.asked())).await {
            Either::Left((ended, _)) => ended?,
            Either::Right(_) => return Err(RunError::Stopped { object: core.id.to_string() }),
        };
        match ended {
            Waiting::Leased(lease) => Self::leased(object, permit.clone(), lease).await,
            Waiting::Changed(records) => Ok(Begun::Changed(records)),
            Waiting::Passed => Ok(Begun::Passed),
        }
    }

    async fn leased(object: &Arc<dyn DynObject>, permit: Permit, lease: HeldLease) -> Result<Begun, RunError> {
        let holding = Holding::begin(object);
        let records = object.core().load_to_change(lease.take_records()).await?;
        Ok(Begun::Session(Self { object: object.clone(), permit, up: Mutex::default(), lease, holding }, records))
    }

    /// Returns the fence that the writes of the session carry.
    pub(crate) fn fence(&self) -> Option<Fence> {
        self.lease.fence()
    }

    /// Tells other processes that wait for the object that its run has considered a task.
    pub(super) fn passed(&self, row: usize) {
        self.holding.passed(row);
    }

    /// Returns the right that the session was begun with.
    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Refuses to end well where what the run wrote or relied on is not in its place any more: the stamps, the lease, and the
    /// directories that it used.
    pub(crate) async fn check_places(&self) -> Result<(), RunError> {
        let core = self.object.core();
        core.layout.store().check_place()?;
        self.lease.check().await.map_err(RunError::Lease)?;
        Ok(core.paths().check()?)
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.object.core().layout
    }

    pub(crate) fn subdir(&self) -> &str {
        &self.object.core().subdir
    }

    fn up(&self) -> MutexGuard<'_, HashSet<String>> {
        self.up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a task, if the lease still holds: brings up, together, its system dependencies that are not up yet.
    pub(crate) async fn bring_up(
        &self,
        object: &Arc<dyn DynObject>,
        row: usize,
        cx: &TaskContext,
    ) -> Result<(), RunError> {
        self.lease.begin_task(cx.task()).map_err(RunError::Lease)?;
        let mut wanted = object.system_dependencies(row);
        wanted.retain(|dependency| self.up().insert(dependency.name()));
        let results = join_all(wanted.iter().map(|dependency| dependency.bring_up(cx))).await;
        let mut failed = None;
        for (dependency, result) in wanted.iter().zip(results) {
            if let Err(source) = result {
                self.up().remove(&dependency.name());
                failed.get_or_insert(RunError::System {
                    object: self.object.core().id.to_string(),
                    task: cx.task(),
                    dependency: dependency.name(),
                    source: source.into(),
                });
            }
        }
        failed.map_or(Ok(()), Err)
    }
}
