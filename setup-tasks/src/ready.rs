//! Readiness: an object is ready once its setup tasks, or the method that its model names instead, have run.

use std::sync::Arc;

use crate::error::explain;
use crate::event::EventKind;
pub use crate::object::ReadyError;
use crate::object::{AnyObject, DynObject, Object, SetupTasks};
pub use crate::wait::{Circle, WorkKind};
pub use crate::work::SharedError;
use crate::work::{OnceError, WorkContext};

/// Brings an object to ready, or waits until other work has done so. An object that is ready stays
/// ready. In a plan, reports the tasks that would run instead, and does not mark the object as
/// ready.
pub(crate) async fn ready(object: &Arc<dyn DynObject>, work: &WorkContext) -> Result<(), ReadyError> {
    let core = object.core();
    // An excluded object is used as it is. This is not recorded in the object because it applies to
    // this fleet only.
    if work.fleet().is_some_and(|fleet| fleet.excludes(&core.id)) {
        return Ok(());
    }
    if core.mode_for(work.mode()).is_plan() {
        return plan(object, work).await;
    }
    let made = core.ready.get(work, || bring_up(object)).await;
    made.map_err(|error| not_ready(object, error))
}

/// Plans the tasks that bringing an object to ready would run: none if the object is ready already.
async fn plan(object: &Arc<dyn DynObject>, work: &WorkContext) -> Result<(), ReadyError> {
    if object.core().ready.peek().is_some() {
        return Ok(());
    }
    let planned = crate::run::plan_part(object.clone(), work.clone()).await;
    planned.map_err(|error| not_ready(object, OnceError::Failed(anyhow::Error::new(error).into())))
}

/// Brings an object to ready again, at most once per request.
pub(crate) async fn renew(object: &Arc<dyn DynObject>, work: &WorkContext) -> Result<(), ReadyError> {
    let made = object.core().ready.renew(work, || bring_up(object)).await;
    made.map_err(|error| not_ready(object, error))
}

fn bring_up(object: &Arc<dyn DynObject>) -> crate::BoxFuture<'static, anyhow::Result<()>> {
    let object = object.clone();
    Box::pin(async move {
        let result = object.clone().bring_to_ready().await;
        object.core().emit("", || match &result {
            Ok(()) => EventKind::ObjectReady,
            Err(error) => EventKind::ObjectFailed { error: explain(error.as_ref()) },
        });
        result
    })
}

fn not_ready(object: &Arc<dyn DynObject>, error: OnceError) -> ReadyError {
    let object = object.core().id.to_string();
    match error {
        OnceError::Failed(source) => ReadyError::Failed { object, source },
        OnceError::Circle(source) => ReadyError::Circle { object, source },
    }
}

impl AnyObject {
    /// Brings the object to ready: runs its setup tasks, or calls the method that the `ready` key
    /// of its model names. The first caller starts the work. Concurrent callers wait for the same
    /// work and get the same error. A call after a failure tries again. The work is cancelled once
    /// nobody waits for it.
    ///
    /// # Errors
    ///
    /// Returns an error if the run fails, or if it would wait for itself; the error then prints the
    /// circle. The circle is not found if it leads through work that a task has spawned, because
    /// spawned work is not known to belong to that task.
    pub async fn ready(&self) -> Result<(), ReadyError> {
        ready(&self.0, &WorkContext::get()).await
    }
}

impl<T: SetupTasks> Object<T> {
    /// Brings the object to ready: [`AnyObject::ready`].
    ///
    /// # Errors
    ///
    /// As for [`AnyObject::ready`].
    pub async fn ready(&self) -> Result<(), ReadyError> {
        self.as_any().ready().await
    }
}
