//! What stamps alone say, without running any method.

use std::borrow::Cow;
use std::sync::Arc;

use crate::decide::{Decision, Fact, Facts, Newest, decide};
use crate::object::DynObject;
use crate::stamp::{Entry, Moment, Stamp, StampError};

/// One task, as far as stamps alone tell.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TaskGlance {
    /// The task's name.
    pub task: &'static str,
    /// What it does.
    pub description: Cow<'static, str>,
    /// Its stamp, unless a later attempt failed or was interrupted.
    pub stamp: Option<Stamp>,
    /// Whether it would run, by its stamp, its source and the tasks before it; hash functions, inputs and invalidators
    /// are not asked. `None` for a task with a completion check, and for a relationship: only a method could tell.
    pub decision: Option<Decision>,
}

/// Looks at every task of an object.
pub(crate) fn glance(object: &Arc<dyn DynObject>) -> Result<Vec<TaskGlance>, StampError> {
    let records = object.core().load()?;
    let mut newest: Option<Newest> = None;
    let mut glances = Vec::with_capacity(object.task_count());
    for i in 0..object.task_count() {
        let task = object.meta(i).place.name;
        let entry = records.get(task);
        let decision = (!object.has_completion_check(i)).then(|| {
            decide(&Facts {
                forced: false,
                completion: Fact::Absent,
                entry,
                newest: newest.as_ref(),
                hash: Fact::Absent,
                source: object.meta(i).source,
                input_change: Fact::Absent,
                missing_output: Fact::Absent,
                valid: Fact::Absent,
            })
        });
        let time = match &decision {
            Some(Decision::Run(_)) => Some(Moment::FUTURE),
            Some(Decision::UpToDate(time)) => *time,
            Some(Decision::Ask(_)) | None => None,
        };
        Newest::keep_later(&mut newest, time, || Cow::Borrowed(task));
        let stamp = entry.and_then(Entry::valid).cloned();
        glances.push(TaskGlance { task, description: object.describe(i), stamp, decision });
    }
    Ok(glances)
}
