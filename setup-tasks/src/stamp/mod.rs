//! Stamps: the records of the last completion and the last attempt of each task.

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
mod renaming;
mod scheme;
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
pub use contents::HashTexts;
pub(crate) use error::DRY_RUN_HELP;
pub use error::StampError;
pub use fence::Fence;
pub use files::FilesStore;
pub(crate) use history::micros;
pub use history::{AttemptEnd, HistoryEntry, HistoryFilter};
pub(crate) use input::{InputError, Inputs, first_missing};
pub use input_stamp::InputStamp;
#[doc(hidden)]
pub use look::{FileStamp, kind_of};
pub(crate) use look::{Look, settled_by};
pub use maybe_ready::MaybeReady;
pub use memory::MemoryStore;
pub use pattern::PathPattern;
pub(crate) use renaming::{Renamed, TaskRename, present_name};
pub(crate) use scheme::open_shared;
pub use scheme::{SharedStore, StoreScheme};
#[cfg(feature = "sqlite")]
pub use sqlite::SqliteStore;
pub use store::{Answer, StampStore, StoredObject};
pub use timestamp::Timestamp;

/// The identity of a run: the time when it began, and the id of its process.
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
///
/// ```
/// use setup_tasks::prelude::*;
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door { colour: String }
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it", hash = colour)]
///     fn paint(&self) {}
///
///     fn colour(&self) -> String {
///         self.colour.clone()
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let door = layout.add(Door { colour: "red".into() })?;
/// assert!(door.check_stamp("paint").await?.is_none());
/// door.run_setup_tasks().await?;
/// assert_eq!(door.check_stamp("paint").await?.unwrap().contents, "red");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Stamp {
    /// The time when the task last completed. A later task compares its own time with the time when
    /// an earlier one last changed something; see [`Entry::changed`].
    pub time: Timestamp,
    /// The result of the hash function before the run, or the text that a user gave; empty if there
    /// is neither. A text that contains a [secret](crate::Secret) is replaced with `blake3-keyed:`
    /// and its hash under a key in the state directory.
    pub contents: String,
    /// The fingerprint of the task's source.
    pub source: Option<u64>,
    /// The run in which the task completed.
    pub run: RunId,
    /// The duration of the task's method in microseconds.
    pub duration_us: u64,
    /// The state of the input files before the run.
    pub inputs: Vec<InputStamp>,
    /// Whether the hash or the inputs changed during the run.
    pub changed_while_running: bool,
    /// Bytes that the task's kind keeps in order to compare its results with the present state. See
    /// [`TaskContext::keep`](crate::TaskContext::keep).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kept: Vec<u8>,
}

/// An attempt that is running, was interrupted, or failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Attempt {
    /// The attempt began and has not ended. It is still running, or its process ended first.
    Running {
        /// The time when the attempt began.
        since: Timestamp,
        /// The run of the attempt.
        run: RunId,
    },
    /// The attempt failed.
    Failed {
        /// The time when the attempt failed.
        time: Timestamp,
        /// The run of the attempt.
        run: RunId,
        /// The error, with its causes.
        error: String,
    },
}

/// The record of one task of one object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// The last completion. It is not valid while `attempt` is set; see [`Entry::valid`].
    pub stamp: Option<Stamp>,
    /// The last attempt, if it did not complete. It is boxed because most entries have none, and a
    /// run without work decodes all of them.
    pub attempt: Option<Box<Attempt>>,
    /// The time when the task last changed something, if that is not the time of the stamp. A task
    /// whose last run changed nothing keeps the time of its last change here. A task with a
    /// completion check has no stamp. It keeps the time when it last changed something in a run, or
    /// began an attempt that did not complete. Later tasks compare with this time, which never
    /// decides whether the task itself runs.
    #[serde(default)]
    pub changed: Option<Timestamp>,
}

impl Stamp {
    /// Returns a stamp with a time and a text. The other fields are empty and can be set
    /// afterwards.
    pub fn new(time: Timestamp, contents: impl Into<String>) -> Self {
        Self { time, contents: contents.into(), ..Self::default() }
    }
}

impl Entry {
    /// Returns the entry of a task that completed.
    pub fn completed(stamp: Stamp) -> Self {
        Self { stamp: Some(stamp), ..Self::default() }
    }

    /// Returns the entry of a task that completed, and last changed something at an earlier time.
    pub fn unchanged(stamp: Stamp, changed: Timestamp) -> Self {
        Self { stamp: Some(stamp), changed: Some(changed), ..Self::default() }
    }

    /// Returns the entry of a task without a stamp that last changed something at `time`.
    pub fn changed_at(time: Timestamp) -> Self {
        Self { changed: Some(time), ..Self::default() }
    }

    /// Returns the stamp, unless a later attempt failed or has not ended.
    pub fn valid(&self) -> Option<&Stamp> {
        self.stamp.as_ref().filter(|_| self.attempt.is_none())
    }

    /// Returns the time when the task last changed something, without a call to its methods. Later
    /// tasks compare with it. For a task with a completion check, it is the time of its
    /// [`last_attempt`](Self::last_attempt).
    pub(crate) fn last_change(&self, has_completion: bool) -> Option<Timestamp> {
        if has_completion { self.last_attempt() } else { self.valid().map(|stamp| self.changed_by(stamp)) }
    }

    /// Returns the latest known time when the task completed, unless a later attempt failed or has
    /// not ended.
    pub(crate) fn last_completed(&self) -> Option<Timestamp> {
        self.stamp.as_ref().map(|stamp| stamp.time).max(self.changed).filter(|_| self.attempt.is_none())
    }

    /// Returns the time of the last change of a task with this stamp.
    pub(crate) fn changed_by(&self, stamp: &Stamp) -> Timestamp {
        self.changed.unwrap_or(stamp.time)
    }

    /// Returns the time when a task with a completion check last changed something. An attempt that
    /// failed or has not ended counts, because it may have changed something.
    pub(crate) fn last_attempt(&self) -> Option<Timestamp> {
        let attempt = self.attempt.as_deref().map(|attempt| match attempt {
            Attempt::Running { since, .. } => *since,
            Attempt::Failed { time, .. } => *time,
        });
        attempt.max(self.changed)
    }

    /// Returns the latest time in the entry.
    fn latest(&self) -> Option<Timestamp> {
        self.stamp.as_ref().map(|stamp| stamp.time).max(self.last_attempt())
    }
}

/// The records of one object: one entry per task, identified by the task's name.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Records(Vec<(SmolStr, Entry)>);

impl Records {
    /// Returns the entry of a task, or `None` if the task has no entry.
    pub fn get(&self, task: &str) -> Option<&Entry> {
        self.0.iter().find(|(name, _)| name == task).map(|(_, entry)| entry)
    }

    /// Returns the entry of a task like [`get`](Self::get), but begins the search after the entry
    /// that the last search found. Entries are in run order, so a walk over all tasks looks at each
    /// entry once.
    pub(crate) fn get_next(&self, task: &str, cursor: &mut usize) -> Option<&Entry> {
        let from = (*cursor).min(self.0.len());
        let found = (from..self.0.len()).chain(0..from).find(|&i| self.0[i].0 == task)?;
        *cursor = found + 1;
        Some(&self.0[found].1)
    }

    /// Sets the entry of a task, or removes it if `entry` is `None`.
    pub fn set(&mut self, task: &str, entry: Option<Entry>) {
        let at = self.0.iter().position(|(name, _)| name == task);
        match (at, entry) {
            (Some(i), Some(entry)) => self.0[i].1 = entry,
            (Some(i), None) => drop(self.0.remove(i)),
            (None, Some(entry)) => self.0.push((task.into(), entry)),
            (None, None) => {}
        }
    }

    /// Returns an iterator over the names of the tasks and their entries.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Entry)> {
        self.0.iter().map(|(name, entry)| (name.as_str(), entry))
    }

    /// Returns whether the object has no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Encodes the records of an object in the format of the embedded store, which is compact and
    /// has a checksum.
    ///
    /// # Errors
    ///
    /// Returns a description of the value that cannot be encoded.
    pub fn encode(&self, object: &str) -> Result<Vec<u8>, String> {
        codec::encode(object, self)
    }

    /// Decodes the bytes that [`encode`](Self::encode) of this or an earlier version returned for
    /// the same object.
    ///
    /// # Errors
    ///
    /// Returns a description of the damage.
    pub fn decode(object: &str, bytes: &[u8]) -> Result<Self, String> {
        codec::decode(object, bytes)
    }

    /// Returns the latest time in any entry.
    pub(crate) fn latest(&self) -> Option<Timestamp> {
        let mut latest = None;
        for (_, entry) in &self.0 {
            let stamp = entry.stamp.as_ref().map(|stamp| stamp.time);
            // Most entries have only a stamp.
            let is_plain = entry.attempt.is_none() && entry.changed.is_none();
            latest = latest.max(if is_plain { stamp } else { entry.latest() });
        }
        latest
    }
}
