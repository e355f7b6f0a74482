//! The right to change things: a run that may do so takes one when its first task runs; a dry run never has one.

use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

use futures_util::future::join_all;

use super::context::TaskContext;
use super::error::RunError;
use super::lock::ObjectLock;
use super::resource::{DynRunContext, Entered, RunOutcome};
use crate::event::EventKind;
use crate::layout::Layout;
use crate::object::DynObject;

/// Holds the object's lock across processes, the entered context, and the system dependencies that are up.
pub(crate) struct Session {
    object: Arc<dyn DynObject>,
    context: Option<Arc<dyn DynRunContext>>,
    entered: Option<Entered>,
    up: HashSet<String>,
    _lock: ObjectLock,
}

impl Session {
    /// Waits for the object's lock.
    pub(crate) async fn begin(
        object: &Arc<dyn DynObject>,
        context: Option<Arc<dyn DynRunContext>>,
    ) -> Result<Self, RunError> {
        let core = object.core();
        let config = core.layout.config();
        let names = (&*core.id, core.subdir.as_str());
        let lock = ObjectLock::acquire(&config.cache_dir(), names, config.lock_timeout(), |holder| {
            tracing::info!(object = %core.id, holder, "waiting for another process that runs the object");
            core.emit("", || EventKind::Waiting { holder: holder.to_owned() });
        })
        .await?;
        Ok(Self { object: object.clone(), context, entered: None, up: HashSet::new(), _lock: lock })
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.object.core().layout
    }

    pub(crate) fn subdir(&self) -> &str {
        &self.object.core().subdir
    }

    /// What the context gave, if it was entered.
    pub(crate) fn resource(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.entered.as_ref().map(Entered::resource)
    }

    /// Enters the run's context, if there is one and it has not been.
    pub(crate) async fn enter(&mut self) -> Result<(), RunError> {
        if let (Some(context), None) = (&self.context, &self.entered) {
            let entered = Entered::enter(context).await;
            self.entered = Some(entered.map_err(|source| self.context_error("entered", source))?);
        }
        Ok(())
    }

    /// Brings up, together, the system dependencies of a task that are not up yet.
    pub(crate) async fn bring_up(&mut self, i: usize, cx: &TaskContext) -> Result<(), RunError> {
        let mut wanted = self.object.system_dependencies(i);
        wanted.retain(|dependency| self.up.insert(dependency.name()));
        let results = join_all(wanted.iter().map(|dependency| dependency.bring_up(cx))).await;
        let mut failed = None;
        for (dependency, result) in wanted.iter().zip(results) {
            if let Err(source) = result {
                self.up.remove(&dependency.name());
                failed.get_or_insert(RunError::System {
                    object: self.object.core().id.to_string(),
                    task: cx.task(),
                    dependency: dependency.name(),
                    source,
                });
            }
        }
        failed.map_or(Ok(()), Err)
    }

    /// Leaves the context with the outcome, and gives the lock back.
    pub(crate) async fn end(mut self, outcome: RunOutcome) -> Result<(), RunError> {
        match self.entered.take() {
            Some(entered) => entered.leave(outcome).await.map_err(|source| self.context_error("left", source)),
            None => Ok(()),
        }
    }

    fn context_error(&self, what: &'static str, source: anyhow::Error) -> RunError {
        RunError::Context { object: self.object.core().id.to_string(), what, source }
    }
}
