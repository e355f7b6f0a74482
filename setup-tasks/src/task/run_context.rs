//! The context of a run: a resource that its tasks share. A run enters the context only if a task runs.

use std::any::Any;
use std::sync::Arc;

use crate::work::WorkContext;
use crate::{BoxFuture, Result};

/// The end of a run, as its context receives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ContextExit {
    /// All tasks that had to run completed.
    Done,
    /// A task failed.
    Failed,
    /// The run was dropped before it ended.
    Cancelled,
}

/// A context such as a mounted image or a connection. A run enters it before its first task that
/// runs, and leaves it once, with the outcome. Tasks access its resource with
/// [`Resource<R>`](crate::Resource).
///
/// ```
/// use setup_tasks::{Resource, RunContext, prelude::*};
/// use setup_tasks::run::ContextExit;
/// use std::sync::Arc;
///
/// struct Connection(&'static str);
/// struct Connect;
///
/// impl RunContext for Connect {
///     type Resource = Connection;
///
///     async fn enter(&self) -> Result<Connection> {
///         Ok(Connection("open"))
///     }
///
///     async fn leave(&self, connection: Arc<Connection>, outcome: ContextExit) -> Result<()> {
///         assert_eq!((connection.0, outcome), ("open", ContextExit::Done));
///         Ok(())
///     }
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "router")]
/// struct Router;
///
/// #[setup_tasks]
/// impl Router {
///     #[setup_task("Push the configuration")]
///     fn push(&self, connection: Resource<Connection>) {
///         assert_eq!(connection.0.0, "open");
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Router)?.run_setup_tasks().context(Connect).await?;
/// # Ok(()) }
/// ```
pub trait RunContext: Send + Sync + 'static {
    /// The resource that tasks can access.
    type Resource: Send + Sync + 'static;

    /// Creates the resource. An error fails the run before its first task.
    fn enter(&self) -> impl Future<Output = Result<Self::Resource>> + Send;

    /// Releases the resource. This is called exactly once for each `enter` that succeeded. If the
    /// run is dropped, a separate tokio task calls it.
    fn leave(&self, resource: Arc<Self::Resource>, outcome: ContextExit) -> impl Future<Output = Result<()>> + Send;
}

type AnyResource = Arc<dyn Any + Send + Sync>;

/// A type-erased [`RunContext`].
pub(crate) trait DynRunContext: Send + Sync {
    fn enter_dyn(self: Arc<Self>) -> BoxFuture<'static, Result<Box<dyn DynEntered>>>;
}

/// An entered context with its resource, without their types.
pub(crate) trait DynEntered: Send + Sync {
    fn resource_dyn(&self) -> AnyResource;
    fn leave_dyn(self: Box<Self>, exit: ContextExit) -> BoxFuture<'static, Result<()>>;
}

/// A context and the resource that it has created.
struct TypedEntered<C: RunContext> {
    context: Arc<C>,
    resource: Arc<C::Resource>,
}

impl<C: RunContext> DynRunContext for C {
    fn enter_dyn(self: Arc<Self>) -> BoxFuture<'static, Result<Box<dyn DynEntered>>> {
        Box::pin(async move {
            let resource = Arc::new(self.enter().await?);
            Ok(Box::new(TypedEntered { context: self, resource }) as Box<dyn DynEntered>)
        })
    }
}

impl<C: RunContext> DynEntered for TypedEntered<C> {
    fn resource_dyn(&self) -> AnyResource {
        self.resource.clone()
    }

    fn leave_dyn(self: Box<Self>, exit: ContextExit) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move { self.context.leave(self.resource.clone(), exit).await })
    }
}

/// An entered context. If it is dropped without [`leave`](Self::leave), it is left as cancelled.
pub(crate) struct Entered {
    /// The context, until it is left.
    context: Option<Box<dyn DynEntered>>,
    resource: AnyResource,
}

impl Entered {
    pub(crate) async fn enter(context: &Arc<dyn DynRunContext>) -> Result<Self> {
        let entered = context.clone().enter_dyn().await?;
        Ok(Self { resource: entered.resource_dyn(), context: Some(entered) })
    }

    pub(crate) fn resource(&self) -> AnyResource {
        self.resource.clone()
    }

    pub(crate) async fn leave(mut self, exit: ContextExit, work: &WorkContext) -> Result<()> {
        match self.context.take() {
            // A separate tokio task leaves the context, so that it is left completely even if the
            // run is dropped meanwhile. Its waits count as waits of the run.
            Some(context) => match tokio::spawn(work.clone().scope(context.leave_dyn(exit))).await {
                Ok(left) => left,
                Err(error) => Err(anyhow::anyhow!("leaving it panicked: {error}")),
            },
            None => Ok(()),
        }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let Some(context) = self.context.take() else { return };
        let leave = context.leave_dyn(ContextExit::Cancelled);
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(async move {
                if let Err(error) = leave.await {
                    tracing::warn!("the context of a cancelled run cannot be left: {error:#}");
                }
            })),
            Err(_) => tracing::warn!("a run was dropped outside a tokio runtime: its context is not left"),
        }
    }
}
