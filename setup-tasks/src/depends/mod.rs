//! The dependencies of a task: tasks of related objects, and parts of the system.

mod deferred;
mod known;
mod related;

use std::sync::Arc;

pub use deferred::Deferred;
pub(crate) use known::KnownRelatives;
pub(crate) use related::Relative;
#[doc(hidden)]
pub use related::{AnyModel, IntoRelatives, Related, Relatives};

use crate::task::context::TaskContext;
use crate::task::row::HelperFn;
use crate::{BoxFuture, Result};

/// A part of the system that a task needs while it runs, such as a machine or a network. The
/// dependencies of a task are brought up concurrently before its method is called, each once per
/// run. The key `depend_on` of [`#[setup_task]`](macro@crate::setup_task) names them.
///
/// ```
/// use std::sync::Arc;
/// use setup_tasks::{BoxFuture, depends::SystemDependency, prelude::*};
///
/// struct Network(String);
///
/// impl SystemDependency for Network {
///     fn name(&self) -> String {
///         format!("network {}", self.0)
///     }
///
///     fn bring_up<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>> {
///         Box::pin(async move {
///             cx.command("ip").args(["link", "set", &self.0, "up"]).run().await?;
///             Ok(())
///         })
///     }
/// }
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "router")]
/// struct Router { network: Arc<Network> }
///
/// #[setup_tasks]
/// impl Router {
///     #[setup_task("Announce the routes", depend_on = [self.network.clone()])]
///     fn announce(&self) {}
/// }
/// ```
pub trait SystemDependency: Send + Sync + 'static {
    /// Returns the name. Dependencies with the same name count as the same.
    fn name(&self) -> String;

    /// Brings the dependency up. It may be up already. An error fails the run before the task.
    fn bring_up<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>>;
}

impl<D: SystemDependency + ?Sized> SystemDependency for Arc<D> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn bring_up<'a>(&'a self, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>> {
        (**self).bring_up(cx)
    }
}

/// The data of a relationship: the related objects, and the request for their task.
#[doc(hidden)]
pub struct Relation<T: 'static> {
    pub(crate) relatives: HelperFn<T, Relatives>,
    pub(crate) to: RelatedTask,
}

impl<T> std::fmt::Debug for Relation<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Relation").field("to", &self.to).finish_non_exhaustive()
    }
}

impl<T: 'static> Clone for Relation<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static> Copy for Relation<T> {}

/// The request of a relationship to each related object.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent property")]
pub(crate) struct RelatedTask {
    pub(crate) task: &'static str,
    pub(crate) ready: bool,
    pub(crate) run_if_needed: bool,
    /// Whether the task is named by a string, and its existence was not checked yet.
    pub(crate) by_name: bool,
    /// Whether a method returns the related objects. A method is user code and is called only when
    /// a walk reaches it.
    pub(crate) by_method: bool,
}

impl RelatedTask {
    /// Returns a request for a task of the objects in a field.
    pub(crate) const fn new(task: &'static str) -> Self {
        Self { task, ready: false, run_if_needed: true, by_name: false, by_method: false }
    }

    /// Returns a request for a task of the objects that a method returns.
    pub(crate) const fn of_method(task: &'static str) -> Self {
        Self { by_method: true, ..Self::new(task) }
    }
}
