//! The trait behind `#[derive(SetupTasks)]`.

use super::Object;
use crate::Result;
use crate::event::EventKey;
use crate::task::inspector::{TaskInspector, inspect_class};
use crate::task::table::{Block, TaskTable};

/// A model: a plain struct with setup tasks. Implemented by [`#[derive(SetupTasks)]`](derive@crate::SetupTasks).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a model with setup tasks",
    label = "add `#[derive(SetupTasks)]` to this type"
)]
pub trait SetupTasks: Sized + Send + Sync + 'static {
    /// The type's name.
    const NAME: &'static str;
    /// The value of the `readonly` key, or `None` for a type without one.
    const READONLY: Option<bool> = None;
    #[doc(hidden)]
    const BLOCK: &'static Block<Self>;
    #[doc(hidden)]
    const TABLE: &'static TaskTable<Self>;

    /// The part of the object's paths that is its own: the `subdir` key.
    fn stamp_subdir(&self) -> String;

    /// The object's id: the `id` key, else the subdir.
    fn object_id(&self) -> String {
        self.stamp_subdir()
    }

    /// What [`Object::ready`] does, once: runs the setup tasks, or the method that the `ready` key names.
    fn bring_to_ready(object: &Object<Self>) -> impl Future<Output = Result<()>> + Send {
        let run = object.core().layout.hooks().run_setup_tasks;
        async move { Ok(run(object.as_dyn().clone()).await?) }
    }

    /// What the object's events can be listened for by, besides its type and its id: the `event_keys` key.
    fn event_keys(&self) -> Vec<EventKey> {
        Vec::new()
    }

    /// What is known of the type's tasks without an object: each in the order in which they run.
    fn inspect_class() -> Vec<TaskInspector> {
        inspect_class::<Self>()
    }

    /// The type's tasks in the order in which they run, without those that other crates add.
    fn setup_tasks() -> &'static TaskTable<Self> {
        Self::TABLE
    }
}

/// Gives a type without a `#[setup_tasks]` block an empty list of rows; the inherent const of such a block wins.
pub trait NoBlock: Sized + 'static {
    #[doc(hidden)]
    const __SETUP_TASKS: &'static [crate::task::row::TaskDef<Self>] = &[];
}

impl<T: 'static> NoBlock for T {}

/// The rows of a generic type's block, whose bounds the derive does not know.
#[diagnostic::on_unimplemented(
    message = "the generic model `{Self}` has no `#[setup_tasks]` block, or its block asks more of the parameters",
    label = "write `#[setup_tasks] impl<…> {Self} {{}}`, or give the struct the bounds of its block"
)]
pub trait HasBlock: Sized + 'static {
    #[doc(hidden)]
    const ROWS: &'static [crate::task::row::TaskDef<Self>];
}
