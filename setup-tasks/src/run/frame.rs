//! The frames of a walk. A frame contains the rows of the host itself or those of a customization,
//! whose stamps belong to the host. Each frame may have its own context.

use std::borrow::Cow;
use std::sync::Arc;

use super::driver::Driver;
use super::relationship::newest_by;
use super::session::Session;
use super::walk::{Considered, Step};
use crate::BoxFuture;
use crate::object::DynObject;
use crate::object::ResumePoint;
use crate::report::RunError;
use crate::report::TaskReport;
use crate::task::category::TaskCategory;
use crate::task::context::Resources;
use crate::task::run_context::{ContextExit, DynRunContext, Entered};

/// A frame of a walk.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) object: Arc<dyn DynObject>,
    /// Whether all tasks of the frame run.
    pub(super) forced: bool,
    /// Whether the fleet's tags select all tasks of the frame.
    pub(super) selected: bool,
    /// Whether the frame is the host's own.
    pub(super) is_host: bool,
}

impl Frame {
    /// Returns whether a row is the task with this stamp name, or the customization that contains
    /// it.
    pub(super) fn leads_to(&self, row: usize, task: &str) -> bool {
        let rest = task.strip_prefix(self.object.stamp_name(row));
        rest.is_some_and(|rest| {
            rest.is_empty() || (rest.starts_with('.') && self.object.category(row) == TaskCategory::Customization)
        })
    }
}

/// The contexts of the frames of a walk, the outermost first.
#[derive(Default)]
pub(super) struct ContextStack {
    /// The resources of the task that runs this one through its handle.
    outer: Resources,
    slots: Vec<Slot>,
}

struct Slot {
    context: Option<Arc<dyn DynRunContext>>,
    entered: Option<Entered>,
}

impl ContextStack {
    pub(super) fn within(outer: Resources) -> Self {
        Self { outer, slots: Vec::new() }
    }

    pub(super) fn push(&mut self, context: Option<Arc<dyn DynRunContext>>) {
        self.slots.push(Slot { context, entered: None });
    }

    /// Enters all contexts that are not entered yet, because a task runs.
    pub(super) async fn enter(&mut self, _session: &Session, object: &str) -> Result<(), RunError> {
        for slot in &mut self.slots {
            if let (Some(context), None) = (&slot.context, &slot.entered) {
                let entered = Entered::enter(context).await;
                slot.entered = Some(entered.map_err(|source| error(object, "entered", source))?);
            }
        }
        Ok(())
    }

    /// Leaves and removes the innermost context.
    pub(super) async fn pop(&mut self, object: &str, outcome: ContextExit) -> Result<(), RunError> {
        match self.slots.pop().and_then(|slot| slot.entered) {
            Some(entered) => entered.leave(outcome).await.map_err(|source| error(object, "left", source)),
            None => Ok(()),
        }
    }

    /// Returns the resources of the entered contexts.
    pub(super) fn resources(&self) -> Resources {
        let own = self.slots.iter().filter_map(|slot| slot.entered.as_ref().map(Entered::resource));
        self.outer.iter().cloned().chain(own).collect()
    }
}

impl Driver<'_> {
    /// Walks the tasks of a customization in place of its row. The time of the row is that of its
    /// newest task.
    ///
    /// If the customization's own model is readonly, none of its tasks run unless one is called by
    /// its handle. The times of their last runs still count.
    pub(super) async fn customization(&mut self, frame: &Frame, row: usize) -> Result<Considered, RunError> {
        let (object, name) = (frame.object.clone(), frame.object.stamp_name(row));
        let core = self.object.core();
        // If a task of the customization runs this one, the customization's context is entered
        // already.
        let is_within = self.running.as_ref().is_some_and(|running| running.is_within(name));
        let made = object.clone().customization(row).and_then(|inner| {
            let context = if is_within { None } else { object.clone().customization_context(row)? };
            Ok((inner, context))
        });
        let (inner, context) = match made {
            Ok(made) => made,
            Err(error) => {
                let error = RunError::check(&core.id, name, "customization", error);
                return self.fail_or_wait(frame, row, None, error);
            }
        };
        let inner = Frame {
            object: inner,
            forced: self.is_forced(frame, name),
            selected: self.is_selected(frame, row),
            is_host: false,
        };
        if !(frame.is_host && self.is_single_task()) && inner.object.core().model_readonly == Some(true) {
            let time = newest_by(&inner.object, &self.records).await?;
            self.pass_on(time, || Cow::Borrowed(name));
            return Ok(Considered::At(time));
        }
        self.contexts.push(context);
        let outer = std::mem::take(&mut self.tasks);
        let walked = self.walk_boxed(&inner).await;
        let subtasks = std::mem::replace(&mut self.tasks, outer);
        let outcome = if walked.is_ok() { ContextExit::Done } else { ContextExit::Failed };
        let left = self.contexts.pop(&core.id, outcome).await;
        let walked = walked.and_then(|step| left.map(|()| step));
        if let Ok(Step::Restart) = walked {
            return Ok(Considered::Restart);
        }
        self.report_nested(frame);
        let time = subtasks.iter().filter_map(|task| task.time).max();
        self.tasks.push(TaskReport::of_subtasks(name, object.describe(row), subtasks, time));
        walked.map(|_| Considered::At(time))
    }

    fn walk_boxed<'d>(&'d mut self, frame: &'d Frame) -> BoxFuture<'d, Result<Step, RunError>> {
        Box::pin(async move { self.walk(frame, &ResumePoint::default(), 0).await })
    }
}

fn error(object: &str, what: &'static str, source: anyhow::Error) -> RunError {
    RunError::Context { object: object.to_owned(), what, source: source.into() }
}
