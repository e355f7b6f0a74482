//! The connections of an opened store, and the thread that serves them.

use std::sync::{Arc, Mutex, PoisonError, mpsc as std_mpsc};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::address::Address;
use crate::beat::{Beats, Renewal};
use crate::error::PostgresError;
use crate::link::Link;
use crate::nudges::Nudges;
use crate::process::Process;
use crate::writer::{Job, Writer};

/// The time for which a read or a write may take.
const ANSWER: Duration = Duration::from_mins(1);

/// The time for which the end of the store waits for its last releases.
const LAST_JOBS: Duration = Duration::from_secs(2);

/// The connections of an opened store.
///
/// Beats have a connection of their own, because statements on one connection are answered one after another.
pub(crate) struct Core {
    pub(crate) address: Arc<Address>,
    pub(crate) process: Arc<Process>,
    pub(crate) work: Link,
    pub(crate) beats: Link,
    /// The connection for runs and workers. The server sends nudges on it.
    pub(crate) queue: Link,
    pub(crate) nudges: Arc<Nudges>,
    /// The time when the last beat was sent that has arrived.
    last_beat: Mutex<Option<Instant>>,
}

impl Core {
    pub(crate) fn new(address: Address) -> Self {
        let host = setup_tasks::config::chosen_host();
        let process = Arc::new(Process::new(host.as_deref().or(address.host.as_deref())));
        let address = Arc::new(address);
        let was_reached = Arc::default();
        let work = Link::new(address.clone(), process.clone(), Arc::clone(&was_reached), ANSWER);
        let nudges = Arc::new(Nudges::new(&address.schema));
        let beats = Link::new(address.clone(), process.clone(), Arc::clone(&was_reached), address.ttl / 6)
            .listening(nudges.clone())
            .beside(&work);
        let queue = Link::new(address.clone(), process.clone(), was_reached, ANSWER).listening(nudges.clone());
        Self { address, process, work, beats, queue, nudges, last_beat: Mutex::default() }
    }

    /// Notes that a beat has arrived, which was sent at this time.
    pub(crate) fn note_beat(&self, sent: Instant) {
        let mut last = self.last_beat.lock().unwrap_or_else(PoisonError::into_inner);
        *last = (*last).max(Some(sent));
    }

    /// Returns the time of the last beat, or now before the first one.
    pub(crate) fn last_beat(&self) -> Instant {
        self.last_beat.lock().unwrap_or_else(PoisonError::into_inner).unwrap_or_else(Instant::now)
    }

    /// Returns the time at which this process must have stopped its tasks unless another beat arrives. Nobody takes its leases over
    /// before the last third of their time to live has passed as well.
    pub(crate) fn deadline(&self) -> Instant {
        self.last_beat() + self.address.ttl * 2 / 3
    }
}

/// The thread that serves the connections, and the ways to send it jobs.
pub(crate) struct Service {
    pub(crate) runtime: Option<Runtime>,
    pub(crate) jobs: Option<mpsc::UnboundedSender<Job>>,
    pub(crate) renewals: mpsc::UnboundedSender<Renewal>,
    /// Its other end is dropped when the writer has done its last job.
    ended: Mutex<std_mpsc::Receiver<()>>,
}

impl Service {
    pub(crate) fn start(core: &Arc<Core>) -> Result<Self, PostgresError> {
        // A thread of its own, because tasks may block the threads of the program.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("setup-tasks db")
            .enable_all()
            .build()
            .map_err(|error| thread_error(core, error.to_string()))?;
        let (jobs, of_writer) = mpsc::unbounded_channel();
        let (renewals, of_beats) = mpsc::unbounded_channel();
        let (alive, ended) = std_mpsc::channel::<()>();
        let writer = Writer::new(core.clone(), of_writer);
        runtime.spawn(async move {
            writer.run().await;
            drop(alive);
        });
        runtime.spawn(Beats::new(core.clone(), of_beats).run());
        Ok(Self { runtime: Some(runtime), jobs: Some(jobs), renewals, ended: Mutex::new(ended) })
    }

    /// Sends a job to the writer.
    pub(crate) fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The writer ends only with the service.
            let _ = jobs.send(job);
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.jobs = None;
        // The last leases are released, so that others need not wait for their time to live.
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(LAST_JOBS);
        if ended == Err(std_mpsc::RecvTimeoutError::Timeout) {
            tracing::debug!("the last leases could not be released, and end with their time to live");
        }
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// Returns the error of a thread that does not run.
pub(crate) fn thread_error(core: &Core, detail: String) -> PostgresError {
    PostgresError::Thread { place: core.address.place.clone(), detail }
}
