//! The objects that this process holds, and the subscriptions of other processes to their progress.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use crate::layout::Layout;
use crate::object::{DynObject, RowId};
use crate::text::duration;
use crate::wait::{HeldObject, PassedTask, ProcessWaits};
use crate::work::Mode;

/// The objects that one layout holds.
#[derive(Default)]
pub(crate) struct Holdings {
    held: Mutex<Vec<Held>>,
    watchers: Mutex<Vec<Watcher>>,
    /// The number of watchers. It is usually 0, and then a notification costs one atomic load.
    watched: AtomicUsize,
    /// The number of statements that were answers.
    answered: AtomicU64,
}

struct Held {
    session: u64,
    object: Arc<dyn DynObject>,
    passed: Arc<PassedAt>,
}

/// The rows that were considered since the object was locked, each with its time.
type PassedAt = Mutex<Vec<(RowId, u64)>>;

struct Watcher {
    subdir: String,
    stream: UnixStream,
}

/// A lock on an object that other processes can query. Dropping it ends the entry.
pub(crate) struct Holding {
    session: u64,
    object: Arc<dyn DynObject>,
    passed: Arc<PassedAt>,
}

/// Returns the time of a clock that all processes of a host share and that is never adjusted.
pub(crate) fn shared_clock() -> u64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    u64::try_from(i128::from(now.tv_sec) * 1_000_000_000 + i128::from(now.tv_nsec)).unwrap_or_default()
}

impl Holding {
    /// Publishes that this process holds an object.
    pub(crate) fn begin(object: &Arc<dyn DynObject>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let session = NEXT.fetch_add(1, Ordering::Relaxed);
        let passed = Arc::<PassedAt>::default();
        let held = Held { session, object: object.clone(), passed: passed.clone() };
        object.core().layout.neighbours().holdings.held().push(held);
        Self { session, object: object.clone(), passed }
    }

    /// Notifies the watchers of the object that its run has considered a task.
    pub(crate) fn passed(&self, row: RowId) {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).push((row, shared_clock()));
        let core = self.object.core();
        core.layout.neighbours().holdings.notify(&core.subdir, false);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let core = self.object.core();
        let holdings = &core.layout.neighbours().holdings;
        holdings.held().retain(|held| held.session != self.session);
        holdings.notify(&core.subdir, true);
    }
}

impl Holdings {
    fn held(&self) -> MutexGuard<'_, Vec<Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn watchers(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notifies a stream of the progress of an object for as long as the object is held.
    pub(super) fn watch(&self, subdir: String, stream: UnixStream) {
        let mut watchers = self.watchers();
        // The count is raised before the check, so that a run that ends in between notifies this
        // watcher.
        self.watched.fetch_add(1, Ordering::SeqCst);
        watchers.push(Watcher { subdir, stream });
        let at = watchers.len() - 1;
        if !self.held().iter().any(|held| *held.object.core().subdir == watchers[at].subdir) {
            watchers.pop();
            self.watched.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn notify(&self, subdir: &str, is_end: bool) {
        if self.watched.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut watchers = self.watchers();
        // A full buffer still wakes its reader. A watcher whose connection failed is removed.
        let is_notified = |watcher: &mut Watcher| match watcher.stream.write(b"\n") {
            Ok(_) => true,
            Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
        };
        watchers.retain_mut(|watcher| watcher.subdir != subdir || (is_notified(watcher) && !is_end));
        self.watched.store(watchers.len(), Ordering::SeqCst);
    }
}

impl Layout {
    /// Returns the objects that this process holds, with the waits of their runs, as the
    /// statement with a number.
    pub(crate) fn process_waits(&self, number: u64) -> ProcessWaits {
        let holdings = self.neighbours().holdings.held();
        let held: Vec<_> =
            holdings.iter().map(|held| (held.session, held.object.clone(), held.passed.clone())).collect();
        drop(holdings);
        let (process, run) = (crate::lease::this_process(), self.run_id().to_string());
        let held = held.iter().map(|(session, object, passed)| describe(*session, object, passed)).collect();
        let clock = crate::lease::shared_clock_id().to_owned();
        ProcessWaits { version: ProcessWaits::VERSION, process, run, clock, number, wanted: Vec::new(), held }
    }

    /// Returns the statement that answers a query.
    pub(super) fn answered_waits(&self) -> ProcessWaits {
        let number = self.neighbours().holdings.answered.fetch_add(1, Ordering::SeqCst) + 1;
        self.process_waits(number)
    }
}

fn describe(session: u64, object: &Arc<dyn DynObject>, passed_at: &PassedAt) -> HeldObject {
    let core = object.core();
    let progress = core.progress(Mode::Apply);
    let waits = progress.node.waits_elsewhere();
    let passed_at = passed_at.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let at = |row| passed_at.iter().rev().find(|(other, _)| *other == row).map_or(0, |(_, at)| *at);
    let passed = progress.recorded_by_current_run().into_iter().map(|(row, time)| PassedTask {
        task: object.stamp_name(row).to_owned(),
        time,
        at: at(row),
    });
    HeldObject {
        subdir: core.subdir.to_string(),
        object: core.id.to_string(),
        session,
        doing: doing(object),
        passed: passed.collect(),
        waits,
    }
}

/// Returns a description of the current work of an object's run, as the end of a sentence.
fn doing(object: &Arc<dyn DynObject>) -> String {
    let node = &object.core().progress(Mode::Apply).node;
    let others = node.waits_elsewhere();
    let work = node.work();
    let step = work.as_ref().and_then(|work| work.step.as_ref());
    let text = match (step, object.core().current_row()) {
        (Some(step), _) => {
            let so_far = duration(SystemTime::now().duration_since(step.since).unwrap_or_default());
            format!("runs `{}` ({}), for {so_far}", step.task, step.description)
        }
        (None, Some(row)) => format!("checks `{}` ({})", object.stamp_name(row), object.describe(row)),
        (None, None) => "has just started or is about to end".to_owned(),
    };
    let Some(wait) = others.first() else { return text };
    let task = wait.task.as_ref().map_or_else(String::new, |task| format!("task `{task}` of "));
    format!("{text}, and waits for {task}`{}`, which another process holds", wait.subdir)
}
