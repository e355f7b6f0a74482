//! The state of tasks according to their stamps alone. No method is called.

use std::borrow::Cow;
use std::sync::Arc;

use super::classify::{Class, KnownFacts, classify};
use crate::decide::{Decision, EarlierTasks};
use crate::object::{DynObject, RowId};
use crate::stamp::{Entry, Records, Stamp, StampError, Timestamp};
use crate::task::category::TaskCategory;

/// The state of a task according to the stamps alone.
#[derive(Clone, Debug)]
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
    Ok(frame(object, &object.core().load().await?, &mut EarlierTasks::default(), Runs::ByDecision))
}

/// The tasks of a frame that would run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Runs {
    ByDecision,
    /// No task, because the model of this customization or of an outer one is readonly.
    Never,
}

/// Returns the state of every task of an object or a customization.
fn frame(object: &Arc<dyn DynObject>, records: &Records, earlier: &mut EarlierTasks, runs: Runs) -> Vec<TaskSnapshot> {
    let order = object.order();
    order.iter().map(|row| one(object, row, records, earlier, runs)).collect()
}

fn one(
    object: &Arc<dyn DynObject>,
    row: RowId,
    records: &Records,
    earlier: &mut EarlierTasks,
    runs: Runs,
) -> TaskSnapshot {
    let task = object.stamp_name(row);
    let (entry, has) = (records.get(task), object.features(row));
    let subtasks = match has.category {
        // The run reports a customization that cannot be created.
        TaskCategory::Customization => object.clone().customization(row).map(|custom| {
            let runs = if custom.core().model_readonly == Some(true) { Runs::Never } else { runs };
            frame(&custom, records, earlier, runs)
        }),
        TaskCategory::Task | TaskCategory::Relationship => Ok(Vec::new()),
    };
    let has_stamp = has.category == TaskCategory::Task && !has.completion;
    let last_change = entry.and_then(|entry| entry.last_change(has.completion));
    let decision = if runs == Runs::Never { Some(Decision::UpToDate(last_change)) } else { None };
    let decision = decision.or_else(|| {
        let known = KnownFacts { entry, newest: earlier.newest(), ..KnownFacts::default() };
        match has_stamp.then(|| classify(&has.by_stamp_alone(), &known))? {
            Class::UpToDate(time) => Some(Decision::UpToDate(time)),
            Class::Run(reason) => Some(Decision::Run(reason)),
            Class::NeedsProbe => None,
        }
    });
    let time = match &decision {
        Some(Decision::Run(_)) => Some(Timestamp::FUTURE),
        Some(Decision::UpToDate(time)) => *time,
        // The last attempt may have changed something. It counts if the check reports the task as
        // complete.
        Some(Decision::Ask(_)) | None => last_change.filter(|_| has.completion),
    };
    earlier.add(time, || Cow::Borrowed(task));
    let stamp = entry.and_then(Entry::valid).cloned();
    let (description, subtasks) = (object.describe(row), subtasks.unwrap_or_default());
    TaskSnapshot { task, description, stamp, changed: last_change, decision, subtasks }
}
