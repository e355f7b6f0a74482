//! The events of a worker, which go to the process with the run.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::events::encode;
use crate::dispatch::{Answer, Dispatch, DispatchError, Ended, Hosts, Next};
use crate::event::{Event, EventStream};
use crate::layout::Layout;
use crate::stamp::MaybeReady;
use crate::work::Stop;

/// The time for which events wait for others, so that one round trip takes all of them.
const GATHER: Duration = Duration::from_millis(100);

/// The task that publishes the events of all runs of a worker.
#[derive(Clone, Debug)]
pub(super) struct Publisher {
    /// Requests to publish all events so far.
    flushes: mpsc::UnboundedSender<oneshot::Sender<Result<(), DispatchError>>>,
    /// The runs of the objects that this process runs.
    runs: Arc<Mutex<Runs>>,
}

#[derive(Debug, Default)]
struct Runs {
    by_object: HashMap<String, u64>,
    /// The runs under way.
    all: Vec<u64>,
}

impl Publisher {
    /// Starts to publish the events of a layout.
    pub(super) fn start(layout: &Layout, hosts: Arc<dyn Hosts>) -> Self {
        let (flushes, requests) = mpsc::unbounded_channel();
        let runs = Arc::<Mutex<Runs>>::default();
        let work = Work { hosts, stream: layout.events(), runs: runs.clone(), gathered: HashMap::new() };
        tokio::spawn(work.run(requests));
        Self { flushes, runs }
    }

    fn runs(&self) -> MutexGuard<'_, Runs> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns a queue that publishes the events of an object before its end.
    pub(super) fn of_queue(&self, run: u64, ids: Vec<String>, queue: Arc<dyn Dispatch>) -> Publishing {
        self.runs().all.push(run);
        Publishing { publisher: self.clone(), run, ids, queue }
    }

    /// Publishes all events so far.
    async fn flush(&self) -> Result<(), DispatchError> {
        let (done, published) = oneshot::channel();
        // The task lives as long as the publisher.
        let _ = self.flushes.send(done);
        published.await.unwrap_or(Ok(()))
    }
}

/// The state of the task.
struct Work {
    hosts: Arc<dyn Hosts>,
    stream: EventStream,
    runs: Arc<Mutex<Runs>>,
    /// The events that are not published yet, by run.
    gathered: HashMap<u64, Vec<String>>,
}

impl Work {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<oneshot::Sender<Result<(), DispatchError>>>) {
        loop {
            let mut waiting = Vec::new();
            tokio::select! {
                event = self.stream.next() => match event {
                    Some(event) => self.gather(&event),
                    None => return,
                },
                request = requests.recv() => match request {
                    Some(done) => waiting.push(done),
                    None => return,
                },
            }
            if waiting.is_empty() {
                // A request cuts the time short.
                if let Ok(Some(done)) = tokio::time::timeout(GATHER, requests.recv()).await {
                    waiting.push(done);
                }
            }
            while let Ok(done) = requests.try_recv() {
                waiting.push(done);
            }
            while let Some(event) = self.stream.try_next() {
                self.gather(&event);
            }
            let published = self.publish().await;
            for done in waiting {
                // The run may have been dropped in the meantime.
                let _ = done.send(published.clone());
            }
        }
    }

    fn gather(&mut self, event: &Event) {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        // An object that another one needs has no entry of its own.
        let Some(&run) = runs.by_object.get(&*event.object).or(runs.all.last()) else { return };
        drop(runs);
        if let Some(json) = encode(event) {
            self.gathered.entry(run).or_default().push(json);
        }
    }

    async fn publish(&mut self) -> Result<(), DispatchError> {
        for (run, events) in std::mem::take(&mut self.gathered) {
            self.hosts.publish(run, events).await?;
        }
        Ok(())
    }
}

/// A queue that publishes the events of an object before its end, so that the end of a run comes after all its events.
#[derive(Debug)]
pub(super) struct Publishing {
    publisher: Publisher,
    run: u64,
    /// The ids of the objects by their positions.
    ids: Vec<String>,
    queue: Arc<dyn Dispatch>,
}

impl Publishing {
    fn begin(&self, object: usize) {
        if let Some(id) = self.ids.get(object) {
            self.publisher.runs().by_object.insert(id.clone(), self.run);
        }
    }
}

impl Dispatch for Publishing {
    fn next(&self, ended: Option<Ended>) -> Answer<'_, Next> {
        MaybeReady::pending(async move {
            if ended.is_some() {
                self.publisher.flush().await?;
            }
            let next = self.queue.next(ended).await?;
            if let Next::Run(object) = next {
                self.begin(object);
            }
            Ok(next)
        })
    }

    fn end(&self, ended: Ended) -> Answer<'_, ()> {
        MaybeReady::pending(async move {
            self.publisher.flush().await?;
            self.queue.end(ended).await
        })
    }

    fn put_aside(&self, object: &str, holder: &str) {
        self.queue.put_aside(object, holder);
    }

    fn take_up(&self, object: &str) {
        self.queue.take_up(object);
    }

    fn permission<'a>(&'a self, object: &'a str) -> Answer<'a, crate::dispatch::Permission> {
        self.queue.permission(object)
    }

    fn close(&self) {
        self.queue.close();
    }

    fn stop(&self) -> Option<Stop> {
        self.queue.stop()
    }

    fn wants_results(&self) -> bool {
        true
    }
}

impl Drop for Publishing {
    fn drop(&mut self) {
        let mut runs = self.publisher.runs();
        runs.all.retain(|run| *run != self.run);
        runs.by_object.retain(|_, run| *run != self.run);
    }
}
