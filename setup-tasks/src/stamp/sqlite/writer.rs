//! Writes the database: one thread, which commits together what waits.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::oneshot;

use super::super::codec::{decode, encode};
use super::super::{Change, Ended, Records, StampError};
use super::database::{create, explain};

/// How many changes share a transaction at the most.
const GROUP: usize = 512;

/// The thread, and the way to it.
pub(super) struct Writer {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

/// A change, and who waits for it.
pub(super) struct Job {
    pub(super) object: String,
    pub(super) change: Change,
    pub(super) done: oneshot::Sender<Result<(), StampError>>,
}

impl Writer {
    /// Opens the database, making it if there is none, and starts the thread.
    pub(super) fn start(path: PathBuf, durable: bool) -> Result<Self, StampError> {
        let connection = create(&path, durable)?;
        let (jobs, queue) = channel();
        let started = path.clone();
        let thread = std::thread::Builder::new()
            .name("setup-tasks stamps".to_owned())
            .spawn(move || write_all(&started, connection, durable, &queue))
            .map_err(|error| StampError::io("start the thread that writes", path, error))?;
        Ok(Self { jobs, thread })
    }

    /// Hands a change over; whether the thread still runs.
    pub(super) fn submit(&self, job: Job) -> bool {
        self.jobs.send(job).is_ok()
    }

    /// Waits for the changes that are under way.
    pub(super) fn finish(self) {
        drop(self.jobs);
        // A panic there has already failed the writes that waited for it.
        let _ = self.thread.join();
    }
}

/// The writer's thread: takes what waits, commits it together, answers everyone.
fn write_all(path: &Path, mut connection: Connection, durable: bool, queue: &Receiver<Job>) {
    let mut syncs = durable;
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        group.extend(queue.try_iter().take(GROUP - 1));
        let must_sync = durable || group.iter().any(|job| takes_away(&job.change));
        let result = set_sync(path, &connection, &mut syncs, must_sync)
            .and_then(|()| write_group(path, &mut connection, &group));
        for job in group {
            // Whoever asked may have been cancelled meanwhile.
            let _ = job.done.send(result.clone());
        }
    }
}

/// Whether a stamp is not to be believed from now on that was until now. That must outlast a loss of power, or what its task
/// then does to the world would be believed to be what it was; that a stamp was written need not.
fn takes_away(change: &Change) -> bool {
    match change {
        Change::Set { entry: Some(entry), .. } => entry.stamp.is_some() && entry.attempt.is_some(),
        // Without history it is no end of an attempt.
        Change::Set { entry: None, history, .. } => history.is_none(),
        Change::Clear => true,
    }
}

/// Whether the next commits are synced to the disk.
fn set_sync(path: &Path, connection: &Connection, syncs: &mut bool, must_sync: bool) -> Result<(), StampError> {
    if *syncs != must_sync {
        let how = if must_sync { "FULL" } else { "NORMAL" };
        connection.pragma_update(None, "synchronous", how).map_err(|error| explain(path, &error))?;
        *syncs = must_sync;
    }
    Ok(())
}

fn write_group(path: &Path, connection: &mut Connection, group: &[Job]) -> Result<(), StampError> {
    let explain = |error: rusqlite::Error| explain(path, &error);
    let damaged = |detail| StampError::Damaged { path: path.to_owned(), detail };
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(explain)?;
    {
        let mut get = transaction.prepare_cached("SELECT records FROM objects WHERE id = ?1").map_err(explain)?;
        let mut put = transaction.prepare_cached("REPLACE INTO objects VALUES (?1, ?2)").map_err(explain)?;
        let mut add = transaction
            .prepare_cached("INSERT INTO history VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")
            .map_err(explain)?;
        for Job { object, change, .. } in group {
            let old: Option<Vec<u8>> = get.query_row([object], |row| row.get(0)).optional().map_err(explain)?;
            let mut records =
                old.map_or_else(|| Ok(Records::default()), |old| decode(object, &old)).map_err(damaged)?;
            change.apply(&mut records);
            put.execute(params![object, encode(object, &records).map_err(damaged)?]).map_err(explain)?;
            if let Change::Set { history: Some(e), .. } = change {
                let (time, duration) = (signed(e.time.0), signed(e.duration_us));
                let ended = ended_text(e.ended);
                let why = e.why.as_ref().and_then(|why| serde_json::to_string(why).ok());
                add.execute(params![e.run, e.object, e.task, time, duration, ended, e.reason, e.error, why])
                    .map_err(explain)?;
            }
        }
    }
    transaction.commit().map_err(explain)
}

/// `SQLite`'s integers have a sign; nanoseconds reach it in the year 2262.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ended_text(ended: Ended) -> &'static str {
    match ended {
        Ended::Ran => "ran",
        Ended::Skipped => "skipped",
        Ended::Failed => "failed",
        Ended::Marked => "marked",
    }
}
