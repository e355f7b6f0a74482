//! Work that runs once and whose result is shared.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use super::context::{RequestId, WorkContext};
use super::own_task::OwnTask;
use super::shared_error::{SharedError, panicked};
use crate::BoxFuture;
use crate::wait::sync::{Mutex, MutexGuard};
use crate::wait::{Circle, WaitNode, WorkKind};

/// Work that runs once and whose result is kept. The first caller starts it. The work continues
/// while at least one caller waits. When the last waiter is dropped, so is the work, and a later
/// caller starts it again. A panic counts as a failure.
///
/// A failure is returned to all waiters and to later callers of requests that began before it, so
/// each work of a graph is tried once. A new request retries.
pub(crate) struct SharedOnce<V> {
    pub(crate) node: WaitNode,
    state: Arc<Mutex<OnceState<V>>>,
}

type Work<V> = Shared<BoxFuture<'static, Result<V, SharedError>>>;

enum OnceState<V> {
    Idle,
    /// The work in progress. The reference is weak so that the work is dropped with the last waiter.
    Running(WeakShared<BoxFuture<'static, Result<V, SharedError>>>),
    Failed(SharedError, RequestId),
    /// The result, and the request in which the work was done.
    Done(V, RequestId),
}

/// The reason why the work has no result.
#[derive(Clone, Debug)]
pub(crate) enum OnceError {
    Failed(SharedError),
    Circle(Circle),
}

impl<V: Clone + Send + Sync + 'static> SharedOnce<V> {
    /// Creates work with a name.
    pub(crate) fn new(kind: WorkKind, name: Arc<str>) -> Self {
        Self { node: WaitNode::new(kind, name), state: Arc::new(Mutex::new(OnceState::Idle)) }
    }

    /// Returns the result, if there is one.
    pub(crate) fn peek(&self) -> Option<V> {
        match &*lock(&self.state) {
            OnceState::Done(value, _) => Some(value.clone()),
            OnceState::Idle | OnceState::Running(_) | OnceState::Failed(..) => None,
        }
    }

    /// Returns whether the work is neither in progress nor failed.
    pub(crate) fn is_free(&self) -> bool {
        matches!(&*lock(&self.state), OnceState::Idle | OnceState::Done(..))
    }

    /// Keeps a result that was created on behalf of a request, unless the work is in progress.
    pub(crate) fn keep(&self, value: V, request: RequestId) {
        let mut state = lock(&self.state);
        if let OnceState::Idle | OnceState::Done(..) = *state {
            *state = OnceState::Done(value, request);
        }
    }

    /// Forgets the result, so that the next caller runs the work again.
    pub(crate) fn forget(&self) {
        let mut state = lock(&self.state);
        if let OnceState::Done(..) = *state {
            *state = OnceState::Idle;
        }
    }

    /// Keeps a result that was created elsewhere, unless there is a result or the work is in
    /// progress. Returns the kept result, or the offered one if none is kept.
    pub(crate) fn offer(&self, value: V) -> V {
        let mut state = lock(&self.state);
        match &*state {
            OnceState::Done(kept, _) => return kept.clone(),
            OnceState::Running(work) if work.upgrade().is_some() => {}
            OnceState::Idle | OnceState::Failed(..) | OnceState::Running(_) => {
                *state = OnceState::Done(value.clone(), RequestId::NEVER);
            }
        }
        value
    }

    /// Returns the result for the caller's work. Runs the shared work if it has no result yet.
    pub(crate) async fn get(
        &self,
        work: &WorkContext,
        make: impl FnOnce() -> BoxFuture<'static, anyhow::Result<V>>,
    ) -> Result<V, OnceError> {
        self.get_as_of(None, work, make).await
    }

    /// Returns the result, as [`get`](Self::get) does. Runs the shared work again if the result is
    /// older than the caller's request.
    pub(crate) async fn renew(
        &self,
        work: &WorkContext,
        make: impl FnOnce() -> BoxFuture<'static, anyhow::Result<V>>,
    ) -> Result<V, OnceError> {
        self.get_as_of(Some(work.request()), work, make).await
    }

    async fn get_as_of(
        &self,
        least: Option<RequestId>,
        caller: &WorkContext,
        make: impl FnOnce() -> BoxFuture<'static, anyhow::Result<V>>,
    ) -> Result<V, OnceError> {
        let work = {
            let mut state = lock(&self.state);
            let running = match &*state {
                OnceState::Done(value, of) if least.is_none_or(|least| *of >= least) => return Ok(value.clone()),
                OnceState::Failed(error, since) if *since > caller.request() => {
                    return Err(OnceError::Failed(error.clone()));
                }
                OnceState::Running(work) => work.upgrade(),
                OnceState::Idle | OnceState::Failed(..) | OnceState::Done(..) => None,
            };
            running.unwrap_or_else(|| {
                let work = self.begin(make(), caller.clone());
                *state = work.downgrade().map_or(OnceState::Idle, OnceState::Running);
                work
            })
        };
        let _wait = self.node.wait(caller).map_err(OnceError::Circle)?;
        wait_on_shallow_stack(work).await.map_err(OnceError::Failed)
    }

    /// Begins the work, which stores its own result.
    fn begin(&self, work: BoxFuture<'static, anyhow::Result<V>>, caller: WorkContext) -> Work<V> {
        let (node, state) = (self.node.clone(), Arc::downgrade(&self.state));
        let request = caller.request();
        let work = async move {
            let nested = |part: WorkContext| async move { part.within(&node, request, work).await };
            let result = AssertUnwindSafe(caller.run_nested(nested)).catch_unwind().await;
            let result = result.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(SharedError::from);
            if let Some(state) = state.upgrade() {
                *lock(&state) = match &result {
                    Ok(value) => OnceState::Done(value.clone(), request),
                    Err(error) => OnceState::Failed(error.clone(), RequestId::new()),
                };
            }
            result
        };
        (Box::pin(work) as BoxFuture<'static, _>).shared()
    }
}

fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The largest number of works that are polled within each other on one stack. A waiter also polls
/// work that another caller began, so a chain of works can be as long as the graph of objects.
const MAX_POLL_DEPTH: u32 = 2;

thread_local! {
    /// The number of works that this thread is polling.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// A guard that counts one more polled work until it is dropped.
struct PollDepth;

impl PollDepth {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self
    }
}

impl Drop for PollDepth {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Waits for work. If too many works are on the stack, a tokio task polls it instead.
async fn wait_on_shallow_stack<V: Clone + Send + Sync + 'static>(mut work: Work<V>) -> Result<V, SharedError> {
    let mut elsewhere = None;
    std::future::poll_fn(move |cx| {
        if elsewhere.is_none() && DEPTH.get() >= MAX_POLL_DEPTH {
            elsewhere = Some(OwnTask::spawn(work.clone()));
        }
        if let Some(task) = &mut elsewhere {
            return task.poll_unpin(cx);
        }
        let _depth = PollDepth::enter();
        work.poll_unpin(cx)
    })
    .await
}
