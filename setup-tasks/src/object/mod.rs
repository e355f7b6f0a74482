//! Objects: models placed in a layout.

mod any;
mod core;
mod model;
mod placed;
mod settings;
mod types;

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

pub use any::AnyObject;
pub(crate) use any::{Asked, DynObject, Features, Order};
pub(crate) use core::{Host, ObjectCore, Placing};
pub use model::{HasBlock, NoBlock, SetupTasks};
pub(crate) use placed::Placed;
pub(crate) use settings::settle;
pub(crate) use types::{as_object, note_type};

use serde::{Serialize, Serializer};

use crate::customize::Customization;
use crate::injector::Injector;
use crate::layout::Layout;
use crate::paths::PathError;
use crate::ready::ReadyError;
use crate::run::{ByHand, ObjectReport, Permit, Run, RunError, TaskSnapshot, stamp_by_hand};
use crate::stamp::{Change, Stamp, StampError};
use crate::task::added::{AddTaskError, NewTask};
use crate::task::handle::TaskHandle;
use crate::task::kind::TaskKind;

/// A model placed in a layout: a cheap handle that derefs to the model.
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
/// assert_eq!((host.name.as_str(), host.id()), ("gateway", "hosts/gateway"));
///
/// let report = host.run_setup_tasks().await?;
/// assert_eq!(report.ran().count(), 1);
/// let report = host.run_setup_tasks().await?;
/// assert_eq!(report.ran().count(), 0);
/// # Ok(()) }
/// ```
pub struct Object<T: SetupTasks>(pub(crate) Arc<Placed<T>>);

impl<T: SetupTasks> Object<T> {
    /// The object's id, unique in its layout.
    pub fn id(&self) -> &str {
        &self.0.core.id
    }

    /// The part of its paths that is its own, and its name in the stamp store.
    pub fn stamp_subdir(&self) -> &str {
        &self.0.core.subdir
    }

    /// The layout that it is placed in.
    pub fn layout(&self) -> &Layout {
        &self.0.core.layout
    }

    /// Its injector.
    pub fn injector(&self) -> &Injector {
        self.0.core.injector()
    }

    /// The handle without the model's type.
    pub fn any(&self) -> AnyObject {
        AnyObject(self.as_dyn())
    }

    pub(crate) fn as_dyn(&self) -> Arc<dyn DynObject> {
        self.0.clone()
    }

    /// The names of its tasks in run order, those of plug-ins and those added to the object included.
    pub fn task_names(&self) -> impl Iterator<Item = &'static str> {
        self.any().task_names().into_iter()
    }

    /// Its tasks that are made of a value of type `K`, each with its name, in run order.
    pub fn values_of<K: Clone + 'static>(&self) -> Vec<(&'static str, K)> {
        self.0.values_of()
    }

    /// Adds a task to this one object, at its place in the order. A run that is under way considers it too, unless it has
    /// ended by then. (As much as its type's tasks, it must be added anew by each process.)
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
    /// assert_eq!(door.task_names().collect::<Vec<_>>(), ["sand", "paint"]);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// A name that is taken, a neighbour that does not exist, a cycle.
    pub fn add_setup_task<K: TaskKind<T>>(&self, task: NewTask<K>) -> Result<TaskHandle<T>, AddTaskError> {
        let row = task.into_row();
        let handle = TaskHandle::new(row.name());
        self.0.add(row)?;
        Ok(handle)
    }

    /// Applies another model to this object: its tasks run in the place of one task called `name`, and are stamped under
    /// this object with that name as a stem. See [`Customization`](crate::Customization).
    ///
    /// # Errors
    ///
    /// As [`add_setup_task`](Self::add_setup_task).
    pub fn customize<C: SetupTasks>(&self, name: &str, model: C) -> Result<TaskHandle<T>, AddTaskError> {
        self.add_setup_task(NewTask::value(name, Customization::with_model(model)))
    }

    /// A place for what can be made again, as stamps can. Made on first use.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn stamp_path(&self) -> Result<&Path, PathError> {
        self.0.core.stamp_path()
    }

    /// A place for what must not be lost: keys, tokens, assignments. Private to its owner (0700), never cleared with the
    /// cache. Made on first use.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn state_path(&self) -> Result<&Path, PathError> {
        self.0.core.state_path()
    }

    /// A place for logs. Made on first use.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn log_path(&self) -> Result<&Path, PathError> {
        self.0.core.log_path()
    }

    /// Whether nothing is run on it automatically: its own flag, else its model's `readonly` key, else the nearest
    /// injector's [`READONLY`](crate::injector::READONLY), else false. Looked up once, at the latest when a fleet with it begins.
    pub fn readonly(&self) -> bool {
        self.0.core.readonly()
    }

    /// Runs the setup tasks that must run, in order. Await it; see [`Run`] for what can be set before.
    pub fn run_setup_tasks(&self) -> Run<T> {
        Run::new(self.as_dyn())
    }

    /// Brings the object to ready, which is done once, by the first who asks: its setup tasks are run, or what its model's
    /// `ready` key names. Who asks meanwhile waits for the same and is told the same error; who asks after a failure tries
    /// again. When nobody waits any more, it is cancelled, as a run that is dropped is.
    ///
    /// # Errors
    ///
    /// If the run fails, or if it would wait for itself: the error prints the circle. (What a task spawns on its own is
    /// not seen to belong to it.)
    pub async fn ready(&self) -> Result<(), ReadyError> {
        crate::ready::ready(&self.as_dyn()).await
    }

    /// The stamp of a task, or of anything else that was stamped by [`create_stamp`](Self::create_stamp). `None` if there
    /// is none or a later attempt failed or was interrupted.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn check_stamp(&self, name: &str) -> Result<Option<Stamp>, StampError> {
        self.0.core.stamp(name).await
    }

    /// Writes a stamp by hand: declares something done.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    pub async fn create_stamp(&self, name: &str, contents: &str) -> Result<Stamp, StampError> {
        let permit = Permit::to_stamp(&self.0.core)?;
        let hash = self.0.core.layout.texts().keep(contents.to_owned(), true)?;
        stamp_by_hand(&*self.0, &permit, None, name, ByHand { hash, ..ByHand::default() }).await
    }

    /// Removes a stamp; removing one that is not there is no error.
    ///
    /// # Errors
    ///
    /// If the store cannot be written.
    pub async fn delete_stamp(&self, name: &str) -> Result<(), StampError> {
        if self.0.core.load().await?.get(name).is_none() {
            return Ok(());
        }
        self.0.core.change(&Permit::to_stamp(&self.0.core)?, None, Change::Forget { task: name.to_owned() }).await
    }

    /// Removes the stamps and everything under [`stamp_path`](Self::stamp_path), so that every task runs again. The
    /// state and the logs stay, and so do the directories of other objects of the layout.
    ///
    /// # Errors
    ///
    /// If the object is readonly; if the stamp path leads out of the cache directory; if something cannot be removed.
    /// The stamps go first: what was removed is never believed to be there.
    pub async fn clear_stamps_and_cache(&self) -> Result<(), RunError> {
        crate::run::clear(&self.as_dyn()).await
    }

    /// What stamps alone say about each task: cheap, since no method is run.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn peek(&self) -> Result<Vec<TaskSnapshot>, StampError> {
        crate::run::peek(&self.as_dyn()).await
    }

    /// What each task would do in a run now, and why.
    ///
    /// # Errors
    ///
    /// As [`run_setup_tasks`](Self::run_setup_tasks).
    pub async fn plan(&self) -> Result<ObjectReport, RunError> {
        self.run_setup_tasks().dry_run().await
    }
}

impl<T: SetupTasks> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.model()
    }
}

impl<T: SetupTasks> Clone for Object<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// An object is serialized as its model is, so that templates see what the model says.
impl<T: SetupTasks + Serialize> Serialize for Object<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.model().serialize(serializer)
    }
}

impl<T: SetupTasks> fmt::Debug for Object<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Object<{}>({})", T::NAME, self.id())
    }
}

impl fmt::Debug for AnyObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyObject<{}>({})", self.type_name(), self.id())
    }
}
