//! The embedded store: one `SQLite` database, a row an object and a row an attempt, written by one thread that puts the
//! changes that wait for it into one transaction.
//!
//! Write-ahead logging lets other processes read while one writes. With `synchronous = NORMAL` a change survives the
//! end of the process at once, and a loss of power once `SQLite` has synced the log; the database itself is never torn.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension, params};
use tokio::sync::oneshot;

use super::codec::{decode, encode};
use super::{Change, Ended, HistoryEntry, HistoryFilter, Moment, Records, StampError, StampStore};
use crate::BoxFuture;

/// Marks a file as ours: "STSK" as `SQLite`'s `application_id`.
const APPLICATION: i64 = 0x5354_534b;
/// The format of the database, as `SQLite`'s `user_version`.
const FORMAT: i64 = 1;
const BUSY: Duration = Duration::from_secs(30);
/// How many changes share a transaction at the most.
const GROUP: usize = 512;

const SCHEMA: &str = "
    PRAGMA journal_mode = WAL;
    CREATE TABLE objects (id TEXT PRIMARY KEY, records BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE history (
        seq INTEGER PRIMARY KEY, run TEXT NOT NULL, object TEXT NOT NULL, task TEXT NOT NULL, time INTEGER NOT NULL,
        duration_us INTEGER NOT NULL, ended TEXT NOT NULL, reason TEXT NOT NULL, error TEXT
    );
    PRAGMA application_id = 1398035275;
    PRAGMA user_version = 1;
";

/// Keeps stamps in one `SQLite` database.
pub struct SqliteStore {
    path: PathBuf,
    reader: Mutex<Option<Reader>>,
    writer: Mutex<Option<Writer>>,
}

/// A connection that reads.
struct Reader {
    connection: Connection,
    /// The file's state, if it was opened as one that does not change.
    frozen: Option<State>,
}

/// When the file was modified last, and its length.
type State = (SystemTime, u64);

impl Reader {
    fn open(path: &Path, frozen: Option<State>) -> Result<Self, StampError> {
        let connection = match frozen {
            Some(_) => open_frozen(path)?,
            None => open(path)?.ok_or_else(|| StampError::io("read", path, std::io::ErrorKind::NotFound.into()))?,
        };
        Ok(Self { connection, frozen })
    }
}

/// What can be seen of the file from outside.
#[derive(PartialEq)]
enum File {
    Missing,
    /// Somebody has it open for writing, as the log beside it tells.
    InUse,
    Frozen(State),
}

fn look(path: &Path) -> Result<File, StampError> {
    let io = |error| StampError::io("read", path, error);
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if is_none(&error) => return Ok(File::Missing),
        Err(error) => return Err(io(error)),
    };
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).try_exists().map_err(io)? {
        return Ok(File::InUse);
    }
    Ok(File::Frozen((meta.modified().map_err(io)?, meta.len())))
}

struct Writer {
    jobs: Sender<Job>,
    thread: JoinHandle<()>,
}

struct Job {
    object: String,
    change: Change,
    done: oneshot::Sender<Result<(), StampError>>,
}

impl SqliteStore {
    /// A store in the database at `path`, which is made, with its directory, by the first write.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), reader: Mutex::new(None), writer: Mutex::new(None) }
    }

    /// Reads. While nobody writes, the file is read as one that does not change, which takes no lock and makes no file
    /// beside it: a dry run touches nothing, and a read-only disk can be read. Should it change meanwhile, once more.
    fn read<A>(
        &self,
        none: impl Fn() -> A,
        read: impl Fn(&Connection) -> Result<A, StampError>,
    ) -> Result<A, StampError> {
        let mut reader = lock(&self.reader);
        let now = match look(&self.path)? {
            File::Missing => return Ok(none()),
            File::InUse => None,
            File::Frozen(state) => Some(state),
        };
        let usable = |reader: &Reader| reader.frozen.is_none() || reader.frozen == now;
        let current = match reader.take().filter(usable) {
            Some(current) => current,
            None => Reader::open(&self.path, now)?,
        };
        let result = read(&current.connection);
        let same = match current.frozen {
            None => true,
            Some(state) => look(&self.path)? == File::Frozen(state),
        };
        if same {
            *reader = Some(current);
            return result;
        }
        let current = Reader::open(&self.path, None)?;
        let result = read(&current.connection);
        *reader = Some(current);
        result
    }

    /// Hands a change to the writer's thread, which the first change starts.
    fn submit(&self, job: Job) -> Result<(), StampError> {
        let mut writer = lock(&self.writer);
        if writer.is_none() {
            let connection = create(&self.path)?;
            let (jobs, queue) = channel();
            let path = self.path.clone();
            let thread = std::thread::Builder::new()
                .name("setup-tasks stamps".to_owned())
                .spawn(move || write_all(&path, connection, &queue))
                .map_err(|error| StampError::io("start the thread that writes", &self.path, error))?;
            *writer = Some(Writer { jobs, thread });
        }
        let sent = writer.as_ref().is_some_and(|writer| writer.jobs.send(job).is_ok());
        if sent { Ok(()) } else { Err(self.stopped()) }
    }

    fn stopped(&self) -> StampError {
        StampError::Database { path: self.path.clone(), detail: "the thread that writes has stopped".to_owned() }
    }
}

impl StampStore for SqliteStore {
    fn load(&self, object: &str) -> Result<Records, StampError> {
        self.read(Records::default, |db| {
            let mut statement =
                db.prepare_cached("SELECT records FROM objects WHERE id = ?1").map_err(|e| self.error(&e))?;
            let mut rows = statement.query([object]).map_err(|e| self.error(&e))?;
            let Some(row) = rows.next().map_err(|e| self.error(&e))? else { return Ok(Records::default()) };
            let bytes =
                row.get_ref(0).map_err(|e| self.error(&e))?.as_blob().map_err(|e| self.damaged(e.to_string()))?;
            decode(object, bytes).map_err(|detail| self.damaged(detail))
        })
    }

    fn write<'a>(&'a self, object: &'a str, change: Change) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move {
            let (done, result) = oneshot::channel();
            self.submit(Job { object: object.to_owned(), change, done })?;
            result.await.unwrap_or_else(|_| Err(self.stopped()))
        })
    }

    fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        let limit = filter.limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
        self.read(Vec::new, |db| {
            let mut statement = db
                .prepare_cached(
                    "SELECT run, object, task, time, duration_us, ended, reason, error FROM history
                     WHERE (?1 IS NULL OR object = ?1) AND (?2 IS NULL OR task = ?2) ORDER BY seq DESC LIMIT ?3",
                )
                .map_err(|e| self.error(&e))?;
            let rows = statement.query_map(params![filter.object, filter.task, limit], history_row);
            rows.map_err(|e| self.error(&e))?.collect::<Result<_, _>>().map_err(|e| self.error(&e))
        })
    }
}

impl SqliteStore {
    fn error(&self, error: &rusqlite::Error) -> StampError {
        explain(&self.path, error)
    }

    fn damaged(&self, detail: String) -> StampError {
        StampError::Damaged { path: self.path.clone(), detail }
    }
}

impl Drop for SqliteStore {
    /// Waits for the changes that are under way.
    fn drop(&mut self) {
        if let Some(Writer { jobs, thread }) = lock(&self.writer).take() {
            drop(jobs);
            // A panic there has already failed the writes that waited for it.
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn is_none(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory)
}

/// Opens the database as a file that does not change.
fn open_frozen(path: &Path) -> Result<Connection, StampError> {
    refuse_empty(path)?;
    let mut uri = "file:".to_owned();
    for byte in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.extend(['%'].into_iter().chain(format!("{other:02X}").chars())),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).map_err(|error| explain(path, &error))?;
    check_format(path, &connection)?;
    Ok(connection)
}

fn refuse_empty(path: &Path) -> Result<(), StampError> {
    match std::fs::metadata(path) {
        Ok(meta) if meta.len() == 0 => {
            Err(StampError::Damaged { path: path.to_owned(), detail: "the file is empty".to_owned() })
        }
        Ok(_) => Ok(()),
        Err(error) => Err(StampError::io("read", path, error)),
    }
}

/// Opens the database if there is one.
fn open(path: &Path) -> Result<Option<Connection>, StampError> {
    match path.try_exists() {
        Ok(true) => refuse_empty(path)?,
        Ok(false) => return Ok(None),
        Err(error) if is_none(&error) => return Ok(None),
        Err(error) => return Err(StampError::io("read", path, error)),
    }
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(|error| explain(path, &error))?;
    check_format(path, &connection)?;
    let explain = |error: rusqlite::Error| explain(path, &error);
    connection.busy_timeout(BUSY).map_err(explain)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(explain)?;
    Ok(Some(connection))
}

fn check_format(path: &Path, connection: &Connection) -> Result<(), StampError> {
    let explain = |error: rusqlite::Error| explain(path, &error);
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0)).map_err(explain);
    let (application, format) = (number("application_id")?, number("user_version")?);
    if application != APPLICATION {
        let detail = "it is a database of another program".to_owned();
        return Err(StampError::Damaged { path: path.to_owned(), detail });
    }
    if format > FORMAT {
        return Err(StampError::Newer { path: path.to_owned(), found: format, known: FORMAT });
    }
    Ok(())
}

/// Opens the database, making it first if there is none: beside its place, then linked into it whole, so that nobody
/// ever sees half a database and two makers end with one.
fn create(path: &Path) -> Result<Connection, StampError> {
    let directory = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(directory).map_err(|error| StampError::io("create the directory", directory, error))?;
    loop {
        if let Some(connection) = open(path)? {
            return Ok(connection);
        }
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        let made = make(&draft).and_then(|()| match std::fs::hard_link(&draft, path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                Err(StampError::io("create", path, error))
            }
            _ => Ok(()),
        });
        // The draft is of no use whether it was linked or not.
        let _ = std::fs::remove_file(&draft);
        made?;
    }
}

fn make(draft: &Path) -> Result<(), StampError> {
    let _ = std::fs::remove_file(draft);
    let connection = Connection::open(draft).map_err(|error| explain(draft, &error))?;
    connection.execute_batch(SCHEMA).map_err(|error| explain(draft, &error))?;
    connection.close().map_err(|(_, error)| explain(draft, &error))
}

/// The writer's thread: takes what waits, commits it together, answers everyone.
fn write_all(path: &Path, mut connection: Connection, queue: &Receiver<Job>) {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        group.extend(queue.try_iter().take(GROUP - 1));
        let result = write_group(path, &mut connection, &group);
        for job in group {
            // Whoever asked may have been cancelled meanwhile.
            let _ = job.done.send(result.clone());
        }
    }
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
            .prepare_cached("INSERT INTO history VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)")
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
                add.execute(params![e.run, e.object, e.task, time, duration, ended, e.reason, e.error])
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

fn history_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<HistoryEntry> {
    let ended = match row.get_ref(5)?.as_str()? {
        "ran" => Ended::Ran,
        "skipped" => Ended::Skipped,
        "marked" => Ended::Marked,
        _ => Ended::Failed,
    };
    Ok(HistoryEntry {
        run: row.get(0)?,
        object: row.get(1)?,
        task: row.get(2)?,
        time: Moment(row.get::<_, i64>(3)?.unsigned_abs()),
        duration_us: row.get::<_, i64>(4)?.unsigned_abs(),
        ended,
        reason: row.get(6)?,
        error: row.get(7)?,
    })
}

fn explain(path: &Path, error: &rusqlite::Error) -> StampError {
    let path = path.to_owned();
    let io = |action, kind: std::io::ErrorKind| {
        StampError::io(action, path.clone(), std::io::Error::new(kind, error.to_string()))
    };
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StampError::Damaged { path, detail: error.to_string() }
        }
        Some(ErrorCode::DiskFull) => StampError::DiskFull { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => io("write", std::io::ErrorKind::PermissionDenied),
        Some(ErrorCode::CannotOpen) => io("open", std::io::ErrorKind::Other),
        Some(ErrorCode::SystemIoFailure) => io("write", std::io::ErrorKind::Other),
        _ => StampError::Database { path, detail: error.to_string() },
    }
}
