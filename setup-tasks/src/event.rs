//! The one stream of what happens: progress, logs, the history of a test all read it.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use crate::decide::Reason;

/// Something that happened to a task or an object.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// The object's id.
    pub object: Arc<str>,
    /// The task's name; empty for an event of the whole object.
    pub task: &'static str,
    /// What the task does, in words.
    pub description: Cow<'static, str>,
    /// What happened.
    pub kind: EventKind,
}

/// What happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum EventKind {
    /// It was decided that the task runs.
    TaskShouldRun {
        /// Why.
        reason: Reason,
    },
    /// An attempt of its method begins.
    TaskStart {
        /// Which attempt, from 1.
        attempt: u32,
    },
    /// It did its work and its stamp is written.
    TaskRan {
        /// How long its method took.
        duration: Duration,
    },
    /// It failed for good, or a method that decides whether it runs did.
    TaskFail {
        /// The error, with its causes.
        error: String,
        /// How long its method took.
        duration: Duration,
    },
    /// An attempt failed; there will be another.
    TaskRetry {
        /// The error, with its causes.
        error: String,
        /// Which attempt failed, from 1.
        attempt: u32,
        /// How long the run waits before the next.
        wait: Duration,
    },
    /// It is up to date.
    TaskAlreadyRun,
    /// It asked to be skipped.
    TaskSkipped,
    /// It would run, were this not a dry run.
    TaskWouldRun {
        /// Why.
        reason: Reason,
    },
    /// Its hash or its inputs changed while its method ran: the next run runs it again.
    ChangedWhileRunning,
    /// The run waits for another process that runs the object.
    Waiting {
        /// That process, as far as it is known.
        holder: String,
    },
}

type Listener = Arc<dyn Fn(&Event) + Send + Sync>;

/// The listeners of a layout.
#[derive(Default)]
pub(crate) struct Events {
    /// Read on the path where nothing runs, so that nobody listening costs one load.
    any: AtomicBool,
    listeners: RwLock<Vec<Listener>>,
}

impl Events {
    pub(crate) fn listen(&self, listener: impl Fn(&Event) + Send + Sync + 'static) {
        self.listeners.write().unwrap_or_else(PoisonError::into_inner).push(Arc::new(listener));
        self.any.store(true, Ordering::Release);
    }

    /// Makes the event, if anybody listens, and tells everyone.
    pub(crate) fn emit(&self, event: impl FnOnce() -> Event) {
        if !self.any.load(Ordering::Acquire) {
            return;
        }
        let event = event();
        // Without the lock, so that a listener may add another.
        let listeners = self.listeners.read().unwrap_or_else(PoisonError::into_inner).clone();
        for listener in &listeners {
            if catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err() {
                tracing::warn!("a listener of setup task events panicked and is not called again");
                let mut listeners = self.listeners.write().unwrap_or_else(PoisonError::into_inner);
                listeners.retain(|other| !Arc::ptr_eq(other, listener));
            }
        }
    }
}
