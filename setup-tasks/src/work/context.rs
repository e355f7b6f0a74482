//! The context of work, which the tokio task that runs the work also carries as a task-local.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

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

/// The context of some work: the request, the fleet and the mode on whose behalf it runs.
///
/// The runtime passes it explicitly. It is read from the task-local only where user code calls back
/// into the runtime.
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

/// The reference of one job slot to its fleet. Running an object changes the reference count, so each
/// slot has its own count on its own cache lines.
#[repr(align(128))]
struct FleetHandle {
    options: Arc<FleetOptions>,
    /// The subdir of the object that the slot runs, if the dispatch of the fleet serves several processes.
    object: Mutex<Option<Arc<str>>>,
}

/// The number of nested works after which the next one gets its own tokio task. A chain of a
/// thousand objects would not fit on a stack. In a debug build, eight works can take more than 2
/// MiB.
const MAX_STACK_DEPTH: u32 = 4;

tokio::task_local! {
    static WORK: WorkContext;
}

/// Functions for the border where user code calls. They read the context of the caller.
impl WorkContext {
    /// Returns the context of the caller, or an empty one outside of all work.
    pub(crate) fn get() -> Self {
        WORK.try_get().unwrap_or_default()
    }

    /// Returns the node of the caller's work.
    pub(crate) fn worker() -> Option<WaitNode> {
        WORK.try_with(|current| current.node.clone()).ok().flatten()
    }

    /// Returns the mode of the caller's work.
    pub(crate) fn mode_now() -> Mode {
        WORK.try_with(|current| current.mode).unwrap_or_default()
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

    /// Returns a context outside of all work. It belongs to a dry run if the caller's work does.
    pub(crate) fn detached() -> Self {
        let (mode, requested) = WORK.try_with(|current| (current.mode, current.requested.clone())).unwrap_or_default();
        Self { mode, requested, ..Self::default() }
    }
}

impl WorkContext {
    /// Returns the options of the fleet to which the work belongs.
    pub(crate) fn fleet(&self) -> Option<&FleetOptions> {
        self.fleet.as_deref().map(|handle| &*handle.options)
    }

    /// Notes the object that the job slot of the work runs from now on.
    pub(crate) fn note_object(&self, subdir: &Arc<str>) {
        if let Some(fleet) = &self.fleet {
            *fleet.object.lock().unwrap_or_else(PoisonError::into_inner) = Some(subdir.clone());
        }
    }

    /// Returns the subdir of the object that the job slot of the work runs, if it is known.
    pub(crate) fn noted_object(&self) -> Option<Arc<str>> {
        self.fleet.as_ref()?.object.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the request of the context, or begins a new one if it has none.
    pub(crate) fn request(&self) -> RequestId {
        self.request.unwrap_or_else(RequestId::new)
    }

    /// Returns the mode of the work.
    pub(crate) fn mode(&self) -> Mode {
        self.mode
    }

    /// Returns this context with the fleet and the request of a worker.
    pub(crate) fn of_fleet(&self, options: Arc<FleetOptions>, request: RequestId) -> Self {
        Self {
            request: Some(request),
            fleet: Some(Arc::new(FleetHandle { options, object: Mutex::default() })),
            depth: 0,
            ..self.clone()
        }
    }

    /// Returns the context of a node's work on behalf of this context.
    pub(crate) fn of_node(&self, node: &WaitNode, request: RequestId) -> Self {
        Self {
            node: Some(node.clone()),
            request: Some(request),
            fleet: self.fleet.clone(),
            mode: if node.kind() == WorkKind::Plan { Mode::Plan } else { self.mode },
            requested: None,
            depth: self.depth + 1,
        }
    }

    /// Runs work in this context, regardless of the tokio task that polls it. An `async fn` would
    /// hold the work's future twice.
    pub(crate) fn scope<F: Future>(self, work: F) -> impl Future<Output = F::Output> {
        WORK.scope(self, work)
    }

    /// Runs a part of this work, on the stack or in its own tokio task. The tokio task is aborted
    /// when this is dropped. `work` receives the context of the part.
    pub(crate) async fn run_nested<F>(self, work: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        if self.depth < MAX_STACK_DEPTH { work(self).await } else { self.run_in_own_task(work).await }
    }

    /// Runs a part of this work in its own tokio task, which is aborted when this is dropped. `work`
    /// receives the context of the part.
    pub(crate) async fn run_in_own_task<F>(self, work: impl FnOnce(Self) -> F) -> F::Output
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let part = Self { depth: 0, ..self };
        OwnTask::spawn(part.clone().scope(work(part)).in_current_span()).await
    }

    /// Runs user code within a plan. Work that the code requests is planned instead, and recorded
    /// in `requested`.
    pub(crate) fn recording<F: Future>(
        &self,
        requested: Arc<RequestedWork>,
        work: F,
    ) -> impl Future<Output = F::Output> + use<F> {
        Self { mode: Mode::Plan, requested: Some(requested), ..self.clone() }.scope(work)
    }

    /// Records that work which this work requested was planned instead of done. `would_run` names
    /// the first task that would run.
    pub(crate) fn record_planned(&self, would_run: impl FnOnce() -> Option<String>) {
        // A real run has no record, and neither does work outside of all runs. No caller there could
        // mistake the plan for the work.
        if let Some(requested) = &self.requested {
            requested.record(would_run());
        }
    }

    /// Runs the work of a node on behalf of this context. The node is in progress until the work
    /// ends or is dropped.
    pub(crate) async fn within<F: Future>(self, node: &WaitNode, request: RequestId, work: F) -> F::Output {
        let context = self.of_node(node, request);
        let _at_work = node.begin(self.node);
        context.scope(work).await
    }
}

impl WaitNode {
    /// Enters a wait of some work for this node.
    ///
    /// # Errors
    ///
    /// Returns the circle that the wait would close.
    pub(crate) fn wait(&self, work: &WorkContext) -> Result<Wait, Circle> {
        self.wait_until(work, None)
    }

    /// Enters a wait of some work for a part of this node's work, until the condition holds.
    pub(crate) fn wait_until(
        &self,
        work: &WorkContext,
        until: Option<Weak<dyn WaitCondition>>,
    ) -> Result<Wait, Circle> {
        self.wait_of(work.node.clone(), until)
    }
}
