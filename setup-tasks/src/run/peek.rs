//! The state of tasks according to their stamps alone. No method is called.

use std::borrow::Cow;
use std::sync::Arc;

use super::classify::{Class, KnownFacts, classify};
use super::last_change::after_run;
use crate::decide::Decision;
use crate::earlier::{Changes, EarlierTasks, LastChange};
use crate::object::{DynObject, RowId};
use crate::stamp::{Entry, Records, Stamp, StampError, Timestamp};
use crate::task::category::TaskCategory;

/// The state of a task according to the stamps alone.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TaskSnapshot {
    /// The task's name.
    pub task: &'static str,
    /// The description of the task.
    pub description: Cow<'static, str>,
    /// The task's stamp, unless a later attempt failed or was interrupted.
    pub stamp: Option<Stamp>,
    /// The time when the task last changed something, if it is known. Later tasks compare with it.
    pub changed: Option<Timestamp>,
    /// The decision according to the stamp, the source and the tasks before this one. Hash
    /// functions, inputs and invalidators are not considered. `None` for a task with a completion
    /// check, for a relationship and for a customization, since only a method can decide about
    /// these.
    pub decision: Option<Decision>,
    /// The tasks of a customization.
    pub subtasks: Vec<TaskSnapshot>,
}

/// Returns the state of every task of an object.
pub(crate) async fn peek(object: &Arc<dyn DynObject>) -> Result<Vec<TaskSnapshot>, StampError> {
    let mut earlier = EarlierTasks::of_frame(Changes::default(), object.subscribes());
    Ok(frame(object, &object.core().load().await?, &mut earlier, Runs::ByDecision).0)
}

/// The tasks of a frame that would run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    ByDecision,
    /// No task, because the model of this customization or of an outer one is readonly.
    Never,
}

/// Returns the state of every task of an object or a customization, and their last change.
fn frame(
    object: &Arc<dyn DynObject>,
    records: &Records,
    earlier: &mut EarlierTasks,
    runs: Runs,
) -> (Vec<TaskSnapshot>, LastChange) {
    let (mut snapshots, mut changed) = (Vec::new(), LastChange::default());
    for row in object.order().iter() {
        let (snapshot, change) = one(object, row, records, earlier, runs);
        snapshots.push(snapshot);
        changed = changed.or(change);
    }
    (snapshots, changed)
}

fn one(
    object: &Arc<dyn DynObject>,
    row: RowId,
    records: &Records,
    earlier: &mut EarlierTasks,
    runs: Runs,
) -> (TaskSnapshot, LastChange) {
    let task = object.stamp_name(row);
    let (entry, has) = (records.get(task), object.features(row));
    let changes = earlier.of(object.subscription(row, &has)).into_owned();
    let (subtasks, inner) = match has.category {
        // The run reports a customization that cannot be created.
        TaskCategory::Customization => object.clone().customization(row).map_or_else(
            |_| (Vec::new(), LastChange::default()),
            |custom| {
                let runs = if custom.core().model_readonly == Some(true) { Runs::Never } else { runs };
                let mut inside = EarlierTasks::of_frame(changes.clone(), custom.subscribes());
                let subtasks = frame(&custom, records, &mut inside, runs);
                earlier.merge(inside.all());
                subtasks
            },
        ),
        TaskCategory::Task | TaskCategory::Relationship => (Vec::new(), LastChange::default()),
    };
    let has_stamp = has.category == TaskCategory::Task && !has.completion;
    let last_change = entry.and_then(|entry| entry.last_change(has.completion));
    let decision = if runs == Runs::Never { Some(Decision::UpToDate(last_change)) } else { None };
    let decision = decision.or_else(|| {
        let known = KnownFacts { entry, ..KnownFacts::default() }.after(&changes);
        match has_stamp.then(|| classify(&has.by_stamp_alone(), &known))? {
            Class::UpToDate(time) => Some(Decision::UpToDate(time)),
            Class::Run(reason) => Some(Decision::Run(reason)),
            Class::MayRun { reason, last_change } => Some(Decision::MayRun { reason, last_change }),
            Class::NeedsProbe => None,
        }
    });
    let change = match &decision {
        Some(Decision::Run(reason)) => after_run(&object.meta(row), reason, entry, &has),
        Some(Decision::MayRun { last_change, .. }) => LastChange::open(*last_change),
        Some(Decision::UpToDate(time)) => LastChange::from(*time),
        // The last attempt may have changed something. It counts if the check reports the task as
        // complete.
        Some(Decision::Ask(_)) | None => last_change.filter(|_| has.completion).into(),
    };
    let change = change.or(inner);
    earlier.add(|| object.name(row), change, || Cow::Borrowed(task));
    let stamp = entry.and_then(Entry::valid).cloned();
    let description = object.describe(row);
    (TaskSnapshot { task, description, stamp, changed: last_change, decision, subtasks }, change)
}
