//! The session of a run, which is the right to change its object. A run acquires it when its first
//! task runs. A dry run never has a session.

use std::collections::HashSet;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, join_all, select};

use super::elsewhere::attempt;
use super::lease_wait::{LeasePurpose, LeaseWait, LeaseWaitEnd, LeaseWaits};
use crate::layout::Layout;
use crate::lease::{HeldLease, LeaseError};
use crate::neighbours::Holding;
use crate::object::{DynObject, Permit, RowId};
use crate::report::RunError;
use crate::stamp::{Change, Fence, Records, StampError};
use crate::task::context::TaskContext;
use crate::work::{RequestCx, Stops};

/// The session of a run. It holds the object's lease, and records the system dependencies that are
/// up.
pub(crate) struct Session {
    object: Arc<dyn DynObject>,
    permit: Permit,
    up: Mutex<HashSet<String>>,
    stops: Stops,
    /// The lease is dropped before `holding`, which notifies other processes, so that they find it
    /// free.
    lease: HeldLease,
    holding: Holding,
}

/// The start of a session, or the reason why the run needs none.
pub(super) enum SessionStart {
    /// The session began, with these records of the object.
    Session(Session, Records),
    /// Another process changed the records of the object. With these, the walk may pass further
    /// tasks without the lease.
    RecordsChanged(Records),
    /// Another process considered the task that the run is for.
    ResultKnown,
}

impl Session {
    /// Acquires the object's lease, and reads the object's records. The session's stamps get later
    /// times than all earlier stamps.
    pub(crate) async fn begin(
        object: &Arc<dyn DynObject>,
        permit: &Permit,
        cx: &RequestCx<'_>,
    ) -> Result<(Self, Records), RunError> {
        loop {
            let (purpose, mut waits) = (LeasePurpose::default(), LeaseWaits::default());
            let start = Self::begin_if_needed(object, permit, cx, purpose, &mut waits).await?;
            if let SessionStart::Session(session, records) = start {
                return Ok((session, records));
            }
        }
    }

    /// Begins a session as [`begin`](Self::begin) does. While another process holds the lease, its
    /// work may make the lease unnecessary.
    pub(super) async fn begin_if_needed(
        object: &Arc<dyn DynObject>,
        permit: &Permit,
        cx: &RequestCx<'_>,
        purpose: LeasePurpose<'_>,
        waits: &mut LeaseWaits,
    ) -> Result<SessionStart, RunError> {
        let core = object.core();
        let stops = cx.stops(core.layout.stop());
        // A move from a former name needs the lease itself.
        core.settle().await?;
        // The server starts before the lease is acquired, so that a process that finds the lease held
        // can query its holder and the reason.
        core.layout.answer_others();
        let slots = cx.fleet.map(|fleet| fleet.slots.clone());
        let dispatch = slots.as_ref().and_then(|slots| slots.dispatch());
        let holder = match attempt(object, dispatch.as_ref(), purpose).await? {
            Ok(lease) => return Self::leased(object, permit.clone(), stops, lease).await,
            Err(holder) => holder,
        };
        let slot = cx.work.noted_object().unwrap_or_else(|| core.subdir.clone());
        let wait = Box::pin(LeaseWait { object, purpose, waits, holder, slots, slot, dispatch, suspected: None }.end());
        let ended = match select(wait, pin!(stops.requested())).await {
            Either::Left((ended, _)) => ended?,
            Either::Right(_) => return Err(RunError::Stopped { object: core.id.to_string() }),
        };
        match ended {
            LeaseWaitEnd::Leased(lease) => Self::leased(object, permit.clone(), stops, lease).await,
            LeaseWaitEnd::RecordsChanged(records) => Ok(SessionStart::RecordsChanged(records)),
            LeaseWaitEnd::ResultKnown => Ok(SessionStart::ResultKnown),
        }
    }

    async fn leased(
        object: &Arc<dyn DynObject>,
        permit: Permit,
        stops: Stops,
        lease: HeldLease,
    ) -> Result<SessionStart, RunError> {
        let holding = Holding::begin(object);
        let records = object.core().load_to_change(lease.take_records()).await?;
        Ok(SessionStart::Session(
            Self { object: object.clone(), permit, up: Mutex::default(), stops, lease, holding },
            records,
        ))
    }

    /// Returns the fence that the writes of the session carry.
    pub(crate) fn fence(&self) -> Option<Fence> {
        self.lease.fence()
    }

    /// Writes changes of the object's records. If the store refuses the write as late, the lease is
    /// lost.
    pub(crate) async fn write(&self, changes: Vec<Change>) -> Result<(), StampError> {
        let written = self.object.core().write(self.fence(), changes).await;
        if let Err(StampError::Fenced { fence, seen, .. }) = &written {
            let detail = format!("a write with fence {fence} came too late, because the store has seen fence {seen}");
            self.lease.note_loss(detail);
        }
        written
    }

    /// Waits for a part of the run, or returns an error as soon as the lease is lost. The caller
    /// drops the part then.
    pub(super) async fn while_leased<T>(&self, mut part: Pin<&mut impl Future<Output = T>>) -> Result<T, RunError> {
        if !self.lease.can_be_lost() {
            return Ok(part.await);
        }
        match select(part.as_mut(), pin!(self.lease.lost())).await {
            Either::Left((ended, _)) => Ok(ended),
            Either::Right((lost, _)) => Err(RunError::Lease(lost)),
        }
    }

    /// Returns a description of how the lease was lost, if another process may hold it since.
    pub(super) fn loss(&self) -> Option<String> {
        let lost = self.lease.loss().filter(|_| self.lease.can_be_lost());
        lost.map(|lost| match &*lost {
            LeaseError::Lost { detail, .. } => detail.clone(),
            other => other.to_string(),
        })
    }

    /// Notifies other processes that wait for the object that the run has considered a task.
    pub(super) fn considered(&self, row: RowId) {
        self.holding.passed(row);
    }

    /// Returns the permit with which the session began.
    pub(crate) fn permit(&self) -> &Permit {
        &self.permit
    }

    /// Returns the stops that the run obeys.
    pub(crate) fn stops(&self) -> &Stops {
        &self.stops
    }

    /// Returns an error if the stamps, the lease or the used directories are missing from their
    /// place. The run wrote to them or relied on them, so it must not succeed then.
    pub(crate) async fn check_places(&self) -> Result<(), RunError> {
        let core = self.object.core();
        core.layout.store().check_place()?;
        self.lease.check().await.map_err(RunError::Lease)?;
        Ok(core.paths().check()?)
    }

    /// Ends a session whose lease holds. Returns an error as [`check_places`](Self::check_places) does.
    pub(crate) async fn end(&self) -> Result<(), RunError> {
        self.check_places().await?;
        self.bind().await
    }

    /// Binds the object to this host if files of it are here, and several hosts share the store.
    async fn bind(&self) -> Result<(), RunError> {
        let core = self.object.core();
        let Some(hosts) = core.layout.hosts().filter(|_| !core.config().shared_files) else { return Ok(()) };
        if core.paths().has_state() || has_files(&*self.object) {
            hosts.bind(&core.subdir).await.map_err(RunError::Dispatch)?;
        }
        Ok(())
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

    /// Begins a task if the lease still holds. Brings up concurrently those of its system
    /// dependencies that are not up yet.
    pub(crate) async fn bring_up(
        &self,
        object: &Arc<dyn DynObject>,
        row: RowId,
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

/// Returns whether a task of the object declares inputs or outputs.
fn has_files(object: &dyn DynObject) -> bool {
    object.order().iter().any(|row| object.inputs(row).is_some() || object.outputs(row).is_some())
}
