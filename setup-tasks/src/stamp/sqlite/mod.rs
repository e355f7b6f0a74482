//! The embedded store: one `SQLite` database with one row per object and one row per attempt. One
//! writer at a time commits all queued changes in one transaction.
//!
//! Write-ahead logging lets other processes read while one writes. With `synchronous = NORMAL`, a
//! change survives the end of the process at once, and a power loss once `SQLite` has synced the
//! log. The database itself is never torn. A change that revokes a stamp, such as the beginning of
//! an attempt, is synced at once. So a power loss can only lose the fact that a task completed.
//!
//! With [`durable`](SqliteStore::durable), every change also survives a power loss.

mod connection;
mod copy;
mod database;
mod group;
mod place;
mod reader;
mod writer;

use std::path::PathBuf;

use rusqlite::params;
use tokio::sync::OnceCell;

use super::codec::decode;
use super::{
    Answer, AttemptEnd, Change, Fence, HistoryEntry, HistoryFilter, MaybeReady, Records, StampError, StampStore,
    StoredObject, Timestamp,
};
use crate::BoxFuture;
use database::{LATEST, RECORDS_AND_LATEST, explain, format};
use reader::Reader;
use writer::Writer;

/// A store in one `SQLite` database, for any number of processes on one machine. It is the default
/// of [`Layout::new`](crate::Layout::new).
///
/// A process that is killed loses no stamp. A power loss can lose the latest stamps, and their tasks
/// then run again. It never brings back a stamp that an attempt had revoked. With
/// [`durable`](Self::durable), a power loss loses no stamp.
pub struct SqliteStore {
    reads: Reads,
    /// The reads of dry runs.
    quiet: Reads,
    writer: OnceCell<Writer>,
    durable: bool,
}

impl std::fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SqliteStore").field("durable", &self.durable).finish_non_exhaustive()
    }
}

/// The part of the store that reads. It cannot write.
struct Reads {
    path: PathBuf,
    reader: Reader,
}

impl SqliteStore {
    /// Returns a store in the database at `path`. The first write creates the database and its
    /// directory.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let path = crate::fs::absolute(path.into());
        let quiet = Reads { path: path.clone(), reader: Reader::without_trace() };
        Self { reads: Reads { path, reader: Reader::default() }, quiet, writer: OnceCell::new(), durable: false }
    }

    /// Syncs each change to the disk before its write returns (`synchronous = FULL`), so that every
    /// stamp survives a power loss. Otherwise a power loss can lose the last stamps, and their
    /// tasks run again.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// Returns the writer. The first change starts it.
    async fn writer(&self) -> Result<&Writer, StampError> {
        self.writer.get_or_try_init(|| async { Writer::start(self.reads.path.clone(), self.durable) }).await
    }
}

impl Reads {
    /// Reads the records of an object and the latest time. They are the two columns of the query's
    /// row; without a row, both are empty.
    fn look(&self, object: &str, query: &str) -> Result<(Records, Option<Timestamp>), StampError> {
        self.reader.read(&self.path, Default::default, |db| {
            let mut statement = db.prepare_cached(query).map_err(|e| self.error(&e))?;
            let mut rows = statement.query([object]).map_err(|e| self.error(&e))?;
            let Some(row) = rows.next().map_err(|e| self.error(&e))? else { return Ok(Default::default()) };
            let records = row.get_ref(0).map_err(|e| self.error(&e))?;
            let records = records.as_blob_or_null().map_err(|e| self.damaged(e.to_string()))?;
            let records = records.map_or_else(|| Ok(Records::default()), |bytes| decode(object, bytes));
            let latest: Option<i64> = row.get(1).map_err(|e| self.error(&e))?;
            Ok((records.map_err(|detail| self.damaged(detail))?, latest.map(|time| Timestamp(time.unsigned_abs()))))
        })
    }

    fn error(&self, error: &rusqlite::Error) -> StampError {
        explain(&self.path, error)
    }

    fn damaged(&self, detail: String) -> StampError {
        StampError::Damaged { path: self.path.clone(), detail }
    }
}

impl StampStore for SqliteStore {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records> {
        self.reads.load(object)
    }

    fn load_and_latest<'a>(&'a self, object: &'a str) -> Answer<'a, (Records, Option<Timestamp>)> {
        self.reads.load_and_latest(object)
    }

    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move {
            let written = self.writer().await?.write(object, fence, changes).await;
            if let Err(StampError::Moved { .. }) = written {
                self.reads.reader.close();
            }
            written
        })
    }

    fn load_many<'a>(
        &'a self,
        objects: &'a [&'a str],
        each: &'a mut (dyn FnMut(&str, &[u8]) + Send),
    ) -> Answer<'a, bool> {
        self.reads.load_many(objects, each)
    }

    fn decode(&self, object: &str, bytes: &[u8]) -> Result<Records, StampError> {
        self.reads.decode(object, bytes)
    }

    fn latest(&self) -> Answer<'_, Option<Timestamp>> {
        self.reads.latest()
    }

    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {
        self.reads.objects()
    }

    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>> {
        self.reads.history(filter)
    }

    fn check_place(&self) -> Result<(), StampError> {
        self.writer.get().map_or(Ok(()), Writer::check_place)
    }

    fn without_trace(&self) -> Option<&dyn StampStore> {
        // The writer already has the files open.
        Some(if self.writer.initialized() { &self.reads } else { &self.quiet })
    }
}

impl Reads {
    /// Passes the records of every object to `each`.
    fn scan(&self, each: &mut dyn FnMut(&str, &[u8])) -> Result<(), StampError> {
        let each = std::cell::RefCell::new(each);
        self.reader.read(
            &self.path,
            || (),
            |db| {
                let mut statement = db.prepare_cached("SELECT id, records FROM objects").map_err(|e| self.error(&e))?;
                let mut rows = statement.query([]).map_err(|e| self.error(&e))?;
                while let Some(row) = rows.next().map_err(|e| self.error(&e))? {
                    let text = |e: rusqlite::types::FromSqlError| self.damaged(e.to_string());
                    let id = row.get_ref(0).map_err(|e| self.error(&e))?.as_str().map_err(text)?;
                    let bytes = row.get_ref(1).map_err(|e| self.error(&e))?.as_blob().map_err(text)?;
                    (each.borrow_mut())(id, bytes);
                }
                Ok(())
            },
        )
    }

    /// Returns the time of the latest line of history. Every stamp has a line.
    fn latest_time(&self) -> Result<Option<Timestamp>, StampError> {
        self.reader.read(
            &self.path,
            || None,
            |db| {
                let mut statement = db.prepare_cached(LATEST).map_err(|e| self.error(&e))?;
                let latest: Option<i64> = statement.query_row([], |row| row.get(0)).map_err(|e| self.error(&e))?;
                Ok(latest.map(|time| Timestamp(time.unsigned_abs())))
            },
        )
    }

    /// Returns the objects with a row in either table. Databases before format 4 have no names.
    fn known(&self) -> Result<Vec<StoredObject>, StampError> {
        const BOTH: &str = "SELECT objects.id, names.id, names.type FROM objects LEFT JOIN names ON object = objects.id
             UNION SELECT object, id, type FROM names";
        const ROWS: &str = "SELECT id, NULL, NULL FROM objects";
        self.reader.read(&self.path, Vec::new, |db| {
            let query = if format(&self.path, db)? < 4 { ROWS } else { BOTH };
            let mut statement = db.prepare_cached(query).map_err(|e| self.error(&e))?;
            let rows = statement
                .query_map([], |row| Ok(StoredObject { subdir: row.get(0)?, id: row.get(1)?, type_name: row.get(2)? }));
            rows.map_err(|e| self.error(&e))?.collect::<Result<_, _>>().map_err(|e| self.error(&e))
        })
    }

    fn lines(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        let limit = filter.limit.and_then(|limit| i64::try_from(limit).ok()).unwrap_or(-1);
        self.reader.read(&self.path, Vec::new, |db| {
            let why = if format(&self.path, db)? < 2 { "NULL" } else { "why" };
            let mut statement = db
                .prepare_cached(&format!(
                    "SELECT run, object, task, time, duration_us, ended, reason, error, {why} FROM history
                     WHERE (?1 IS NULL OR object = ?1) AND (?2 IS NULL OR task = ?2) ORDER BY seq DESC LIMIT ?3",
                ))
                .map_err(|e| self.error(&e))?;
            let rows = statement.query_map(params![filter.object, filter.task, limit], history_row);
            rows.map_err(|e| self.error(&e))?.collect::<Result<_, _>>().map_err(|e| self.error(&e))
        })
    }
}

impl StampStore for Reads {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records> {
        let found = self.look(object, "SELECT records, NULL FROM objects WHERE id = ?1");
        MaybeReady::ready(found.map(|(records, _)| records))
    }

    fn load_and_latest<'a>(&'a self, object: &'a str) -> Answer<'a, (Records, Option<Timestamp>)> {
        MaybeReady::ready(self.look(object, RECORDS_AND_LATEST))
    }

    fn write<'a>(
        &'a self,
        object: &'a str,
        _fence: Option<Fence>,
        _changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move { Err(StampError::DryRun { object: object.to_owned() }) })
    }

    /// Scans the whole table, which costs less than looking up the objects.
    fn load_many<'a>(
        &'a self,
        _objects: &'a [&'a str],
        each: &'a mut (dyn FnMut(&str, &[u8]) + Send),
    ) -> Answer<'a, bool> {
        MaybeReady::ready(self.scan(each).map(|()| true))
    }

    fn decode(&self, object: &str, bytes: &[u8]) -> Result<Records, StampError> {
        decode(object, bytes).map_err(|detail| self.damaged(detail))
    }

    fn latest(&self) -> Answer<'_, Option<Timestamp>> {
        MaybeReady::ready(self.latest_time())
    }

    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {
        MaybeReady::ready(self.known())
    }

    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>> {
        MaybeReady::ready(self.lines(filter))
    }
}

impl Drop for SqliteStore {
    /// Waits until all queued changes are written.
    fn drop(&mut self) {
        if let Some(writer) = self.writer.take() {
            writer.finish();
        }
    }
}

fn history_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<HistoryEntry> {
    let ended = match row.get_ref(5)?.as_str()? {
        "ran" => AttemptEnd::Ran,
        "unchanged" => AttemptEnd::Unchanged,
        "skipped" => AttemptEnd::Skipped,
        "marked" => AttemptEnd::Marked,
        "undone" => AttemptEnd::Undone,
        "undo_failed" => AttemptEnd::UndoFailed,
        "forgotten" => AttemptEnd::Forgotten,
        _ => AttemptEnd::Failed,
    };
    Ok(HistoryEntry {
        run: row.get(0)?,
        object: row.get(1)?,
        task: row.get(2)?,
        time: Timestamp(row.get::<_, i64>(3)?.unsigned_abs()),
        duration_us: row.get::<_, i64>(4)?.unsigned_abs(),
        ended,
        reason: row.get(6)?,
        error: row.get(7)?,
        // A reason of a newer version cannot be decoded, and is not needed.
        why: row.get::<_, Option<String>>(8)?.and_then(|why| serde_json::from_str(&why).ok()),
    })
}
