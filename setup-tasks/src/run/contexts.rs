//! The contexts of a run and of the customizations that its walk has entered.

use std::sync::Arc;

use super::session::Session;
use crate::report::RunError;
use crate::task::context::Resources;
use crate::task::run_context::{ContextExit, DynRunContext, Entered};
use crate::work::WorkContext;

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

    pub(super) fn is_empty(&self) -> bool {
        self.slots.is_empty()
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
    pub(super) async fn pop(&mut self, object: &str, exit: ContextExit, work: &WorkContext) -> Result<(), RunError> {
        match self.slots.pop().and_then(|slot| slot.entered) {
            Some(entered) => entered.leave(exit, work).await.map_err(|source| error(object, "left", source)),
            None => Ok(()),
        }
    }

    /// Removes the innermost context, which is not entered. A context is entered only within a
    /// session, and a walk with a session never starts again.
    pub(super) fn pop_unentered(&mut self) {
        self.slots.pop();
    }

    /// Returns the resources of the entered contexts.
    pub(super) fn resources(&self) -> Resources {
        let own = self.slots.iter().filter_map(|slot| slot.entered.as_ref().map(Entered::resource));
        self.outer.iter().cloned().chain(own).collect()
    }
}

fn error(object: &str, what: &'static str, source: anyhow::Error) -> RunError {
    RunError::Context { object: object.to_owned(), what, source: source.into() }
}
