//! The rows of one object in a walk: the host's own, or those of a customization, whose stamps are the host's. Contexts are
//! entered a level at a time.

use std::sync::Arc;

use super::context::Resources;
use super::error::RunError;
use super::resource::{DynRunContext, Entered, RunOutcome};
use crate::object::DynObject;

/// A level of a walk.
#[derive(Clone)]
pub(super) struct Level {
    pub(super) object: Arc<dyn DynObject>,
    /// Whether everything in it runs.
    pub(super) forced: bool,
    /// Whether a fleet that chooses by tag takes everything in it.
    pub(super) chosen: bool,
    /// Whether it is the host's own.
    pub(super) is_host: bool,
}

/// The contexts of the levels of a walk, the outermost first.
#[derive(Default)]
pub(super) struct Contexts(Vec<Slot>);

struct Slot {
    context: Option<Arc<dyn DynRunContext>>,
    entered: Option<Entered>,
}

impl Contexts {
    pub(super) fn push(&mut self, context: Option<Arc<dyn DynRunContext>>) {
        self.0.push(Slot { context, entered: None });
    }

    /// Enters all that are not entered, since a task runs.
    pub(super) async fn enter(&mut self, object: &str) -> Result<(), RunError> {
        for slot in &mut self.0 {
            if let (Some(context), None) = (&slot.context, &slot.entered) {
                let entered = Entered::enter(context).await;
                slot.entered = Some(entered.map_err(|source| error(object, "entered", source))?);
            }
        }
        Ok(())
    }

    /// Leaves the innermost, and takes it away.
    pub(super) async fn pop(&mut self, object: &str, outcome: RunOutcome) -> Result<(), RunError> {
        match self.0.pop().and_then(|slot| slot.entered) {
            Some(entered) => entered.leave(outcome).await.map_err(|source| error(object, "left", source)),
            None => Ok(()),
        }
    }

    /// What they gave.
    pub(super) fn resources(&self) -> Resources {
        self.0.iter().filter_map(|slot| slot.entered.as_ref().map(Entered::resource)).collect()
    }
}

fn error(object: &str, what: &'static str, source: anyhow::Error) -> RunError {
    RunError::Context { object: object.to_owned(), what, source: source.into() }
}
