//! The right to change things: a run that may do so takes one when its first task runs; a dry run never has one.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;

use futures_util::future::{Either, join_all, select};

use super::context::TaskContext;
use super::error::RunError;
use super::lock::ObjectLock;
use crate::event::EventKind;
use crate::fleet::Stops;
use crate::layout::Layout;
use crate::object::DynObject;
use crate::stamp::Records;

/// Holds the object's lock across processes, and knows the system dependencies that are up.
pub(crate) struct Session {
    object: Arc<dyn DynObject>,
    up: HashSet<String>,
    _lock: ObjectLock,
}

impl Session {
    /// Waits for the object's lock, and reads what is kept about it. What is stamped from then on is later than all that was
    /// stamped before.
    pub(crate) async fn begin(object: &Arc<dyn DynObject>) -> Result<(Self, Records), RunError> {
        let core = object.core();
        let (names, node) = ((&*core.id, &*core.subdir), &core.course(false).node);
        let lock = ObjectLock::acquire(core.layout.locks(), names, core.config().lock_timeout(), |holder| {
            tracing::info!(object = %core.id, holder, "waiting for another process that runs the object");
            core.emit("", || EventKind::Waiting { holder: holder.to_owned() });
            node.held_by(Some(holder.to_owned()));
        });
        let stop = Stops::now(&core.layout);
        let lock = match select(pin!(lock), pin!(stop.asked())).await {
            Either::Left((lock, _)) => lock?,
            Either::Right(_) => return Err(RunError::Stopped { object: core.id.to_string() }),
        };
        node.held_by(None);
        let records = core.load_to_change()?;
        Ok((Self { object: object.clone(), up: HashSet::new(), _lock: lock }, records))
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.object.core().layout
    }

    pub(crate) fn subdir(&self) -> &str {
        &self.object.core().subdir
    }

    /// Brings up, together, the system dependencies of a task that are not up yet.
    pub(crate) async fn bring_up(
        &mut self,
        object: &Arc<dyn DynObject>,
        row: usize,
        cx: &TaskContext,
    ) -> Result<(), RunError> {
        let mut wanted = object.system_dependencies(row);
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
                    source: source.into(),
                });
            }
        }
        failed.map_or(Ok(()), Err)
    }
}
