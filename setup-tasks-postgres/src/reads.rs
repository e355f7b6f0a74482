//! The statements that read, and the values in their answers.

use std::collections::HashMap;

use setup_tasks::stamp::{HistoryEntry, Records, StampError, Timestamp};
use tokio_postgres::Row;

/// Reads the entries of some objects.
pub(crate) const ENTRIES: &str = "SELECT object, entry FROM entries WHERE object = ANY ($1::text[])";

/// Reads all entries.
pub(crate) const ALL_ENTRIES: &str = "SELECT object, entry FROM entries";

/// Reads the latest time of the history, which is an upper bound of the times of all stamps.
pub(crate) const LATEST: &str = "SELECT max(time) FROM history";

pub(crate) const OBJECTS: &str = "SELECT subdir, id, type_name FROM objects o
    WHERE id IS NOT NULL OR EXISTS (SELECT FROM entries e WHERE e.object = o.subdir)";

pub(crate) const HISTORY: &str =
    "SELECT line FROM history WHERE $1::text IS NULL OR task = $1 ORDER BY seq DESC LIMIT $2";

pub(crate) const HISTORY_OF_OBJECT: &str = "SELECT line FROM history
    WHERE object = $3 AND ($1::text IS NULL OR task = $1) ORDER BY seq DESC LIMIT $2";

/// Returns the records of an object from rows with entries of any objects.
pub(crate) fn records(object: &str, rows: &[Row]) -> Result<Records, StampError> {
    let mut records = Records::default();
    for row in rows.iter().filter(|row| row.get::<_, &str>(0) == object) {
        add(&mut records, object, row.get(1))?;
    }
    Ok(records)
}

fn add(records: &mut Records, object: &str, entry: &[u8]) -> Result<(), StampError> {
    let damaged = |detail| StampError::Damaged { path: object.into(), detail };
    let entries = Records::decode(object, entry).map_err(damaged)?;
    entries.iter().for_each(|(task, entry)| records.set(task, Some(entry.clone())));
    Ok(())
}

/// Returns the value of [`LATEST`].
pub(crate) fn latest(rows: &[Row]) -> Option<Timestamp> {
    rows.first()?.get::<_, Option<i64>>(0).map(|time| Timestamp(time.unsigned_abs()))
}

/// Returns the lines of history in rows of JSON.
pub(crate) fn history(place: &str, rows: &[Row]) -> Result<Vec<HistoryEntry>, StampError> {
    let parse = |row: &Row| {
        let damaged = |error: serde_json::Error| StampError::Damaged { path: place.into(), detail: error.to_string() };
        serde_json::from_str(row.get(0)).map_err(damaged)
    };
    rows.iter().map(parse).collect()
}

/// The entries of all objects, each with its length before it.
#[derive(Default)]
pub(crate) struct Scanned(HashMap<String, Vec<u8>>);

impl Scanned {
    pub(crate) fn add(&mut self, object: &str, entry: &[u8]) {
        if !self.0.contains_key(object) {
            self.0.insert(object.to_owned(), Vec::with_capacity(1024));
        }
        if let Some(all) = self.0.get_mut(object) {
            all.extend_from_slice(&u32::try_from(entry.len()).unwrap_or(u32::MAX).to_le_bytes());
            all.extend_from_slice(entry);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        self.0.iter().map(|(object, entries)| (object.as_str(), entries.as_slice()))
    }
}

/// Decodes what [`Scanned`] has collected of an object.
pub(crate) fn decode(object: &str, mut bytes: &[u8]) -> Result<Records, StampError> {
    let mut records = Records::default();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let Some((entry, rest)) = rest.split_at_checked(length) else {
            return Err(StampError::Damaged { path: object.into(), detail: "an entry is cut off".to_owned() });
        };
        add(&mut records, object, entry)?;
        bytes = rest;
    }
    Ok(records)
}
