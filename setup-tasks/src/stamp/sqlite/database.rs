//! The database file: its format, its creation, how it is opened, and the meaning of its errors.

use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use super::super::StampError;
use super::place;
use crate::fs::{WholeFile, found};
use crate::private_dir::{Creation, PrivateDir};

/// The `application_id` of databases of this program: "STSK".
const APPLICATION: i64 = 0x5354_534b;
/// The format of the database, which is stored as `SQLite`'s `user_version`.
const FORMAT: i64 = 4;
pub(super) const BUSY: Duration = Duration::from_secs(30);

/// The flags of every connection. One thread at a time uses a connection, and the database is not
/// opened through links.
const HOW: OpenFlags = OpenFlags::SQLITE_OPEN_NO_MUTEX.union(OpenFlags::SQLITE_OPEN_NOFOLLOW);

/// The cache size of a connection for reading, in KiB. It is small because a scan reads each page
/// once.
const READ_CACHE_KIB: i64 = 256;

/// The query for the latest time of all stamps, or a later time. The rows of the history are
/// numbered by their times, and each number is greater than the number before. Databases of earlier
/// versions count the rows from one, and have an index on the time.
macro_rules! latest {
    () => {
        "SELECT iif(max(seq) < 100000000000000000, (SELECT max(time) FROM history), max(seq)) FROM history"
    };
}
pub(super) const LATEST: &str = latest!();
/// The query for the records of an object and the latest time.
pub(super) const RECORDS_AND_LATEST: &str =
    concat!("SELECT (SELECT records FROM objects WHERE id = ?1), (", latest!(), ")");

const SCHEMA: &str = "
    BEGIN;
    CREATE TABLE objects (id TEXT PRIMARY KEY, records BLOB NOT NULL) WITHOUT ROWID;
    CREATE TABLE history (
        seq INTEGER PRIMARY KEY, run TEXT NOT NULL, object TEXT NOT NULL, task TEXT NOT NULL, time INTEGER NOT NULL,
        duration_us INTEGER NOT NULL, ended TEXT NOT NULL, reason TEXT NOT NULL, error TEXT,
        why TEXT
    );
    CREATE TABLE names (object TEXT PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL) WITHOUT ROWID;
    PRAGMA application_id = 1398035275;
    PRAGMA user_version = 4;
    COMMIT;
";

/// The steps from each older format to the next. Format 2 keeps the parts of reasons in the
/// history. Format 3 has records of version 3. Format 4 keeps id and type of each object.
const UPGRADES: [&str; 3] = [
    "BEGIN IMMEDIATE; ALTER TABLE history ADD COLUMN why TEXT; PRAGMA user_version = 2; COMMIT",
    "BEGIN IMMEDIATE; PRAGMA user_version = 3; COMMIT",
    "BEGIN IMMEDIATE;
     CREATE TABLE names (object TEXT PRIMARY KEY, id TEXT NOT NULL, type TEXT NOT NULL) WITHOUT ROWID;
     PRAGMA user_version = 4; COMMIT",
];

/// The bytes of a database that contain its read and write versions. The value 2 stands for a
/// write-ahead log (<https://sqlite.org/fileformat.html>, 1.3.3).
pub(super) const USE_A_LOG: Range<usize> = 18..20;

/// Returns the path of a file that `SQLite` keeps beside the database. The suffix of its log is
/// `-wal`.
pub(super) fn sidecar(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Returns whether the database exists.
pub(super) fn exists(path: &Path) -> Result<bool, StampError> {
    let exists = found(path.try_exists()).map_err(|error| StampError::io("read", path, error))?;
    Ok(exists.unwrap_or(false))
}

/// Opens the database as an immutable file and checks its format.
pub(super) fn open_frozen(path: &Path) -> Result<Connection, StampError> {
    let connection = open_immutable(path)?;
    check_format(path, &connection)?;
    Ok(connection)
}

/// Opens the database as an immutable file without a check of its format.
pub(super) fn open_immutable(path: &Path) -> Result<Connection, StampError> {
    refuse_empty(path)?;
    let Some(real) = place::find(path)? else { return Err(StampError::io("read", path, ErrorKind::NotFound.into())) };
    let mut uri = "file:".to_owned();
    for byte in real.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' => uri.push(char::from(*byte)),
            other => uri.extend(['%'].into_iter().chain(format!("{other:02X}").chars())),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | HOW | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).map_err(|error| explain(path, &error))?;
    connection.pragma_update(None, "cache_size", -READ_CACHE_KIB).map_err(|error| explain(path, &error))?;
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

/// Opens the database, or returns `None` if it is missing.
pub(super) fn open(path: &Path) -> Result<Option<Connection>, StampError> {
    if !exists(path)? {
        return Ok(None);
    }
    refuse_empty(path)?;
    let Some(real) = place::find(path)? else { return Ok(None) };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | HOW;
    let connection = Connection::open_with_flags(real, flags).map_err(|error| explain(path, &error))?;
    check_format(path, &connection)?;
    let explain = |error: rusqlite::Error| explain(path, &error);
    connection.busy_timeout(BUSY).map_err(explain)?;
    connection.pragma_update(None, "synchronous", "NORMAL").map_err(explain)?;
    Ok(Some(connection))
}

pub(super) fn check_format(path: &Path, connection: &Connection) -> Result<(), StampError> {
    let (application, format) = (number(path, connection, "application_id")?, format(path, connection)?);
    if application != APPLICATION {
        let detail = "it is a database of another program".to_owned();
        return Err(StampError::Damaged { path: path.to_owned(), detail });
    }
    if format > FORMAT {
        return Err(StampError::Newer { path: path.to_owned(), found: format, known: FORMAT });
    }
    Ok(())
}

/// Returns the current format. Another process may upgrade the database meanwhile.
pub(super) fn format(path: &Path, connection: &Connection) -> Result<i64, StampError> {
    number(path, connection, "user_version")
}

fn number(path: &Path, connection: &Connection, name: &str) -> Result<i64, StampError> {
    connection.pragma_query_value(None, name, |row| row.get(0)).map_err(|error| explain(path, &error))
}

/// Writes a value to the log that the database already contains.
pub(super) fn begin_log(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "application_id", APPLICATION)
}

/// Begins an empty log without the two syncs that its first frame would otherwise cost. These syncs
/// protect a log that begins anew over frames of an earlier checkpoint. After a power loss, some of
/// those frames might be taken for the latest.
pub(super) fn begin_empty_log(path: &Path, connection: &Connection) -> rusqlite::Result<()> {
    let log = sidecar(path, "-wal");
    connection.pragma_update(None, "synchronous", "OFF")?;
    let begun = Transaction::new_unchecked(connection, TransactionBehavior::Immediate).and_then(|transaction| {
        // From here on, no other process writes to the log.
        if std::fs::metadata(&log).is_ok_and(|log| log.len() == 0) {
            begin_log(&transaction)?;
        }
        transaction.commit()
    });
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    begun
}

/// Upgrades a database of an older format to the format that is written.
fn upgrade(path: &Path, connection: &Connection) -> Result<(), StampError> {
    loop {
        let before = format(path, connection)?;
        let step = usize::try_from(before - 1).ok().and_then(|step| UPGRADES.get(step));
        let Some(step) = step else { return Ok(()) };
        if let Err(error) = connection.execute_batch(step) {
            // Another process may have been faster. In that case its transaction counts.
            let _ = connection.execute_batch("ROLLBACK");
            if format(path, connection)? == before {
                return Err(explain(path, &error));
            }
        }
    }
}

/// Opens the database, and creates it first if it is missing. A new database is written as a draft
/// and then linked into its place as a whole. So no process ever sees an incomplete database, and
/// two processes that create it at once use the same one.
pub(super) fn create(path: &Path, durable: bool) -> Result<Connection, StampError> {
    let directory = place::make(path)?;
    let name = place::name(path)?;
    loop {
        if let Some(connection) = open(path)? {
            upgrade(path, &connection)?;
            if durable {
                sync_directories(path).map_err(|error| StampError::io("sync the directory of", path, error))?;
                connection.pragma_update(None, "synchronous", "FULL").map_err(|error| explain(path, &error))?;
            }
            return Ok(connection);
        }
        let making = path.with_extension("making");
        let one_at_a_time = directory.make_file(file_name(&making), Creation::Write);
        let one_at_a_time = one_at_a_time.and_then(|file| file.lock().map(|()| file));
        let _making = one_at_a_time.map_err(|error| StampError::io("lock", &making, error))?;
        if directory.has(&name).unwrap_or(true) {
            continue;
        }
        if !directory.is_in_place() {
            return Err(StampError::Moved { path: path.to_owned() });
        }
        forget_log(&directory, &name)?;
        let image = empty_database().map_err(|error| explain(path, &error))?;
        let draft = path.with_extension(format!("{}.new", std::process::id()));
        let draft = WholeFile::new(&image).synced().draft_named(&directory, file_name(&draft).to_owned());
        let linked = draft.and_then(|draft| draft.link_to(name.as_ref()));
        linked.map_err(|error| StampError::io("create", path, error))?;
    }
}

fn file_name(path: &Path) -> &std::ffi::OsStr {
    path.file_name().unwrap_or_default()
}

/// Syncs the directory of the file and the directories that were created for it, so that the file
/// still exists after a power loss.
#[cfg(unix)]
fn sync_directories(path: &Path) -> std::io::Result<()> {
    path.ancestors()
        .skip(1)
        .take(3)
        .filter(|directory| directory.is_dir())
        .try_for_each(|directory| std::fs::File::open(directory)?.sync_all())
}

#[cfg(not(unix))]
fn sync_directories(_: &Path) -> std::io::Result<()> {
    Ok(())
}

/// Removes a log without a database. It belongs to a database that is gone, and `SQLite` would
/// apply it to the new database.
fn forget_log(directory: &PrivateDir, name: &str) -> Result<(), StampError> {
    for ending in place::BESIDE {
        let log = format!("{name}{ending}");
        directory.remove(&log).map_err(|error| StampError::io("remove", directory.path().join(&log), error))?;
    }
    Ok(())
}

/// Returns the bytes of a database without records. The database is created in memory, because
/// `SQLite` would write two more files beside a file.
fn empty_database() -> rusqlite::Result<Vec<u8>> {
    let mut memory = Connection::open_in_memory()?;
    memory.execute_batch(SCHEMA)?;
    let mut image = memory.serialize("main")?.to_vec();
    image[USE_A_LOG].fill(2);
    Ok(image)
}

pub(super) fn explain(path: &Path, error: &rusqlite::Error) -> StampError {
    let path = path.to_owned();
    let io =
        |action, kind: ErrorKind| StampError::io(action, path.clone(), std::io::Error::new(kind, error.to_string()));
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            StampError::Damaged { path, detail: error.to_string() }
        }
        Some(ErrorCode::DiskFull) => StampError::DiskFull { path },
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => io("write", ErrorKind::PermissionDenied),
        Some(ErrorCode::CannotOpen) => io("open", ErrorKind::Other),
        Some(ErrorCode::SystemIoFailure) => io("write", ErrorKind::Other),
        _ => StampError::Database { path, detail: error.to_string() },
    }
}
