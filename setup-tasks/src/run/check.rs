//! The check of an object's tasks: finds the mistakes that are visible without running a task.

use std::sync::Arc;

use super::find_task;
use super::helper_call::call_helper;
use crate::layout::Dependency;
use crate::object::{AnyObject, DynObject, RowId};
use crate::report::RunError;
use crate::stamp::{Inputs, first_missing};
use crate::task::category::TaskCategory;
use crate::task::context::LazyContext;
use crate::work::WorkContext;

impl AnyObject {
    /// Returns every mistake in the object's tasks that is visible without running one:
    /// relationships to missing objects or tasks, malformed globs, customizations that cannot be
    /// created, and errors that a kind of task finds in its own definition, such as a template that
    /// cannot be rendered. The check runs no task, calls no hash function and no invalidator, and
    /// changes nothing on disk.
    pub async fn check(&self) -> Vec<RunError> {
        WorkContext::in_plan(check(&self.0)).await
    }
}

/// Checks the tasks of an object and of its customizations, in run order.
async fn check(host: &Arc<dyn DynObject>) -> Vec<RunError> {
    let mut problems = Vec::new();
    // The frames that are not checked to their end, the innermost last, with their next positions.
    let mut open = vec![(host.clone(), 0)];
    while let Some((object, at)) = open.pop() {
        let order = object.order();
        if at == order.len() {
            continue;
        }
        let row = order.row(at);
        open.push((object.clone(), at + 1));
        match object.category(row) {
            TaskCategory::Relationship => problems.extend(relation(host, &object, row).await.err()),
            TaskCategory::Task => problems.extend(task(host, &object, row).await),
            TaskCategory::Customization => match object.clone().customization(row) {
                Ok(inner) => open.push((inner, 0)),
                Err(error) => {
                    let name = object.stamp_name(row);
                    problems.push(RunError::check(&host.core().id, name, "customization", error));
                }
            },
        }
    }
    problems
}

/// Checks the inputs, the outputs, the dependencies and the definition of a task.
async fn task(host: &Arc<dyn DynObject>, object: &Arc<dyn DynObject>, row: RowId) -> Vec<RunError> {
    let (id, name) = (&host.core().id, object.stamp_name(row));
    let failed = |what, error| RunError::check(id, name, what, error);
    let config = object.core().config();
    let (base, skip) = (&config.base_dir, config.own_directories());
    let inputs = object.inputs(row).map(|inputs| Inputs::find(base, &inputs, &skip).map(drop));
    let outputs = object.outputs(row).map(|outputs| first_missing(base, &outputs).map(drop));
    let listed = [("list of inputs", inputs), ("list of outputs", outputs)];
    let mut problems: Vec<_> =
        listed.into_iter().filter_map(|(what, found)| Some(failed(what, found?.err()?.into()))).collect();
    for (other, to) in object.dependencies(row).into_iter().map(Dependency::parts) {
        problems.extend(find_task(&other.0, to.task).err().map(|error| failed("dependency", error.into())));
    }
    let cx = LazyContext::new(object, name, None, Vec::new());
    let checked = call_helper(|| object.check(row, &cx)).await;
    problems.extend(checked.err().map(|error| failed("definition", error)));
    problems
}

/// Checks that the objects of a relationship and their task exist.
async fn relation(host: &Arc<dyn DynObject>, object: &Arc<dyn DynObject>, row: RowId) -> Result<(), RunError> {
    let Some(to) = object.related(row) else { return Ok(()) };
    let (id, name) = (&host.core().id, object.stamp_name(row));
    let failed = |error| RunError::check(id, name, "relationship", error);
    let cx = LazyContext::new(object, name, None, Vec::new());
    let relatives = call_helper(|| object.relatives(row, &cx)).await.map_err(failed)?.unwrap_or_default();
    for relative in relatives.0 {
        let found = relative.find(object.core().injector()).await;
        let other = found.map_err(|error| failed(error.asked_by(format!("{id}/{name}")).into()))?;
        find_task(&other.0, to.task).map_err(|error| failed(error.into()))?;
    }
    Ok(())
}
