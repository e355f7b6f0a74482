//! Objects without the type of their model.

use std::path::Path;
use std::sync::Arc;

use super::dyn_object::DynObject;
use super::{Object, SetupTasks};
use crate::Result;
use crate::command::{CommandRunner, RunnerType};
use crate::injector::Injector;
use crate::layout::{Dependency, Layout};
use crate::paths::PathError;
use crate::stamp::{Stamp, StampError};
use crate::task::added::{AddTaskError, ClosureTask, NewTask};
use crate::task::context::TaskContext;
use crate::task::outcome::IntoOutcome;

/// A handle of an object without the type of its model. It is cheap to clone.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Door)?;
/// for object in layout.all() {
///     for task in object.plan().await?.would_run() {
///         println!("{}/{} would run", object.id(), task.task);
///     }
/// }
/// let door = layout.get("door").unwrap();
/// assert!(door.downcast::<Door>().is_some());
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct AnyObject(pub(crate) Arc<dyn DynObject>);

impl AnyObject {
    /// Returns the id of the object, which is unique in its layout.
    pub fn id(&self) -> &str {
        &self.0.core().id
    }

    /// Returns the name of the model's type.
    pub fn type_name(&self) -> &'static str {
        self.0.core().type_name
    }

    /// Returns whether the object is [retired](crate::layout::ObjectBuilder::retired): a run brings it
    /// down.
    pub fn is_retired(&self) -> bool {
        self.0.core().is_retired()
    }

    /// Returns the groups of the object, by which a fleet can select it
    /// ([`ObjectBuilder::group`](crate::layout::ObjectBuilder::group)).
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        self.0.core().groups().iter().map(|group| &**group)
    }

    /// Returns the host on which the object runs, if [`ObjectBuilder::on`](crate::layout::ObjectBuilder::on) has set one.
    pub fn host(&self) -> Option<&str> {
        self.0.core().on()
    }

    /// Returns the subdirs and the task names under which the history can have lines about a task: the
    /// present ones first, and then the former ones.
    #[doc(hidden)]
    pub fn history_names(&self, task: &str) -> Vec<(String, String)> {
        let core = self.0.core();
        let former = core.former().map_or(&[][..], |former| &former.names);
        let subdirs = std::iter::once(&core.subdir).chain(former);
        let mut tasks = vec![task.to_owned()];
        tasks.extend(core.former_names.of_task(task));
        subdirs.flat_map(|subdir| tasks.iter().map(move |task| (subdir.to_string(), task.clone()))).collect()
    }

    /// Returns the object's own part of its paths, which is also its name in the stamp store.
    pub fn stamp_subdir(&self) -> &str {
        &self.0.core().subdir
    }

    /// Returns the names of the tasks in run order, including those of plug-ins and added tasks.
    pub fn task_names(&self) -> Vec<&'static str> {
        self.0.order().iter().map(|row| self.0.name(row)).collect()
    }

    /// Returns whether no task runs automatically on the object. The object's own flag takes
    /// precedence, then the `readonly` key of the model, then
    /// [`READONLY`](crate::injector::READONLY) of the nearest injector. The answer is fixed by the
    /// first call, or by the start of a fleet that includes the object.
    pub fn readonly(&self) -> bool {
        self.0.core().readonly()
    }

    /// Returns the directory for files that can be created again, and creates it on first use.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be created.
    pub fn stamp_path(&self) -> Result<&Path, PathError> {
        self.0.core().stamp_path()
    }

    /// Returns the directory for files that must not be lost, such as keys, tokens and assignments,
    /// and creates it on first use. It is private to its owner (0700) and is never cleared with the
    /// cache.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be created.
    pub fn state_path(&self) -> Result<&Path, PathError> {
        self.0.core().state_path()
    }

    /// Returns the directory for logs, and creates it on first use.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be created.
    pub fn log_path(&self) -> Result<&Path, PathError> {
        self.0.core().log_path()
    }

    /// Returns the stamp of a task, or another stamp that [`create_stamp`](Self::create_stamp)
    /// wrote. Returns `None` if there is no stamp, or if a later attempt failed or was interrupted.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn check_stamp(&self, name: &str) -> Result<Option<Stamp>, StampError> {
        self.0.core().stamp(name).await
    }

    /// Adds a task that calls a closure to the object, as [`Object::add_setup_task`] does.
    ///
    /// # Errors
    ///
    /// As for [`Object::add_setup_task`].
    pub fn add_setup_task<F, A>(&self, task: NewTask<ClosureTask<F>>) -> Result<(), AddTaskError>
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future + Send + 'static,
        A::Output: IntoOutcome,
    {
        self.0.add_closure(task.erase())
    }

    /// Returns a dependency on one of the object's tasks, for
    /// [`ObjectBuilder::depends_on`](crate::layout::ObjectBuilder::depends_on).
    pub fn depends_on(&self, task: impl Into<String>) -> Dependency {
        Dependency::new(self.clone(), task.into())
    }

    /// Returns the machine of the model as one that runs commands, or `None` if the model has no field with the attribute
    /// `#[machine]`, or one of a type that runs none.
    pub fn command_runner(&self) -> Option<&dyn CommandRunner> {
        RunnerType::find(self.0.machine()?)
    }

    /// Returns the layout of the object.
    pub fn layout(&self) -> &Layout {
        &self.0.core().layout
    }

    /// Returns the injector of the object.
    pub fn injector(&self) -> &Injector {
        self.0.core().injector()
    }

    /// Returns the typed handle, or `None` if the model is not a `T`.
    pub fn downcast<T: SetupTasks>(&self) -> Option<Object<T>> {
        self.0.clone().into_any().downcast().ok().map(Object::new)
    }
}
