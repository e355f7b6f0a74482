//! Readiness: an object is ready once its setup tasks, or what its model does instead, have run.

use std::sync::Arc;

use crate::event::EventKind;
pub use crate::object::ReadyError;
use crate::object::{AnyObject, DynObject, Object, SetupTasks};
pub use crate::wait::{Circle, WorkKind};
pub use crate::work::SharedError;
use crate::work::{OnceError, WorkContext};

/// Brings an object to ready, or waits for whoever does; once it is, it is. A plan says what that would run instead, and does not
/// take the object to be ready afterwards.
pub(crate) async fn ready(object: &Arc<dyn DynObject>) -> Result<(), ReadyError> {
    // As it is; that is not kept, since it holds for the fleet alone.
    if WorkContext::ask_fleet(|fleet| fleet.leaves_out(&object.core().id)).unwrap_or_default() {
        return Ok(());
    }
    if object.core().is_dry_run() {
        return plan(object).await;
    }
    let made = object.core().ready.get(|| bring_up(object)).await;
    made.map_err(|error| not_ready(object, error))
}

/// Plans what bringing an object to ready would run. An object that is ready stays so: nothing would run.
async fn plan(object: &Arc<dyn DynObject>) -> Result<(), ReadyError> {
    if object.core().ready.peek().is_some() {
        return Ok(());
    }
    let planned = crate::run::plan_part(object.clone()).await;
    planned.map_err(|error| not_ready(object, OnceError::Failed(anyhow::Error::new(error).into())))
}

/// Brings an object to ready anew, once a request of the query.
pub(crate) async fn renew(object: &Arc<dyn DynObject>) -> Result<(), ReadyError> {
    let made = object.core().ready.renew(|| bring_up(object)).await;
    made.map_err(|error| not_ready(object, error))
}

fn bring_up(object: &Arc<dyn DynObject>) -> crate::BoxFuture<'static, anyhow::Result<()>> {
    let object = object.clone();
    Box::pin(async move {
        let result = object.clone().bring_to_ready().await;
        object.core().emit("", || match &result {
            Ok(()) => EventKind::ObjectReady,
            Err(error) => EventKind::ObjectFailed { error: format!("{error:#}") },
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
    /// Brings the object to ready: runs its setup tasks, or calls the method that the `ready` key of its model names. The first
    /// caller starts the work. Concurrent callers wait for the same work and get the same error. A call after a failure tries
    /// again. The work is cancelled when nobody waits for it any more.
    ///
    /// # Errors
    ///
    /// The run fails, or it would wait for itself: the error then prints the circle. Work that a task spawns is not known to belong
    /// to that task.
    pub async fn ready(&self) -> Result<(), ReadyError> {
        ready(&self.0).await
    }
}

impl<T: SetupTasks> Object<T> {
    /// Brings the object to ready: [`AnyObject::ready`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn ready(&self) -> Result<(), ReadyError> {
        self.as_any().ready().await
    }
}
