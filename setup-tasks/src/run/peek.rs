//! What stamps alone say, without running any method.

use std::borrow::Cow;
use std::sync::Arc;

use super::classify::{Class, Known, classify};
use crate::decide::{Decision, Newest};
use crate::object::DynObject;
use crate::stamp::{Entry, Records, Stamp, StampError, Timestamp};
use crate::task::category::TaskCategory;

/// One task, as far as stamps alone tell.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskSnapshot {
    /// The task's name.
    pub task: &'static str,
    /// What it does.
    pub description: Cow<'static, str>,
    /// Its stamp, unless a later attempt failed or was interrupted.
    pub stamp: Option<Stamp>,
    /// Whether it would run, by its stamp, its source and the tasks before it; hash functions, inputs and invalidators
    /// are not asked. `None` for a task with a completion check, for a relationship and for a customization: only a method
    /// could tell.
    pub decision: Option<Decision>,
    /// Of a customization, its tasks.
    pub subtasks: Vec<TaskSnapshot>,
}

/// Looks at every task of an object.
pub(crate) async fn peek(object: &Arc<dyn DynObject>) -> Result<Vec<TaskSnapshot>, StampError> {
    Ok(frame(object, &object.core().load().await?, &mut None, false))
}

/// Looks at the tasks of an object or a customization. With `rests`, nothing of it would run: it is a customization whose model
/// is readonly, or within one.
fn frame(
    object: &Arc<dyn DynObject>,
    records: &Records,
    newest: &mut Option<Newest>,
    rests: bool,
) -> Vec<TaskSnapshot> {
    let order = object.order();
    order.iter().map(|row| one(object, row, records, newest, rests)).collect()
}

fn one(
    object: &Arc<dyn DynObject>,
    row: usize,
    records: &Records,
    newest: &mut Option<Newest>,
    rests: bool,
) -> TaskSnapshot {
    let task = object.stamp_name(row);
    let (entry, has) = (records.get(task), object.features(row));
    let subtasks = match has.category {
        // One that cannot be made is reported by the run.
        TaskCategory::Customization => object.clone().customization(row).map(|custom| {
            let rests = rests || custom.core().model_readonly == Some(true);
            frame(&custom, records, newest, rests)
        }),
        TaskCategory::Task | TaskCategory::Relationship => Ok(Vec::new()),
    };
    let has_stamp = has.category == TaskCategory::Task && !has.completion;
    let last_run = entry.and_then(|entry| entry.last_run(has.completion));
    let decision = if rests { Some(Decision::UpToDate(last_run)) } else { None };
    let decision = decision.or_else(|| {
        let known = Known { entry, newest: newest.as_ref(), ..Known::default() };
        match has_stamp.then(|| classify(&has.by_stamp_alone(), &known))? {
            Class::UpToDate(time) => Some(Decision::UpToDate(time)),
            Class::Run(reason) => Some(Decision::Run(reason)),
            Class::NeedsProbe => None,
        }
    });
    let time = match &decision {
        Some(Decision::Run(_)) => Some(Timestamp::FUTURE),
        Some(Decision::UpToDate(time)) => *time,
        // The last attempt may have changed something, and counts if the check says that the task is complete.
        Some(Decision::Ask(_)) | None => last_run.filter(|_| has.completion),
    };
    Newest::keep_later(newest, time, || Cow::Borrowed(task));
    let stamp = entry.and_then(Entry::valid).cloned();
    TaskSnapshot { task, description: object.describe(row), stamp, decision, subtasks: subtasks.unwrap_or_default() }
}
