//! Typed names of tasks.

use std::fmt;
use std::marker::PhantomData;

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
