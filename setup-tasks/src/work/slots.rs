//! The job slots of a fleet.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::dispatch::Dispatch;

/// The job slots of a fleet. A run that waits for another process gives its slot back, and another object runs in the meantime.
///
/// When the wait ends, the run goes on at once: other runs of this process may wait for it, and they hold their slots. For a moment
/// there is then a run too many, and the first slot whose object ends is closed.
#[derive(Default)]
pub(crate) struct Slots {
    /// The number of slots, apart from those of runs that were put aside.
    jobs: AtomicUsize,
    open: Mutex<Open>,
    /// The number of slots that are too many. It is mostly zero, which costs a slot one atomic load per object.
    surplus: AtomicUsize,
    changed: Notify,
    dispatch: Mutex<Option<Arc<dyn Dispatch>>>,
}

#[derive(Default)]
struct Open {
    /// The slots that exist.
    slots: usize,
    /// The runs that were put aside.
    aside: usize,
}

impl fmt::Debug for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slots").field("jobs", &self.jobs).field("surplus", &self.surplus).finish_non_exhaustive()
    }
}

impl Slots {
    fn open(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the queue of the fleet.
    pub(crate) fn dispatch(&self) -> Option<Arc<dyn Dispatch>> {
        self.dispatch.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Begins with this number of slots.
    pub(crate) fn begin(&self, jobs: usize, dispatch: Arc<dyn Dispatch>) {
        self.jobs.store(jobs, Ordering::Relaxed);
        self.open().slots = jobs;
        *self.dispatch.lock().unwrap_or_else(PoisonError::into_inner) = Some(dispatch);
    }

    /// Waits until another slot is needed, and counts it as open.
    pub(crate) async fn needed(&self) {
        loop {
            let changed = self.changed.notified();
            {
                let mut open = self.open();
                if open.slots - open.aside.min(open.slots) < self.jobs.load(Ordering::Relaxed) {
                    open.slots += 1;
                    return;
                }
            }
            changed.await;
        }
    }

    /// Returns whether a slot is to be closed after its object. It no longer counts as open then.
    pub(crate) fn closes(&self) -> bool {
        if self.surplus.load(Ordering::Relaxed) == 0 {
            return false;
        }
        let mut open = self.open();
        let is_surplus = open.slots > open.aside + self.jobs.load(Ordering::Relaxed);
        if is_surplus {
            open.slots -= 1;
            self.count(&open);
        }
        is_surplus
    }

    /// Gives the slot of a run back until the returned value is dropped.
    pub(crate) fn put_aside(self: &Arc<Self>, object: Arc<str>, holder: &str) -> PutAside {
        let dispatch = self.dispatch();
        if let Some(dispatch) = &dispatch {
            dispatch.put_aside(&object, holder);
        }
        self.open().aside += 1;
        self.changed.notify_waiters();
        PutAside { slots: self.clone(), dispatch, object }
    }

    fn count(&self, open: &Open) {
        let surplus = open.slots.saturating_sub(open.aside + self.jobs.load(Ordering::Relaxed));
        self.surplus.store(surplus, Ordering::Relaxed);
    }
}

/// A run whose slot is free for others.
pub(crate) struct PutAside {
    slots: Arc<Slots>,
    dispatch: Option<Arc<dyn Dispatch>>,
    object: Arc<str>,
}

impl Drop for PutAside {
    fn drop(&mut self) {
        let mut open = self.slots.open();
        open.aside -= 1;
        self.slots.count(&open);
        drop(open);
        if let Some(dispatch) = &self.dispatch {
            dispatch.take_up(&self.object);
        }
    }
}
