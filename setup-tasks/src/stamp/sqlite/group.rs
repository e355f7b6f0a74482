//! The transaction that writes a group of changes.

use std::path::Path;

use rusqlite::{OptionalExtension, Transaction, params};

use super::super::codec::{decode, encode};
use super::super::{AttemptEnd, Change, Fence, StampError};
use super::database::{LATEST, explain};
use super::writer::Job;

/// A job whose fence is too low, with its position in the group.
pub(super) struct Refused {
    pub(super) job: usize,
    pub(super) error: StampError,
}

/// Writes the changes of a group. Returns the jobs that it refused.
pub(super) fn write_group(
    path: &Path,
    transaction: &Transaction<'_>,
    group: &[Job],
) -> Result<Vec<Refused>, StampError> {
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
    let mut refused = Vec::new();
    for (at, Job { object, fence, changes, .. }) in group.iter().enumerate() {
        if let Some(fence) = *fence
            && let Some(seen) = note_fence(transaction, object, fence).map_err(explain)?
        {
            refused.push(Refused { job: at, error: StampError::Fenced { object: object.clone(), fence, seen } });
            continue;
        }
        let old = get.query_row([object], |row| Ok(decode(object, row.get_ref(0)?.as_blob()?)));
        let old = old.optional().map_err(explain)?;
        let mut records = old.transpose().map_err(damaged)?.unwrap_or_default();
        changes.iter().for_each(|change| change.apply(&mut records));
        if records.is_empty() && changes.iter().any(|change| matches!(change, Change::Retire)) {
            transaction.execute("DELETE FROM objects WHERE id = ?1", [object]).map_err(explain)?;
        } else {
            put.execute(params![object, encode(object, &records).map_err(damaged)?]).map_err(explain)?;
        }
        changes.iter().try_for_each(|change| note_object(transaction, object, change)).map_err(explain)?;
        for change in changes {
            let Some(e) = change.history() else { continue };
            let (time, duration) = (signed(e.time.0), signed(e.duration_us));
            let ended = ended_text(e.ended);
            let why = e.why.as_ref().and_then(|why| serde_json::to_string(why).ok());
            // If a clock far in the future has used the last number, `SQLite` chooses a number.
            let seq = last.unwrap_or(0).checked_add(1).map(|next| next.max(time));
            last = seq.or(last);
            add.execute(params![seq, e.run, e.object, e.task, time, duration, ended, e.reason, e.error, why])
                .map_err(explain)?;
        }
    }
    Ok(refused)
}

/// Records the fence of a write. If the store has seen a higher fence for the object, the write is
/// late, and the function returns that fence.
///
/// The first write with a fence creates the table. Databases under the default leases never have
/// it.
fn note_fence(transaction: &Transaction<'_>, object: &str, fence: Fence) -> rusqlite::Result<Option<Fence>> {
    const TABLE: &str = "CREATE TABLE IF NOT EXISTS fences (id TEXT PRIMARY KEY, fence INTEGER NOT NULL) WITHOUT ROWID";
    transaction.execute_batch(TABLE)?;
    let mut get = transaction.prepare_cached("SELECT fence FROM fences WHERE id = ?1")?;
    let seen: Option<i64> = get.query_row([object], |row| row.get(0)).optional()?;
    match seen.map(|seen| Fence(seen.unsigned_abs())) {
        Some(seen) if seen > fence => Ok(Some(seen)),
        Some(seen) if seen == fence => Ok(None),
        _ => {
            let mut put = transaction.prepare_cached("REPLACE INTO fences VALUES (?1, ?2)")?;
            put.execute(params![object, signed(fence.0)]).map(|_| None)
        }
    }
}

/// Keeps the id and the type of an object, or removes both if the object is gone. A row that is the same
/// already is not written again.
fn note_object(transaction: &Transaction<'_>, object: &str, change: &Change) -> rusqlite::Result<()> {
    const KEEP: &str = "INSERT INTO names VALUES (?1, ?2, ?3) ON CONFLICT (object)
         DO UPDATE SET id = excluded.id, type = excluded.type WHERE id <> excluded.id OR type <> excluded.type";
    match change {
        Change::Identify { id, type_name } => {
            transaction.prepare_cached(KEEP)?.execute(params![object, id, type_name])?;
        }
        Change::Retire => {
            transaction.execute("DELETE FROM names WHERE object = ?1", [object])?;
        }
        _ => {}
    }
    Ok(())
}

/// Converts a number to a signed integer of `SQLite`. Nanoseconds reach the limit in the year 2262.
fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn ended_text(ended: AttemptEnd) -> &'static str {
    match ended {
        AttemptEnd::Ran => "ran",
        AttemptEnd::Skipped => "skipped",
        AttemptEnd::Failed => "failed",
        AttemptEnd::Marked => "marked",
        AttemptEnd::Unchanged => "unchanged",
        AttemptEnd::Undone => "undone",
        AttemptEnd::UndoFailed => "undo_failed",
        AttemptEnd::Forgotten => "forgotten",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use rusqlite::Connection;

    use super::super::super::{HistoryEntry, HistoryFilter, SqliteStore, StampStore, Timestamp};
    use super::*;

    /// Returns a change that ends an attempt without a stamp.
    pub(in super::super) fn ran(time: u64) -> Vec<Change> {
        vec![Change::Skip { task: "mount".to_owned(), entry: None, history: Box::new(HistoryEntry::at(time)) }]
    }

    #[tokio::test]
    async fn a_history_that_counts_from_one_is_gone_on_with() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("stamps.sqlite");
        let store = SqliteStore::new(&path);
        store.write("ada", None, ran(7)).await.unwrap();
        // A row of an older version, written under a clock that was ahead.
        let ahead: u64 = 4_000_000_000_000_000_000;
        let old = Connection::open(&path).unwrap();
        old.execute("UPDATE history SET seq = 1, time = ?1, task = 'ahead'", [signed(ahead)]).unwrap();
        assert_eq!(store.latest().await.unwrap(), Some(Timestamp(ahead)));
        store.write("ada", None, ran(8)).await.unwrap();
        store.write("ada", None, ran(ahead + 9)).await.unwrap();
        assert!(store.latest().await.unwrap() >= Some(Timestamp(ahead + 9)));
        let history = store.history(&HistoryFilter::default()).await.unwrap();
        let tasks: Vec<_> = history.iter().map(|entry| entry.task.as_str()).collect();
        assert_eq!(tasks, [&format!("at {}", ahead + 9), "at 8", "ahead"]);
    }
}
