//! A store of plain files, for users who want to inspect and edit stamps.
//!
//! The object's `stamp_path` contains up to three files per task `NAME`:
//!
//! - `.stamp-NAME`: its modification time is the stamp's time, and its text is the stamp's
//!   contents.
//! - `.detail-NAME`: JSON with the rest of the stamp, and with the time of the last change if that is
//!   another one.
//! - `.attempt-NAME`: JSON, present while an attempt runs and after an attempt failed.
//!
//! A `.stamp-NAME` that another program wrote or touched counts as a stamp without details. The
//! history is a file of JSON lines. Every JSON value has `"version": 1`.

mod name;
mod objects;
mod place;
mod shared;

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::name::{file_name, task_of};
use self::place::Place;
use self::shared::Shared;
use super::{
    Answer, Attempt, Change, Entry, Fence, HistoryEntry, HistoryFilter, MaybeReady, Records, RunId, Stamp, StampError,
    StampStore, StoredObject, Timestamp,
};
use crate::BoxFuture;
use crate::private_dir::{Access, PrivateDir};

const FORMAT: i64 = 1;

/// A store with one file per stamp, for users who want to inspect and edit stamps.
///
/// The object's `stamp_path` contains a file `.stamp-NAME` for each completed task. Its modification
/// time is the time of the stamp, and its text is the contents of the stamp. A file that another
/// program wrote or touched counts as a stamp, and removing the file makes the task run again. The
/// page "Formats" of the book describes all files.
///
/// A process that is killed loses no stamp. The files are not synced, so stamps can be wrong after a
/// power loss.
///
/// [`Layout::with_store`](crate::Layout::with_store) shows its use.
#[derive(Debug)]
pub struct FilesStore {
    /// The cache directory for changes. A process makes all of its changes in one directory.
    changes: Place,
    /// The cache directory for reads. It is opened again if it was replaced.
    reads: Place,
    shared: Shared,
}

#[derive(Serialize, Deserialize)]
struct Versioned<T> {
    version: i64,
    #[serde(flatten)]
    value: T,
}

/// The content of `.detail-NAME`.
#[derive(Serialize, Deserialize)]
struct Detail {
    #[serde(flatten)]
    stamp: Option<Stamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changed: Option<Timestamp>,
}

impl FilesStore {
    /// Returns a store under the cache directory of the layout.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        let cache_dir = crate::fs::absolute(cache_dir.into());
        let place = || Place::new(cache_dir.clone());
        Self { changes: place(), reads: place(), shared: Shared::new(&cache_dir) }
    }

    fn make_all(&self, object: &str, fence: Option<Fence>, changes: &[Change]) -> Result<(), StampError> {
        let _lock = self.shared.lock()?;
        fence.map_or(Ok(()), |fence| self.shared.note_fence(object, fence))?;
        let cache = self.changes.make()?;
        changes.iter().try_for_each(|change| self.make(&cache, object, change))?;
        self.check_place()
    }

    /// Applies a change. The caller must hold the lock.
    fn make(&self, cache: &PrivateDir, object: &str, change: &Change) -> Result<(), StampError> {
        let io = |action, error| StampError::io(action, cache.path().join(object), error);
        let Some(task) = change.task() else {
            if let Change::Identify { id, type_name } = change {
                return self.shared.identify(object, id, type_name);
            }
            if let Some(directory) = cache.find(object).map_err(|e| io("open the directory", e))? {
                tasks(&directory)?.iter().try_for_each(|task| forget(&directory, task))?;
            }
            return if *change == Change::Retire { self.shared.retire(object) } else { Ok(()) };
        };
        if let Some(entry) = change.entry() {
            let directory = cache.make(object).map_err(|e| io("create the directory", e))?;
            keep(&directory, task, entry)?;
            if let Some(time) = entry.stamp.as_ref().map(|stamp| stamp.time).max(entry.changed) {
                self.shared.note_latest(time)?;
            }
        } else if let Some(directory) = cache.find(object).map_err(|e| io("open the directory", e))? {
            forget(&directory, task)?;
        }
        change.history().map_or(Ok(()), |line| self.shared.append(line))
    }
}

/// Returns the tasks that have files in the directory.
fn tasks(directory: &PrivateDir) -> Result<Vec<String>, StampError> {
    let names = directory.names().map_err(|e| StampError::io("read the directory", directory.path(), e))?;
    let mut tasks: Vec<_> = names.iter().filter_map(|name| task_of(name.to_str()?)).collect();
    tasks.sort_unstable();
    tasks.dedup();
    Ok(tasks)
}

impl FilesStore {
    fn read(&self, object: &str) -> Result<Records, StampError> {
        let Some(cache) = self.reads.find()? else { return Ok(Records::default()) };
        let directory = cache.find(object);
        let directory = directory.map_err(|e| StampError::io("open the directory", cache.path().join(object), e))?;
        let Some(directory) = directory else { return Ok(Records::default()) };
        let mut records = Records::default();
        for task in tasks(&directory)? {
            let detail = read_json::<Detail>(&directory, &file_name(".detail-", &task))?;
            let (detail, changed) = detail.map_or((None, None), |detail| (detail.stamp, detail.changed));
            let (stamp, is_edited) = read_stamp(&directory, &task, detail)?;
            let attempt = read_json::<Box<Attempt>>(&directory, &file_name(".attempt-", &task))?;
            let changed = if is_edited { None } else { changed };
            let entry = Entry { stamp, attempt, changed };
            records.set(&task, (entry != Entry::default()).then_some(entry));
        }
        Ok(records)
    }
}

impl StampStore for FilesStore {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records> {
        MaybeReady::ready(self.read(object))
    }

    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move {
            let written = self.make_all(object, fence, &changes);
            if let Err(StampError::Moved { .. }) = written {
                // The next change belongs to a new run of a program that makes several runs.
                self.changes.forget();
                self.shared.forget_place();
            }
            written
        })
    }

    fn check_place(&self) -> Result<(), StampError> {
        self.changes.check()?;
        self.shared.check_place()
    }

    fn latest(&self) -> Answer<'_, Option<Timestamp>> {
        MaybeReady::ready(self.shared.latest())
    }

    /// Returns the objects that identified themselves. The files of an object of an earlier version
    /// would only be found by a walk over the whole cache.
    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {
        MaybeReady::ready(self.shared.objects())
    }

    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>> {
        MaybeReady::ready(self.shared.history(filter))
    }
}

/// Writes an entry. An attempt is written first and removed last, so that a process that is killed
/// in between never leaves a stamp that is valid too early.
fn keep(directory: &PrivateDir, task: &str, entry: &Entry) -> Result<(), StampError> {
    let attempt_name = file_name(".attempt-", task);
    if let Some(attempt) = &entry.attempt {
        write_json(directory, &attempt_name, attempt)?;
    }
    let (stamp_name, detail_name) = (file_name(".stamp-", task), file_name(".detail-", task));
    let detail = Detail { stamp: entry.stamp.clone(), changed: entry.changed };
    if let Some(stamp) = &entry.stamp {
        write_json(directory, &detail_name, &detail)?;
        replace(directory, &stamp_name, stamp.contents.as_bytes(), Some(stamp.time))?;
    } else {
        remove(directory, &stamp_name)?;
        if entry.changed.is_some() {
            write_json(directory, &detail_name, &detail)?;
        } else {
            remove(directory, &detail_name)?;
        }
    }
    if entry.attempt.is_none() { remove(directory, &attempt_name) } else { Ok(()) }
}

fn forget(directory: &PrivateDir, task: &str) -> Result<(), StampError> {
    name::PREFIXES.iter().try_for_each(|prefix| remove(directory, &file_name(prefix, task)))
}

/// Reads a stamp, and returns whether another program wrote it. `detail` contains the rest of the
/// stamp and is used only if its time and text match the stamp's file.
fn read_stamp(directory: &PrivateDir, task: &str, detail: Option<Stamp>) -> Result<(Option<Stamp>, bool), StampError> {
    let name = file_name(".stamp-", task);
    let path = || directory.path().join(&name);
    // The time and the text come from one open file, even if another process replaces it meanwhile.
    let read = || -> io::Result<Option<(Vec<u8>, Timestamp)>> {
        let Some(mut file) = directory.find_file(&name, Access::Read)? else { return Ok(None) };
        let mut contents = Vec::new();
        file.read_to_end(&mut contents)?;
        Ok(Some((contents, file.metadata()?.modified()?.into())))
    };
    let Some((contents, time)) = read().map_err(|e| StampError::io("read", path(), e))? else {
        return Ok((None, false));
    };
    let contents = String::from_utf8(contents)
        .map_err(|_| StampError::Damaged { path: path(), detail: "it is not UTF-8".to_owned() })?;
    Ok(match detail {
        Some(detail) if detail.time == time && detail.contents == contents => (Some(detail), false),
        _ => (Some(Stamp { time, contents, run: RunId { began: 0, pid: 0 }, ..Stamp::default() }), true),
    })
}

fn read_json<T: for<'de> Deserialize<'de>>(directory: &PrivateDir, name: &str) -> Result<Option<T>, StampError> {
    let path = || directory.path().join(name);
    let text = directory.read(name).map_err(|e| StampError::io("read", path(), e))?;
    text.map(|text| parse(&path(), &text)).transpose()
}

#[derive(Deserialize)]
struct Version {
    version: i64,
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, text: &[u8]) -> Result<T, StampError> {
    let damaged = |error: serde_json::Error| StampError::Damaged { path: path.to_owned(), detail: error.to_string() };
    let Version { version } = serde_json::from_slice(text).map_err(damaged)?;
    if version > FORMAT {
        return Err(StampError::Newer { path: path.to_owned(), found: version, known: FORMAT });
    }
    serde_json::from_slice::<Versioned<T>>(text).map(|versioned| versioned.value).map_err(damaged)
}

fn write_json<T: Serialize>(directory: &PrivateDir, name: &str, value: &T) -> Result<(), StampError> {
    replace(directory, name, &json(&directory.path().join(name), value)?, None)
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, StampError> {
    serde_json::to_vec(&Versioned { version: FORMAT, value })
        .map_err(|error| StampError::Damaged { path: path.to_owned(), detail: error.to_string() })
}

fn replace(directory: &PrivateDir, name: &str, text: &[u8], time: Option<Timestamp>) -> Result<(), StampError> {
    let replaced = directory.replace(name, text, time.map(Into::into));
    replaced.map_err(|error| StampError::io("write", directory.path().join(name), error))
}

fn remove(directory: &PrivateDir, name: &str) -> Result<(), StampError> {
    directory.remove(name).map_err(|error| StampError::io("remove", directory.path().join(name), error))
}
