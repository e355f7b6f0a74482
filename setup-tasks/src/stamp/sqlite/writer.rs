//! Writes the database: one at a time, who puts all changes that wait then into one transaction. Whoever has come to the end of a
//! task lets other work of its thread come first, which may well end in a change, too; then commits, unless somebody has. Whoever
//! begins one commits at once, since the task waits for it. What waits for something else than a processor is left to a thread: what
//! is synced to the disk, the turn of another process that writes, and bringing the log into the database. It also commits what its
//! owner does not come to, as where a task blocks the owner's thread.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::Poll;
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tokio::sync::oneshot;

use super::super::{Change, Fence, StampError};
use super::database::{BUSY, begin_empty_log, begin_log, create, explain, open};
use super::group::{Refused, write_group};
use super::place::Files;

/// How many changes share a transaction at the most.
const GROUP: usize = 512;
/// After so many transactions a caller leaves the rest to the thread: its own change was in the first.
const IN_A_ROW: usize = 8;
/// How long a change waits for its owner before the thread commits it: at least this, at most twice.
const MOMENT: Duration = Duration::from_millis(1);
/// How long the log grows, in pages of 4 KiB, before it is brought into the database: pages that were written several times are
/// brought in once. If it grows to twice that meanwhile, who writes waits.
const LOG_PAGES: i32 = 8_000;
/// How long it grows if nobody has a change just then: who closes the database has the less to wait for.
const QUIET_LOG_PAGES: i32 = 128;

/// The way to the database, and the thread.
pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

/// Changes of one object, and who waits for them.
pub(super) struct Job {
    pub(super) object: String,
    pub(super) fence: Option<Fence>,
    pub(super) changes: Vec<Change>,
    done: oneshot::Sender<Result<(), StampError>>,
}

struct Shared {
    path: PathBuf,
    /// Whether all is synced.
    durable: bool,
    waiting: Mutex<Vec<Job>>,
    open: Mutex<Open>,
    /// Those of the connection.
    files: Mutex<Arc<Files>>,
    /// How long the log was after the last transaction.
    log_pages: Arc<AtomicI32>,
    /// What the thread is up to: one of the three below.
    watch: AtomicU8,
    /// Whether something is left to the thread that does not wait for a moment.
    left: AtomicBool,
    ended: AtomicBool,
}

/// It sleeps until it is told.
const ASLEEP: u8 = 0;
/// It is awake, and nobody had a change since it looked.
const QUIET: u8 = 1;
/// It is awake, and somebody had one.
const TOLD: u8 = 2;

/// The connection, with how it is set.
struct Open {
    connection: Connection,
    syncs: bool,
    by: By,
    /// Whether it was closed, since its files are not in their place any more.
    is_lost: bool,
}

/// Who commits. A caller waits for nothing.
#[derive(Clone, Copy, PartialEq)]
enum By {
    Caller,
    Thread,
}

/// What is left after a transaction.
enum Rest {
    /// Nothing that its owner, or who commits it now, will not come to.
    None,
    /// Changes whose owners came while the connection was taken.
    Some,
    /// What a caller would have to wait for.
    ForThread,
}

impl Writer {
    /// Opens the database, making it if there is none, and starts the thread.
    pub(super) fn start(path: PathBuf, durable: bool) -> Result<Self, StampError> {
        let log_pages = Arc::<AtomicI32>::default();
        let open = Open::new(&path, durable, log_pages.clone())?;
        let files = Mutex::new(Arc::new(Files::of(&path)));
        let (waiting, open, watch) = (Mutex::default(), Mutex::new(open), AtomicU8::new(ASLEEP));
        let (left, ended) = (AtomicBool::new(false), AtomicBool::new(false));
        let shared = Arc::new(Shared { path, durable, waiting, open, files, log_pages, watch, left, ended });
        let thread = std::thread::Builder::new().name("setup-tasks stamps".to_owned());
        let of_thread = shared.clone();
        let thread = thread.spawn(move || of_thread.work());
        let thread = thread.map_err(|error| StampError::Thread { source: Arc::new(error) })?;
        Ok(Self { shared, thread })
    }

    /// Makes changes of an object.
    pub(super) async fn write(
        &self,
        object: &str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> Result<(), StampError> {
        let (done, mut result) = oneshot::channel();
        let job = Job { object: object.to_owned(), fence, changes, done };
        let (for_thread, gives_way) = (self.shared.must_sync(&job), job.changes.iter().any(Change::ends_attempt));
        self.shared.waiting().push(job);
        if for_thread {
            self.leave_to_thread();
        } else {
            self.be_watched();
            if gives_way {
                give_way().await;
                if let Ok(result) = result.try_recv() {
                    return result;
                }
            }
            self.commit(gives_way).await;
        }
        let stopped = || StampError::Database {
            path: self.shared.path.clone(),
            detail: "the thread that writes has stopped".to_owned(),
        };
        result.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Commits what waits, unless somebody does already: that one looks once more.
    async fn commit(&self, gives_way: bool) {
        for _ in 0..IN_A_ROW {
            match self.shared.commit_group(By::Caller) {
                Rest::None if self.shared.log_is_long(LOG_PAGES) => break,
                Rest::None => return,
                Rest::Some if gives_way => give_way().await,
                Rest::Some => {}
                Rest::ForThread => break,
            }
        }
        self.leave_to_thread();
    }

    /// The thread looks in a moment what became of a change.
    fn be_watched(&self) {
        if self.shared.watch.swap(TOLD, Ordering::AcqRel) == ASLEEP {
            self.wake_thread();
        }
    }

    fn leave_to_thread(&self) {
        self.shared.left.store(true, Ordering::Release);
        self.wake_thread();
    }

    fn wake_thread(&self) {
        self.thread.thread().unpark();
        // It ends early only by a panic; nobody waits in vain for what came since.
        if self.thread.is_finished() {
            self.shared.commit_all();
        }
    }

    /// Refuses a database that is not in its place any more; the next change opens the one that is there then. The end of each
    /// object's run asks for this, since a look at three files per commit takes a third as long as the commit.
    pub(super) fn check_place(&self) -> Result<(), StampError> {
        if self.shared.files().are_in_place() {
            return Ok(());
        }
        if let Some(mut open) = self.shared.connection(By::Thread) {
            open.lose();
        }
        Err(StampError::Moved { path: self.shared.path.clone() })
    }

    /// Waits for the changes that are under way.
    pub(super) fn finish(self) {
        self.shared.ended.store(true, Ordering::Release);
        self.leave_to_thread();
        // A panic there has already failed the writes that waited for it.
        let _ = self.thread.join();
    }
}

/// Lets what else the thread has to do come first, once.
async fn give_way() {
    let mut gave_way = false;
    std::future::poll_fn(|cx| {
        if std::mem::replace(&mut gave_way, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Vec<Job>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn must_sync(&self, job: &Job) -> bool {
        self.durable || job.changes.iter().any(Change::revokes_stamp)
    }

    fn may_commit(&self, by: By, job: &Job) -> bool {
        by == By::Thread || !self.must_sync(job)
    }

    /// The thread: whenever it is told to, and in a moment while callers have changes, does all that there is to do.
    fn work(&self) {
        let mut own = None;
        loop {
            if self.log_is_long(LOG_PAGES) {
                self.bring_log_in(&mut own);
            }
            self.commit_all();
            if self.ended.load(Ordering::Acquire) {
                return;
            }
            self.rest(&mut own);
        }
    }

    /// Sleeps until something is left to the thread, or for a moment after a caller had a change.
    fn rest(&self, own: &mut Option<Connection>) {
        if self.watch.compare_exchange(QUIET, ASLEEP, Ordering::AcqRel, Ordering::Acquire).is_ok() {
            if self.log_is_long(QUIET_LOG_PAGES) {
                self.bring_log_in(own);
            }
            std::thread::park();
        } else {
            // A change that comes before this is looked at in a moment, too.
            self.watch.store(QUIET, Ordering::Release);
        }
        if !self.left.swap(false, Ordering::AcqRel) {
            std::thread::park_timeout(MOMENT);
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

    /// Commits what waits, and what comes meanwhile.
    fn commit_all(&self) {
        while !self.waiting().is_empty() {
            self.commit_group(By::Thread);
        }
    }

    /// Commits what waits, in one transaction.
    fn commit_group(&self, by: By) -> Rest {
        let Some(mut open) = self.connection(by) else { return Rest::None };
        if by == By::Caller && self.log_is_long(2 * LOG_PAGES) {
            return Rest::ForThread;
        }
        let group: Vec<_> = self.waiting().extract_if(.., |job| self.may_commit(by, job)).take(GROUP).collect();
        if !group.is_empty() {
            match self.commit(&mut open, &group, by) {
                Ok(None) => {
                    self.waiting().extend(group);
                    return Rest::ForThread;
                }
                Ok(Some(refused)) => answer(group, &Ok(()), refused),
                Err(error) => answer(group, &Err(error), Vec::new()),
            }
        }
        drop(open);
        // Whoever came meanwhile found the connection taken, and left.
        if self.waiting().iter().any(|job| self.may_commit(by, job)) { Rest::Some } else { Rest::None }
    }

    /// Returns the jobs that were refused for their fences, or `None` if a caller would have to wait for another process.
    fn commit(&self, open: &mut Open, group: &[Job], by: By) -> Result<Option<Vec<Refused>>, StampError> {
        let explain = |error| explain(&self.path, &error);
        if open.is_lost {
            self.open_again(open)?;
        }
        open.set(group.iter().any(|job| self.must_sync(job)), by).map_err(explain)?;
        let transaction = match open.connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Err(error) if by == By::Caller && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                return Ok(None);
            }
            begun => begun.map_err(explain)?,
        };
        let refused = write_group(&self.path, &transaction, group)?;
        transaction.commit().map_err(explain)?;
        Ok(Some(refused))
    }

    fn files(&self) -> Arc<Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Opens the database that is in the place now, if the one that was open is lost: what follows is a new run, of a program that
    /// does more than one.
    fn open_again(&self, open: &mut Open) -> Result<(), StampError> {
        *open = Open::new(&self.path, self.durable, self.log_pages.clone())?;
        *self.files.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(Files::of(&self.path));
        Ok(())
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
        if let Some(mut open) = self.connection(By::Thread) {
            bring_in(&open.connection);
            self.log_pages.store(0, Ordering::Relaxed);
            open.begin_log(begin_log);
        }
    }
}

impl Open {
    /// Opens the database, making it if there is none, and begins its log.
    fn new(path: &Path, durable: bool, log_pages: Arc<AtomicI32>) -> Result<Self, StampError> {
        let connection = create(path, durable)?;
        // In the place of `SQLite`'s own hook, which brings a long log in at once, on whatever thread.
        let note_pages = move |_: &mut rusqlite::hooks::Wal, now| {
            log_pages.store(now, Ordering::Relaxed);
            Ok(())
        };
        let mut open = Self { connection, syncs: durable, by: By::Thread, is_lost: false };
        open.connection.wal_hook(Some(note_pages)).map_err(|error| explain(path, &error))?;
        open.begin_log(|connection| begin_empty_log(path, connection));
        Ok(open)
    }

    /// Closes the database: all connections of a process share what they know of its files.
    fn lose(&mut self) {
        self.is_lost = true;
        if let Ok(empty) = Connection::open_in_memory() {
            self.connection = empty;
        }
    }

    /// Writes a frame that changes nothing: a log's first one is synced, which no caller is to wait for.
    fn begin_log(&mut self, write: impl FnOnce(&Connection) -> rusqlite::Result<()>) {
        // Where another process writes just then, that one begins it.
        let begun = self.set(false, By::Caller).and_then(|()| write(&self.connection));
        if let Err(error) = begun {
            tracing::debug!("the log is begun by the next change: {error}");
        }
    }

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

/// Sends its result to the owner of each job.
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
    async fn whoever_writes_while_another_process_does_gives_the_thread_back_and_waits() {
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
        // Two pages and more a change, were it never brought in.
        let log = std::fs::metadata(path.with_extension("sqlite-wal")).unwrap().len();
        assert!(log < 2 * 4096 * u64::try_from(LOG_PAGES).unwrap(), "{log} bytes");
    }
}
