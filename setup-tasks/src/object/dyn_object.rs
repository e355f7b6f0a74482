//! The trait by which the engine sees an object, whatever the type of its model.

use std::any::Any;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use super::AnyObject;
use super::core::ObjectCore;
use super::permit::Permit;
use crate::depends::{RelatedTask, Relatives, SystemDependency};
use crate::drift::Difference;
use crate::layout::Dependency;
use crate::observer::{Answer, Observed, Question};
use crate::stamp::PathPattern;
use crate::task::added::{AddTaskError, AnyClosure, ClosureTask, NewTask};
use crate::task::answer::Completion;
use crate::task::category::TaskCategory;
use crate::task::context::{LazyContext, TaskContext};
use crate::task::file_change::FileChange;
use crate::task::outcome::Outcome;
use crate::task::row::TaskMeta;
use crate::task::run_context::DynRunContext;
use crate::{BoxFuture, Result};

/// The answer of a helper method: absent without a method, immediate if it needs neither a future
/// nor a context, or a future.
pub(crate) enum HelperAnswer<'a, A> {
    Absent,
    Now(Result<A>),
    Later(BoxFuture<'a, Result<A>>),
}

/// The identity of a row of an object. Only the [order](Order) of an object creates one. A row is
/// never removed from its object, so the identity stays valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RowId(usize);

impl RowId {
    /// Returns the number of the row. The rows of the type's table come first, followed by the added
    /// ones.
    pub(crate) fn index(self) -> usize {
        self.0
    }

    /// Returns the row of a number that [`index`](Self::index) has returned.
    pub(super) fn of_index(index: usize) -> Self {
        Self(index)
    }
}

/// The rows of an object in run order.
pub(crate) enum Order {
    /// The rows of the type's table, given by their number.
    Table(usize),
    /// The rows of the table together with added rows.
    Merged(Arc<[usize]>),
}

impl Order {
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Table(len) => *len,
            Self::Merged(rows) => rows.len(),
        }
    }

    pub(crate) fn row(&self, at: usize) -> RowId {
        match self {
            Self::Table(_) => RowId(at),
            Self::Merged(rows) => RowId(rows[at]),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = RowId> + '_ {
        (0..self.len()).map(|at| self.row(at))
    }
}

/// An object as the driver uses it. Tasks are identified by their rows, which never change. The
/// rows of the type's table come first, followed by the added ones.
pub(crate) trait DynObject: Send + Sync {
    fn core(&self) -> &ObjectCore;
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
    /// Returns the machine of the model, whatever its type.
    fn machine(&self) -> Option<&(dyn Any + Send + Sync)>;
    fn bring_to_ready(self: Arc<Self>) -> BoxFuture<'static, Result<()>>;
    fn order(&self) -> Order;
    /// Returns whether a task of the object may depend on other objects.
    fn relates(&self) -> bool;
    /// Returns whether the stamps alone can prove that the object is ready: it has only tasks without helper methods,
    /// files and other objects, and no method that replaces their run.
    fn is_by_stamps(&self) -> bool;
    /// Returns whether a task of the object runs only for changes of the rows that it names.
    fn subscribes(&self) -> bool;
    fn name(&self, row: RowId) -> &'static str;
    /// Returns the name of the task in stamps. For a customization's task, it is the stem followed
    /// by the task's name.
    fn stamp_name(&self, row: RowId) -> &'static str;
    fn category(&self, row: RowId) -> TaskCategory;
    fn meta(&self, row: RowId) -> TaskMeta;
    fn tags(&self, row: RowId) -> Vec<&'static str>;
    fn describe(&self, row: RowId) -> Cow<'static, str>;
    /// Calls a task's method. This needs a permit, which a plan never has.
    fn run<'a>(&'a self, permit: &Permit, row: RowId, cx: &'a TaskContext) -> BoxFuture<'a, Result<Outcome>>;
    fn features(&self, row: RowId) -> Features;
    fn hash<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, String>;
    fn valid<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, bool>;
    fn completion<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Completion>;
    fn question<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Option<Question>>;
    fn differences(&self, row: RowId, cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>>;
    fn changes<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Vec<FileChange>>;
    fn would_change<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Option<bool>>;
    fn check<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, ()>;
    /// Returns whether the task has an undo.
    fn has_undo(&self, row: RowId) -> bool;
    /// Undoes a task. This needs a permit, which a plan never has.
    fn undo<'a>(&'a self, permit: &Permit, row: RowId, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>>;
    fn inputs(&self, row: RowId) -> Option<Vec<PathPattern>>;
    fn outputs(&self, row: RowId) -> Option<Vec<PathPattern>>;
    fn related(&self, row: RowId) -> Option<RelatedTask>;
    fn relatives<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Relatives>;
    /// Returns the tasks of other objects on which a task made from a value depends.
    fn dependencies(&self, row: RowId) -> Vec<Dependency>;
    fn system_dependencies(&self, row: RowId) -> Vec<Arc<dyn SystemDependency>>;
    /// Returns the object of a customization's row. It is created once.
    fn customization(self: Arc<Self>, row: RowId) -> Result<Arc<dyn DynObject>>;
    fn customization_context(self: Arc<Self>, row: RowId) -> Result<Option<Arc<dyn DynRunContext>>>;
    fn add_closure(&self, task: NewTask<ClosureTask<AnyClosure>>) -> Result<(), AddTaskError>;
}

/// The properties of a task that a walk needs, in one value, and the helpers that the task has.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent property")]
pub(crate) struct Features {
    /// The result of [`DynObject::stamp_name`].
    pub(crate) stamp_name: &'static str,
    pub(crate) category: TaskCategory,
    pub(crate) source: Option<u64>,
    pub(crate) slow_invalidator: bool,
    /// Whether the task runs in every run.
    pub(crate) always: bool,
    /// Whether only changes of the tasks that it names make the task run.
    pub(crate) subscribes: bool,
    pub(crate) dependencies_always: bool,
    /// Whether the task may depend on tasks of other objects.
    pub(crate) dependencies: bool,
    pub(crate) hash: bool,
    /// Whether the hash function needs neither a future nor a context.
    pub(crate) hash_now: bool,
    pub(crate) invalidator: bool,
    pub(crate) completion: bool,
    pub(crate) inputs: bool,
    pub(crate) outputs: bool,
    pub(crate) observed: Observed,
}

impl Features {
    /// Returns whether the first question about the task is its hash, which needs neither a future nor a context.
    pub(crate) fn begins_with_hash(&self) -> bool {
        let depends = self.category != TaskCategory::Task || self.dependencies || self.dependencies_always;
        self.hash_now && !self.completion && !depends
    }

    /// Returns whether a run that verifies needs more facts about the task than another one.
    pub(crate) fn is_slow(&self) -> bool {
        self.slow_invalidator || self.observed == Observed::WhenVerified
    }

    /// Returns the properties of a task without helper methods, files and other objects.
    pub(crate) fn plain(stamp_name: &'static str, category: TaskCategory, source: Option<u64>) -> Self {
        Self {
            stamp_name,
            category,
            source,
            slow_invalidator: false,
            always: false,
            subscribes: false,
            dependencies_always: false,
            dependencies: false,
            hash: false,
            hash_now: false,
            invalidator: false,
            completion: false,
            inputs: false,
            outputs: false,
            observed: Observed::Never,
        }
    }

    /// Returns the properties without helper methods, files and other objects.
    pub(crate) fn by_stamp_alone(&self) -> Self {
        let &Self { always, subscribes, .. } = self;
        Self { always, subscribes, ..Self::plain(self.stamp_name, self.category, self.source) }
    }

    /// Returns the properties that do not depend on how the task is implemented.
    pub(crate) fn of(stamp_name: &'static str, category: TaskCategory, meta: &TaskMeta) -> Self {
        let &TaskMeta { source, slow_invalidator, dependencies_always, always, subscribe, .. } = meta;
        let subscribes = subscribe.is_some();
        Self { slow_invalidator, always, subscribes, dependencies_always, ..Self::plain(stamp_name, category, source) }
    }
}

impl dyn DynObject {
    /// Returns the object to which a customization is applied, through nested customizations.
    pub(crate) fn host_root(&self) -> Option<Arc<Self>> {
        let AnyObject(mut root) = self.core().host()?;
        while let Some(AnyObject(host)) = root.core().host() {
            root = host;
        }
        Some(root)
    }

    /// Returns the object to which a customization is applied, or the object itself if it is not a
    /// customization.
    pub(crate) fn root(self: &Arc<Self>) -> Arc<Self> {
        self.host_root().unwrap_or_else(|| self.clone())
    }

    /// Returns the names of the rows that a task subscribes to, or `None` if it runs for changes of
    /// all earlier rows.
    pub(crate) fn subscription(&self, row: RowId, has: &Features) -> Option<&'static [&'static str]> {
        if has.subscribes { self.meta(row).subscribe } else { None }
    }

    /// Returns the row of a task by its name.
    pub(crate) fn row(&self, task: &str) -> Option<RowId> {
        self.order().iter().find(|&row| self.name(row) == task)
    }

    /// Returns the tasks of other objects on which a row depends, each with its object, as far as
    /// they are known in advance. No relationship method is called.
    pub(crate) fn needs_now(self: &Arc<Self>, row: RowId) -> Vec<(AnyObject, RelatedTask)> {
        let has = self.features(row);
        match has.category {
            TaskCategory::Relationship => self
                .related(row)
                .map_or_else(Vec::new, |to| self.relatives_now(row, &to).map(|other| (other, to)).collect()),
            TaskCategory::Task if !has.dependencies => Vec::new(),
            TaskCategory::Task => {
                let asked = std::panic::catch_unwind(AssertUnwindSafe(|| self.dependencies(row)));
                asked.unwrap_or_default().into_iter().map(Dependency::parts).collect()
            }
            TaskCategory::Customization => Vec::new(),
        }
    }

    /// Returns the objects of a relationship field, as far as they are known without waiting. The
    /// result is empty for a relationship method.
    pub(crate) fn relatives_now(self: &Arc<Self>, row: RowId, to: &RelatedTask) -> impl Iterator<Item = AnyObject> {
        let cx = LazyContext::new(self, self.name(row), None, Vec::new());
        let relatives = match (!to.by_method).then(|| self.relatives(row, &cx)) {
            Some(HelperAnswer::Now(Ok(relatives))) => relatives.0,
            _ => Vec::new(),
        };
        let injector = self.core().injector();
        relatives.into_iter().filter_map(|relative| relative.peek(injector))
    }

    /// Returns the names of the tasks in run order, for a message.
    pub(crate) fn known_tasks(&self) -> String {
        crate::text::list(self.order().iter().map(|row| self.name(row)))
    }
}
