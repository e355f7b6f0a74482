//! The changes that a store makes to the records of an object.

use super::{Entry, HistoryEntry, Records};

/// A change to the records of one object.
///
/// A store that treats all changes alike uses three methods. [`apply`](Self::apply) changes the
/// records in memory, and [`history`](Self::history) returns the line that is added to the history.
/// [`revokes_stamp`](Self::revokes_stamp) returns whether the change must survive a power loss.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Change {
    /// An attempt begins. Its task counts as interrupted until the attempt has ended.
    Begin {
        /// The task.
        task: String,
        /// The entry with the running attempt. A stamp in it is not valid until a later change
        /// removes the attempt.
        entry: Entry,
    },
    /// A mark that was written ahead is withdrawn, because the attempt did not begin.
    Withdraw {
        /// The task.
        task: String,
        /// The entry before the mark, if the task had an entry.
        entry: Option<Entry>,
    },
    /// An attempt completed.
    Complete {
        /// The task.
        task: String,
        /// The entry with the new stamp, and with the time of the last change if the attempt changed
        /// nothing or the task has a completion check.
        entry: Entry,
        /// The line of history.
        history: Box<HistoryEntry>,
    },
    /// An attempt was skipped at the request of its method.
    Skip {
        /// The task.
        task: String,
        /// The entry before the attempt, if the task had an entry.
        entry: Option<Entry>,
        /// The line of history.
        history: Box<HistoryEntry>,
    },
    /// An attempt failed.
    Fail {
        /// The task.
        task: String,
        /// The entry with the failure.
        entry: Entry,
        /// The line of history.
        history: Box<HistoryEntry>,
    },
    /// A task was run by another task and takes over the later time of that task. The same write
    /// completes that task.
    Retime {
        /// The task.
        task: String,
        /// The entry with the later time.
        entry: Entry,
    },
    /// A user declares a task done.
    MarkDone {
        /// The task.
        task: String,
        /// The entry with the stamp.
        entry: Entry,
        /// The line of history.
        history: Box<HistoryEntry>,
    },
    /// A task was undone, or lost its stamp because it has no undo. Its entry is removed, so that the
    /// task counts as never run.
    Undo {
        /// The task.
        task: String,
        /// The line of history.
        history: Box<HistoryEntry>,
    },
    /// The entry of a task is removed, so that the task runs again.
    Forget {
        /// The task.
        task: String,
    },
    /// A task has another name now, and takes over the entry of its former name.
    Carry {
        /// The task.
        task: String,
        /// The entry of its former name.
        entry: Entry,
    },
    /// The object has this id and this type. Its entries stay as they are. A store that implements
    /// [`StampStore::objects`](super::StampStore::objects) keeps both; other stores ignore the
    /// change.
    Identify {
        /// The object's id.
        id: String,
        /// The name of its type.
        type_name: String,
    },
    /// All entries of the object are removed. The history, the id and the type stay.
    Clear,
    /// The object is gone: all its entries, its id and its type are removed. The history stays.
    Retire,
}

impl Change {
    /// Returns the task that the change affects, or `None` if it affects no single task.
    pub fn task(&self) -> Option<&str> {
        match self {
            Self::Begin { task, .. }
            | Self::Withdraw { task, .. }
            | Self::Complete { task, .. }
            | Self::Skip { task, .. }
            | Self::Fail { task, .. }
            | Self::Retime { task, .. }
            | Self::MarkDone { task, .. }
            | Self::Carry { task, .. }
            | Self::Undo { task, .. }
            | Self::Forget { task } => Some(task),
            Self::Identify { .. } | Self::Clear | Self::Retire => None,
        }
    }

    /// Returns the entry that the task has after the change, or `None` if it then has no entry.
    pub fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Begin { entry, .. }
            | Self::Complete { entry, .. }
            | Self::Fail { entry, .. }
            | Self::Retime { entry, .. }
            | Self::MarkDone { entry, .. }
            | Self::Carry { entry, .. } => Some(entry),
            Self::Withdraw { entry, .. } | Self::Skip { entry, .. } => entry.as_ref(),
            Self::Undo { .. } | Self::Forget { .. } | Self::Identify { .. } | Self::Clear | Self::Retire => None,
        }
    }

    /// Returns the line that the change adds to the history. Each end of an attempt adds one line.
    pub fn history(&self) -> Option<&HistoryEntry> {
        match self {
            Self::Complete { history, .. }
            | Self::Skip { history, .. }
            | Self::Fail { history, .. }
            | Self::Undo { history, .. }
            | Self::MarkDone { history, .. } => Some(history),
            Self::Begin { .. }
            | Self::Withdraw { .. }
            | Self::Retime { .. }
            | Self::Forget { .. }
            | Self::Carry { .. }
            | Self::Identify { .. }
            | Self::Clear
            | Self::Retire => None,
        }
    }

    /// Applies the change to records in memory.
    pub fn apply(&self, records: &mut Records) {
        match self {
            Self::Identify { .. } => {}
            Self::Clear | Self::Retire => *records = Records::default(),
            _ => self.task().into_iter().for_each(|task| records.set(task, self.entry().cloned())),
        }
    }

    /// Returns whether the change revokes a valid stamp, or records that a task without a stamp may
    /// change something. Such a change must be durable: after a power loss, the old stamp would
    /// otherwise vouch for work that the new attempt has already altered.
    pub fn revokes_stamp(&self) -> bool {
        match self {
            Self::Begin { entry, .. } => entry.stamp.is_some() || entry.changed.is_some(),
            Self::Undo { .. } | Self::Forget { .. } | Self::Clear | Self::Retire => true,
            // A power loss leaves the mark of the attempt in place, and the task runs again.
            Self::Withdraw { .. }
            | Self::Complete { .. }
            | Self::Skip { .. }
            | Self::Fail { .. }
            | Self::Retime { .. }
            | Self::Carry { .. }
            | Self::Identify { .. }
            | Self::MarkDone { .. } => false,
        }
    }

    /// Returns whether the change ends an attempt.
    #[cfg(feature = "sqlite")]
    pub(super) fn ends_attempt(&self) -> bool {
        self.history().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attempt, RunId, Stamp, Timestamp};
    use super::*;

    #[test]
    fn an_attempt_revokes_what_its_task_had_and_nothing_else_does_but_removal() {
        let task = || "mount".to_owned();
        let running = Attempt::Running { since: Timestamp(1), run: RunId::default() };
        let first = Entry { attempt: Some(Box::new(running)), ..Entry::default() };
        let again = Entry { stamp: Some(Stamp::default()), ..first.clone() };
        let checked = Entry { changed: Some(Timestamp(1)), ..first.clone() };
        let begin = |entry: &Entry| Change::Begin { task: task(), entry: entry.clone() }.revokes_stamp();
        assert_eq!([&first, &again, &checked].map(begin), [false, true, true]);
        assert!(Change::Forget { task: task() }.revokes_stamp() && Change::Clear.revokes_stamp());
        let undone = Change::Undo { task: task(), history: Box::new(HistoryEntry::at(1)) };
        assert!(undone.revokes_stamp() && undone.entry().is_none());
        assert!(!Change::Withdraw { task: task(), entry: None }.revokes_stamp());
    }
}
