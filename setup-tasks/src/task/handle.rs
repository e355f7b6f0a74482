//! Typed names of tasks.

use std::fmt;
use std::marker::PhantomData;

use crate::object::{Object, SetupTasks};
use crate::run::{RunError, TaskReport};

/// Names one task of `T`: `Client::MOUNT` for the method `mount`. Generated for each task.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door;
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self) {}
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let door = layout.add(Door)?;
/// Door::PAINT.run(&door).await?; // as a task: stamp, events, failure rules
/// assert!(door.check_stamp("paint").await?.is_some());
/// # Ok(()) }
/// ```
pub struct TaskHandle<T: 'static> {
    name: &'static str,
    model: PhantomData<fn(T)>,
}

impl<T: 'static> TaskHandle<T> {
    /// Names a task; generated code calls this.
    pub const fn new(name: &'static str) -> Self {
        Self { name, model: PhantomData }
    }

    /// The task's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T: SetupTasks> TaskHandle<T> {
    /// Runs this one task of `object` now, whether or not it must, and also on a readonly object: as a task, with its
    /// stamp, its events and its rules for failures. To call the method alone, call the method.
    ///
    /// # Errors
    ///
    /// As [`Object::run_setup_tasks`].
    pub async fn run(self, object: &Object<T>) -> Result<TaskReport, RunError> {
        crate::run::run_one(object.as_dyn(), self.name).await
    }
}

impl<T: 'static> Clone for TaskHandle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for TaskHandle<T> {}

impl<T: 'static> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskHandle({})", self.name)
    }
}
