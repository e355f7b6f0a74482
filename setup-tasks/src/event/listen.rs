//! Listeners. Each has a queue of its own, and somebody of its own who empties it: one that stalls or panics harms neither a
//! run nor the other listeners.

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

/// How many events may wait for one listener; those beyond are counted and lost.
const QUEUE: usize = 1 << 16;

/// What a queue holds.
enum Item {
    Event(Arc<Event>),
    /// Answered once all before it was handled.
    Flush(oneshot::Sender<()>),
}

/// The listeners at one injector.
pub(crate) struct Listeners {
    list: RwLock<Vec<Listener>>,
    /// How many there are in all of the injector's tree: nobody listening costs one load.
    in_tree: Arc<AtomicUsize>,
}

struct Listener {
    key: EventKey,
    queue: Sender<Item>,
    missed: Arc<AtomicU64>,
}

impl Listeners {
    pub(crate) fn root() -> Self {
        Self { list: RwLock::default(), in_tree: Arc::default() }
    }

    /// Those of an injector below.
    pub(crate) fn child(&self) -> Self {
        Self { list: RwLock::default(), in_tree: self.in_tree.clone() }
    }

    /// Whether anybody listens, anywhere in the tree.
    pub(crate) fn any(&self) -> bool {
        self.in_tree.load(Ordering::Acquire) > 0
    }

    /// Hands an event to those here whose key is one of its object's.
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

    /// A new listener.
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

    /// A new listener that calls a function, on a thread of its own.
    pub(crate) fn call(&self, key: EventKey, listener: impl Fn(&Event) + Send + 'static) -> Listening {
        let (stream, listening) = self.add(key);
        spawn_thread(move || stream.drive_blocking(&listener));
        listening
    }

    /// A new listener that calls an async function, on the tokio runtime of the caller, or one of its own if there is none.
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
    /// Whether there is still somebody who listens.
    fn send(&self, event: &Arc<Event>) -> bool {
        match self.queue.try_send(Item::Event(event.clone())) {
            Ok(()) => true,
            Err(TrySendError::Closed(_)) => false,
            Err(TrySendError::Full(_)) => {
                if self.missed.fetch_add(1, Ordering::Relaxed) == 0 {
                    tracing::warn!("a listener of setup task events is too slow: it misses events");
                }
                true
            }
        }
    }
}

/// Events as they happen, in order; a [`Stream`]. Dropping it ends it.
#[derive(Debug)]
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
    /// The next event; `None` once the injector is gone.
    pub async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            if let Item::Event(event) = self.receiver.recv().await? {
                return Some(event);
            }
        }
    }

    /// The next event, if one has happened.
    pub fn try_next(&mut self) -> Option<Arc<Event>> {
        loop {
            if let Item::Event(event) = self.receiver.try_recv().ok()? {
                return Some(event);
            }
        }
    }

    /// How many events were lost because too many waited.
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
                // Whoever waited for it may have given up.
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

/// A listener that is called. Dropping this leaves it on.
#[derive(Debug)]
pub struct Listening {
    queue: WeakSender<Item>,
    missed: Arc<AtomicU64>,
}

impl Listening {
    /// How many events were lost because too many waited.
    pub fn missed(&self) -> u64 {
        self.missed.load(Ordering::Relaxed)
    }

    /// Waits until the listener has handled all that happened so far, or has ended.
    pub async fn flush(&self) {
        let Some(queue) = self.queue.upgrade() else { return };
        let (done, handled) = oneshot::channel();
        if queue.send(Item::Flush(done)).await.is_ok() {
            // An error says that it ended before.
            let _ = handled.await;
        }
    }
}
