//! Work that is done once, whoever asks, and shared while it is under way.

use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{Shared, WeakShared};

use super::circle::Circle;
use super::current::{Current, Epoch, OwnTask};
use super::node::{WaitNode, WorkKind};
use super::shared_error::{SharedError, panicked};
use super::sync::{Mutex, MutexGuard};
use crate::BoxFuture;

/// The result of some work: made by the first who asks, and kept. Nobody's giving up stops the work for the others; once all
/// have given up, it is dropped, and who asks then begins anew. A panic is a failure.
///
/// A failure is told to all who waited for it, and to all who ask later on behalf of something that was asked for before it
/// failed: a graph of works in which one fails tries each once. Who asks anew tries again.
pub(crate) struct SharedOnce<V> {
    pub(crate) node: WaitNode,
    state: Arc<Mutex<OnceState<V>>>,
}

type Work<V> = Shared<BoxFuture<'static, Result<V, SharedError>>>;

enum OnceState<V> {
    Idle,
    /// Not kept by this: it goes with the last who waits for it.
    Running(WeakShared<BoxFuture<'static, Result<V, SharedError>>>),
    Failed(SharedError, Epoch),
    /// With the epoch that it was made in.
    Done(V, Epoch),
}

/// Why there is no result.
#[derive(Clone, Debug)]
pub(crate) enum OnceError {
    Failed(SharedError),
    Circle(Circle),
}

impl<V: Clone + Send + Sync + 'static> SharedOnce<V> {
    /// Work of that name.
    pub(crate) fn new(kind: WorkKind, name: Arc<str>) -> Self {
        Self { node: WaitNode::new(kind, name), state: Arc::new(Mutex::new(OnceState::Idle)) }
    }

    /// The result, if there is one.
    pub(crate) fn peek(&self) -> Option<V> {
        match &*lock(&self.state) {
            OnceState::Done(value, _) => Some(value.clone()),
            OnceState::Idle | OnceState::Running(_) | OnceState::Failed(..) => None,
        }
    }

    /// Keeps a result that was made elsewhere, unless there is one or it is being made. Returns the one that is kept, else the
    /// offered one.
    pub(crate) fn offer(&self, value: V) -> V {
        let mut state = lock(&self.state);
        match &*state {
            OnceState::Done(kept, _) => return kept.clone(),
            OnceState::Running(work) if work.upgrade().is_some() => {}
            OnceState::Idle | OnceState::Failed(..) | OnceState::Running(_) => {
                *state = OnceState::Done(value.clone(), Epoch::NEVER);
            }
        }
        value
    }

    /// The result, made now if need be.
    pub(crate) async fn get(
        &self,
        make: impl FnOnce() -> BoxFuture<'static, anyhow::Result<V>>,
    ) -> Result<V, OnceError> {
        self.get_as_of(None, make).await
    }

    /// As [`get`](Self::get); a result of before the epoch of the asker is not good enough.
    pub(crate) async fn renew(
        &self,
        make: impl FnOnce() -> BoxFuture<'static, anyhow::Result<V>>,
    ) -> Result<V, OnceError> {
        self.get_as_of(Some(Current::epoch_now()), make).await
    }

    async fn get_as_of(
        &self,
        least: Option<Epoch>,
        make: impl FnOnce() -> BoxFuture<'static, anyhow::Result<V>>,
    ) -> Result<V, OnceError> {
        let work = {
            let mut state = lock(&self.state);
            let running = match &*state {
                OnceState::Done(value, of) if least.is_none_or(|least| *of >= least) => return Ok(value.clone()),
                OnceState::Failed(error, since) if *since > Current::epoch_now() => {
                    return Err(OnceError::Failed(error.clone()));
                }
                OnceState::Running(work) => work.upgrade(),
                OnceState::Idle | OnceState::Failed(..) | OnceState::Done(..) => None,
            };
            running.unwrap_or_else(|| {
                let work = self.begin(make(), Current::get());
                *state = work.downgrade().map_or(OnceState::Idle, OnceState::Running);
                work
            })
        };
        let _wait = self.node.wait().map_err(OnceError::Circle)?;
        shallow(work).await.map_err(OnceError::Failed)
    }

    /// The work, which keeps its own result.
    fn begin(&self, work: BoxFuture<'static, anyhow::Result<V>>, current: Current) -> Work<V> {
        let (node, state) = (self.node.clone(), Arc::downgrade(&self.state));
        let epoch = current.epoch();
        let work = async move {
            let nested = async move { current.within(&node, epoch, work).await };
            let result = AssertUnwindSafe(Current::nest(nested)).catch_unwind().await;
            let result = result.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(SharedError::from);
            if let Some(state) = state.upgrade() {
                *lock(&state) = match &result {
                    Ok(value) => OnceState::Done(value.clone(), epoch),
                    Err(error) => OnceState::Failed(error.clone(), Epoch::now()),
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

/// The number of works that are polled within each other on one stack. Whoever waits for work polls it, also work that was begun
/// elsewhere, so that a chain of works can be as long as the graph of objects.
const POLLED: u32 = 2;

thread_local! {
    /// The number of works that this thread polls just now.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Counts one more polled work until it is dropped.
struct Deeper;

impl Deeper {
    fn enter() -> Self {
        DEPTH.set(DEPTH.get() + 1);
        Self
    }
}

impl Drop for Deeper {
    fn drop(&mut self) {
        DEPTH.set(DEPTH.get() - 1);
    }
}

/// Waits for work. Where the stack is deep already, a tokio task polls it instead.
async fn shallow<V: Clone + Send + Sync + 'static>(mut work: Work<V>) -> Result<V, SharedError> {
    let mut elsewhere = None;
    std::future::poll_fn(move |cx| {
        if elsewhere.is_none() && DEPTH.get() >= POLLED {
            elsewhere = Some(OwnTask::spawn(work.clone()));
        }
        if let Some(task) = &mut elsewhere {
            return task.poll_unpin(cx);
        }
        let _deeper = Deeper::enter();
        work.poll_unpin(cx)
    })
    .await
}
