//! The work that user code requested within a plan, and that was planned instead of done.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// The plans that one helper method or factory caused by requesting work within a plan.
#[derive(Debug, Default)]
pub(crate) struct RequestedWork {
    any: AtomicBool,
    would_run: OnceLock<String>,
}

impl RequestedWork {
    /// Records that work was planned instead of done, with the first task that would run.
    pub(crate) fn record(&self, would_run: Option<String>) {
        self.any.store(true, Ordering::Relaxed);
        if let Some(task) = would_run {
            // The first task is enough to explain why a task is undecided.
            let _ = self.would_run.set(task);
        }
    }

    /// Returns whether anything was planned instead of done.
    pub(crate) fn is_any(&self) -> bool {
        self.any.load(Ordering::Relaxed)
    }

    /// Returns the first task that would run, as `object/task`.
    pub(crate) fn would_run(&self) -> Option<&str> {
        self.would_run.get().map(String::as_str)
    }
}
