//! Objects: models placed in a layout.

mod any;
mod core;
mod dyn_object;
pub(crate) mod former;
mod machine;
mod model;
mod moving;
mod permit;
mod placed;
mod placed_row;
mod progress;
mod ready_error;
mod settings;
mod types;

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

pub use any::AnyObject;
pub(crate) use core::{Host, ObjectCore, Placing};
pub(crate) use dyn_object::{DynObject, Features, HelperAnswer, Order, RowId};
pub(crate) use former::FormerObject;
pub use machine::HasMachine;
pub use model::{HasBlock, NoBlock, SetupTasks};
pub(crate) use moving::nested;
pub(crate) use permit::Permit;
pub(crate) use placed::Placed;
pub(crate) use progress::{
    ObjectProgress, ProgressQuery, RequestResults, ResultScope, ResumePoint, RunGuard, RunStart, TaskRecorded,
};
pub use ready_error::ReadyError;
pub(crate) use settings::set_inherited;
pub(crate) use types::{as_object, note_type};

use serde::{Serialize, Serializer};

use crate::customize::Customization;
use crate::paths::PathError;
use crate::stamp::{Stamp, StampError};
use crate::task::added::{AddTaskError, AddedRow, NewTask};
use crate::task::handle::TaskHandle;
use crate::task::kind::TaskKind;

/// A cheap handle of a model in a layout, which derefs to the model.
///
/// # Methods
///
/// A method of an `Object` hides a method of the model that has the same name. An `Object`
/// therefore has few methods of its own, and their names are terms of this crate, such as
/// [`stamp_path`](Self::stamp_path). All other methods are those of [`AnyObject`], which
/// [`as_any`](Self::as_any) returns: `host.as_any().id()`. A method of both types does the same in
/// both.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "hosts/{name}")]
/// struct Host { name: String }
///
/// #[setup_tasks]
/// impl Host {
///     #[setup_task("Greet")]
///     fn greet(&self) {}
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let host = layout.add(Host { name: "gateway".into() })?;
/// assert_eq!((host.name.as_str(), host.as_any().id()), ("gateway", "hosts/gateway"));
///
/// let report = host.run_setup_tasks().await?;
/// assert_eq!(report.ran().count(), 1);
/// let report = host.run_setup_tasks().await?;
/// assert_eq!(report.ran().count(), 0);
/// # Ok(()) }
/// ```
pub struct Object<T: SetupTasks> {
    placed: Arc<Placed<T>>,
    /// The same object without its type, kept here so that it can be borrowed.
    any: AnyObject,
}

impl<T: SetupTasks> Object<T> {
    pub(crate) fn new(placed: Arc<Placed<T>>) -> Self {
        Self { any: AnyObject(placed.clone()), placed }
    }

    pub(crate) fn core(&self) -> &ObjectCore {
        &self.placed.core
    }

    /// Adds the row of a task.
    pub(crate) fn add_row(&self, row: AddedRow<T>) -> Result<(), AddTaskError> {
        self.placed.add(row)
    }

    pub(crate) fn as_dyn(&self) -> &Arc<dyn DynObject> {
        &self.any.0
    }

    /// Returns the handle without the type of the model. It has all methods of an object.
    pub fn as_any(&self) -> &AnyObject {
        &self.any
    }

    /// Returns the tasks made from a value of type `K`, each with its name, in run order.
    pub fn values_of<K: Clone + 'static>(&self) -> Vec<(&'static str, K)> {
        self.placed.values_of()
    }

    /// Adds a task to this object at its place in the order. A run in progress also considers the
    /// task. Added tasks are not stored, so each process adds them again.
    ///
    /// ```
    /// use setup_tasks::{NewTask, prelude::*};
    ///
    /// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
    /// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
    /// let layout = setup_tasks::Layout::in_memory()?;
    /// let door = layout.add(Door)?;
    /// let sand = NewTask::new("sand", "Sand it", |cx: TaskContext| async move {
    ///     assert_eq!(cx.object().id(), "door");
    /// });
    /// door.add_setup_task(sand.before("paint"))?;
    /// assert_eq!(door.as_any().task_names(), ["sand", "paint"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If the name is taken, a neighbour does not exist, or the order has a cycle.
    pub fn add_setup_task<K: TaskKind<T>>(&self, task: NewTask<K>) -> Result<TaskHandle<T>, AddTaskError> {
        let row = task.into_row();
        let handle = TaskHandle::new(row.name());
        self.add_row(row)?;
        Ok(handle)
    }

    /// Applies another model to this object. Its tasks run in place of one task called `name`.
    /// Their stamps belong to this object and have this name as a stem. See
    /// [`Customization`](crate::Customization).
    ///
    /// # Errors
    ///
    /// As for [`add_setup_task`](Self::add_setup_task).
    pub fn add_customization<C: SetupTasks>(&self, name: &str, model: C) -> Result<TaskHandle<T>, AddTaskError> {
        self.add_setup_task(NewTask::value(name, Customization::with_model(model)))
    }

    /// Returns the directory for files that can be created again: [`AnyObject::stamp_path`].
    ///
    /// # Errors
    ///
    /// As for [`AnyObject::stamp_path`].
    pub fn stamp_path(&self) -> Result<&Path, PathError> {
        self.any.stamp_path()
    }

    /// Returns the directory for files that must not be lost: [`AnyObject::state_path`].
    ///
    /// # Errors
    ///
    /// As for [`AnyObject::state_path`].
    pub fn state_path(&self) -> Result<&Path, PathError> {
        self.any.state_path()
    }

    /// Returns the directory for logs: [`AnyObject::log_path`].
    ///
    /// # Errors
    ///
    /// As for [`AnyObject::log_path`].
    pub fn log_path(&self) -> Result<&Path, PathError> {
        self.any.log_path()
    }

    /// Returns a valid stamp: [`AnyObject::check_stamp`].
    ///
    /// # Errors
    ///
    /// As for [`AnyObject::check_stamp`].
    pub async fn check_stamp(&self, name: &str) -> Result<Option<Stamp>, StampError> {
        self.any.check_stamp(name).await
    }
}

impl<T: SetupTasks> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.placed.model()
    }
}

impl<T: SetupTasks> Clone for Object<T> {
    fn clone(&self) -> Self {
        Self { placed: self.placed.clone(), any: self.any.clone() }
    }
}

/// Serializes the model, so that templates can use an object like its model.
impl<T: SetupTasks + Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.placed.model().serialize(serializer)
    }
}

impl<T: SetupTasks> fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object<{}>({})", T::NAME, self.core().id)
    }
}

impl fmt::Debug for AnyObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyObject<{}>({})", self.type_name(), self.id())
    }
}
