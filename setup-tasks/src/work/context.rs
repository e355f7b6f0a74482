//! What the work is for that runs now: handed down by the tokio task that runs it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use tracing::Instrument;

use super::fleet_options::FleetOptions;
use super::own_task::OwnTask;
use super::reached::Reached;
use crate::wait::{Circle, Wait, WaitCondition, WaitNode, WorkKind};

/// When something was asked for that was not asked for on behalf of something else; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RequestId(u64);

static NEXT: AtomicU64 = AtomicU64::new(1);

impl RequestId {
    /// Before all others.
    pub(crate) const NEVER: Self = Self(0);

    /// One that begins now.
    pub(crate) fn new() -> Self {
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// What happens now is later than every request that has begun.
    pub(crate) fn latest() -> Self {
        Self(NEXT.load(Ordering::Relaxed))
    }
}

/// What the work is for that runs now.
#[derive(Clone, Default)]
pub(crate) struct WorkContext {
    /// The work itself: what waits when it waits. `None` for a fleet that nobody's work began.
    pub(crate) node: Option<WaitNode>,
    request: Option<RequestId>,
    /// The fleet that it is a part of, with what that one leaves out or forces.
    fleet: Option<Arc<FleetHandle>>,
    /// Whether it is a dry run: nothing on disk may change.
    is_plan: bool,
    /// What the helper method or the factory that asks within a plan has reached so far.
    reached: Option<Arc<Reached>>,
    /// How deep it is nested in other works on the stack.
    depth: u32,
}

/// A worker's part of a fleet. What is done for each object counts the references to it, so each worker has one of its own, on cache
/// lines of its own.
#[repr(align(128))]
struct FleetHandle(Arc<FleetOptions>);

/// The number of nested works after which the next one gets a tokio task of its own: a chain of a thousand objects would not fit
/// on a stack, and in a debug build eight works can take more than 2 MiB.
const NESTED: u32 = 4;

tokio::task_local! {
    static WORK: WorkContext;
}

impl WorkContext {
    /// What the caller's work is for; nothing, if it is nobody's.
    pub(crate) fn get() -> Self {
        WORK.try_get().unwrap_or_default()
    }

    /// Asks the fleet that the caller's work is a part of, if it is of one.
    pub(crate) fn ask_fleet<A>(ask: impl FnOnce(&FleetOptions) -> A) -> Option<A> {
        WORK.try_with(|current| current.fleet.as_deref().map(|part| ask(&part.0))).ok().flatten()
    }

    /// The node of the caller's work.
    pub(crate) fn worker() -> Option<WaitNode> {
        WORK.try_with(|current| current.node.clone()).ok().flatten()
    }

    /// The request that it belongs to: that of what it is for, else one that begins now.
    pub(crate) fn request(&self) -> RequestId {
        self.request.unwrap_or_else(RequestId::new)
    }

    /// The same of the caller's work.
    pub(crate) fn request_now() -> RequestId {
        WORK.try_with(|current| current.request).ok().flatten().unwrap_or_else(RequestId::new)
    }

    /// The same for a worker of a fleet.
    pub(crate) fn of_fleet(&self, options: Arc<FleetOptions>, request: RequestId) -> Self {
        Self { request: Some(request), fleet: Some(Arc::new(FleetHandle(options))), depth: 0, ..self.clone() }
    }

    /// Whether the caller's work is a dry run.
    pub(crate) fn is_plan() -> bool {
        WORK.try_with(|current| current.is_plan).unwrap_or_default()
    }

    /// Waits for work that is a part of the caller's, on the stack or in a tokio task of its own, which ends when this is
    /// dropped.
    pub(crate) async fn nest<F>(work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        if WORK.try_with(|current| current.depth < NESTED).unwrap_or(true) {
            return work.await;
        }
        Self::apart(work).await
    }

    /// Does some work of the caller in a tokio task of its own, which ends when this is dropped.
    pub(crate) async fn apart<F>(work: F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let current = Self { depth: 0, ..Self::get() };
        OwnTask::spawn(current.carry(work).in_current_span()).await
    }

    /// Does some work for it, wherever that is polled.
    pub(crate) async fn carry<F: Future>(self, work: F) -> F::Output {
        WORK.scope(self, work).await
    }

    /// Does some work as a dry run does: nothing on disk changes.
    pub(crate) async fn in_plan<F: Future>(work: F) -> F::Output {
        let current = Self::get();
        Self { is_plan: true, request: Some(current.request()), ..current }.carry(work).await
    }

    /// Calls a function as a dry run does: nothing on disk changes.
    pub(crate) fn planning<A>(call: impl FnOnce() -> A) -> A {
        WORK.sync_scope(Self { is_plan: true, ..Self::get() }, call)
    }

    /// Calls user code within a plan; `reached` notes the work that it asks for.
    pub(crate) async fn reaching<F: Future>(reached: Arc<Reached>, work: F) -> F::Output {
        Self { is_plan: true, reached: Some(reached), ..Self::get() }.carry(work).await
    }

    /// Notes that work which the caller asked for was planned instead of done; `would_run` names the first task that would run.
    pub(crate) fn note_planned(would_run: impl FnOnce() -> Option<String>) {
        // Within a real run, or outside of all runs, nobody takes a plan for the work.
        let noted = WORK.try_with(|current| current.reached.clone());
        if let Ok(Some(reached)) = noted {
            reached.note(would_run());
        }
    }

    /// Returns what nobody's work is for, in a plan if the caller is in one.
    pub(crate) fn detached() -> Self {
        let (is_plan, reached) =
            WORK.try_with(|current| (current.is_plan, current.reached.clone())).unwrap_or_default();
        Self { is_plan, reached, ..Self::default() }
    }

    /// Does the work of a node for it; the node is at work until it ends or is dropped.
    pub(crate) async fn within<F: Future>(self, node: &WaitNode, request: RequestId, work: F) -> F::Output {
        let _at_work = node.begin(self.node);
        let is_plan = self.is_plan || node.kind() == WorkKind::Plan;
        let (node, request, depth) = (Some(node.clone()), Some(request), self.depth + 1);
        WORK.scope(Self { node, request, fleet: self.fleet, is_plan, reached: None, depth }, work).await
    }
}

impl WaitNode {
    /// Lets the caller's work wait for this node.
    ///
    /// # Errors
    ///
    /// The circle that the wait would close.
    pub(crate) fn wait(&self) -> Result<Wait, Circle> {
        self.wait_until(None)
    }

    /// As [`wait`](Self::wait), until a part of the node's work is done.
    pub(crate) fn wait_until(&self, until: Option<Weak<dyn WaitCondition>>) -> Result<Wait, Circle> {
        self.wait_of(WorkContext::worker(), until)
    }
}
