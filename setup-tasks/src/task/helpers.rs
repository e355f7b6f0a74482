//! The helpers of added tasks: closures that replace helper methods, and dependencies.

use std::fmt;
use std::sync::Arc;

use super::added::NewTask;
use super::answer::{Completion, IntoCompletion, IntoHashText, IntoUndone, IntoValid};
use crate::layout::Dependency;
use crate::task::context::TaskContext;
use crate::{BoxFuture, Result};

/// A closure that replaces a helper method.
pub(crate) type HelperClosure<A> = Arc<dyn Fn(TaskContext) -> BoxFuture<'static, Result<A>> + Send + Sync>;

/// The closures and dependencies of an added task.
#[derive(Clone, Default)]
pub(crate) struct Helpers {
    pub(crate) hash: Option<HelperClosure<String>>,
    pub(crate) invalidator: Option<HelperClosure<bool>>,
    pub(crate) check_completed: Option<HelperClosure<Completion>>,
    pub(crate) undo: Option<HelperClosure<()>>,
    pub(crate) dependencies: Vec<Dependency>,
}

impl Helpers {
    /// Returns whether there is a completion check, which decides alone, beside another helper that
    /// it would make pointless.
    pub(crate) fn exclude_each_other(&self) -> bool {
        self.check_completed.is_some() && (self.hash.is_some() || self.invalidator.is_some())
    }
}

impl fmt::Debug for Helpers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Helpers")
            .field("hash", &self.hash.is_some())
            .field("invalidator", &self.invalidator.is_some())
            .field("check_completed", &self.check_completed.is_some())
            .field("undo", &self.undo.is_some())
            .field("dependencies", &self.dependencies)
            .finish()
    }
}

fn erase<F, A, R>(ask: F, read: fn(A::Output) -> Result<R>) -> HelperClosure<R>
where
    F: Fn(TaskContext) -> A + Send + Sync + 'static,
    A: Future + Send + 'static,
    R: 'static,
{
    Arc::new(move |cx| {
        let asked = ask(cx);
        Box::pin(async move { read(asked.await) })
    })
}

impl<K> NewTask<K> {
    /// Sets a hash function, as `hash = f` does. The task runs if the text that the closure returns
    /// differs from the text in the stamp.
    ///
    /// ```
    /// use setup_tasks::{NewTask, prelude::*};
    ///
    /// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door { colour: &'static str }
    /// # #[setup_tasks] impl Door {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
    /// let layout = setup_tasks::Layout::in_memory()?;
    /// let door = layout.add(Door { colour: "red" })?;
    /// let paint = NewTask::new("paint", "Paint it", |_| async {}).hash(|cx| async move {
    ///     cx.object().downcast::<Door>().map_or("", |door| door.colour)
    /// });
    /// door.add_setup_task(paint)?;
    /// door.run_setup_tasks().await?;
    /// assert_eq!(door.check_stamp("paint").await?.unwrap().contents, "red");
    /// # Ok(()) }
    /// ```
    pub fn hash<F, A>(mut self, hash: F) -> Self
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future<Output: IntoHashText> + Send + 'static,
    {
        self.helpers.hash = Some(erase(hash, IntoHashText::into_hash_text));
        self
    }

    /// Sets an invalidator, as `invalidator = f` does. The task runs if the closure returns `false`,
    /// which means that the last run is not valid any more.
    pub fn invalidator<F, A>(mut self, is_valid: F) -> Self
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future<Output: IntoValid> + Send + 'static,
    {
        self.helpers.invalidator = Some(erase(is_valid, IntoValid::into_valid));
        self
    }

    /// Sets a completion check, as `check_completed = f` does. The closure alone decides whether
    /// the task runs. The task keeps no stamp.
    pub fn check_completed<F, A>(mut self, check: F) -> Self
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future<Output: IntoCompletion> + Send + 'static,
    {
        self.helpers.check_completed = Some(erase(check, IntoCompletion::into_completion));
        self
    }

    /// Sets an undo, as `undo = f` does. The closure is called when the object is
    /// [brought down](crate::AnyObject::down). It must be idempotent, because an interrupted undo is
    /// repeated.
    ///
    /// ```
    /// use setup_tasks::{NewTask, prelude::*};
    ///
    /// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
    /// # #[setup_tasks] impl Door {}
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// let layout = setup_tasks::Layout::in_memory()?;
    /// let door = layout.add(Door)?;
    /// let lock = NewTask::new("lock", "Lock it", |cx: TaskContext| async move { cx.log("locked") });
    /// door.add_setup_task(lock.undo(|cx| async move { cx.log("unlocked") }))?;
    /// layout.run().await?;
    /// assert_eq!(layout.down().await?.summary(), "brought down: 1 object; 1 task undone");
    /// # Ok(()) }
    /// ```
    pub fn undo<F, A>(mut self, undo: F) -> Self
    where
        F: Fn(TaskContext) -> A + Send + Sync + 'static,
        A: Future<Output: IntoUndone> + Send + 'static,
    {
        self.helpers.undo = Some(erase(undo, IntoUndone::into_undone));
        self
    }

    /// Adds a dependency on a task of another object, as a relationship does. The other task is
    /// considered first; this task and all later ones run if the other task changed something later.
    /// [`AnyObject::depends_on`](crate::AnyObject::depends_on) creates the dependency. Its `before`
    /// is ignored here.
    pub fn depends_on(mut self, dependency: Dependency) -> Self {
        self.helpers.dependencies.push(dependency);
        self
    }
}
