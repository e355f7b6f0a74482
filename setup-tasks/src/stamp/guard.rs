//! The only way to a stamp by running: a guard that marks the attempt when it is taken, and that a success consumes.

use std::time::Duration;

use super::{Attempt, Change, Ended, Entry, HistoryEntry, InputStamp, Moment, Records, RunId, Stamp, StampError};
use crate::decide::Reason;
use crate::run::Session;

/// An attempt under way. Dropped without one of its three ends, it leaves the mark that says `Interrupted`.
pub(crate) struct Guard<'s> {
    session: &'s Session,
    task: &'static str,
    reason: Reason,
    previous: Option<Entry>,
}

/// What a success knows.
pub(crate) struct Success {
    pub(crate) time: Moment,
    pub(crate) hash: Option<String>,
    pub(crate) source: Option<u64>,
    pub(crate) inputs: Vec<InputStamp>,
    pub(crate) changed_while_running: bool,
    pub(crate) kept: Vec<u8>,
    pub(crate) duration: Duration,
}

impl<'s> Guard<'s> {
    /// Marks the task as in progress, on disk, before its method is called; unless its mark was written ahead.
    pub(crate) async fn begin(
        session: &'s Session,
        records: &Records,
        task: &'static str,
        reason: &Reason,
        is_marked: bool,
    ) -> Result<Self, StampError> {
        let guard = Self { session, task, reason: reason.clone(), previous: records.get(task).cloned() };
        if !is_marked {
            write(session, vec![mark(session, records, task)]).await?;
        }
        Ok(guard)
    }

    /// The task did its work: the stamp is written, and with it the mark of the task that is next, if that is known.
    pub(crate) async fn complete(
        self,
        records: &mut Records,
        success: Success,
        next: Option<&'static str>,
    ) -> Result<(), StampError> {
        let time = success.time;
        let stamp = Stamp {
            time,
            contents: success.hash.unwrap_or_default(),
            source: success.source,
            run: self.session.run(),
            duration_us: micros(success.duration),
            inputs: success.inputs,
            changed_while_running: success.changed_while_running,
            kept: success.kept,
        };
        let entry = Entry::completed(stamp);
        let history = self.history(time, Ended::Ran, success.duration, None);
        let mark = next.map(|task| mark(self.session, records, task));
        self.keep(records, Some(entry), history, mark).await
    }

    /// The task asked to be skipped: all is as it was.
    pub(crate) async fn skip(self, records: &mut Records, duration: Duration) -> Result<(), StampError> {
        let history = self.history(self.session.layout().clock().now(), Ended::Skipped, duration, None);
        self.keep(records, self.previous.clone(), history, None).await
    }

    /// The task failed: the stamp goes, the failure stays.
    pub(crate) async fn fail(self, records: &mut Records, error: String, duration: Duration) -> Result<(), StampError> {
        let time = self.session.layout().clock().now();
        let history = self.history(time, Ended::Failed, duration, Some(error.clone()));
        let failed = Attempt::Failed { time, run: self.session.run(), error };
        self.keep(records, Some(Entry { attempt: Some(failed), ..Entry::default() }), history, None).await
    }

    fn history(&self, time: Moment, ended: Ended, duration: Duration, error: Option<String>) -> HistoryEntry {
        history_entry(self.session, self.task, &self.reason, time, ended, duration, error)
    }

    async fn keep(
        &self,
        records: &mut Records,
        entry: Option<Entry>,
        history: HistoryEntry,
        mark: Option<Change>,
    ) -> Result<(), StampError> {
        let change = Change::Set { task: self.task.to_owned(), entry, history: Some(Box::new(history)) };
        change.apply(records);
        write(self.session, [change].into_iter().chain(mark).collect()).await
    }
}

/// That a task is in progress. Only the store is told: a run knows what it does.
fn mark(session: &Session, records: &Records, task: &'static str) -> Change {
    let stamp = records.get(task).and_then(|entry| entry.stamp.clone());
    let running = Attempt::Running { since: session.layout().clock().now(), run: session.run() };
    Change::Set {
        task: task.to_owned(),
        entry: Some(Entry { stamp, attempt: Some(running), ..Entry::default() }),
        history: None,
    }
}

/// Takes back a mark that was written ahead, of a task that did not begin.
pub(crate) async fn unmark(session: &Session, records: &Records, task: &'static str) -> Result<(), StampError> {
    let entry = records.get(task).cloned();
    write(session, vec![Change::Set { task: task.to_owned(), entry, history: None }]).await
}

/// Adds the end of an attempt of a task without a stamp (one with a completion check) to the history.
pub(crate) async fn record_without_stamp(
    session: &Session,
    task: &'static str,
    reason: &Reason,
    ended: Ended,
    duration: Duration,
    error: Option<String>,
) -> Result<Moment, StampError> {
    let time = session.layout().clock().now();
    let history = history_entry(session, task, reason, time, ended, duration, error);
    let change = Change::Set { task: task.to_owned(), entry: None, history: Some(Box::new(history)) };
    write(session, vec![change]).await?;
    Ok(time)
}

fn history_entry(
    session: &Session,
    task: &str,
    reason: &Reason,
    time: Moment,
    ended: Ended,
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
    session.layout().store().write(session.subdir(), changes).await
}

/// In whole microseconds, as all that is kept or printed as JSON has it.
pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

impl Session {
    /// The run that stamps are written for.
    pub(crate) fn run(&self) -> RunId {
        self.layout().run_id()
    }
}
