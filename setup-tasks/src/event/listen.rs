//! Listeners of events.
//!
//! Each listener has its own queue and its own reader. A listener that stalls or panics therefore
//! affects neither the run nor other listeners.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::task::{Context, Poll};

use futures_util::{FutureExt, Stream};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::mpsc::{Receiver, Sender, WeakSender, channel};
use tokio::sync::oneshot;

use super::{Event, EventKey};

/// The maximum number of events in a listener's queue. Further events are counted and dropped.
const QUEUE: usize = 1 << 16;

/// An element of a queue.
enum Item {
    Event(Arc<Event>),
    /// A request to answer once all earlier events were handled.
    Flush(oneshot::Sender<()>),
}

/// The listeners at one injector.
pub(crate) struct Listeners {
    list: RwLock<Vec<Listener>>,
    /// The number of listeners in the whole tree of injectors. Without listeners, an event costs
    /// one atomic load.
    in_tree: Arc<AtomicUsize>,
}

struct Listener {
    key: EventKey,
    queue: Sender<Item>,
    missed: Arc<AtomicU64>,
}

impl Listeners {
    /// Returns the listeners of a root injector.
    pub(crate) fn root() -> Self {
        Self { list: RwLock::default(), in_tree: Arc::default() }
    }

    /// Returns the listeners of a child injector.
    pub(crate) fn child(&self) -> Self {
        Self { list: RwLock::default(), in_tree: self.in_tree.clone() }
    }

    /// Returns whether the tree of injectors has any listener.
    pub(crate) fn any(&self) -> bool {
        self.in_tree.load(Ordering::Acquire) > 0
    }

    /// Sends an event to the listeners of this injector whose key selects it.
    pub(crate) fn send(&self, event: &Arc<Event>, has: impl Fn(&EventKey) -> bool) {
        let mut ended = false;
        for listener in self.list.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if has(&listener.key) {
                ended |= !listener.send(event);
            }
        }
        if ended {
            let mut list = self.list.write().unwrap_or_else(PoisonError::into_inner);
            let before = list.len();
            list.retain(|listener| !listener.queue.is_closed());
            self.in_tree.fetch_sub(before - list.len(), Ordering::AcqRel);
        }
    }

    /// Adds a listener and returns its events as a stream.
    pub(crate) fn listen(&self, key: EventKey) -> EventStream {
        self.add(key).0
    }

    fn add(&self, key: EventKey) -> (EventStream, Listening) {
        let (queue, receiver) = channel(QUEUE);
        let missed = Arc::<AtomicU64>::default();
        let listening = Listening { queue: queue.downgrade(), missed: missed.clone() };
        let listener = Listener { key, queue, missed: missed.clone() };
        self.list.write().unwrap_or_else(PoisonError::into_inner).push(listener);
        self.in_tree.fetch_add(1, Ordering::AcqRel);
        (EventStream { receiver, missed }, listening)
    }

    /// Adds a listener that calls a function on a thread of its own.
    pub(crate) fn call(&self, key: EventKey, listener: impl Fn(&Event) + Send + 'static) -> Listening {
        let (stream, listening) = self.add(key);
        spawn_thread(move || stream.drive_blocking(&listener));
        listening
    }

    /// Adds a listener that calls an async function. It runs on the caller's tokio runtime, or on a
    /// new one if the caller has none.
    pub(crate) fn call_async<F>(
        &self,
        key: EventKey,
        listener: impl Fn(Arc<Event>) -> F + Send + Sync + 'static,
    ) -> Listening
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (stream, listening) = self.add(key);
        let work = stream.drive(listener);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(work)),
            Err(_) => spawn_thread(|| match tokio::runtime::Builder::new_current_thread().enable_all().build() {
                Ok(runtime) => runtime.block_on(work),
                Err(error) => tracing::warn!("a listener of setup task events cannot be started: {error}"),
            }),
        }
        listening
    }
}

fn spawn_thread(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().name("setup-tasks events".to_owned());
    if let Err(error) = thread.spawn(work) {
        tracing::warn!("a listener of setup task events cannot be started: {error}");
    }
}

impl Listener {
    /// Queues an event. Returns whether the listener still exists.
    fn send(&self, event: &Arc<Event>) -> bool {
        match self.queue.try_send(Item::Event(event.clone())) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                if self.missed.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!("a listener of setup task events is too slow and misses events");
                }
                true
            }
        }
    }
}

/// A [`Stream`] of events in the order in which they happen. [`Layout::events`] and
/// [`Injector::events`] return it. Dropping it removes the listener.
///
/// Up to 65,536 events wait in its queue. Later events are dropped while the queue is full, and
/// [`missed`](Self::missed) counts them. A run never waits for a stream.
///
/// ```
/// use setup_tasks::{event::EventKind, prelude::*};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let mut events = layout.events();
/// layout.add(Door)?.run_setup_tasks().await?;
/// let event = events.next().await.unwrap();
/// assert_eq!((&*event.object, event.task), ("door", "paint"));
/// assert!(matches!(event.kind, EventKind::TaskShouldRun { .. }));
/// # Ok(()) }
/// ```
///
/// [`Layout::events`]: crate::Layout::events
/// [`Injector::events`]: crate::Injector::events
#[derive(Debug)]
#[must_use = "a stream receives nothing after it is dropped"]
pub struct EventStream {
    receiver: Receiver<Item>,
    missed: Arc<AtomicU64>,
}

impl std::fmt::Debug for Item {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Event(event) => event.fmt(f),
            Self::Flush(_) => f.write_str("Flush"),
        }
    }
}

impl EventStream {
    /// Waits for the next event. Returns `None` once the injector has been dropped. No event is lost
    /// if the future is dropped.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            if let Item::Event(event) = self.receiver.recv().await? {
                return Some(event);
            }
        }
    }

    /// Returns the next event, or `None` if no event waits.
    pub fn try_next(&mut self) -> Option<Arc<Event>> {
        loop {
            if let Item::Event(event) = self.receiver.try_recv().ok()? {
                return Some(event);
            }
        }
    }

    /// Returns the number of events that were dropped because the queue was full.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    fn drive_blocking(mut self, listener: &impl Fn(&Event)) {
        while let Some(item) = self.receiver.blocking_recv() {
            match item {
                Item::Event(event) if catch_unwind(AssertUnwindSafe(|| listener(&event))).is_err() => {
                    return panicked();
                }
                Item::Event(_) => {}
                // The caller of `flush` may have stopped waiting.
                Item::Flush(done) => drop(done.send(())),
            }
        }
    }

    async fn drive<F: Future<Output = ()>>(mut self, listener: impl Fn(Arc<Event>) -> F) {
        while let Some(item) = self.receiver.recv().await {
            match item {
                Item::Event(event) => {
                    let handled = AssertUnwindSafe(async { listener(event).await }).catch_unwind().await;
                    if handled.is_err() {
                        return panicked();
                    }
                }
                Item::Flush(done) => drop(done.send(())),
            }
        }
    }
}

fn panicked() {
    tracing::warn!("a listener of setup task events panicked and is not called again");
}

impl Stream for EventStream {
    type Item = Arc<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Arc<Event>>> {
        loop {
            match self.receiver.poll_recv(cx) {
                Poll::Ready(Some(Item::Event(event))) => return Poll::Ready(Some(event)),
                Poll::Ready(Some(Item::Flush(_))) => {}
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

/// A handle to a listener that calls a function. Dropping the handle does not remove the listener.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicUsize, Ordering};
/// use setup_tasks::{event::EventKind, prelude::*};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let started = Arc::new(AtomicUsize::new(0));
/// let count = started.clone();
/// let listening = layout.on_event(move |event| {
///     if let EventKind::TaskStart { .. } = event.kind {
///         count.fetch_add(1, Ordering::Relaxed);
///     }
/// });
/// layout.add(Door)?.run_setup_tasks().await?;
/// listening.flush().await;
/// assert_eq!(started.load(Ordering::Relaxed), 1);
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct Listening {
    queue: WeakSender<Item>,
    missed: Arc<AtomicU64>,
}

impl Listening {
    /// Returns the number of events that were dropped because the queue was full.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Waits until the listener has handled all events so far, or has ended.
    pub async fn flush(&self) {
        let Some(queue) = self.queue.upgrade() else { return };
        let (done, handled) = oneshot::channel();
        if queue.send(Item::Flush(done)).await.is_ok() {
            // An error means that the listener ended before that.
            let _ = handled.await;
        }
    }
}
