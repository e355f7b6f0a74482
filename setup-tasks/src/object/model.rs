//! The trait behind `#[derive(SetupTasks)]`.

use std::any::Any;

use super::Object;
use crate::Result;
use crate::event::EventKey;
use crate::task::inspector::{TaskInspector, inspect_class};
use crate::task::table::{Block, TaskTable};

/// A model: a plain struct with setup tasks, for which
/// [`#[derive(SetupTasks)]`](derive@crate::SetupTasks) implements this trait.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model with setup tasks",
    label = "add `#[derive(SetupTasks)]` to this type"
)]
pub trait SetupTasks: Sized + Send + Sync + 'static {
    /// The name of the type.
    const NAME: &'static str;
    /// The value of the `readonly` key, or `None` for a type without one.
    const READONLY: Option<bool> = None;
    /// Whether the `ready` key names a method that replaces the run of the setup tasks.
    #[doc(hidden)]
    const REPLACES_RUN: bool = false;
    #[doc(hidden)]
    const BLOCK: &'static Block<Self>;
    #[doc(hidden)]
    const TABLE: &'static TaskTable<Self>;

    /// Returns the object's own part of its paths: the `subdir` key.
    fn stamp_subdir(&self) -> String;

    /// Returns the id of the object: the `id` key, or the subdir by default.
    fn object_id(&self) -> String {
        self.stamp_subdir()
    }

    /// Brings an object to ready, for [`Object::ready`], which calls this once. Runs the setup
    /// tasks, or the method that the `ready` key names.
    fn bring_to_ready(object: &Object<Self>) -> impl Future<Output = Result<()>> + Send {
        let run = object.core().layout.hooks().run_setup_tasks;
        async move { Ok(run(object.as_dyn().clone()).await?) }
    }

    /// Returns the event keys of the object in addition to its type and its id: the `event_keys`
    /// key.
    fn event_keys(&self) -> Vec<EventKey> {
        Vec::new()
    }

    /// Returns the machine of the model: the field with the attribute `#[machine]`.
    #[doc(hidden)]
    fn any_machine(&self) -> Option<&(dyn Any + Send + Sync)> {
        None
    }

    /// Returns a description of the type's tasks in run order, as far as they are known without an
    /// object.
    fn inspect_class() -> Vec<TaskInspector> {
        inspect_class::<Self>()
    }

    /// Returns the type's tasks in run order, without those that other crates add.
    fn setup_tasks() -> &'static TaskTable<Self> {
        Self::TABLE
    }
}

/// A fallback that gives a type without a `#[setup_tasks]` block an empty list of rows. The
/// inherent constant of such a block takes precedence.
pub trait NoBlock: Sized + 'static {
    #[doc(hidden)]
    const __SETUP_TASKS: &'static [crate::task::row::TaskDef<Self>] = &[];
}

impl<T: 'static> NoBlock for T {}

/// The rows of a generic type's block. A trait is needed because the derive does not know the
/// bounds of the block.
#[diagnostic::on_unimplemented(
    message = "the generic model `{Self}` has no `#[setup_tasks]` block, or its block has more bounds than the struct",
    label = "write `#[setup_tasks] impl<…> {Self} {{}}`, or give the struct the bounds of its block"
)]
pub trait HasBlock: Sized + 'static {
    #[doc(hidden)]
    const ROWS: &'static [crate::task::row::TaskDef<Self>];
}
