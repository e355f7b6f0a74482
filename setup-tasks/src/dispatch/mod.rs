//! The seam between a fleet and the queue of its objects.
//!
//! A fleet has job slots. Each slot asks its [`Dispatch`] for an object, runs it, and reports its end. The default dispatch is the
//! schedule of one process. The crate `setup-tasks-postgres` has another one, with which several workers share one queue.

mod error;
mod hosts;
mod version;

use std::fmt;

pub use error::DispatchError;
pub use hosts::{
    Hosts, NewRun, Question, QueuedObject, RunEntry, RunEvent, RunProgress, RunResult, RunningObject, StopRequest,
    WorkerEntry,
};
pub use version::Version;

use crate::stamp::MaybeReady;
use crate::work::Stop;

/// The answer of a dispatch, which may be ready at once.
pub type Answer<'a, T> = MaybeReady<'a, Result<T, DispatchError>>;

/// A queue that hands the objects of one fleet to its job slots.
///
/// The objects are those that [`FleetRun::objects`](crate::fleet::FleetRun::objects) returns, without the retired ones. The methods
/// name them by their positions. [`FleetRun::dispatched_by`](crate::fleet::FleetRun::dispatched_by) takes a dispatch.
///
/// A dispatch decides only about the order. The leases keep two workers from running one object at the same time, and the stamps
/// record the work that is done. A dispatch may therefore hand out an object twice, for example after a worker died.
///
/// ```
/// use std::sync::Mutex;
///
/// use setup_tasks::dispatch::{Answer, Dispatch, Ended, Next};
/// use setup_tasks::prelude::*;
/// use setup_tasks::stamp::MaybeReady;
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "{name}")] struct Door { name: String }
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// /// Hands out the last object first.
/// #[derive(Debug)]
/// struct Backwards(Mutex<usize>);
///
/// impl Dispatch for Backwards {
///     fn next(&self, _ended: Option<Ended>) -> Answer<'_, Next> {
///         let mut left = self.0.lock().unwrap();
///         *left = left.saturating_sub(1);
///         MaybeReady::ready(Ok(if *left == 0 { Next::End } else { Next::Run(*left - 1) }))
///     }
///
///     fn end(&self, _ended: Ended) -> Answer<'_, ()> {
///         MaybeReady::ready(Ok(()))
///     }
/// }
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// for name in ["front", "back"] {
///     layout.add(Door { name: name.into() })?;
/// }
/// let report = layout.run().jobs(1).dispatched_by(Backwards(Mutex::new(3))).await?;
/// assert!(report.is_success());
/// # Ok(()) }
/// ```
pub trait Dispatch: fmt::Debug + Send + Sync + 'static {
    /// Records the end of the object that the slot has run, and returns the next object for the slot. Waits while there is none and
    /// others may become free.
    ///
    /// A dispatch whose run was asked to stop returns [`Next::End`]. The loss of the future of this method must not lose an object:
    /// one that was taken in the meantime is handed out again.
    fn next(&self, ended: Option<Ended>) -> Answer<'_, Next>;

    /// Records the end of an object whose slot takes no other one.
    fn end(&self, ended: Ended) -> Answer<'_, ()>;

    /// Notes that a run waits for another process, and that its slot is free in the meantime. The fleet opens another slot.
    fn put_aside(&self, _object: &str, _holder: &str) {}

    /// Notes that a run that was put aside goes on.
    fn take_up(&self, _object: &str) {}

    /// Asks whether this process may run an object that another object needs. The runtime asks before it takes the lease of an object.
    /// The default permits it.
    fn permission<'a>(&'a self, _object: &'a str) -> Answer<'a, Permission> {
        MaybeReady::ready(Ok(Permission::Here))
    }

    /// Notes that the fleet was asked to stop. Slots that wait receive [`Next::End`].
    fn close(&self) {}

    /// Returns the switch by which the run is stopped from outside, such as by Ctrl-C in the process that started it. The fleet obeys
    /// it in addition to its own switches.
    fn stop(&self) -> Option<Stop> {
        None
    }

    /// Returns the switch by which the run is stopped from outside at once, so that running tasks are cancelled.
    fn stop_at_once(&self) -> Option<Stop> {
        None
    }

    /// Returns whether an [`Ended`] has to contain the result of the object. A queue that serves several processes needs it.
    fn wants_results(&self) -> bool {
        false
    }
}

/// The answer of a queue about an object that another object needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Permission {
    /// This process may run the object.
    Here,
    /// Only another host may run the object. The runtime waits until its task is done.
    Elsewhere {
        /// The name of the host.
        host: String,
        /// Whether the queue will still hand the object out there.
        is_awaited: bool,
    },
    /// The object failed on another host in this run, so its tasks do not run again.
    Failed {
        /// The name of the host.
        host: String,
    },
}

/// The next step of a job slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Next {
    /// The slot runs the object at this position.
    Run(usize),
    /// No object is left for the slot.
    End,
}

/// The end of an object's run.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Ended {
    /// The position of the object.
    pub object: usize,
    /// The state in which it ended.
    pub state: EndState,
    /// The result as JSON, if the dispatch [wants it](Dispatch::wants_results). Its format has a version of its own.
    pub result: Option<String>,
}

/// The state in which the run of an object ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndState {
    /// The object is as it should be.
    Done,
    /// The object failed, or depends on one that failed.
    Failed,
    /// The run was stopped before its last task, and no failure occurred.
    Stopped,
    /// Another process has taken the object over. Its result counts.
    Lost,
}

impl Ended {
    pub(crate) fn new(object: usize, state: EndState) -> Self {
        Self { object, state, result: None }
    }
}
