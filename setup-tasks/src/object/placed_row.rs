//! A row of an object: one of its type's table, or one that was added to it.

use std::sync::Arc;

use crate::task::added::{AddedAction, AddedRow};
use crate::task::category::TaskCategory;
use crate::task::kind::DynTaskKind;
use crate::task::row::{Action, TaskDef};

/// A row of the table or an added row.
pub(super) enum Row<T: 'static> {
    Table(&'static TaskDef<T>),
    Added(Arc<AddedRow<T>>),
}

impl<T: 'static> Row<T> {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Table(task) => task.name(),
            Self::Added(row) => row.name(),
        }
    }

    pub(super) fn category(&self) -> TaskCategory {
        match self {
            Self::Table(task) => task.category(),
            Self::Added(row) => match &row.action {
                AddedAction::Kind(kind) => TaskCategory::of_kind(&**kind),
                AddedAction::Relation(..) => TaskCategory::Relationship,
            },
        }
    }

    /// Calls a function with the kind of a task made from a value. Returns `None` for other tasks.
    pub(super) fn with_kind<A>(&self, call: impl FnOnce(&dyn DynTaskKind<T>) -> A) -> Option<A> {
        match self {
            Self::Table(TaskDef { action: Action::Value(kind), .. }) => Some(call(*kind)),
            Self::Table(_) => None,
            Self::Added(row) => match &row.action {
                AddedAction::Kind(kind) => Some(call(&**kind)),
                AddedAction::Relation(..) => None,
            },
        }
    }
}
