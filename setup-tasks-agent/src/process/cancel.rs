//! The cancellation of a call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The cancellation of a call, which its threads share.
#[derive(Clone, Default)]
pub struct Cancel(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    cancelled: bool,
    next: u64,
    callbacks: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
}

/// A callback that is registered until this is dropped.
pub(crate) struct Registered(Cancel, u64);

impl Cancel {
    /// Cancels the call and runs the callbacks. Further calls do nothing.
    pub fn cancel(&self) {
        let callbacks = {
            let mut state = self.state();
            state.cancelled = true;
            std::mem::take(&mut state.callbacks)
        };
        callbacks.into_values().for_each(|callback| callback());
    }

    /// Returns whether the call is cancelled.
    pub fn is_cancelled(&self) -> bool {
        self.state().cancelled
    }

    /// Registers a callback for the cancellation. If the call is cancelled already, it runs at once.
    pub(crate) fn on_cancel(&self, callback: impl FnOnce() + Send + 'static) -> Registered {
        let mut state = self.state();
        let id = state.next;
        state.next += 1;
        if state.cancelled {
            drop(state);
            callback();
        } else {
            state.callbacks.insert(id, Box::new(callback));
        }
        Registered(self.clone(), id)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        self.0.state().callbacks.remove(&self.1);
    }
}

impl fmt::Debug for Cancel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cancel({})", self.is_cancelled())
    }
}
