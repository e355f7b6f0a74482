//! The steps of a way down: the rows of an object with those of its customizations, as one list in
//! run order. The walk begins at its end.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::super::helper_call::call_helper;
use crate::depends::RelatedTask;
use crate::layout::Dependency;
use crate::object::{AnyObject, DynObject, RowId};
use crate::report::RunError;
use crate::task::category::TaskCategory;
use crate::task::context::LazyContext;
use crate::task::run_context::DynRunContext;
use crate::work::WorkContext;

/// A step of the list.
#[derive(Clone)]
pub(super) struct Step {
    /// The object that has the row: the host, or the object of a customization.
    pub(super) frame: Arc<dyn DynObject>,
    pub(super) row: RowId,
    pub(super) kind: StepKind,
    /// The row of the host itself to which the step belongs.
    top: RowId,
}

#[derive(Clone)]
pub(super) enum StepKind {
    Task,
    Relation,
    /// The first step of a customization, and the last one on the way down.
    Begin,
    /// The last step of a customization. The way down enters the customization here, with its context.
    End(Option<Arc<dyn DynRunContext>>),
    /// A customization whose model is readonly.
    LeftAlone,
    /// A customization that cannot be created.
    Broken(RunError),
}

/// A dependency of an object: the step that has it, and the task of the other object.
pub(crate) struct Need {
    /// The position of the step in the list of the dependent.
    pub(crate) at: usize,
    pub(crate) other: AnyObject,
    /// The row of the other object.
    pub(crate) row: RowId,
}

impl Step {
    /// Returns the name of the step's task or customization in stamps.
    pub(super) fn name(&self) -> &'static str {
        self.frame.stamp_name(self.row)
    }
}

/// Returns the steps of an object in run order.
pub(super) fn steps_of(host: &Arc<dyn DynObject>) -> Vec<Step> {
    let mut steps = Vec::new();
    for row in host.order().iter() {
        add(host, host, row, row, &mut steps);
    }
    steps
}

/// Adds the steps of one row.
fn add(host: &Arc<dyn DynObject>, frame: &Arc<dyn DynObject>, row: RowId, top: RowId, steps: &mut Vec<Step>) {
    let step = |kind| Step { frame: frame.clone(), row, kind, top };
    match frame.category(row) {
        TaskCategory::Task => steps.push(step(StepKind::Task)),
        TaskCategory::Relationship => steps.push(step(StepKind::Relation)),
        TaskCategory::Customization => {
            let made = frame.clone().customization(row).and_then(|inner| {
                let context = frame.clone().customization_context(row)?;
                Ok((inner, context))
            });
            let (inner, context) = match made {
                Ok(made) => made,
                Err(error) => {
                    let error = RunError::check(&host.core().id, frame.stamp_name(row), "customization", error);
                    return steps.push(step(StepKind::Broken(error)));
                }
            };
            if inner.core().model_readonly == Some(true) {
                return steps.push(step(StepKind::LeftAlone));
            }
            steps.push(step(StepKind::Begin));
            inner.order().iter().for_each(|row| add(host, &inner, row, top, steps));
            steps.push(step(StepKind::End(context)));
        }
    }
}

/// Returns the positions of the steps that belong to a row of the host.
pub(super) fn positions(steps: &[Step], row: RowId) -> impl Iterator<Item = usize> {
    steps.iter().enumerate().filter(move |(_, step)| step.top == row).map(|(at, _)| at)
}

/// Returns all dependencies of an object. Relationship methods are called as in a plan.
///
/// # Errors
///
/// If the objects of a relationship cannot be determined.
pub(crate) async fn needs_of(object: &AnyObject) -> Result<Vec<Need>, RunError> {
    let host = &object.0;
    if !host.relates() {
        return Ok(Vec::new());
    }
    let mut needs = Vec::new();
    for (at, step) in steps_of(host).iter().enumerate() {
        let others = match step.kind {
            StepKind::Relation => WorkContext::in_plan(related(host, step)).await?,
            StepKind::Task if step.frame.features(step.row).dependencies => of_kind(step),
            _ => Vec::new(),
        };
        for (other, to) in others {
            let row = super::super::find_task(&other.0, to.task)?;
            needs.push(Need { at, other, row });
        }
    }
    Ok(needs)
}

async fn related(host: &Arc<dyn DynObject>, step: &Step) -> Result<Vec<(AnyObject, RelatedTask)>, RunError> {
    let (frame, name) = (&step.frame, step.name());
    let Some(to) = frame.related(step.row) else { return Ok(Vec::new()) };
    let failed = |source| RunError::check(&host.core().id, name, "relationship", source);
    let cx = LazyContext::new(frame, name, None, Vec::new());
    let relatives = call_helper(|| frame.relatives(step.row, &cx)).await.map_err(failed)?.unwrap_or_default();
    let mut others = Vec::with_capacity(relatives.0.len());
    for relative in relatives.0 {
        let found = relative.find(frame.core().injector()).await;
        let other = found.map_err(|error| failed(error.asked_by(format!("{}/{name}", host.core().id)).into()))?;
        others.push((other, to));
    }
    Ok(others)
}

/// Returns the dependencies of a task's kind.
fn of_kind(step: &Step) -> Vec<(AnyObject, RelatedTask)> {
    let asked = std::panic::catch_unwind(AssertUnwindSafe(|| step.frame.dependencies(step.row)));
    asked.unwrap_or_default().into_iter().map(Dependency::parts).collect()
}
