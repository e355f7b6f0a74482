//! What a task needs besides itself: tasks of related objects, and parts of the system.

use std::sync::Arc;

use crate::object::{AnyObject, Object, SetupTasks};
use crate::run::TaskContext;
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

/// What a relationship field may hold: `Object<M>`, or an `Option` or a `Vec` of those.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a relationship with a `{M}`",
    label = "a field with `#[depends_on({M}::…)]` holds `Object<{M}>`, `Option<Object<{M}>>` or `Vec<Object<{M}>>`"
)]
pub trait Related<M: SetupTasks> {
    /// Adds the related objects.
    fn related(&self, objects: &mut Vec<AnyObject>);
}

impl<M: SetupTasks> Related<M> for Object<M> {
    fn related(&self, objects: &mut Vec<AnyObject>) {
        objects.push(self.any());
    }
}

impl<M: SetupTasks, R: Related<M>> Related<M> for Option<R> {
    fn related(&self, objects: &mut Vec<AnyObject>) {
        self.iter().for_each(|related| related.related(objects));
    }
}

impl<M: SetupTasks, R: Related<M>> Related<M> for Vec<R> {
    fn related(&self, objects: &mut Vec<AnyObject>) {
        self.iter().for_each(|related| related.related(objects));
    }
}

/// The row of a relationship: whose task, which task, and what to do about it.
pub struct Relation<T: 'static> {
    related: fn(&T) -> Vec<AnyObject>,
    task: &'static str,
    ready: bool,
    run_if_needed: bool,
}

impl<T: 'static> Clone for Relation<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static> Copy for Relation<T> {}

impl<T: 'static> Relation<T> {
    /// A relationship with a task of other objects.
    pub const fn new(related: fn(&T) -> Vec<AnyObject>, task: &'static str) -> Self {
        Self { related, task, ready: false, run_if_needed: true }
    }

    /// Brings the other object to ready first.
    pub const fn ready(self) -> Self {
        Self { ready: true, ..self }
    }

    /// Leaves the other object's tasks alone, whether or not they must run.
    pub const fn leave(self) -> Self {
        Self { run_if_needed: false, ..self }
    }

    pub(crate) fn of(self, model: &T) -> RelatedTask {
        RelatedTask {
            objects: (self.related)(model),
            task: self.task,
            ready: self.ready,
            run_if_needed: self.run_if_needed,
        }
    }
}

/// A relationship of one object.
pub(crate) struct RelatedTask {
    pub(crate) objects: Vec<AnyObject>,
    pub(crate) task: &'static str,
    pub(crate) ready: bool,
    pub(crate) run_if_needed: bool,
}
