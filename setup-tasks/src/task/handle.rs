//! Handles: typed names of tasks.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// The typed name of one task of `T`, such as `Client::MOUNT` for the method `mount`. The macros
/// generate one for each task.
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
    /// Creates a handle. Generated code calls this function.
    pub const fn new(name: &'static str) -> Self {
        Self { name, model: PhantomData }
    }

    /// Returns the task's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }
}

impl<T: 'static> Clone for TaskHandle<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: 'static> Copy for TaskHandle<T> {}

/// Handles are equal if they name the same task.
impl<T: 'static> PartialEq for TaskHandle<T> {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl<T: 'static> Eq for TaskHandle<T> {}

impl<T: 'static> Hash for TaskHandle<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl<T: 'static> fmt::Debug for TaskHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskHandle({})", self.name)
    }
}
