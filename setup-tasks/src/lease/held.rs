//! The lease of a session. It records its loss, and is released when it is dropped.

use std::sync::{Arc, OnceLock};

use tokio::sync::Notify;

use super::{Acquired, Holder, Lease, LeaseError, Leases, Renewals};
use crate::stamp::{Fence, Records, Timestamp};

/// A lease that is released when this is dropped.
pub(crate) struct HeldLease(Arc<Watched>);

/// A lease, with the error that ended it.
pub(super) struct Watched {
    lease: Box<dyn Lease>,
    id: Arc<str>,
    lost: OnceLock<Arc<LeaseError>>,
    loss: Notify,
}

/// Tries once to take the lease of an object, and lets it be renewed. Returns the holder if another
/// process holds it.
pub(crate) async fn acquire(
    leases: &dyn Leases,
    renewals: &Renewals,
    (id, subdir): (&Arc<str>, &str),
) -> Result<Result<HeldLease, Holder>, LeaseError> {
    let lease = match leases.acquire(subdir).await.map_err(|error| error.about(id))? {
        Acquired::Lease(lease) => lease,
        Acquired::Held(holder) => return Ok(Err(holder)),
    };
    let held = HeldLease(Arc::new(Watched { lease, id: id.clone(), lost: OnceLock::new(), loss: Notify::new() }));
    if let Some(every) = leases.renew_every() {
        renewals.add(&held.0, every)?;
    }
    Ok(Ok(held))
}

impl HeldLease {
    pub(crate) fn fence(&self) -> Option<Fence> {
        self.0.lease.fence()
    }

    pub(crate) fn take_records(&self) -> Option<(Records, Option<Timestamp>)> {
        self.0.lease.take_records()
    }

    /// Notes the task that begins now. Returns an error if the lease was lost.
    pub(crate) fn begin_task(&self, task: &str) -> Result<(), Arc<LeaseError>> {
        if let Some(lost) = self.0.lost.get() {
            return Err(lost.clone());
        }
        self.0.lease.note_task(task);
        Ok(())
    }

    /// Returns whether the lease can be lost while the process lives. Such a lease has a fence.
    pub(crate) fn can_be_lost(&self) -> bool {
        self.fence().is_some()
    }

    /// Returns the error by which the lease was lost, if it was.
    pub(crate) fn loss(&self) -> Option<Arc<LeaseError>> {
        self.0.lost.get().cloned()
    }

    /// Waits until the lease is lost, and returns the error.
    pub(crate) async fn lost(&self) -> Arc<LeaseError> {
        loop {
            // The loss is awaited first, so that none is missed.
            let loss = self.0.loss.notified();
            if let Some(lost) = self.0.lost.get() {
                return lost.clone();
            }
            loss.await;
        }
    }

    /// Records that the lease is lost, because a store has seen a higher fence.
    pub(crate) fn note_loss(&self, detail: String) {
        self.0.lose(LeaseError::Lost { object: self.0.id.to_string(), detail }.into());
    }

    /// Renews the lease at the end of the session. Returns an error if it was lost.
    pub(crate) async fn check(&self) -> Result<(), Arc<LeaseError>> {
        self.0.renew().await
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        self.0.lease.release();
    }
}

impl Watched {
    /// Renews the lease. A lease that was lost once stays lost.
    pub(super) async fn renew(&self) -> Result<(), Arc<LeaseError>> {
        if let Some(lost) = self.lost.get() {
            return Err(lost.clone());
        }
        let Err(error) = self.lease.renew().await else { return Ok(()) };
        let error = Arc::new(error.about(&self.id));
        if matches!(*error, LeaseError::Lost { .. }) {
            return Err(self.lose(error));
        }
        Err(error)
    }

    /// Records the loss, and returns the error of the first loss.
    fn lose(&self, error: Arc<LeaseError>) -> Arc<LeaseError> {
        let first = self.lost.get_or_init(|| error).clone();
        self.loss.notify_waiters();
        first
    }
}
