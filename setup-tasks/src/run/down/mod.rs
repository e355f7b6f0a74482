//! The way down: undoes the tasks of objects in reverse order.
//!
//! Objects that depend on each other, task by task, are brought down together, in one list of steps.
//! Every other object is brought down alone.

mod member;
mod steps;
mod undo;
mod walk;

use std::sync::Arc;

use member::Member;
pub(crate) use member::{COULD_NOT, needed};
pub(crate) use steps::needs_of;
use walk::Walk;

use crate::object::{DynObject, Permit, RowId, RunGuard};
use crate::report::{ObjectReport, RunError};
use crate::work::{Mode, RequestCx, WorkContext};

/// The result of an object that was to be brought down.
#[derive(Debug)]
pub(crate) struct DownResult {
    pub(crate) report: ObjectReport,
    pub(crate) error: Option<RunError>,
    /// Whether the cache of a retired object was or would be removed.
    pub(crate) prunes: bool,
}

/// An object to bring down.
pub(crate) struct DownObject {
    pub(crate) object: Arc<dyn DynObject>,
    /// The steps that wait for steps of other objects of the same call.
    pub(crate) waits: Vec<StepWait>,
}

/// A task that is undone only after the steps of a dependent.
pub(crate) struct StepWait {
    /// The row of the task.
    pub(crate) row: RowId,
    /// The index of the dependent in the call.
    pub(crate) dependent: usize,
    /// The position of the dependency in the steps of the dependent. Later steps come first.
    pub(crate) at: usize,
}

/// Brings objects down. With several objects, their steps are interleaved as their dependencies
/// require. Returns the results in the order of the objects.
pub(crate) async fn bring_down(objects: Vec<DownObject>, mode: Mode, work: WorkContext) -> Vec<DownResult> {
    let handles: Vec<_> = objects.iter().map(|down| down.object.clone()).collect();
    let request = work.request();
    // Every caller takes the locks in the same order, so that no two wait for each other.
    let mut order: Vec<_> = handles.iter().collect();
    order.sort_by(|a, b| a.core().subdir.cmp(&b.core().subdir));
    let (mut waits, mut locks, mut guards) = (Vec::new(), Vec::new(), Vec::new());
    // The work that holds the locks so far waits for the next one, so that a circle is found.
    let mut holder = work.clone();
    for object in order {
        let core = object.core();
        let progress = core.progress(core.mode_for(mode));
        match progress.node.wait(&holder) {
            Ok(wait) => waits.push(wait),
            Err(circle) => return member::failed_together(&handles, object, &RunError::circle(&core.id, circle)),
        }
        locks.push(progress.run_lock().await);
        guards.push((progress.node.begin(work.node.clone()), RunGuard(progress)));
        holder = holder.of_node(&progress.node, request);
    }
    let mut members = Vec::with_capacity(objects.len());
    for DownObject { object, waits } in objects {
        let permit = Permit::of(object.core(), mode);
        match Member::new(object.clone(), permit, waits, &work, request).await {
            Ok(member) => members.push(member),
            Err(error) => return member::failed_together(&handles, &object, &error),
        }
    }
    let cx = RequestCx::of(&work, mode);
    Walk { members, cx }.run().await
}
