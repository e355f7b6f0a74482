//! The outputs of a task with the key `restat`, as they were just before its method. Outputs with the
//! same content afterwards mean that the task changed nothing.

use std::sync::Arc;

use crate::object::{DynObject, RowId};
use crate::stamp::{InputStamp, Inputs};
use crate::task::outcome::Outcome;

/// The outputs of a task before its method was called.
pub(super) struct OutputsBefore {
    /// The record, or `None` if the outputs cannot be read.
    recorded: Option<Vec<InputStamp>>,
}

impl OutputsBefore {
    /// Records the outputs of a task, or returns `None` for a task without the key.
    pub(super) fn of(object: &Arc<dyn DynObject>, row: RowId) -> Option<Self> {
        let recorded = || find(object, row)?.record().ok();
        object.meta(row).restat.then(|| Self { recorded: recorded() })
    }

    /// Returns the outcome of the method by the outputs that it left. Outputs that cannot be compared
    /// count as changed.
    pub(super) fn outcome(&self, object: &Arc<dyn DynObject>, row: RowId, outcome: Outcome) -> Outcome {
        if outcome == Outcome::Skipped {
            return outcome;
        }
        let is_same = self.recorded.as_ref().zip(find(object, row)).is_some_and(|(recorded, now)| {
            let change = now.first_change(recorded);
            change.is_ok_and(|change| change.is_none())
        });
        if is_same { Outcome::Unchanged } else { Outcome::Done }
    }
}

/// Finds the outputs of a task. Unlike inputs, they may be in the runtime's own directories.
fn find(object: &Arc<dyn DynObject>, row: RowId) -> Option<Inputs> {
    Inputs::find(&object.core().config().base_dir, &object.outputs(row)?, &[]).ok()
}
