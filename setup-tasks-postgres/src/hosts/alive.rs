//! The signs of life of a process that works on runs, also while it holds no lease.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use setup_tasks::dispatch::Version;
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;

use super::{change, sql};
use crate::core::Core;
use crate::error::PostgresError;
use crate::link::{Connected, Purpose};

/// The state of this process among the workers.
#[derive(Debug, Default)]
pub(crate) struct Alive {
    /// The task that sends the signs of life.
    task: Mutex<Option<AbortHandle>>,
    /// The job slots of the worker, which all its runs share.
    jobs: Mutex<Option<Arc<Semaphore>>>,
}

/// The entry of this process among the workers.
#[derive(Clone, Debug)]
pub(super) struct Membership {
    pub(super) version: Version,
    pub(super) jobs: usize,
}

const BEAT: &str = "UPDATE processes SET beat = clock_timestamp() WHERE id = $1 RETURNING 1";

impl Alive {
    /// Returns the job slots, if this process is a worker.
    pub(super) fn jobs(&self) -> Option<Arc<Semaphore>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_jobs(&self, jobs: Option<usize>) {
        *self.jobs.lock().unwrap_or_else(PoisonError::into_inner) = jobs.map(|jobs| Arc::new(Semaphore::new(jobs)));
    }

    /// Starts to send signs of life, on the thread that serves the connections. A worker also keeps its entry.
    pub(super) fn start(&self, core: Arc<Core>, worker: Option<Membership>) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if worker.is_none() && task.is_some() {
            return;
        }
        let new = tokio::spawn(beat(core, worker)).abort_handle();
        task.replace(new).iter().for_each(AbortHandle::abort);
    }

    pub(super) fn end(&self) {
        let task = self.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        task.iter().for_each(AbortHandle::abort);
        self.set_jobs(None);
    }
}

/// Sends a sign of life at each sixth of the time to live.
async fn beat(core: Arc<Core>, worker: Option<Membership>) {
    let every = core.address.ttl / 6;
    loop {
        let sent = Instant::now();
        match beat_once(&core, worker.as_ref()).await {
            Ok(()) => core.note_beat(sent),
            Err(error) => tracing::debug!("a sign of life was not sent: {error}"),
        }
        tokio::time::sleep(every).await;
    }
}

async fn beat_once(core: &Core, worker: Option<&Membership>) -> Result<(), PostgresError> {
    let process = core.process.id;
    let beat = |connected: Arc<Connected>| async move { connected.query(BEAT, &[&process]).await };
    let known = core.beats.ask((Purpose::Write, "send a sign of life"), beat).await?;
    if known.is_empty() {
        let register = |connected: Arc<Connected>| async move {
            core.process.register(connected.client(), core.address.ttl).await
        };
        core.beats.ask((Purpose::Write, "register this process"), register).await?;
        if let Some(worker) = worker {
            join(core, worker).await?;
        }
    }
    Ok(())
}

/// Enters this process among the workers.
pub(super) async fn join(core: &Core, worker: &Membership) -> Result<(), PostgresError> {
    let (process, host) = (core.process.id, core.process.host());
    let Version { program, binary, layout, .. } = &worker.version;
    let jobs = i32::try_from(worker.jobs).unwrap_or(i32::MAX);
    let values: [&(dyn tokio_postgres::types::ToSql + Sync); 6] = [&process, &host, program, binary, layout, &jobs];
    change(core, "enter the worker", sql::JOIN, &values).await.map(drop)
}
