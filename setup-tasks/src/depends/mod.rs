//! What a task needs besides itself: tasks of related objects, and parts of the system.

mod deferred;
mod known;
mod related;

use std::sync::Arc;

pub use deferred::Deferred;
pub(crate) use known::KnownRelatives;
pub(crate) use related::Relative;
pub use related::{AnyModel, IntoRelatives, Related, Relatives};

use crate::run::TaskContext;
use crate::task::row::HelperFn;
use crate::{BoxFuture, Result};

/// A part of the system that a task needs while it runs: a machine that is up, a network that is there. The dependencies
/// of a task are brought up together before its method is called, each once a run.
pub trait SystemDependency: Send + Sync + 'static {
    /// Its name; two dependencies with one name are the same.
    fn name(&self) -> String;

    /// Brings it up; it may be up already.
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

/// The row of a relationship: whose task, which task, and what to do about it.
pub struct Relation<T: 'static> {
    pub(crate) relatives: HelperFn<T, Relatives>,
    pub(crate) to: RelatedTask,
}

impl<T: 'static> Clone for Relation<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static> Copy for Relation<T> {}

/// What a relationship asks of each related object.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a question of its own")]
pub(crate) struct RelatedTask {
    pub(crate) task: &'static str,
    pub(crate) ready: bool,
    pub(crate) run_if_needed: bool,
    /// Whether nobody has looked yet if there is such a task.
    pub(crate) by_name: bool,
    /// Whether a method gives the related objects: user code, which is called when a walk reaches it and not before.
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
