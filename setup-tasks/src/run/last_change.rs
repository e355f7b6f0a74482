//! The times when tasks last changed something, without running anything. They count where a run
//! considers no task: for an excluded or readonly object, or a readonly customization.

use std::sync::Arc;

use super::classify::KnownFacts;
use super::probe::{TaskProbe, Verdict};
use crate::decide::Reason;
use crate::earlier::LastChange;
use crate::object::{DynObject, Features, RowId};
use crate::report::RunError;
use crate::stamp::{Entry, Records, Timestamp};
use crate::task::category::TaskCategory;
use crate::task::row::TaskMeta;
use crate::work::Mode;

/// Returns the time when a task last changed something. A customization has the time of its newest
/// task, and a relationship has no time.
pub(super) async fn last_change(
    object: &Arc<dyn DynObject>,
    row: RowId,
    mode: Mode,
) -> Result<Option<Timestamp>, RunError> {
    let records = object.core().load_in(mode).await?;
    match object.category(row) {
        TaskCategory::Customization => newest_by(&customization(object, row)?, &records, mode).await,
        TaskCategory::Relationship => Ok(None),
        TaskCategory::Task => task_by(object, row, &records, mode).await,
    }
}

/// Returns the time when the newest of an object's tasks last changed something, according to the
/// records. The tasks of customizations count, too.
pub(super) async fn newest_by(
    object: &Arc<dyn DynObject>,
    records: &Records,
    mode: Mode,
) -> Result<Option<Timestamp>, RunError> {
    let (mut newest, mut open) = (None, vec![object.clone()]);
    while let Some(object) = open.pop() {
        for row in object.order().iter() {
            match object.category(row) {
                TaskCategory::Customization => open.push(customization(&object, row)?),
                TaskCategory::Relationship => {}
                TaskCategory::Task => newest = newest.max(task_by(&object, row, records, mode).await?),
            }
        }
    }
    Ok(newest)
}

/// Returns the time when a task last changed something, according to its completion check or its
/// record.
async fn task_by(
    object: &Arc<dyn DynObject>,
    row: RowId,
    records: &Records,
    mode: Mode,
) -> Result<Option<Timestamp>, RunError> {
    let has = object.features(row);
    let entry = records.get(has.stamp_name);
    if !has.completion {
        return Ok(entry.and_then(|entry| entry.last_change(false)));
    }
    let probe = TaskProbe { object, row, entry, resources: Vec::new(), observation: None, mode };
    let known = KnownFacts { entry, ..KnownFacts::default() };
    match probe.probe(&has, &known, None).await?.verdict {
        Verdict::UpToDate(time) => Ok(time),
        Verdict::Run(_) | Verdict::MayRun { .. } => Ok(None),
    }
}

/// Returns the last change of a task that would run, as far as its declaration and its record show it.
pub(super) fn after_run(meta: &TaskMeta, reason: &Reason, entry: Option<&Entry>, has: &Features) -> LastChange {
    let entry = entry.filter(|entry| entry.attempt.is_none());
    let last_change = entry.and_then(|entry| entry.last_change(has.completion));
    // A check that runs in every run and has no outcome changes nothing.
    if *reason == Reason::Always && !meta.reports {
        return last_change.into();
    }
    // Without a record of the last change, any run of the task counts as a change.
    let may_be_unchanged = (meta.reports || meta.restat) && last_change.is_some();
    if may_be_unchanged { LastChange::open(last_change) } else { LastChange::CERTAIN }
}

fn customization(object: &Arc<dyn DynObject>, row: RowId) -> Result<Arc<dyn DynObject>, RunError> {
    let failed = |source| RunError::check(&object.core().id, object.stamp_name(row), "customization", source);
    object.clone().customization(row).map_err(failed)
}
