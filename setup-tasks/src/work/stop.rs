//! Requests to stop a fleet.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::select_all;
use tokio::sync::Notify;

/// A request to stop a fleet. Running tasks finish, and no further task begins. Clones share one state.
///
/// ```
/// use setup_tasks::{fleet::Stop, prelude::*};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door { stop: Stop }
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self) { self.stop.request(); }
///     #[setup_task("Hang it")]
///     fn hang(&self) {}
/// }
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let (layout, stop) = (setup_tasks::Layout::in_memory()?, Stop::new());
/// let door = layout.add(Door { stop: stop.clone() })?;
/// let report = layout.run().stop_when(stop).await?;
/// assert!(report.stopped);
/// assert!(door.check_stamp("paint").await?.is_some() && door.check_stamp("hang").await?.is_none());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<StopState>);

#[derive(Debug, Default)]
struct StopState {
    /// Read before each object, so it is one atomic load.
    requested: AtomicBool,
    notify: Notify,
}

impl Stop {
    /// Returns a stop that was not requested yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Requests the stop.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::Release);
        self.0.notify.notify_waiters();
    }

    /// Returns whether the stop was requested.
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::Acquire)
    }

    /// Waits until the stop is requested.
    pub async fn requested(&self) {
        // The notification is created before the check so that no request in between is missed.
        let notified = self.0.notify.notified();
        if !self.is_requested() {
            notified.await;
        }
    }
}

/// The stops that a run obeys: that of its layout, that of its fleet, and that of its dispatch.
#[derive(Clone, Debug)]
pub(crate) struct Stops(Vec<Stop>);

impl Stops {
    pub(crate) fn new(layout: &Stop, others: impl IntoIterator<Item = Stop>) -> Self {
        Self(std::iter::once(layout.clone()).chain(others).collect())
    }

    pub(crate) fn is_requested(&self) -> bool {
        self.0.iter().any(Stop::is_requested)
    }

    /// Waits until one of the stops is requested.
    pub(crate) async fn requested(&self) {
        select_all(self.0.iter().map(|stop| Box::pin(stop.requested()))).await;
    }
}
