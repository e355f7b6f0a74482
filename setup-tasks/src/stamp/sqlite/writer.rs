//! Group commit. One writer at a time commits every queued change in one transaction.
//!
//! The end of a task yields once first, so that neighbours can join the group. The start of a task
//! commits at once, because the task waits for it. Blocking work (syncs, the lock of another
//! process, checkpoints) runs on a background thread. This thread also commits a change whose owner
//! does not get to it, for example because a task blocks the owner's thread.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::oneshot;

use super::super::{Change, Fence, StampError};
use super::connection::{Committer, WriteConnection};
use super::database::{begin_log, explain, open};
use super::group::{Refused, write_group};
use super::place;
use crate::private_dir::FilesInPlace;

/// The greatest number of changes in one transaction.
const GROUP: usize = 512;
/// The number of transactions after which a caller leaves the rest to the background thread. Its
/// own change was in the first transaction.
const IN_A_ROW: usize = 8;
/// The time that a change waits for its owner before the background thread commits it. The actual
/// time is at most twice as long.
const MOMENT: Duration = Duration::from_millis(1);
/// The length of the log, in pages of 4 KiB, at which a checkpoint begins. A later checkpoint
/// copies a page that was written several times only once. At twice this length, writers wait.
const LOG_PAGES: i32 = 8_000;
/// The same length while no change is queued. It is shorter so that the end of the process waits
/// less.
const QUIET_LOG_PAGES: i32 = 128;

/// The writer of one database, with its background thread.
pub(super) struct Writer {
    shared: Arc<WriterState>,
    thread: JoinHandle<()>,
}

/// Changes of one object, and the channel to their owner.
pub(super) struct Job {
    pub(super) object: String,
    pub(super) fence: Option<Fence>,
    pub(super) changes: Vec<Change>,
    done: oneshot::Sender<Result<(), StampError>>,
}

struct WriterState {
    path: PathBuf,
    /// Whether every change is synced.
    durable: bool,
    queue: Mutex<Vec<Job>>,
    connection: Mutex<WriteConnection>,
    /// The files of the connection.
    files: Mutex<Arc<FilesInPlace>>,
    /// The length of the log after the last transaction.
    log_pages: Arc<AtomicI32>,
    /// The state of the background thread: one of the three constants below.
    watch: AtomicU8,
    /// Whether the background thread has work that it must begin at once.
    left: AtomicBool,
    ended: AtomicBool,
}

/// The thread sleeps until it is woken.
const ASLEEP: u8 = 0;
/// The thread is awake, and no change came since it looked.
const QUIET: u8 = 1;
/// The thread is awake, and a change came.
const NOTIFIED: u8 = 2;

/// The work that remains after a transaction.
enum Remaining {
    /// Nothing, or changes that the current committer will find.
    None,
    /// Changes whose owners found the connection taken.
    Some,
    /// Work for which a caller would have to wait.
    Blocking,
}

impl Writer {
    /// Opens the database, creates it if it is missing, and starts the background thread.
    pub(super) fn start(path: PathBuf, durable: bool) -> Result<Self, StampError> {
        let log_pages = Arc::<AtomicI32>::default();
        let connection = WriteConnection::new(&path, durable, log_pages.clone())?;
        let files = Mutex::new(Arc::new(place::files(&path)));
        let (queue, connection, watch) = (Mutex::default(), Mutex::new(connection), AtomicU8::new(ASLEEP));
        let (left, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Arc::new(WriterState { path, durable, queue, connection, files, log_pages, watch, left, ended });
        let thread = std::thread::Builder::new().name("setup-tasks stamps".to_owned());
        let of_background = shared.clone();
        let thread = thread.spawn(move || of_background.work());
        let thread = thread.map_err(|error| StampError::Thread { source: Arc::new(error) })?;
        Ok(Self { shared, thread })
    }

    /// Writes changes of an object.
    pub(super) async fn write(
        &self,
        object: &str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> Result<(), StampError> {
        let (done, mut result) = oneshot::channel();
        let job = Job { object: object.to_owned(), fence, changes, done };
        let (is_blocking, yields) = (self.shared.must_sync(&job), job.changes.iter().any(Change::ends_attempt));
        self.shared.queue().push(job);
        if is_blocking {
            self.leave_to_background();
        } else {
            self.be_watched();
            if yields {
                yield_once().await;
                if let Ok(result) = result.try_recv() {
                    return result;
                }
            }
            self.commit(yields).await;
        }
        let stopped = || StampError::Database {
            path: self.shared.path.clone(),
            detail: "the thread that writes has stopped".to_owned(),
        };
        result.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Commits the queued changes, unless another committer is at work. That committer checks the
    /// queue again before it leaves.
    async fn commit(&self, yields: bool) {
        for _ in 0..IN_A_ROW {
            match self.shared.commit_group(Committer::Caller) {
                Remaining::None if self.shared.log_is_long(LOG_PAGES) => break,
                Remaining::None => return,
                Remaining::Some if yields => yield_once().await,
                Remaining::Some => {}
                Remaining::Blocking => break,
            }
        }
        self.leave_to_background();
    }

    /// Notifies the background thread of a queued change, which it commits in a moment if the owner
    /// has not.
    fn be_watched(&self) {
        if self.shared.watch.swap(NOTIFIED, Ordering::AcqRel) == ASLEEP {
            self.wake_background();
        }
    }

    fn leave_to_background(&self) {
        self.shared.left.store(true, Ordering::Release);
        self.wake_background();
    }

    fn wake_background(&self) {
        self.thread.thread().unpark();
        // Only a panic ends the thread early. Later changes are committed here, so that no owner
        // waits in vain.
        if self.thread.is_finished() {
            self.shared.commit_all();
        }
    }

    /// Returns an error if the database is not in its place any more. The next change opens the
    /// database that is in the place then. The end of each object's run calls this. A check in
    /// each commit would take a tenth as long as the commit.
    pub(super) fn check_place(&self) -> Result<(), StampError> {
        if self.shared.files().check() {
            return Ok(());
        }
        if let Some(mut open) = self.shared.connection(Committer::Background) {
            open.lose();
        }
        Err(StampError::Moved { path: self.shared.path.clone() })
    }

    /// Waits until the queued changes are written.
    pub(super) fn finish(self) {
        self.shared.ended.store(true, Ordering::Release);
        self.leave_to_background();
        // A panic of the thread has already failed the writes that waited for it.
        let _ = self.thread.join();
    }
}

/// Yields once to the other work of the thread.
async fn yield_once() {
    let mut has_yielded = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl WriterState {
    fn queue(&self) -> MutexGuard<'_, Vec<Job>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn must_sync(&self, job: &Job) -> bool {
        self.durable || job.changes.iter().any(Change::revokes_stamp)
    }

    fn may_commit(&self, committer: Committer, job: &Job) -> bool {
        committer == Committer::Background || !self.must_sync(job)
    }

    /// Runs the background thread. It commits and runs checkpoints when it is woken, and a moment
    /// after each change of a caller.
    fn work(&self) {
        let mut own = None;
        loop {
            if self.log_is_long(LOG_PAGES) {
                self.checkpoint(&mut own);
            }
            self.commit_all();
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            self.sleep(&mut own);
        }
    }

    /// Sleeps until work is left to the thread, or for a moment after a change of a caller.
    fn sleep(&self, own: &mut Option<Connection>) {
        if self.watch.compare_exchange(QUIET, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            if self.log_is_long(QUIET_LOG_PAGES) {
                self.checkpoint(own);
            }
            std::thread::park();
        } else {
            // A change arrived before this point. The thread commits it after the pause below, if
            // its owner has not.
            self.watch.store(QUIET, Ordering::Release);
        }
        if !self.left.swap(false, Ordering::AcqRel) {
            std::thread::park_timeout(MOMENT);
        }
    }

    /// Returns the connection. A caller gets it only if it is free.
    fn connection(&self, committer: Committer) -> Option<MutexGuard<'_, WriteConnection>> {
        if committer == Committer::Background {
            return Some(self.connection.lock().unwrap_or_else(PoisonError::into_inner));
        }
        match self.connection.try_lock() {
            Ok(open) => Some(open),
            Err(TryLockError::Poisoned(open)) => Some(open.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Commits the queued changes, and those that come meanwhile.
    fn commit_all(&self) {
        while !self.queue().is_empty() {
            self.commit_group(Committer::Background);
        }
    }

    /// Commits the queued changes in one transaction.
    fn commit_group(&self, committer: Committer) -> Remaining {
        let Some(mut open) = self.connection(committer) else { return Remaining::None };
        if committer == Committer::Caller && self.log_is_long(2 * LOG_PAGES) {
            return Remaining::Blocking;
        }
        let group: Vec<_> = self.queue().extract_if(.., |job| self.may_commit(committer, job)).take(GROUP).collect();
        if !group.is_empty() {
            match self.commit(&mut open, &group, committer) {
                Ok(None) => {
                    self.queue().extend(group);
                    return Remaining::Blocking;
                }
                Ok(Some(refused)) => answer(group, &Ok(()), refused),
                Err(error) => answer(group, &Err(error), Vec::new()),
            }
        }
        drop(open);
        // Callers that came meanwhile found the connection taken and left.
        if self.queue().iter().any(|job| self.may_commit(committer, job)) { Remaining::Some } else { Remaining::None }
    }

    /// Commits a group of changes in one transaction. Returns the jobs that were refused for their
    /// fences, or `None` if a caller would have to wait for another process.
    fn commit(
        &self,
        open: &mut WriteConnection,
        group: &[Job],
        committer: Committer,
    ) -> Result<Option<Vec<Refused>>, StampError> {
        let explain = |error| explain(&self.path, &error);
        if open.is_lost {
            self.open_again(open)?;
        }
        open.configure(group.iter().any(|job| self.must_sync(job)), committer).map_err(explain)?;
        let transaction = match open.connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Err(error)
                if committer == Committer::Caller && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) =>
            {
                return Ok(None);
            }
            begun => begun.map_err(explain)?,
        };
        let refused = write_group(&self.path, &transaction, group)?;
        transaction.commit().map_err(explain)?;
        Ok(Some(refused))
    }

    fn files(&self) -> Arc<FilesInPlace> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the database that is in the place now, after the former connection was lost. This
    /// happens in a program that makes several runs.
    fn open_again(&self, open: &mut WriteConnection) -> Result<(), StampError> {
        *open = WriteConnection::new(&self.path, self.durable, self.log_pages.clone())?;
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(place::files(&self.path));
        Ok(())
    }

    fn log_is_long(&self, pages: i32) -> bool {
        self.log_pages.load(Ordering::Relaxed) >= pages
    }

    /// Runs a checkpoint, so that the log begins anew. The thread's own connection copies most of
    /// the log while others continue to write. They wait only while the rest is copied.
    fn checkpoint(&self, own: &mut Option<Connection>) {
        if own.is_none() {
            *own = open(&self.path).ok().flatten();
        }
        let run_checkpoint = |connection: &Connection| {
            let done = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            if let Err(error) = done {
                tracing::debug!("the log of {} is not brought in yet: {error}", self.path.display());
            }
        };
        if let Some(own) = own {
            run_checkpoint(own);
        }
        if let Some(mut open) = self.connection(Committer::Background) {
            run_checkpoint(&open.connection);
            self.log_pages.store(0, Ordering::Relaxed);
            open.begin_log(begin_log);
        }
    }
}

/// Sends the result of each job to its owner.
fn answer(group: Vec<Job>, result: &Result<(), StampError>, mut refused: Vec<Refused>) {
    for (at, job) in group.into_iter().enumerate() {
        let own = refused.iter().position(|refused| refused.job == at).map(|i| Err(refused.swap_remove(i).error));
        // The owner may have been cancelled meanwhile.
        let _ = job.done.send(own.unwrap_or_else(|| result.clone()));
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::super::super::{Entry, RunId, SqliteStore, Stamp, StampStore, Timestamp};
    use super::super::group::tests::ran;
    use super::*;

    fn set(time: u64) -> Vec<Change> {
        let run = RunId { began: 1, pid: 2 };
        let (contents, inputs) = (String::new(), Vec::new());
        let (source, duration_us, changed_while_running) = (None, 0, false);
        let kept = Vec::new();
        let stamp =
            Stamp { time: Timestamp(time), contents, source, run, duration_us, inputs, changed_while_running, kept };
        vec![Change::Retime { task: "mount".to_owned(), entry: Entry::completed(stamp) }]
    }

    #[tokio::test]
    async fn a_write_during_that_of_another_process_gives_the_thread_back_and_waits() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stamps.sqlite");
        let store = SqliteStore::new(&path);
        store.write("ada", None, set(1)).await.unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        let (mut first, mut second) = (store.write("ada", None, set(2)), store.write("grace", None, set(3)));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        other.execute_batch("COMMIT").unwrap();
        first.await.unwrap();
        second.await.unwrap();
        for (object, time) in [("ada", 2), ("grace", 3)] {
            let records = store.load(object).await.unwrap();
            assert_eq!(records.get("mount").unwrap().stamp.as_ref().unwrap().time, Timestamp(time));
        }
    }

    #[tokio::test]
    async fn a_change_is_kept_in_a_moment_though_its_owner_is_held_up() {
        let place = tempfile::tempdir().unwrap();
        let store = SqliteStore::new(place.path().join("stamps.sqlite"));
        for time in (1 << 60)..(1 << 60) + 5 {
            let mut write = store.write("ada", None, ran(time));
            assert!((&mut write).now_or_never().is_none());
            let began = std::time::Instant::now();
            while store.latest().await.unwrap() != Some(Timestamp(time)) {
                assert!(began.elapsed() < Duration::from_secs(30), "nobody committed it");
                std::thread::sleep(Duration::from_millis(1));
            }
            write.await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_long_log_is_brought_into_the_database_and_begins_anew() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stamps.sqlite");
        let store = SqliteStore::new(&path);
        for time in 0..20_000 {
            store.write("ada", None, set(time)).await.unwrap();
        }
        // Without checkpoints, the log would have more than two pages per change.
        let log = std::fs::metadata(path.with_extension("sqlite-wal")).unwrap().len();
        assert!(log < 2 * 4096 * u64::try_from(LOG_PAGES).unwrap(), "{log} bytes");
    }
}
