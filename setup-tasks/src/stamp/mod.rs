//! Stamps: the record that a task completed, and what became of its last attempt.

mod change;
mod clock;
pub(crate) mod codec;
pub(crate) mod contents;
mod error;
mod fence;
mod files;
mod history;
mod input;
mod input_stamp;
mod look;
mod maybe_ready;
mod memory;
mod pattern;
#[cfg(feature = "sqlite")]
mod sqlite;
mod store;
pub(crate) mod text;
mod timestamp;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use change::Change;
#[doc(hidden)]
pub use clock::Clock;
pub use error::StampError;
pub use fence::Fence;
pub use files::FilesStore;
pub(crate) use history::micros;
pub use history::{AttemptEnd, HistoryEntry, HistoryFilter};
pub(crate) use input::{InputError, Inputs, first_missing};
pub use input_stamp::InputStamp;
#[doc(hidden)]
pub use look::{FileStamp, kind_of};
pub use maybe_ready::MaybeReady;
pub use memory::MemoryStore;
pub use pattern::PathPattern;
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use store::{Answer, StampStore};
pub use timestamp::Timestamp;

/// One run of a process: when it began, and which process it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RunId {
    pub(crate) began: u64,
    pub(crate) pid: u32,
}

impl std::fmt::Display for RunId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:x}-{}", self.began, self.pid)
    }
}

/// The record that a task completed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stamp {
    /// When the task completed.
    pub time: Timestamp,
    /// The answer of the hash function before the run, or the text given by hand; empty if there is none. For a text that
    /// holds a [secret](crate::Secret), `blake3-keyed:` and its hash under a key of the state directory.
    pub contents: String,
    /// The fingerprint of its source.
    pub source: Option<u64>,
    /// The run that it completed in.
    pub run: RunId,
    /// The duration of its method in microseconds.
    pub duration_us: u64,
    /// The state of its input files before the run.
    pub inputs: Vec<InputStamp>,
    /// Whether its hash or its inputs changed during the run.
    pub changed_while_running: bool,
    /// Bytes that the kind of the task keeps, to compare its results with the present state: see
    /// [`TaskContext::keep`](crate::TaskContext::keep).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<u8>,
}

/// An attempt that did not end in a stamp.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Attempt {
    /// The attempt began and has not ended: it runs now, or its process ended first.
    Running {
        /// When it began.
        since: Timestamp,
        /// In which run.
        run: RunId,
    },
    /// The attempt failed.
    Failed {
        /// When it failed.
        time: Timestamp,
        /// In which run.
        run: RunId,
        /// The error, with its causes.
        error: String,
    },
}

/// All that is kept about one task of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// The last completion. Not to be believed while there is an attempt: see [`Entry::valid`].
    pub stamp: Option<Stamp>,
    /// The last attempt, if it did not complete. Boxed, since most entries have none and a run without work decodes all of them.
    pub attempt: Option<Box<Attempt>>,
    /// When the task last changed something in a run, or began an attempt that did not complete, of a task that has no stamp:
    /// one with a completion check. It is kept for later tasks, and never decides whether the task itself runs.
    #[serde(default)]
    pub changed: Option<Timestamp>,
}

impl Stamp {
    /// Returns a stamp with a time and a text. The other fields are empty, and can be set afterwards.
    pub fn new(time: Timestamp, contents: impl Into<String>) -> Self {
        Self { time, contents: contents.into(), ..Self::default() }
    }
}

impl Entry {
    /// Returns the entry of a task that completed.
    pub fn completed(stamp: Stamp) -> Self {
        Self { stamp: Some(stamp), ..Self::default() }
    }

    /// Returns the entry of a task without a stamp that last changed something at a time.
    pub fn changed_at(time: Timestamp) -> Self {
        Self { changed: Some(time), ..Self::default() }
    }

    /// The stamp, unless a later attempt failed or has not ended.
    pub fn valid(&self) -> Option<&Stamp> {
        self.stamp.as_ref().filter(|_| self.attempt.is_none())
    }

    /// Returns when the task last completed, without asking a method: by its stamp, or with a completion check by the time that
    /// is kept for later tasks.
    pub(crate) fn last_run(&self, has_completion: bool) -> Option<Timestamp> {
        if has_completion { self.last_change() } else { self.valid().map(|stamp| stamp.time) }
    }

    /// Returns when a task with a completion check last changed something. An attempt that failed or has not ended may have.
    pub(crate) fn last_change(&self) -> Option<Timestamp> {
        let attempt = self.attempt.as_deref().map(|attempt| match attempt {
            Attempt::Running { since, .. } => *since,
            Attempt::Failed { time, .. } => *time,
        });
        attempt.max(self.changed)
    }

    /// Returns the latest time that this entry knows of.
    fn latest(&self) -> Option<Timestamp> {
        self.stamp.as_ref().map(|stamp| stamp.time).max(self.last_change())
    }
}

/// All that is kept about one object, by task name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Records(Vec<(SmolStr, Entry)>);

impl Records {
    /// Returns the entry of a task, if there is one.
    pub fn get(&self, task: &str) -> Option<&Entry> {
        self.0.iter().find(|(name, _)| name == task).map(|(_, entry)| entry)
    }

    /// As [`get`](Self::get), but begins the search behind the entry that the last search found. Entries are in run order, so a walk over
    /// all tasks looks at each entry once.
    pub(crate) fn get_next(&self, task: &str, cursor: &mut usize) -> Option<&Entry> {
        let from = (*cursor).min(self.0.len());
        let found = (from..self.0.len()).chain(0..from).find(|&i| self.0[i].0 == task)?;
        *cursor = found + 1;
        Some(&self.0[found].1)
    }

    /// Keeps an entry, or with `None` forgets it.
    pub fn set(&mut self, task: &str, entry: Option<Entry>) {
        let at = self.0.iter().position(|(name, _)| name == task);
        match (at, entry) {
            (Some(i), Some(entry)) => self.0[i].1 = entry,
            (Some(i), None) => drop(self.0.remove(i)),
            (None, Some(entry)) => self.0.push((task.into(), entry)),
            (None, None) => {}
        }
    }

    /// Every task that anything is kept about.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Returns whether there is no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Encodes the records of an object in the format of the embedded store, which is compact and has a checksum.
    ///
    /// # Errors
    ///
    /// A description of what cannot be encoded.
    pub fn encode(&self, object: &str) -> Result<Vec<u8>, String> {
        codec::encode(object, self)
    }

    /// Decodes what [`encode`](Self::encode) made for the same object, in this or an earlier version.
    ///
    /// # Errors
    ///
    /// A description of the damage.
    pub fn decode(object: &str, bytes: &[u8]) -> Result<Self, String> {
        codec::decode(object, bytes)
    }

    /// Returns the latest time in any entry.
    pub(crate) fn latest(&self) -> Option<Timestamp> {
        let mut latest = None;
        for (_, entry) in &self.0 {
            let stamp = entry.stamp.as_ref().map(|stamp| stamp.time);
            // Most entries have a stamp and nothing else.
            let is_plain = entry.attempt.is_none() && entry.changed.is_none();
            latest = latest.max(if is_plain { stamp } else { entry.latest() });
        }
        latest
    }
}
