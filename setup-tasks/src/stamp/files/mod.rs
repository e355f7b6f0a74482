//! Stamps as plain files, for people who want to see and touch them.
//!
//! In the object's `stamp_path`, for a task `NAME`: `.stamp-NAME`, whose time of modification is the stamp's time and
//! whose text its contents; `.detail-NAME`, JSON with the rest of the stamp; `.attempt-NAME`, JSON, while an attempt
//! runs or after one failed. A `.stamp-NAME` that somebody else wrote or touched counts as a stamp without details.
//! The history is a file of JSON lines. Every JSON value carries `"version": 1`.

mod shared;

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::shared::Shared;
use super::{
    Attempt, Change, Entry, HistoryEntry, HistoryFilter, Moment, Records, RunId, Stamp, StampError, StampStore,
};
use crate::BoxFuture;

const FORMAT: i64 = 1;

/// Keeps each stamp in a file of its own.
#[derive(Debug)]
pub struct FilesStore {
    cache_dir: PathBuf,
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
    changed: Option<Moment>,
}

impl FilesStore {
    /// A store under the cache directory of the layout.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        let cache_dir = crate::paths::absolute(cache_dir.into());
        Self { shared: Shared::new(&cache_dir), cache_dir }
    }

    /// Makes a change, by whoever has the lock.
    fn make(&self, object: &str, change: &Change) -> Result<(), StampError> {
        let directory = self.cache_dir.join(object);
        match change {
            Change::Clear => {
                for (name, _) in self.load(object)?.iter() {
                    forget(&directory, name)?;
                }
            }
            Change::Set { task, entry, history } => {
                if let Some(entry) = entry {
                    fs::create_dir_all(&directory)
                        .map_err(|e| StampError::io("create the directory", &directory, e))?;
                    keep(&directory, task, entry)?;
                } else {
                    forget(&directory, task)?;
                }
                let time = |entry: &Entry| entry.stamp.as_ref().map(|stamp| stamp.time).max(entry.changed);
                if let Some(time) = entry.as_ref().and_then(time) {
                    self.shared.note_latest(time)?;
                }
                if let Some(entry) = history {
                    self.shared.append(entry)?;
                }
            }
        }
        Ok(())
    }
}

impl StampStore for FilesStore {
    fn load(&self, object: &str) -> Result<Records, StampError> {
        let directory = self.cache_dir.join(object);
        let mut names = Vec::new();
        match fs::read_dir(&directory) {
            Ok(entries) => {
                for entry in entries {
                    let entry = entry.map_err(|e| StampError::io("read the directory", &directory, e))?;
                    let name = entry.file_name();
                    let Some(name) = name.to_str() else { continue };
                    let task = [".stamp-", ".attempt-", ".detail-"].iter().find_map(|prefix| name.strip_prefix(prefix));
                    // A file of an interrupted write; see `replace`.
                    let Some(task) = task.filter(|task| !task.ends_with('~')) else { continue };
                    names.push(task.to_owned());
                }
            }
            Err(error) if is_none(&error) => return Ok(Records::default()),
            Err(error) => return Err(StampError::io("read the directory", &directory, error)),
        }
        names.sort_unstable();
        names.dedup();
        let mut records = Records::default();
        for task in names {
            let detail = read_json::<Detail>(&directory.join(format!(".detail-{task}")))?;
            let (detail, changed) = detail.map_or((None, None), |detail| (detail.stamp, detail.changed));
            let stamp = read_stamp(&directory, &task, detail)?;
            let attempt = read_json::<Attempt>(&directory.join(format!(".attempt-{task}")))?;
            let entry = Entry { stamp, attempt, changed };
            records.set(&task, (entry != Entry::default()).then_some(entry));
        }
        Ok(records)
    }

    fn write<'a>(&'a self, object: &'a str, changes: Vec<Change>) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move {
            let _lock = self.shared.lock()?;
            changes.iter().try_for_each(|change| self.make(object, change))
        })
    }

    fn latest(&self) -> Result<Option<Moment>, StampError> {
        self.shared.latest()
    }

    fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        self.shared.history(filter)
    }
}

fn is_none(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Writes an entry so that a process killed in between never leaves a stamp that is believed too early: an attempt goes
/// in first, and comes out last.
fn keep(directory: &Path, task: &str, entry: &Entry) -> Result<(), StampError> {
    let attempt_path = directory.join(format!(".attempt-{task}"));
    if let Some(attempt) = &entry.attempt {
        write_json(&attempt_path, attempt)?;
    }
    let stamp_path = directory.join(format!(".stamp-{task}"));
    let detail_path = directory.join(format!(".detail-{task}"));
    let detail = Detail { stamp: entry.stamp.clone(), changed: entry.changed };
    if let Some(stamp) = &entry.stamp {
        write_json(&detail_path, &detail)?;
        replace(&stamp_path, stamp.contents.as_bytes(), Some(stamp.time))?;
    } else {
        remove(&stamp_path)?;
        if entry.changed.is_some() { write_json(&detail_path, &detail)? } else { remove(&detail_path)? }
    }
    if entry.attempt.is_none() { remove(&attempt_path) } else { Ok(()) }
}

fn forget(directory: &Path, task: &str) -> Result<(), StampError> {
    for prefix in [".stamp-", ".detail-", ".attempt-"] {
        remove(&directory.join(format!("{prefix}{task}")))?;
    }
    Ok(())
}

/// Reads a stamp. `detail` is what is known of it beside its time and text.
fn read_stamp(directory: &Path, task: &str, detail: Option<Stamp>) -> Result<Option<Stamp>, StampError> {
    let path = directory.join(format!(".stamp-{task}"));
    // Time and text of one file, also when another process puts a new one in its place meanwhile.
    let read = || -> io::Result<(Vec<u8>, Moment)> {
        let mut file = File::open(&path)?;
        let mut contents = Vec::new();
        file.read_to_end(&mut contents)?;
        Ok((contents, file.metadata()?.modified()?.into()))
    };
    let (contents, time) = match read() {
        Ok(read) => read,
        Err(error) if is_none(&error) => return Ok(None),
        Err(error) => return Err(StampError::io("read", &path, error)),
    };
    let contents = String::from_utf8(contents)
        .map_err(|_| StampError::Damaged { path: path.clone(), detail: "it is not UTF-8".to_owned() })?;
    Ok(Some(match detail {
        Some(detail) if detail.time == time && detail.contents == contents => detail,
        _ => Stamp {
            time,
            contents,
            source: None,
            run: RunId { began: 0, pid: 0 },
            duration_us: 0,
            inputs: Vec::new(),
            changed_while_running: false,
            kept: Vec::new(),
        },
    }))
}

fn read_json<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Option<T>, StampError> {
    match fs::read(path) {
        Ok(text) => parse(path, &text).map(Some),
        Err(error) if is_none(&error) => Ok(None),
        Err(error) => Err(StampError::io("read", path, error)),
    }
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

fn write_json<T: Serialize>(path: &Path, value: &T) -> Result<(), StampError> {
    replace(path, &json(path, value)?, None)
}

fn json<T: Serialize>(path: &Path, value: &T) -> Result<Vec<u8>, StampError> {
    serde_json::to_vec(&Versioned { version: FORMAT, value })
        .map_err(|error| StampError::Damaged { path: path.to_owned(), detail: error.to_string() })
}

/// Writes a file whole or not at all.
fn replace(path: &Path, text: &[u8], time: Option<Moment>) -> Result<(), StampError> {
    let mut draft = path.as_os_str().to_owned();
    draft.push("~");
    let draft = PathBuf::from(draft);
    let write = || -> io::Result<()> {
        let mut file = File::create(&draft)?;
        file.write_all(text)?;
        if let Some(time) = time {
            file.set_modified(time.into())?;
        }
        drop(file);
        fs::rename(&draft, path)
    };
    write().map_err(|error| {
        // What is left of the draft is not read; removing it may fail for the same reason.
        let _ = fs::remove_file(&draft);
        StampError::io("write", path, error)
    })
}

fn remove(path: &Path) -> Result<(), StampError> {
    match fs::remove_file(path) {
        Err(error) if !is_none(&error) => Err(StampError::io("remove", path, error)),
        _ => Ok(()),
    }
}
