//! Writes the database. Whoever has a change commits it, with all others that wait then, unless somebody does already: that one
//! takes it along. What waits for something else than a processor is left to a thread: what is synced to the disk, the turn of
//! another process that writes, and bringing the log into the database.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OptionalExtension, Transaction, TransactionBehavior, params};
use tokio::sync::oneshot;

use super::super::codec::{decode, encode};
use super::super::{Change, Ended, Records, StampError};
use super::database::{BUSY, LATEST, create, explain, open};

/// How many changes share a transaction at the most.
const GROUP: usize = 512;
/// After so many transactions a caller leaves the rest to the thread: its own change was in the first.
const IN_A_ROW: usize = 8;
/// How long the log grows, in pages of 4 KiB, before it is brought into the database: pages that were written several times are
/// brought in once. If it grows to twice that meanwhile, who writes waits.
const LOG_PAGES: i32 = 8_000;

/// The way to the database, and the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// Changes of one object, and who waits for them.
pub(super) struct Job {
    pub(super) object: String,
    pub(super) changes: Vec<Change>,
    pub(super) done: oneshot::Sender<Result<(), StampError>>,
}

struct Shared {
    path: PathBuf,
    /// Whether all is synced.
    durable: bool,
    waiting: Mutex<Vec<Job>>,
    open: Mutex<Open>,
    /// How long the log was after the last transaction.
    log_pages: Arc<AtomicI32>,
    ended: AtomicBool,
}

/// The connection, with how it is set.
struct Open {
    connection: Connection,
    syncs: bool,
    by: By,
}

/// Who commits. A caller waits for nothing.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Caller,
    Thread,
}

impl Writer {
    /// Opens the database, making it if there is none, and starts the thread.
    pub(super) fn start(path: PathBuf, durable: bool) -> Result<Self, StampError> {
        let connection = create(&path, durable)?;
        let log_pages = Arc::<AtomicI32>::default();
        let pages = log_pages.clone();
        // In the place of `SQLite`'s own hook, which brings a long log in at once, on whatever thread.
        let note_pages = move |_: &mut rusqlite::hooks::Wal, now| {
            pages.store(now, Ordering::Relaxed);
            Ok(())
        };
        let mut open = Open { connection, syncs: durable, by: By::Thread };
        open.connection.wal_hook(Some(note_pages)).map_err(|error| explain(&path, &error))?;
        let (waiting, open, ended) = (Mutex::default(), Mutex::new(open), AtomicBool::new(false));
        let shared = Arc::new(Shared { path, durable, waiting, open, log_pages, ended });
        let thread = std::thread::Builder::new().name("setup-tasks stamps".to_owned());
        let of_thread = shared.clone();
        let thread = thread.spawn(move || of_thread.work());
        let thread = thread.map_err(|error| StampError::io("start the thread that writes", &shared.path, error))?;
        Ok(Self { shared, thread })
    }

    /// Commits a change, or leaves it to whoever commits now, or to the thread.
    pub(super) fn submit(&self, job: Job) {
        let for_thread = self.shared.must_sync(&job);
        self.shared.waiting().push(job);
        if for_thread || !self.shared.commit_all(By::Caller) || self.shared.log_is_long(LOG_PAGES) {
            self.leave_to_thread();
        }
    }

    fn leave_to_thread(&self) {
        self.thread.thread().unpark();
        // It ends early only by a panic; nobody waits in vain for what came since.
        if self.thread.is_finished() {
            self.shared.commit_all(By::Thread);
        }
    }

    /// Waits for the changes that are under way.
    pub(super) fn finish(self) {
        self.shared.ended.store(true, Ordering::Release);
        self.thread.thread().unpark();
        // A panic there has already failed the writes that waited for it.
        let _ = self.thread.join();
    }
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Vec<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn must_sync(&self, job: &Job) -> bool {
        self.durable || job.changes.iter().any(takes_away)
    }

    fn may_commit(&self, by: By, job: &Job) -> bool {
        by == By::Thread || !self.must_sync(job)
    }

    /// The thread: whenever it is told to, does all that there is to do.
    fn work(&self) {
        let mut own = None;
        loop {
            if self.log_is_long(LOG_PAGES) {
                self.bring_log_in(&mut own);
            }
            self.commit_all(By::Thread);
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            std::thread::park();
        }
    }

    /// The connection; for a caller, if nobody has it.
    fn connection(&self, by: By) -> Option<MutexGuard<'_, Open>> {
        if by == By::Thread {
            return Some(self.open.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match self.open.try_lock() {
            Ok(open) => Some(open),
            Err(TryLockError::Poisoned(open)) => Some(open.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Commits what waits. `false` if something is left to the thread.
    fn commit_all(&self, by: By) -> bool {
        while let Some(mut open) = self.connection(by) {
            if !self.commit_groups(&mut open, by) {
                return false;
            }
            drop(open);
            // Whoever came meanwhile found the connection taken, and left.
            if !self.waiting().iter().any(|job| self.may_commit(by, job)) {
                return true;
            }
        }
        true
    }

    fn commit_groups(&self, open: &mut Open, by: By) -> bool {
        for committed in 0.. {
            if by == By::Caller && (committed == IN_A_ROW || self.log_is_long(2 * LOG_PAGES)) {
                return false;
            }
            let group: Vec<_> = self.waiting().extract_if(.., |job| self.may_commit(by, job)).take(GROUP).collect();
            if group.is_empty() {
                break;
            }
            match self.commit(open, &group, by) {
                Ok(false) => {
                    self.waiting().extend(group);
                    return false;
                }
                result => answer(group, &result.map(drop)),
            }
        }
        true
    }

    /// `false` if a caller would have to wait for another process.
    fn commit(&self, open: &mut Open, group: &[Job], by: By) -> Result<bool, StampError> {
        let explain = |error| explain(&self.path, &error);
        open.set(group.iter().any(|job| self.must_sync(job)), by).map_err(explain)?;
        let transaction = match open.connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Err(error) if by == By::Caller && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                return Ok(false);
            }
            begun => begun.map_err(explain)?,
        };
        write_group(&self.path, &transaction, group)?;
        transaction.commit().map_err(explain)?;
        Ok(true)
    }

    fn log_is_long(&self, pages: i32) -> bool {
        self.log_pages.load(Ordering::Relaxed) >= pages
    }

    /// Brings the log into the database, so that it begins anew: most of it, over a connection of the thread's own, while others
    /// write on; what they write meanwhile while they wait.
    fn bring_log_in(&self, own: &mut Option<Connection>) {
        if own.is_none() {
            *own = open(&self.path).ok().flatten();
        }
        let bring_in = |connection: &Connection| {
            let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = done {
                tracing::debug!("the log of {} is not brought in yet: {error}", self.path.display());
            }
        };
        if let Some(own) = own {
            bring_in(own);
        }
        if let Some(open) = self.connection(By::Thread) {
            bring_in(&open.connection);
            self.log_pages.store(0, Ordering::Relaxed);
        }
    }
}

impl Open {
    /// Whether the next commits are synced to the disk, and whether they wait for another process.
    fn set(&mut self, syncs: bool, by: By) -> rusqlite::Result<()> {
        if self.syncs != syncs {
            self.connection.pragma_update(None, "synchronous", if syncs { "FULL" } else { "NORMAL" })?;
            self.syncs = syncs;
        }
        if self.by != by {
            self.connection.busy_timeout(if by == By::Caller { Duration::ZERO } else { BUSY })?;
            self.by = by;
        }
        Ok(())
    }
}

/// Tells those who wait.
fn answer(group: Vec<Job>, result: &Result<(), StampError>) {
    for job in group {
        // Whoever asked may have been cancelled meanwhile.
        let _ = job.done.send(result.clone());
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

fn write_group(path: &Path, transaction: &Transaction<'_>, group: &[Job]) -> Result<(), StampError> {
    let explain = |error: rusqlite::Error| explain(path, &error);
    let damaged = |detail| StampError::Damaged { path: path.to_owned(), detail };
    let mut get = transaction.prepare_cached("SELECT records FROM objects WHERE id = ?1").map_err(explain)?;
    let mut put = transaction.prepare_cached("REPLACE INTO objects VALUES (?1, ?2)").map_err(explain)?;
    let mut add = transaction
        .prepare_cached("INSERT INTO history VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)")
        .map_err(explain)?;
    let mut last: Option<i64> = {
        let mut latest = transaction.prepare_cached(LATEST).map_err(explain)?;
        latest.query_row([], |row| row.get(0)).map_err(explain)?
    };
    for Job { object, changes, .. } in group {
        let old: Option<Vec<u8>> = get.query_row([object], |row| row.get(0)).optional().map_err(explain)?;
        let mut records = old.map_or_else(|| Ok(Records::default()), |old| decode(object, &old)).map_err(damaged)?;
        changes.iter().for_each(|change| change.apply(&mut records));
        put.execute(params![object, encode(object, &records).map_err(damaged)?]).map_err(explain)?;
        for change in changes {
            let Change::Set { history: Some(e), .. } = change else { continue };
            let (time, duration) = (signed(e.time.0), signed(e.duration_us));
            let ended = ended_text(e.ended);
            let why = e.why.as_ref().and_then(|why| serde_json::to_string(why).ok());
            // Where a mad clock has used the last number, `SQLite` finds one.
            let seq = last.unwrap_or(0).checked_add(1).map(|next| next.max(time));
            last = seq.or(last);
            add.execute(params![seq, e.run, e.object, e.task, time, duration, ended, e.reason, e.error, why])
                .map_err(explain)?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::super::{Entry, HistoryEntry, HistoryFilter, Moment, RunId, SqliteStore, Stamp, StampStore};
    use super::*;

    fn set(time: u64) -> Vec<Change> {
        let run = RunId { began: 1, pid: 2 };
        let (contents, inputs) = (String::new(), Vec::new());
        let (source, duration_us, changed_while_running) = (None, 0, false);
        let stamp = Stamp { time: Moment(time), contents, source, run, duration_us, inputs, changed_while_running };
        vec![Change::Set {
            task: "mount".to_owned(),
            entry: Some(Entry { stamp: Some(stamp), attempt: None }),
            history: None,
        }]
    }

    #[tokio::test]
    async fn whoever_writes_while_another_process_does_gives_the_thread_back_and_waits() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stamps.sqlite");
        let store = SqliteStore::new(&path);
        store.write("ada", set(1)).await.unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (mut first, mut second) = (store.write("ada", set(2)), store.write("grace", set(3)));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        other.execute_batch("COMMIT").unwrap();
        first.await.unwrap();
        second.await.unwrap();
        let time = |object| store.load(object).unwrap().get("mount").unwrap().stamp.as_ref().unwrap().time;
        assert_eq!((time("ada"), time("grace")), (Moment(2), Moment(3)));
    }

    #[tokio::test]
    async fn a_long_log_is_brought_into_the_database_and_begins_anew() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stamps.sqlite");
        let store = SqliteStore::new(&path);
        for time in 0..20_000 {
            store.write("ada", set(time)).await.unwrap();
        }
        // Two pages and more a change, were it never brought in.
        let log = std::fs::metadata(path.with_extension("sqlite-wal")).unwrap().len();
        assert!(log < 2 * 4096 * u64::try_from(LOG_PAGES).unwrap(), "{log} bytes");
    }

    #[tokio::test]
    async fn a_history_that_counts_from_one_is_gone_on_with() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stamps.sqlite");
        let store = SqliteStore::new(&path);
        let ran = |time| {
            let (run, object, task) = ("1-2".to_owned(), "ada".to_owned(), format!("at {time}"));
            let (ended, reason, error, why) = (Ended::Ran, "forced".to_owned(), None, None);
            let history =
                HistoryEntry { run, object, task, time: Moment(time), duration_us: 0, ended, reason, error, why };
            vec![Change::Set { task: "mount".to_owned(), entry: None, history: Some(Box::new(history)) }]
        };
        store.write("ada", ran(7)).await.unwrap();
        // As it was kept before, by a clock that was ahead.
        let ahead: u64 = 4_000_000_000_000_000_000;
        let old = Connection::open(&path).unwrap();
        old.execute("UPDATE history SET seq = 1, time = ?1, task = 'ahead'", [signed(ahead)]).unwrap();
        assert_eq!(store.latest().unwrap(), Some(Moment(ahead)));
        store.write("ada", ran(8)).await.unwrap();
        store.write("ada", ran(ahead + 9)).await.unwrap();
        assert!(store.latest().unwrap() >= Some(Moment(ahead + 9)));
        let history = store.history(&HistoryFilter::default()).unwrap();
        let tasks: Vec<_> = history.iter().map(|entry| entry.task.as_str()).collect();
        assert_eq!(tasks, [&format!("at {}", ahead + 9), "at 8", "ahead"]);
    }
}
