//! The row of a task: the facts that are known at compile time, and the functions that call the
//! user's methods.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::answer::Completion;
use super::kind::DynTaskKind;
use super::order::TaskPosition;
use super::outcome::Outcome;
use crate::depends::{RelatedTask, Relation, Relatives, SystemDependency};
use crate::stamp::PathPattern;
use crate::task::category::TaskCategory;
use crate::task::context::TaskContext;
use crate::{BoxFuture, Result};

/// A function that calls a task's method.
pub type RunFn<T> = for<'a> fn(&'a T, &'a TaskContext) -> BoxFuture<'a, Result<Outcome>>;
/// A function that calls a helper method that is async or has extractors.
pub type AskFn<T, A> = for<'a> fn(&'a T, &'a TaskContext) -> BoxFuture<'a, Result<A>>;
/// A function that calls a helper method that is neither async nor has extractors. It needs no
/// future and no context.
pub type AskNowFn<T, A> = fn(&T) -> Result<A>;
/// A function that returns path patterns formatted with the model's fields.
pub type PathsFn<T> = fn(&T) -> Vec<PathPattern>;
/// A function that returns the system dependencies of a task.
pub type SystemFn<T> = fn(&T) -> Vec<Arc<dyn SystemDependency>>;

/// A helper method: a hash function, an invalidator, a completion check or an undo.
pub(crate) enum HelperFn<T: 'static, A: 'static> {
    Now(AskNowFn<T, A>),
    Later(AskFn<T, A>),
}

impl<T: 'static, A: 'static> Clone for HelperFn<T, A> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static, A: 'static> Copy for HelperFn<T, A> {}

/// The work of a task.
pub(crate) enum Action<T: 'static> {
    Method(RunFn<T>),
    Value(&'static dyn DynTaskKind<T>),
    Relation(Relation<T>),
}

impl<T: 'static> Clone for Action<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static> Copy for Action<T> {}

/// The part of a row that does not depend on the model's type.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent property")]
pub struct TaskMeta {
    pub(crate) place: TaskPosition<'static>,
    pub(crate) description: &'static str,
    pub(crate) tags: &'static [&'static str],
    pub(crate) formerly: &'static [&'static str],
    pub(crate) source: Option<u64>,
    /// The earlier tasks whose changes make the task run, or `None` if all do.
    pub(crate) subscribe: Option<&'static [&'static str]>,
    /// Whether the task runs in every run.
    pub(crate) always: bool,
    /// Whether the task changed nothing if its outputs have the same content as before.
    pub(crate) restat: bool,
    /// Whether the method returns an outcome, so that it can report that it changed nothing.
    pub(crate) reports: bool,
    pub(crate) slow_invalidator: bool,
    pub(crate) dependencies_always: bool,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retries: u32,
}

impl TaskMeta {
    pub(crate) const fn new(name: &'static str, description: &'static str) -> Self {
        Self {
            place: TaskPosition::new(name),
            description,
            tags: &[],
            formerly: &[],
            source: None,
            subscribe: None,
            always: false,
            restat: false,
            reports: false,
            slow_invalidator: false,
            dependencies_always: false,
            timeout: None,
            retries: 0,
        }
    }
}

/// The row of one task of a type. Generated code builds it in const evaluation.
pub struct TaskDef<T: 'static> {
    pub(crate) meta: TaskMeta,
    pub(crate) action: Action<T>,
    pub(crate) hash: Option<HelperFn<T, String>>,
    pub(crate) invalidator: Option<HelperFn<T, bool>>,
    pub(crate) check_completed: Option<HelperFn<T, Completion>>,
    pub(crate) undo: Option<HelperFn<T, ()>>,
    pub(crate) inputs: Option<PathsFn<T>>,
    pub(crate) outputs: Option<PathsFn<T>>,
    pub(crate) depend_on: Option<SystemFn<T>>,
}

impl<T> std::fmt::Debug for TaskDef<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskDef").field("name", &self.meta.place.name).finish_non_exhaustive()
    }
}

impl<T: 'static> Clone for TaskDef<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: 'static> Copy for TaskDef<T> {}

impl<T: 'static> TaskDef<T> {
    const fn new(name: &'static str, description: &'static str, action: Action<T>) -> Self {
        Self {
            meta: TaskMeta::new(name, description),
            action,
            hash: None,
            invalidator: None,
            check_completed: None,
            undo: None,
            inputs: None,
            outputs: None,
            depend_on: None,
        }
    }

    /// Returns whether the stamp alone can prove that the task is up to date.
    pub(crate) const fn is_by_stamp(&self) -> bool {
        let has_helper = self.hash.is_some() || self.invalidator.is_some() || self.check_completed.is_some();
        let has_files = self.inputs.is_some() || self.outputs.is_some();
        let is_asked = self.meta.always || self.meta.dependencies_always;
        matches!(self.action, Action::Method(_)) && !has_helper && !has_files && !is_asked
    }

    /// Returns the task's name, which is that of its method and of its stamp.
    pub const fn name(&self) -> &'static str {
        self.meta.place.name
    }

    /// Returns the user's description, or an empty text for a value task without one.
    pub const fn description(&self) -> &'static str {
        self.meta.description
    }

    /// Returns the user's description, or that of the task's kind.
    pub(crate) fn describe(&self) -> Cow<'static, str> {
        match self.action {
            Action::Value(kind) if self.description().is_empty() => kind.describe_dyn(),
            _ => Cow::Borrowed(self.description()),
        }
    }

    /// Returns the task's category.
    pub(crate) fn category(&self) -> TaskCategory {
        match self.action {
            Action::Method(_) => TaskCategory::Task,
            Action::Relation(_) => TaskCategory::Relationship,
            Action::Value(kind) => TaskCategory::of_kind(kind),
        }
    }

    /// Returns the task's tags.
    pub const fn tags(&self) -> &'static [&'static str] {
        self.meta.tags
    }
}

/// Begins a row. Generated code continues with the work of the task and then with one call per key.
pub const fn task(name: &'static str, description: &'static str) -> TaskHead {
    TaskHead { name, description }
}

/// A row without the work of its task.
pub struct TaskHead {
    name: &'static str,
    description: &'static str,
}

impl std::fmt::Debug for TaskHead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskHead")
            .field("name", &self.name)
            .field("description", &self.description)
            .finish_non_exhaustive()
    }
}

impl TaskHead {
    const fn with<T: 'static>(self, action: Action<T>) -> TaskDef<T> {
        TaskDef::new(self.name, self.description, action)
    }

    /// Returns the row of a task that calls a method.
    pub const fn run<T: 'static>(self, run: RunFn<T>) -> TaskDef<T> {
        self.with(Action::Method(run))
    }

    /// Returns the row of a task that is a value.
    pub const fn value<T: 'static>(self, kind: &'static dyn DynTaskKind<T>) -> TaskDef<T> {
        // A value's method returns an outcome.
        self.with(Action::Value(kind)).reports()
    }

    /// Returns the row of a relationship with a task of the objects that a field holds.
    pub const fn field<T: 'static>(self, task: &'static str, relatives: AskNowFn<T, Relatives>) -> TaskDef<T> {
        let (relatives, to) = (HelperFn::Now(relatives), RelatedTask::new(task));
        self.with(Action::Relation(Relation { relatives, to }))
    }

    /// Returns the row of a relationship with a task of the objects that a plain method returns.
    pub const fn method<T: 'static>(self, task: &'static str, relatives: AskNowFn<T, Relatives>) -> TaskDef<T> {
        let (relatives, to) = (HelperFn::Now(relatives), RelatedTask::of_method(task));
        self.with(Action::Relation(Relation { relatives, to }))
    }

    /// Returns the row of a relationship with a task of the objects that a method returns, if the
    /// method is async or has extractors.
    pub const fn async_method<T: 'static>(self, task: &'static str, relatives: AskFn<T, Relatives>) -> TaskDef<T> {
        let (relatives, to) = (HelperFn::Later(relatives), RelatedTask::of_method(task));
        self.with(Action::Relation(Relation { relatives, to }))
    }
}

/// One method per key of `#[depends_on]`.
#[doc(hidden)]
impl<T: 'static> TaskDef<T> {
    /// Sets the key `ready`.
    pub const fn ready(mut self) -> Self {
        if let Action::Relation(relation) = &mut self.action {
            relation.to.ready = true;
        }
        self
    }

    /// Sets the key `run_if_needed`.
    pub const fn run_if_needed(mut self, run_if_needed: bool) -> Self {
        if let Action::Relation(relation) = &mut self.action {
            relation.to.run_if_needed = run_if_needed;
        }
        self
    }

    /// Makes the runtime look up the task by its name in each related object, because nothing
    /// checks at compile time that it exists.
    pub const fn by_name(mut self) -> Self {
        if let Action::Relation(relation) = &mut self.action {
            relation.to.by_name = true;
        }
        self
    }
}

/// One method per key of `#[setup_task]`, so that generated rows read like the attribute.
#[doc(hidden)]
impl<T: 'static> TaskDef<T> {
    /// Sets the key `order`.
    pub const fn order(mut self, order: i64) -> Self {
        self.meta.place.order = Some(order);
        self
    }

    /// Sets the key `before`.
    pub const fn before(mut self, names: &'static [&'static str]) -> Self {
        self.meta.place.before = names;
        self
    }

    /// Sets the key `after`.
    pub const fn after(mut self, names: &'static [&'static str]) -> Self {
        self.meta.place.after = names;
        self
    }

    /// Sets the key `subscribe`.
    pub const fn subscribe(mut self, names: &'static [&'static str]) -> Self {
        self.meta.subscribe = Some(names);
        self
    }

    /// Sets the key `always`.
    pub const fn always(mut self) -> Self {
        self.meta.always = true;
        self
    }

    /// Sets the key `restat`.
    pub const fn restat(mut self) -> Self {
        self.meta.restat = true;
        self
    }

    /// Declares that the method returns an outcome.
    pub const fn reports(mut self) -> Self {
        self.meta.reports = true;
        self
    }

    /// Sets the key `tags`.
    pub const fn tagged(mut self, tags: &'static [&'static str]) -> Self {
        self.meta.tags = tags;
        self
    }

    /// Sets the key `formerly`.
    pub const fn formerly(mut self, names: &'static [&'static str]) -> Self {
        self.meta.formerly = names;
        self
    }

    /// Sets the fingerprint of the tokens of the method and its helpers.
    pub const fn source(mut self, fingerprint: u64) -> Self {
        self.meta.source = Some(fingerprint);
        self
    }

    /// Sets the key `timeout`.
    pub const fn timeout(mut self, milliseconds: u64) -> Self {
        self.meta.timeout = Some(Duration::from_millis(milliseconds));
        self
    }

    /// Sets the key `retries`.
    pub const fn retries(mut self, retries: u32) -> Self {
        self.meta.retries = retries;
        self
    }

    /// Sets the key `hash` to a method that is async or has extractors.
    pub const fn hash(mut self, ask: AskFn<T, String>) -> Self {
        self.hash = Some(HelperFn::Later(ask));
        self
    }

    /// Sets the key `hash`.
    pub const fn hash_now(mut self, ask: AskNowFn<T, String>) -> Self {
        self.hash = Some(HelperFn::Now(ask));
        self
    }

    /// Sets the key `invalidator` to a method that is async or has extractors.
    pub const fn invalidator(mut self, ask: AskFn<T, bool>) -> Self {
        self.invalidator = Some(HelperFn::Later(ask));
        self
    }

    /// Sets the key `invalidator`.
    pub const fn invalidator_now(mut self, ask: AskNowFn<T, bool>) -> Self {
        self.invalidator = Some(HelperFn::Now(ask));
        self
    }

    /// Sets the key `slow_invalidator` to a method that is async or has extractors.
    pub const fn slow_invalidator(mut self, ask: AskFn<T, bool>) -> Self {
        self.meta.slow_invalidator = true;
        self.invalidator(ask)
    }

    /// Sets the key `slow_invalidator`.
    pub const fn slow_invalidator_now(mut self, ask: AskNowFn<T, bool>) -> Self {
        self.meta.slow_invalidator = true;
        self.invalidator_now(ask)
    }

    /// Sets the key `check_completed` to a method that is async or has extractors.
    pub const fn check_completed(mut self, ask: AskFn<T, Completion>) -> Self {
        self.check_completed = Some(HelperFn::Later(ask));
        self
    }

    /// Sets the key `check_completed`.
    pub const fn check_completed_now(mut self, ask: AskNowFn<T, Completion>) -> Self {
        self.check_completed = Some(HelperFn::Now(ask));
        self
    }

    /// Sets the key `undo` to a method that is async or has extractors.
    pub const fn undo(mut self, undo: AskFn<T, ()>) -> Self {
        self.undo = Some(HelperFn::Later(undo));
        self
    }

    /// Sets the key `undo`.
    pub const fn undo_now(mut self, undo: AskNowFn<T, ()>) -> Self {
        self.undo = Some(HelperFn::Now(undo));
        self
    }

    /// Sets the key `inputs`.
    pub const fn inputs(mut self, paths: PathsFn<T>) -> Self {
        self.inputs = Some(paths);
        self
    }

    /// Sets the key `outputs`.
    pub const fn outputs(mut self, paths: PathsFn<T>) -> Self {
        self.outputs = Some(paths);
        self
    }

    /// Sets the key `depend_on`.
    pub const fn depend_on(mut self, system: SystemFn<T>) -> Self {
        self.depend_on = Some(system);
        self
    }

    /// Sets the key `dependencies_always`.
    pub const fn dependencies_always(mut self) -> Self {
        self.meta.dependencies_always = true;
        self
    }
}
