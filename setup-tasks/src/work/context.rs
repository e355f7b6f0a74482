//! The context of the current work, which the tokio task that runs the work carries as a task-local.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tracing::Instrument;

use super::fleet_options::FleetOptions;
use super::own_task::OwnTask;
use super::request::Mode;
use super::requested_work::RequestedWork;
use crate::wait::{Circle, Wait, WaitCondition, WaitNode, WorkKind};

/// The identity of a request from outside, which all work on behalf of the request shares. A later
/// request has a greater id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestId(u64);

static NEXT: AtomicU64 = AtomicU64::new(1);

impl RequestId {
    /// The id before all others.
    pub(crate) const NEVER: Self = Self(0);

    /// Begins a new request.
    pub(crate) fn new() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// Returns an id that is later than that of every request that has begun.
    pub(crate) fn latest() -> Self {
        Self(NEXT.load(Ordering::Relaxed))
    }
}

/// The context of the current work: the request, the fleet and the mode on whose behalf it runs.
#[derive(Clone, Default)]
pub(crate) struct WorkContext {
    /// The node of the work in the wait graph, or `None` outside of all work, as in a fleet that a
    /// caller outside began.
    pub(crate) node: Option<WaitNode>,
    request: Option<RequestId>,
    /// The fleet to which the work belongs.
    fleet: Option<Arc<FleetHandle>>,
    /// The mode of the work. A plan changes nothing on disk.
    mode: Mode,
    /// The record of plans that the current helper method or factory has caused within a plan.
    requested: Option<Arc<RequestedWork>>,
    /// The number of enclosing works on the stack.
    depth: u32,
}

/// The reference of one worker to its fleet. Running an object changes the reference count, so each
/// worker has its own count on its own cache lines.
#[repr(align(128))]
struct FleetHandle(Arc<FleetOptions>);

/// The number of nested works after which the next one gets its own tokio task. A chain of a
/// thousand objects would not fit on a stack. In a debug build, eight works can take more than 2
/// MiB.
const MAX_STACK_DEPTH: u32 = 4;

tokio::task_local! {
    static WORK: WorkContext;
}

impl WorkContext {
    /// Returns the options of the fleet to which the work belongs.
    pub(super) fn fleet(&self) -> Option<&FleetOptions> {
        self.fleet.as_deref().map(|handle| &*handle.0)
    }

    /// Returns the context of the caller, or an empty one outside of all work.
    pub(crate) fn get() -> Self {
        WORK.try_get().unwrap_or_default()
    }

    /// Calls a function with the options of the caller's fleet, if the caller's work belongs to one.
    pub(crate) fn ask_fleet<A>(ask: impl FnOnce(&FleetOptions) -> A) -> Option<A> {
        WORK.try_with(|current| current.fleet.as_deref().map(|part| ask(&part.0))).ok().flatten()
    }

    /// Returns the node of the caller's work.
    pub(crate) fn worker() -> Option<WaitNode> {
        WORK.try_with(|current| current.node.clone()).ok().flatten()
    }

    /// Returns the request of the context, or begins a new one if it has none.
    pub(crate) fn request(&self) -> RequestId {
        self.request.unwrap_or_else(RequestId::new)
    }

    /// Returns the request of the caller's work, or begins a new one if it has none.
    pub(crate) fn request_now() -> RequestId {
        WORK.try_with(|current| current.request).ok().flatten().unwrap_or_else(RequestId::new)
    }

    /// Returns this context with the fleet and the request of a worker.
    pub(crate) fn of_fleet(&self, options: Arc<FleetOptions>, request: RequestId) -> Self {
        Self { request: Some(request), fleet: Some(Arc::new(FleetHandle(options))), depth: 0, ..self.clone() }
    }

    /// Returns whether the caller's work belongs to a dry run.
    pub(crate) fn is_plan() -> bool {
        WORK.try_with(|current| current.mode.is_plan()).unwrap_or_default()
    }

    /// Runs a part of the caller's work, on the stack or in its own tokio task. The tokio task is
    /// aborted when this is dropped.
    pub(crate) async fn run_nested<F>(work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        if WORK.try_with(|current| current.depth < MAX_STACK_DEPTH).unwrap_or(true) {
            return work.await;
        }
        Self::run_in_own_task(work).await
    }

    /// Runs a part of the caller's work in its own tokio task, which is aborted when this is dropped.
    pub(crate) async fn run_in_own_task<F>(work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let current = Self { depth: 0, ..Self::get() };
        OwnTask::spawn(current.scope(work).in_current_span()).await
    }

    /// Runs work in this context, regardless of the tokio task that polls it. An `async fn` would
    /// hold the work's future twice.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        WORK.scope(self, work)
    }

    /// Runs work in the mode of a dry run, in which nothing on disk changes.
    pub(crate) async fn in_plan<F: Future>(work: F) -> F::Output {
        let current = Self::get();
        Self { mode: Mode::Plan, request: Some(current.request()), ..current }.scope(work).await
    }

    /// Calls a function in the mode of a dry run, in which nothing on disk changes.
    pub(crate) fn in_plan_sync<A>(call: impl FnOnce() -> A) -> A {
        WORK.sync_scope(Self { mode: Mode::Plan, ..Self::get() }, call)
    }

    /// Runs user code within a plan. Work that the code requests is planned instead, and recorded
    /// in `requested`.
    pub(crate) async fn recording<F: Future>(requested: Arc<RequestedWork>, work: F) -> F::Output {
        Self { mode: Mode::Plan, requested: Some(requested), ..Self::get() }.scope(work).await
    }

    /// Records that work which the caller requested was planned instead of done. `would_run` names
    /// the first task that would run.
    pub(crate) fn record_planned(would_run: impl FnOnce() -> Option<String>) {
        // A real run has no record, and neither does work outside of all runs. No caller there could
        // mistake the plan for the work.
        let noted = WORK.try_with(|current| current.requested.clone());
        if let Ok(Some(requested)) = noted {
            requested.record(would_run());
        }
    }

    /// Returns a context outside of all work. It belongs to a dry run if the caller's work does.
    pub(crate) fn detached() -> Self {
        let (mode, requested) = WORK.try_with(|current| (current.mode, current.requested.clone())).unwrap_or_default();
        Self { mode, requested, ..Self::default() }
    }

    /// Runs the work of a node on behalf of this context. The node is in progress until the work
    /// ends or is dropped.
    pub(crate) async fn within<F: Future>(self, node: &WaitNode, request: RequestId, work: F) -> F::Output {
        let _at_work = node.begin(self.node);
        let mode = if node.kind() == WorkKind::Plan { Mode::Plan } else { self.mode };
        let (node, request, depth) = (Some(node.clone()), Some(request), self.depth + 1);
        WORK.scope(Self { node, request, fleet: self.fleet, mode, requested: None, depth }, work).await
    }
}

impl WaitNode {
    /// Enters a wait of the caller's work for this node.
    ///
    /// # Errors
    ///
    /// Returns the circle that the wait would close.
    pub(crate) fn wait(&self) -> Result<Wait, Circle> {
        self.wait_until(None)
    }

    /// Enters a wait of the caller's work for a part of this node's work, until the condition holds.
    pub(crate) fn wait_until(&self, until: Option<Weak<dyn WaitCondition>>) -> Result<Wait, Circle> {
        self.wait_of(WorkContext::worker(), until)
    }
}
