//! The guard of an attempt. It marks the task as in progress when it begins. A run writes a stamp
//! only through the success of a guard, which consumes it.

use std::time::Duration;

use super::session::Session;
use crate::decide::Reason;
use crate::stamp::{
    Attempt, AttemptEnd, Change, Entry, HistoryEntry, InputStamp, Records, RunId, Stamp, StampError, Timestamp, micros,
};

/// An attempt in progress. If the guard is dropped without one of its three ends, the mark stays,
/// and the task counts as interrupted.
pub(crate) struct Guard<'s> {
    session: &'s Session,
    task: &'static str,
    reason: Reason,
    previous: Option<Entry>,
    keeps: Keeps,
}

/// The record that a completed task leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keeps {
    Stamp,
    /// Only the time of the last change, since a completion check decides whether the task runs.
    Change,
}

/// The mark of a task as in progress, as the store has it when the task begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    Missing,
    /// The mark was written together with the stamp of the task before.
    WrittenAhead,
}

/// The data of a successful attempt.
pub(crate) struct Success {
    pub(crate) time: Timestamp,
    /// The time of the last change, if the attempt changed nothing.
    pub(crate) unchanged_since: Option<Timestamp>,
    pub(crate) hash: Option<String>,
    pub(crate) source: Option<u64>,
    pub(crate) inputs: Vec<InputStamp>,
    pub(crate) changed_while_running: bool,
    pub(crate) kept: Vec<u8>,
    pub(crate) duration: Duration,
}

impl<'s> Guard<'s> {
    /// Marks the task as in progress on disk before its method is called, unless the mark was
    /// written ahead.
    pub(crate) async fn begin(
        session: &'s Session,
        records: &Records,
        task: &'static str,
        reason: &Reason,
        keeps: Keeps,
        written: Mark,
    ) -> Result<Self, StampError> {
        let guard = Self { session, task, reason: reason.clone(), previous: records.get(task).cloned(), keeps };
        if written == Mark::Missing {
            write(session, vec![mark(session, records, task, keeps)]).await?;
        }
        Ok(guard)
    }

    /// Returns the time when the task last changed something before this attempt. Returns `None` if
    /// the task has no stamp, or if its last attempt failed or never ended: nobody knows then what
    /// was changed.
    pub(crate) fn last_change(&self) -> Option<Timestamp> {
        let previous = self.previous.as_ref().filter(|previous| previous.attempt.is_none())?;
        previous.last_change(self.keeps == Keeps::Change)
    }

    /// Writes the stamp of a successful attempt. The same write contains the new times of the tasks
    /// that it ran, and the mark of the next task if that one is known.
    pub(crate) async fn complete(
        self,
        records: &mut Records,
        success: Success,
        retimed: Vec<Change>,
        next: Option<&'static str>,
    ) -> Result<(), StampError> {
        let (time, changed) = (success.time, success.unchanged_since);
        let ended = if changed.is_some() { AttemptEnd::Unchanged } else { AttemptEnd::Ran };
        let history = self.history(time, ended, success.duration, None);
        retimed.iter().for_each(|change| change.apply(records));
        let mark = next.map(|task| mark(self.session, records, task, Keeps::Stamp));
        let entry = match self.keeps {
            Keeps::Stamp => Entry { changed, ..Entry::completed(self.stamp(success)) },
            Keeps::Change => Entry::changed_at(changed.unwrap_or(time)),
        };
        let change = Change::Complete { task: self.task.to_owned(), entry, history };
        self.keep(records, change, retimed.into_iter().chain(mark)).await
    }

    fn stamp(&self, success: Success) -> Stamp {
        Stamp {
            time: success.time,
            contents: success.hash.unwrap_or_default(),
            source: success.source,
            run: self.session.run(),
            duration_us: micros(success.duration),
            inputs: success.inputs,
            changed_while_running: success.changed_while_running,
            kept: success.kept,
        }
    }

    /// Restores the entry from before the attempt, because the task skipped itself.
    pub(crate) async fn skip(self, records: &mut Records, duration: Duration) -> Result<(), StampError> {
        let history = self.history(self.session.layout().clock().now(), AttemptEnd::Skipped, duration, None);
        let change = Change::Skip { task: self.task.to_owned(), entry: self.previous.clone(), history };
        self.keep(records, change, None).await
    }

    /// Replaces the stamp with the failure. A task with a completion check may have changed
    /// something up to this time, so the time is kept as that of its last change.
    pub(crate) async fn fail(self, records: &mut Records, error: String, duration: Duration) -> Result<(), StampError> {
        let time = self.session.layout().clock().now();
        let history = self.history(time, AttemptEnd::Failed, duration, Some(error.clone()));
        let failed = Attempt::Failed { time, run: self.session.run(), error };
        let changed = (self.keeps == Keeps::Change).then_some(time);
        let entry = Entry { attempt: Some(Box::new(failed)), changed, ..Entry::default() };
        self.keep(records, Change::Fail { task: self.task.to_owned(), entry, history }, None).await
    }

    fn history(
        &self,
        time: Timestamp,
        ended: AttemptEnd,
        duration: Duration,
        error: Option<String>,
    ) -> Box<HistoryEntry> {
        Box::new(history_entry(self.session, self.task, &self.reason, time, ended, duration, error))
    }

    async fn keep(
        &self,
        records: &mut Records,
        change: Change,
        more: impl IntoIterator<Item = Change>,
    ) -> Result<(), StampError> {
        change.apply(records);
        write(self.session, [change].into_iter().chain(more).collect()).await
    }
}

/// Returns the change that marks a task as in progress. Only the store needs the mark, since the
/// run itself knows its current task. A task with a completion check may change something from this
/// time on.
fn mark(session: &Session, records: &Records, task: &'static str, keeps: Keeps) -> Change {
    let since = session.layout().clock().now();
    let before = match keeps {
        Keeps::Stamp => records.get(task).cloned().unwrap_or_default(),
        Keeps::Change => Entry::changed_at(since),
    };
    let attempt = Some(Box::new(Attempt::Running { since, run: session.run() }));
    Change::Begin { task: task.to_owned(), entry: Entry { attempt, ..before } }
}

/// Withdraws a mark that was written ahead for a task that did not begin.
pub(crate) async fn unmark(session: &Session, records: &Records, task: &'static str) -> Result<(), StampError> {
    let entry = records.get(task).cloned();
    write(session, vec![Change::Withdraw { task: task.to_owned(), entry }]).await
}

fn history_entry(
    session: &Session,
    task: &str,
    reason: &Reason,
    time: Timestamp,
    ended: AttemptEnd,
    duration: Duration,
    error: Option<String>,
) -> HistoryEntry {
    HistoryEntry {
        run: session.run().to_string(),
        object: session.subdir().to_owned(),
        task: task.to_owned(),
        time,
        duration_us: micros(duration),
        ended,
        reason: reason.to_string(),
        error,
        why: Some(reason.clone()),
    }
}

async fn write(session: &Session, changes: Vec<Change>) -> Result<(), StampError> {
    session.write(changes).await
}

impl Session {
    /// Returns the id of the run, which its stamps contain.
    pub(crate) fn run(&self) -> RunId {
        self.layout().run_id()
    }
}
