//! A model in a layout: the rows of its type and the rows that were added to the object, as the
//! driver uses them.

use std::any::Any;
use std::borrow::Cow;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use super::core::ObjectCore;
use super::dyn_object::{DynObject, Features, HelperAnswer, Order, RowId};
use super::permit::Permit;
use super::placed_row::Row;
use super::{AnyObject, Object, SetupTasks, note_type};
use crate::depends::{RelatedTask, Relatives, SystemDependency};
use crate::drift::Difference;
use crate::flat::Flat;
use crate::layout::Dependency;
use crate::observer::{Answer, Question};
use crate::stamp::PathPattern;
use crate::task::added::{AddTaskError, Added, AddedAction, AddedRow, AnyClosure, ClosureTask, NewTask};
use crate::task::answer::Completion;
use crate::task::category::TaskCategory;
use crate::task::context::{LazyContext, TaskContext};
use crate::task::file_change::FileChange;
use crate::task::helpers::HelperClosure;
use crate::task::kind::{DynTaskKind, KindFeatures};
use crate::task::name::with_stem;
use crate::task::outcome::Outcome;
use crate::task::row::{Action, HelperFn, TaskDef, TaskMeta};
use crate::task::run_context::DynRunContext;
use crate::task::table::TaskTable;
use crate::{BoxFuture, Result};

/// A model with the core of its object.
pub(crate) struct Placed<T: SetupTasks> {
    pub(crate) core: ObjectCore,
    pub(crate) table: &'static TaskTable<T>,
    contents: Flat<Contents<T>>,
}

/// The parts of an object that may hold other objects.
struct Contents<T: SetupTasks> {
    model: T,
    /// The parts that few objects have.
    extra: OnceLock<Box<Extra<T>>>,
}

struct Extra<T: SetupTasks> {
    added: RwLock<Added<T>>,
    /// The objects of customizations with their rows.
    customized: Mutex<Vec<(RowId, Arc<dyn DynObject>)>>,
    /// The stamp names of the table's tasks, in the object of a customization.
    stamp_names: Box<[&'static str]>,
}

type CallKind<T, A> = for<'k> fn(&'k dyn DynTaskKind<T>, &'k T, &'k TaskContext) -> Option<BoxFuture<'k, Result<A>>>;

impl<T: SetupTasks> Placed<T> {
    pub(crate) fn new(core: ObjectCore, table: &'static TaskTable<T>, model: T) -> Self {
        note_type::<T>();
        core.former_names.add_table(table);
        Self { core, table, contents: Flat::new(Contents { model, extra: OnceLock::new() }) }
    }

    pub(crate) fn model(&self) -> &T {
        &self.contents.model
    }

    fn extra(&self) -> &Extra<T> {
        self.contents.extra.get_or_init(|| {
            let names = |stem| self.table.iter().map(|task| with_stem(stem, task.name())).collect();
            Box::new(Extra {
                added: RwLock::new(Added::none(self.table)),
                customized: Mutex::default(),
                stamp_names: self.core.own_host().map(|host| names(host.stem)).unwrap_or_default(),
            })
        })
    }

    pub(crate) fn add(&self, row: AddedRow<T>) -> Result<(), AddTaskError> {
        let mut added = self.extra().added.write().unwrap_or_else(PoisonError::into_inner);
        added.add(self.table, &self.core.id, row)?;
        if let Some(row) = added.rows.last() {
            self.core.add_former_names(row.name(), row.formerly());
            if let AddedAction::Kind(kind) = &row.action {
                self.core.former_names.add_kind(row.name(), &**kind);
            }
        }
        Ok(())
    }

    /// Returns the tasks made from a value of type `K`, in run order.
    pub(crate) fn values_of<K: Clone + 'static>(&self) -> Vec<(&'static str, K)> {
        let value = |row| {
            let value = self.row(row).with_kind(|kind| kind.as_any().downcast_ref::<K>().cloned());
            value.flatten().map(|value| (self.name(row), value))
        };
        self.order().iter().filter_map(value).collect()
    }

    fn row(&self, row: RowId) -> Row<T> {
        if let Some(task) = self.table.get(row.index()) {
            return Row::Table(task);
        }
        let added = self.extra().added.read().unwrap_or_else(PoisonError::into_inner);
        Row::Added(added.rows[row.index() - self.table.len()].clone())
    }

    #[inline]
    fn stamp_name_of(&self, id: RowId, row: &Row<T>) -> &'static str {
        let Some(host) = self.core.own_host() else { return row.name() };
        self.extra().stamp_names.get(id.index()).copied().unwrap_or_else(|| with_stem(host.stem, row.name()))
    }

    fn call<'a, A>(&'a self, helper: Option<HelperFn<T, A>>, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, A> {
        match helper {
            None => HelperAnswer::Absent,
            Some(HelperFn::Now(call)) => HelperAnswer::Now(call(self.model())),
            Some(HelperFn::Later(call)) => HelperAnswer::Later(call(self.model(), cx.get())),
        }
    }

    /// Calls a helper of a task kind. The future keeps the kind of an added row alive.
    fn call_kind<'a, A: Send + 'a>(
        &'a self,
        row: &Row<T>,
        cx: &'a LazyContext<'a>,
        call: CallKind<T, A>,
        missing: fn() -> A,
    ) -> HelperAnswer<'a, A> {
        match row {
            Row::Table(TaskDef { action: Action::Value(kind), .. }) => {
                call(*kind, self.model(), cx.get()).map_or(HelperAnswer::Absent, HelperAnswer::Later)
            }
            Row::Added(row) => match &row.action {
                AddedAction::Kind(kind) => {
                    let (kind, cx) = (kind.clone(), cx.get());
                    HelperAnswer::Later(Box::pin(async move {
                        match call(&*kind, self.model(), cx) {
                            Some(answer) => answer.await,
                            None => Ok(missing()),
                        }
                    }))
                }
                AddedAction::Relation(..) => HelperAnswer::Absent,
            },
            Row::Table(_) => HelperAnswer::Absent,
        }
    }
}

/// Calls a helper closure of an added task.
fn call_added<'a, A>(helper: Option<&HelperClosure<A>>, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, A> {
    helper.map_or(HelperAnswer::Absent, |call| HelperAnswer::Later(call(cx.get().clone())))
}

impl<T: SetupTasks> DynObject for Placed<T> {
    fn core(&self) -> &ObjectCore {
        &self.core
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }

    fn machine(&self) -> Option<&(dyn Any + Send + Sync)> {
        self.model().any_machine()
    }

    fn bring_to_ready(self: Arc<Self>) -> BoxFuture<'static, Result<()>> {
        Box::pin(async move { T::bring_to_ready(&Object::new(self)).await })
    }

    fn order(&self) -> Order {
        let Some(extra) = self.contents.extra.get() else { return Order::Table(self.table.len()) };
        let added = extra.added.read().unwrap_or_else(PoisonError::into_inner);
        if added.rows.is_empty() { Order::Table(self.table.len()) } else { Order::Merged(added.order.clone()) }
    }

    fn relates(&self) -> bool {
        let is_table = matches!(self.order(), Order::Table(_));
        !is_table || self.table.relates()
    }

    fn is_by_stamps(&self) -> bool {
        !T::REPLACES_RUN && self.table.is_by_stamps() && matches!(self.order(), Order::Table(_))
    }

    fn subscribes(&self) -> bool {
        self.table.subscribes()
    }

    fn name(&self, row: RowId) -> &'static str {
        self.row(row).name()
    }

    fn stamp_name(&self, row: RowId) -> &'static str {
        self.stamp_name_of(row, &self.row(row))
    }

    fn category(&self, row: RowId) -> TaskCategory {
        self.row(row).category()
    }

    fn meta(&self, row: RowId) -> TaskMeta {
        match self.row(row) {
            Row::Table(task) => task.meta,
            Row::Added(row) => row.meta(),
        }
    }

    fn tags(&self, row: RowId) -> Vec<&'static str> {
        match self.row(row) {
            Row::Table(task) => task.tags().to_vec(),
            Row::Added(row) => row.tags().to_vec(),
        }
    }

    fn describe(&self, row: RowId) -> Cow<'static, str> {
        match self.row(row) {
            Row::Table(task) => task.describe(),
            Row::Added(row) => row.description.clone(),
        }
    }

    fn run<'a>(&'a self, _permit: &Permit, row: RowId, cx: &'a TaskContext) -> BoxFuture<'a, Result<Outcome>> {
        match self.row(row) {
            Row::Table(task) => match task.action {
                Action::Method(run) => run(self.model(), cx),
                Action::Value(kind) => kind.run_dyn(self.model(), cx),
                // A relationship has no method. The driver compares stamp times instead.
                Action::Relation(_) => Box::pin(async { Ok(Outcome::Done) }),
            },
            Row::Added(row) => Box::pin(async move {
                match &row.action {
                    AddedAction::Kind(kind) => kind.run_dyn(self.model(), cx).await,
                    AddedAction::Relation(..) => Ok(Outcome::Done),
                }
            }),
        }
    }

    fn features(&self, id: RowId) -> Features {
        let row = self.row(id);
        let of = |meta| Features::of(self.stamp_name_of(id, &row), row.category(), meta);
        let kind = row.with_kind(DynTaskKind::features);
        let dependencies = kind.is_some();
        let KindFeatures { hash, invalidator, completion, observed, .. } = kind.unwrap_or_default();
        match &row {
            Row::Table(task) => Features {
                dependencies,
                hash: hash || task.hash.is_some(),
                hash_now: matches!(task.hash, Some(HelperFn::Now(_))),
                invalidator: invalidator || task.invalidator.is_some(),
                completion: completion || task.check_completed.is_some(),
                inputs: task.inputs.is_some(),
                outputs: task.outputs.is_some(),
                observed,
                ..of(&task.meta)
            },
            Row::Added(row) => Features {
                dependencies,
                hash: hash || row.helpers.hash.is_some(),
                invalidator: invalidator || row.helpers.invalidator.is_some(),
                completion: completion || row.helpers.check_completed.is_some(),
                observed,
                ..of(&row.meta())
            },
        }
    }

    fn hash<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, String> {
        match self.row(row) {
            Row::Table(task) if task.hash.is_some() => self.call(task.hash, cx),
            Row::Added(row) if row.helpers.hash.is_some() => call_added(row.helpers.hash.as_ref(), cx),
            row => self.call_kind(&row, cx, |kind, model, cx| kind.hash_dyn(model, cx), String::new),
        }
    }

    fn valid<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, bool> {
        match self.row(row) {
            Row::Table(task) if task.invalidator.is_some() => self.call(task.invalidator, cx),
            Row::Added(row) if row.helpers.invalidator.is_some() => call_added(row.helpers.invalidator.as_ref(), cx),
            row => self.call_kind(&row, cx, |kind, model, cx| kind.is_valid_dyn(model, cx), || true),
        }
    }

    fn completion<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Completion> {
        match self.row(row) {
            Row::Table(task) if task.check_completed.is_some() => self.call(task.check_completed, cx),
            Row::Added(row) if row.helpers.check_completed.is_some() => {
                call_added(row.helpers.check_completed.as_ref(), cx)
            }
            row => {
                self.call_kind(&row, cx, |kind, model, cx| kind.completion_dyn(model, cx), || Completion::Incomplete)
            }
        }
    }

    fn question<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Option<Question>> {
        self.call_kind(&self.row(row), cx, |kind, model, cx| kind.question_dyn(model, cx), || None)
    }

    fn differences(&self, row: RowId, cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        let differences = self.row(row).with_kind(|kind| kind.differences_dyn(self.model(), cx, answer));
        differences.unwrap_or_else(|| Ok(Vec::new()))
    }

    fn changes<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Vec<FileChange>> {
        self.call_kind(&self.row(row), cx, |kind, model, cx| kind.changes_dyn(model, cx), Vec::new)
    }

    fn would_change<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Option<bool>> {
        self.call_kind(&self.row(row), cx, |kind, model, cx| kind.would_change_dyn(model, cx), || None)
    }

    fn check<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, ()> {
        self.call_kind(&self.row(row), cx, |kind, model, cx| kind.check_dyn(model, cx), || ())
    }

    fn has_undo(&self, row: RowId) -> bool {
        let row = self.row(row);
        let own = match &row {
            Row::Table(task) => task.undo.is_some(),
            Row::Added(row) => row.helpers.undo.is_some(),
        };
        own || row.with_kind(DynTaskKind::has_undo_dyn) == Some(true)
    }

    fn undo<'a>(&'a self, _permit: &Permit, row: RowId, cx: &'a TaskContext) -> BoxFuture<'a, Result<()>> {
        match self.row(row) {
            Row::Table(task) => match (task.undo, task.action) {
                (Some(HelperFn::Now(undo)), _) => Box::pin(std::future::ready(undo(self.model()))),
                (Some(HelperFn::Later(undo)), _) => undo(self.model(), cx),
                (None, Action::Value(kind)) => kind.undo_dyn(self.model(), cx),
                (None, Action::Method(_) | Action::Relation(_)) => Box::pin(std::future::ready(Ok(()))),
            },
            Row::Added(row) => Box::pin(async move {
                match (&row.helpers.undo, &row.action) {
                    (Some(undo), _) => undo(cx.clone()).await,
                    (None, AddedAction::Kind(kind)) => kind.undo_dyn(self.model(), cx).await,
                    (None, AddedAction::Relation(..)) => Ok(()),
                }
            }),
        }
    }

    fn inputs(&self, row: RowId) -> Option<Vec<PathPattern>> {
        self.table.get(row.index())?.inputs.map(|paths| paths(self.model()))
    }

    fn outputs(&self, row: RowId) -> Option<Vec<PathPattern>> {
        self.table.get(row.index())?.outputs.map(|paths| paths(self.model()))
    }

    fn related(&self, row: RowId) -> Option<RelatedTask> {
        match self.row(row) {
            Row::Table(TaskDef { action: Action::Relation(relation), .. }) => Some(relation.to),
            Row::Table(_) => None,
            Row::Added(row) => match &row.action {
                AddedAction::Relation(_, to) => Some(*to),
                AddedAction::Kind(_) => None,
            },
        }
    }

    fn relatives<'a>(&'a self, row: RowId, cx: &'a LazyContext<'a>) -> HelperAnswer<'a, Relatives> {
        match self.row(row) {
            Row::Table(TaskDef { action: Action::Relation(relation), .. }) => self.call(Some(relation.relatives), cx),
            Row::Table(_) => HelperAnswer::Absent,
            Row::Added(row) => match &row.action {
                AddedAction::Relation(relative, _) => HelperAnswer::Now(Ok(Relatives(vec![relative.clone()]))),
                AddedAction::Kind(_) => HelperAnswer::Absent,
            },
        }
    }

    fn dependencies(&self, row: RowId) -> Vec<Dependency> {
        let row = self.row(row);
        let mut dependencies = row.with_kind(|kind| kind.dependencies_dyn(self.model())).unwrap_or_default();
        if let Row::Added(row) = &row {
            dependencies.extend(row.helpers.dependencies.iter().cloned());
        }
        dependencies
    }

    fn system_dependencies(&self, row: RowId) -> Vec<Arc<dyn SystemDependency>> {
        let make = self.table.get(row.index()).and_then(|task| task.depend_on);
        make.map(|make| make(self.model())).unwrap_or_default()
    }

    fn customization(self: Arc<Self>, row: RowId) -> Result<Arc<dyn DynObject>> {
        let mut customized = self.extra().customized.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, object)) = customized.iter().find(|(of, _)| *of == row) {
            return Ok(object.clone());
        }
        let (host, stem) = (AnyObject(self.clone()), self.stamp_name(row));
        let applied = self.row(row).with_kind(|kind| kind.customization_dyn().map(|custom| custom.apply(&host, stem)));
        let Some(applied) = applied.flatten() else {
            anyhow::bail!("`{stem}` of `{}` is not a customization", host.id())
        };
        let object = applied?.0;
        customized.push((row, object.clone()));
        Ok(object)
    }

    fn customization_context(self: Arc<Self>, row: RowId) -> Result<Option<Arc<dyn DynRunContext>>> {
        let host = AnyObject(self.clone());
        let made = self.row(row).with_kind(|kind| kind.customization_dyn().map(|custom| custom.context(&host)));
        Ok(made.flatten().transpose()?.flatten().map(|context| context.0))
    }

    fn add_closure(&self, task: NewTask<ClosureTask<AnyClosure>>) -> Result<(), AddTaskError> {
        self.add(task.into_row())
    }
}
