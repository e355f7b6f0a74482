//! The turn of one change among those of a connection.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::process::Cancel;

/// The turn of one change among those of a connection.
#[derive(Default)]
pub(super) struct Turn {
    taken: Mutex<bool>,
    changed: Condvar,
}

/// The turn of a change, until this is dropped.
pub(super) struct Taken(Arc<Turn>);

impl Turn {
    /// Waits for the turn. Returns `None` if the call is cancelled before.
    pub(super) fn take(self: &Arc<Self>, cancel: &Cancel) -> Option<Taken> {
        let turn = self.clone();
        let _registered = cancel.on_cancel(move || {
            // The lock keeps the notification from preceding the wait.
            drop(turn.lock());
            turn.changed.notify_all();
        });
        let mut taken = self.lock();
        while *taken && !cancel.is_cancelled() {
            taken = self.changed.wait(taken).unwrap_or_else(PoisonError::into_inner);
        }
        if *taken {
            return None;
        }
        *taken = true;
        Some(Taken(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, bool> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        *self.0.lock() = false;
        self.0.changed.notify_all();
    }
}
