//! Running an object.

mod attempt;
mod context;
mod driver;
mod error;
mod gather;
mod glance;
mod lock;
mod related;
mod report;
mod resource;
mod session;

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

pub(crate) use context::LazyContext;
pub use context::TaskContext;
pub use error::RunError;
pub use glance::TaskGlance;
pub(crate) use glance::glance;
pub use lock::LockError;
pub use report::{ObjectReport, Status, TaskReport};
pub use resource::{RunContext, RunOutcome};
pub(crate) use session::Session;

use crate::BoxFuture;
use crate::event::{Event, EventKind};
use crate::object::{AnyObject, DynObject, ObjectCore, SetupTasks};
use crate::ready::Wait;
use crate::stamp::Change;
use crate::task::handle::TaskHandle;
use resource::DynRunContext;
use tokio::sync::MutexGuard;

/// A run of an object that is about to begin: await it. From [`Object::run_setup_tasks`](crate::Object::run_setup_tasks).
///
/// Tasks run one after another in the order of their table. A run that is dropped is cancelled: the task that ran then
/// counts as interrupted.
///
/// # Errors
///
/// Awaited, it gives a [`RunError`]: a task that failed, with its reason and its own error as the source; a method that
/// decides which failed; a store, a lock or a path that cannot be had.
#[must_use = "a run does nothing until it is awaited"]
pub struct Run<T> {
    object: Arc<dyn DynObject>,
    options: Options,
    model: PhantomData<fn(T)>,
}

/// What a run is told.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) context: Option<Arc<dyn DynRunContext>>,
    pub(crate) stop_after: Option<Name>,
    /// This task alone, whether or not it must and also on a readonly object.
    pub(crate) only: Option<Name>,
    pub(crate) force: Vec<Name>,
    pub(crate) force_all: bool,
    pub(crate) dry_run: bool,
}

type Name = Cow<'static, str>;

impl<T> Run<T> {
    pub(crate) fn new(object: Arc<dyn DynObject>) -> Self {
        Self { object, options: Options::default(), model: PhantomData }
    }

    /// Something that the tasks share, entered only if one runs. See [`RunContext`].
    pub fn context(mut self, context: impl RunContext) -> Self {
        self.options.context = Some(Arc::new(context));
        self
    }

    /// Runs every task whether or not it must.
    pub fn force_all(mut self) -> Self {
        self.options.force_all = true;
        self
    }

    /// Runs nothing and changes nothing on disk; the report says for every task whether it would run, and why.
    pub fn dry_run(mut self) -> Self {
        self.options.dry_run = true;
        self
    }
}

impl<T: SetupTasks> Run<T> {
    /// Ends the run once this task was considered.
    pub fn stop_after(mut self, task: impl Into<TaskHandle<T>>) -> Self {
        self.options.stop_after = Some(Cow::Borrowed(task.into().name()));
        self
    }

    /// Runs this task whether or not it must.
    pub fn force(mut self, task: impl Into<TaskHandle<T>>) -> Self {
        self.options.force.push(Cow::Borrowed(task.into().name()));
        self
    }
}

impl Run<AnyObject> {
    /// Ends the run once this task was considered.
    pub fn stop_after(mut self, task: impl Into<String>) -> Self {
        self.options.stop_after = Some(Cow::Owned(task.into()));
        self
    }

    /// Runs this task whether or not it must.
    pub fn force(mut self, task: impl Into<String>) -> Self {
        self.options.force.push(Cow::Owned(task.into()));
        self
    }
}

impl<T> IntoFuture for Run<T> {
    type Output = Result<ObjectReport, RunError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(driver::drive(self.object, self.options))
    }
}

impl Options {
    fn forces(&self, task: &str) -> bool {
        self.force_all || self.only.as_deref() == Some(task) || self.force.iter().any(|name| name == task)
    }

    /// Refuses names that the object does not have.
    fn check(&self, object: &Arc<dyn DynObject>) -> Result<(), RunError> {
        for task in self.force.iter().chain(&self.stop_after).chain(&self.only) {
            find_task(object, task)?;
        }
        Ok(())
    }
}

/// Where in the order a task stands, by its name.
fn find_task(object: &Arc<dyn DynObject>, task: &str) -> Result<usize, RunError> {
    let found = (0..object.task_count()).find(|&i| object.meta(i).place.name == task);
    found.ok_or_else(|| unknown_task(object, task))
}

fn unknown_task(object: &Arc<dyn DynObject>, task: &str) -> RunError {
    let known: Vec<_> = (0..object.task_count()).map(|i| format!("`{}`", object.meta(i).place.name)).collect();
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    RunError::UnknownTask { object: object.core().id.to_string(), task: task.to_owned(), known }
}

/// Runs one task of an object.
pub(crate) async fn run_one(object: Arc<dyn DynObject>, task: &'static str) -> Result<TaskReport, RunError> {
    let options = Options { only: Some(Cow::Borrowed(task)), ..Options::default() };
    let report = driver::drive(object.clone(), options).await?;
    report.tasks.into_iter().next().ok_or_else(|| unknown_task(&object, task))
}

/// Removes the stamps of an object, then everything under its stamp path.
pub(crate) async fn clear(object: &Arc<dyn DynObject>) -> Result<(), RunError> {
    let core = object.core();
    if core.readonly() {
        return Err(RunError::Readonly { object: core.id.to_string() });
    }
    let _turn = core.turn().await?;
    let nested = core.layout.nested_in(&core.subdir);
    let _session = Session::begin(object, None).await?;
    // The stamps go first: what is removed is never believed to be there. They are looked at now that nobody else can
    // write any.
    if !core.load()?.is_empty() {
        core.layout.store().write(&core.subdir, Change::Clear).await?;
    }
    core.paths.clear(&core.layout.config().cache_dir(), &nested)?;
    Ok(())
}

/// The right to be the one run of an object in this process, and the wait of whatever that run is a part of.
pub(crate) struct Turn<'o> {
    _running: MutexGuard<'o, ()>,
    _wait: Wait,
}

impl ObjectCore {
    /// Waits for the other runs of the object in this process.
    pub(crate) async fn turn(&self) -> Result<Turn<'_>, RunError> {
        let circle = |source| RunError::Circle { object: self.id.to_string(), source };
        // Kept for all of the run, not for the turn alone: what the run is a part of waits for its end.
        let wait = self.run_node.wait().map_err(circle)?;
        Ok(Turn { _running: self.running.lock().await, _wait: wait })
    }

    /// An event of the whole object.
    pub(crate) fn emit(&self, task: &'static str, kind: impl FnOnce() -> EventKind) {
        self.layout.events().emit(|| Event {
            object: self.id.clone(),
            task,
            description: Cow::Borrowed(""),
            kind: kind(),
        });
    }

    /// An event of one task.
    pub(crate) fn emit_for(&self, object: &Arc<dyn DynObject>, i: usize, kind: impl FnOnce() -> EventKind) {
        self.layout.events().emit(|| Event {
            object: self.id.clone(),
            task: object.meta(i).place.name,
            description: object.describe(i),
            kind: kind(),
        });
    }
}
