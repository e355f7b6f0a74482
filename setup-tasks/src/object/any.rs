//! Objects without their model's type.

use std::any::Any;
use std::borrow::Cow;
use std::sync::Arc;

use super::core::ObjectCore;
use super::{Object, Placed, SetupTasks};
use crate::depends::{RelatedTask, SystemDependency};
use crate::run::{LazyContext, ObjectReport, Run, RunError, TaskContext, TaskGlance};
use crate::stamp::{Stamp, StampError};
use crate::task::answer::Completion;
use crate::task::outcome::Outcome;
use crate::task::row::{Action, Ask, TaskDef, TaskMeta};
use crate::{BoxFuture, Result};

/// What a helper method answers: nothing if there is none, at once if it needs neither a future nor a context.
pub(crate) enum Asked<'a, A> {
    Absent,
    Now(Result<A>),
    Later(BoxFuture<'a, Result<A>>),
}

/// An object as the driver sees it; tasks are named by their place in the order.
pub(crate) trait DynObject: Send + Sync {
    fn core(&self) -> &ObjectCore;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    fn bring_to_ready(self: Arc<Self>) -> BoxFuture<'static, Result<()>>;
    fn task_count(&self) -> usize;
    fn meta(&self, i: usize) -> &'static TaskMeta;
    fn describe(&self, i: usize) -> Cow<'static, str>;
    fn run<'a>(&'a self, i: usize, cx: &'a TaskContext) -> BoxFuture<'a, Result<Outcome>>;
    fn has_completion_check(&self, i: usize) -> bool;
    fn hash<'a>(&'a self, i: usize, cx: &'a LazyContext<'a>) -> Asked<'a, String>;
    fn valid<'a>(&'a self, i: usize, cx: &'a LazyContext<'a>) -> Asked<'a, bool>;
    fn completion<'a>(&'a self, i: usize, cx: &'a LazyContext<'a>) -> Asked<'a, Completion>;
    fn inputs(&self, i: usize) -> Option<Vec<String>>;
    fn outputs(&self, i: usize) -> Option<Vec<String>>;
    fn has_hash(&self, i: usize) -> bool;
    fn has_invalidator(&self, i: usize) -> bool;
    fn has_inputs(&self, i: usize) -> bool;
    fn has_outputs(&self, i: usize) -> bool;
    fn related(&self, i: usize) -> Option<RelatedTask>;
    fn system_dependencies(&self, i: usize) -> Vec<Arc<dyn SystemDependency>>;
}

/// A cheap handle of an object whose model's type is not known.
#[derive(Clone)]
pub struct AnyObject(pub(crate) Arc<dyn DynObject>);

impl AnyObject {
    /// The object's id.
    pub fn id(&self) -> &str {
        &self.0.core().id
    }

    /// The name of its model's type.
    pub fn type_name(&self) -> &'static str {
        self.0.core().type_name
    }

    /// The part of its paths that is its own, and its name in the stamp store.
    pub fn stamp_subdir(&self) -> &str {
        &self.0.core().subdir
    }

    /// As [`Object::readonly`].
    pub fn readonly(&self) -> bool {
        self.0.core().readonly()
    }

    /// As [`Object::run_setup_tasks`], with tasks by name.
    pub fn run_setup_tasks(&self) -> Run<Self> {
        Run::new(self.0.clone())
    }

    /// As [`Object::glance`].
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn glance(&self) -> Result<Vec<TaskGlance>, StampError> {
        crate::run::glance(&self.0)
    }

    /// As [`Object::plan`].
    ///
    /// # Errors
    ///
    /// As [`Object::run_setup_tasks`].
    pub async fn plan(&self) -> Result<ObjectReport, RunError> {
        self.run_setup_tasks().dry_run().await
    }

    /// As [`Object::check_stamp`].
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub fn check_stamp(&self, name: &str) -> Result<Option<Stamp>, StampError> {
        self.0.core().stamp(name)
    }

    /// As [`Object::clear_stamps_and_cache`].
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn clear_stamps_and_cache(&self) -> Result<(), RunError> {
        crate::run::clear(&self.0).await
    }

    /// The typed handle, if the model is a `T`.
    pub fn downcast<T: SetupTasks>(&self) -> Option<Object<T>> {
        self.0.clone().into_any().downcast().ok().map(Object)
    }
}

impl<T: SetupTasks> Placed<T> {
    /// Places are below `task_count`, which is the table's length.
    fn task(&self, i: usize) -> &'static TaskDef<T> {
        match self.table.get(i) {
            Some(task) => task,
            None => unreachable!("task {i} of `{}`, which has {}", T::NAME, self.table.len()),
        }
    }

    fn ask<'a, A>(&'a self, ask: Option<Ask<T, A>>, cx: &'a LazyContext<'a>) -> Asked<'a, A> {
        match ask {
            None => Asked::Absent,
            Some(Ask::Now(ask)) => Asked::Now(ask(&self.model)),
            Some(Ask::Later(ask)) => Asked::Later(ask(&self.model, cx.get())),
        }
    }
}

fn later<A>(future: Option<BoxFuture<'_, Result<A>>>) -> Asked<'_, A> {
    future.map_or(Asked::Absent, Asked::Later)
}

impl<T: SetupTasks> DynObject for Placed<T> {
    fn core(&self) -> &ObjectCore {
        &self.core
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn bring_to_ready(self: Arc<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move { T::bring_to_ready(&Object(self)).await })
    }

    fn task_count(&self) -> usize {
        self.table.len()
    }

    fn meta(&self, i: usize) -> &'static TaskMeta {
        &self.task(i).meta
    }

    fn describe(&self, i: usize) -> Cow<'static, str> {
        let task = self.task(i);
        match task.action {
            Action::Value(kind) if task.description().is_empty() => kind.describe_dyn(),
            _ => Cow::Borrowed(task.description()),
        }
    }

    fn run<'a>(&'a self, i: usize, cx: &'a TaskContext) -> BoxFuture<'a, Result<Outcome>> {
        match self.task(i).action {
            Action::Method(run) => run(&self.model, cx),
            Action::Value(kind) => kind.run_dyn(&self.model, cx),
            // The driver compares times instead.
            Action::Relation(_) => Box::pin(async { Ok(Outcome::Done) }),
        }
    }

    fn has_completion_check(&self, i: usize) -> bool {
        match self.task(i).action {
            Action::Value(kind) => kind.features().completion,
            Action::Method(_) => self.task(i).check_completed.is_some(),
            Action::Relation(_) => true,
        }
    }

    fn hash<'a>(&'a self, i: usize, cx: &'a LazyContext<'a>) -> Asked<'a, String> {
        match self.task(i).action {
            Action::Value(kind) if kind.features().hash => later(kind.hash_dyn(&self.model, cx.get())),
            _ => self.ask(self.task(i).hash, cx),
        }
    }

    fn valid<'a>(&'a self, i: usize, cx: &'a LazyContext<'a>) -> Asked<'a, bool> {
        match self.task(i).action {
            Action::Value(kind) if kind.features().invalidator => later(kind.is_valid_dyn(&self.model, cx.get())),
            _ => self.ask(self.task(i).invalidator, cx),
        }
    }

    fn completion<'a>(&'a self, i: usize, cx: &'a LazyContext<'a>) -> Asked<'a, Completion> {
        match self.task(i).action {
            Action::Value(kind) if kind.features().completion => later(kind.completion_dyn(&self.model, cx.get())),
            _ => self.ask(self.task(i).check_completed, cx),
        }
    }

    fn inputs(&self, i: usize) -> Option<Vec<String>> {
        self.task(i).inputs.map(|paths| paths(&self.model))
    }

    fn outputs(&self, i: usize) -> Option<Vec<String>> {
        self.task(i).outputs.map(|paths| paths(&self.model))
    }

    fn has_hash(&self, i: usize) -> bool {
        match self.task(i).action {
            Action::Value(kind) if kind.features().hash => true,
            _ => self.task(i).hash.is_some(),
        }
    }

    fn has_invalidator(&self, i: usize) -> bool {
        match self.task(i).action {
            Action::Value(kind) if kind.features().invalidator => true,
            _ => self.task(i).invalidator.is_some(),
        }
    }

    fn has_inputs(&self, i: usize) -> bool {
        self.task(i).inputs.is_some()
    }

    fn has_outputs(&self, i: usize) -> bool {
        self.task(i).outputs.is_some()
    }

    fn related(&self, i: usize) -> Option<RelatedTask> {
        match self.task(i).action {
            Action::Relation(relation) => Some(relation.of(&self.model)),
            Action::Method(_) | Action::Value(_) => None,
        }
    }

    fn system_dependencies(&self, i: usize) -> Vec<Arc<dyn SystemDependency>> {
        self.task(i).depend_on.map(|make| make(&self.model)).unwrap_or_default()
    }
}
