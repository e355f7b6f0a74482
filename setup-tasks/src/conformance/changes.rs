//! The changes with which a store is checked, and the records that it must have after them.

use std::collections::BTreeMap;

use crate::decide::Reason;
use crate::stamp::{Attempt, AttemptEnd, Change, Entry, HistoryEntry, Records, RunId, Stamp, Timestamp};

/// The time of the first change. Later changes count from here, in seconds.
const EPOCH: u64 = 1_700_000_000_000_000_000;

/// The name of a task that a file system and a query language could mistake for something else.
pub(super) const ODD: &str = "a/b %_'\"\\.. ü~";

pub(super) fn at(seconds: u64) -> Timestamp {
    Timestamp(EPOCH + seconds * 1_000_000_000 + 123)
}

const RUN: RunId = RunId { began: 0x18b, pid: 4711 };

/// Returns a stamp with a value in every field that another crate can set.
pub(super) fn stamp(seconds: u64) -> Stamp {
    let mut stamp = Stamp::new(at(seconds), format!("contents of {seconds}\n\t'\"ü"));
    (stamp.source, stamp.run, stamp.duration_us) = (Some(u64::MAX - seconds), RUN, 1_000_000 + seconds);
    (stamp.changed_while_running, stamp.kept) = (true, vec![0, 255, 10, 13]);
    stamp
}

pub(super) fn running(seconds: u64) -> Entry {
    Entry { attempt: Some(Box::new(Attempt::Running { since: at(seconds), run: RUN })), ..Entry::default() }
}

pub(super) fn failed(seconds: u64) -> Entry {
    let error = "it failed:\n\t'\"ü".to_owned();
    Entry { attempt: Some(Box::new(Attempt::Failed { time: at(seconds), run: RUN, error })), ..Entry::default() }
}

pub(super) fn line(object: &str, task: &str, seconds: u64, ended: AttemptEnd) -> HistoryEntry {
    let error = (ended == AttemptEnd::Failed).then(|| "it failed:\n\t'\"ü".to_owned());
    HistoryEntry {
        run: RUN.to_string(),
        object: object.to_owned(),
        task: task.to_owned(),
        time: at(seconds),
        duration_us: 1_000_000 + seconds,
        ended,
        reason: "forced".to_owned(),
        error,
        why: Some(Reason::Forced),
    }
}

pub(super) fn begin(task: &str, seconds: u64) -> Change {
    Change::Begin { task: task.to_owned(), entry: running(seconds) }
}

pub(super) fn complete(object: &str, task: &str, seconds: u64) -> Change {
    let history = Box::new(line(object, task, seconds, AttemptEnd::Ran));
    Change::Complete { task: task.to_owned(), entry: Entry::completed(stamp(seconds)), history }
}

pub(super) fn fail(object: &str, task: &str, seconds: u64) -> Change {
    let history = Box::new(line(object, task, seconds, AttemptEnd::Failed));
    Change::Fail { task: task.to_owned(), entry: failed(seconds), history }
}

pub(super) fn identify(id: &str) -> Change {
    Change::Identify { id: id.to_owned(), type_name: "Machine".to_owned() }
}

/// Returns changes of every kind, in an order in which each has an effect.
pub(super) fn of_every_kind(object: &str) -> Vec<Change> {
    let task = |name: &str| name.to_owned();
    let history = |name: &str, seconds, ended| Box::new(line(object, name, seconds, ended));
    let again = Entry { stamp: Some(stamp(2)), ..running(3) };
    vec![
        identify("the object"),
        begin("one", 1),
        complete(object, "one", 2),
        Change::Begin { task: task("one"), entry: again },
        Change::Withdraw { task: task("one"), entry: Some(Entry::completed(stamp(2))) },
        begin("two", 4),
        Change::Withdraw { task: task("two"), entry: None },
        begin("two", 5),
        fail(object, "two", 6),
        begin(ODD, 7),
        complete(object, ODD, 8),
        Change::Retime { task: task(ODD), entry: Entry::completed(stamp(9)) },
        begin("three", 10),
        Change::Skip {
            task: task("three"),
            entry: Some(Entry::changed_at(at(10))),
            history: history("three", 11, AttemptEnd::Skipped),
        },
        Change::MarkDone {
            task: task("four"),
            entry: Entry::completed(stamp(12)),
            history: history("four", 12, AttemptEnd::Marked),
        },
        Change::Carry { task: task("five"), entry: Entry::completed(stamp(13)) },
        Change::Forget { task: task("four") },
        begin("seven", 15),
        Change::Fail { task: task("seven"), entry: failed(16), history: history("seven", 16, AttemptEnd::UndoFailed) },
        Change::Undo { task: task("seven"), history: history("seven", 17, AttemptEnd::Undone) },
        Change::Carry { task: task("eight"), entry: Entry::completed(stamp(13)) },
        Change::Undo { task: task("eight"), history: history("eight", 18, AttemptEnd::Forgotten) },
        begin("six", 14),
    ]
}

/// Records in an order of their own, because a store may return the tasks in any order.
pub(super) type Sorted = BTreeMap<String, Entry>;

pub(super) fn sorted(records: &Records) -> Sorted {
    records.iter().map(|(task, entry)| (task.to_owned(), entry.clone())).collect()
}

/// Returns the records after changes to an object without records.
pub(super) fn after<'c>(changes: impl IntoIterator<Item = &'c Change>) -> Sorted {
    let mut records = Records::default();
    changes.into_iter().for_each(|change| change.apply(&mut records));
    sorted(&records)
}
