//! Running an object.

mod attempt;
mod check;
mod classify;
mod driver;
mod execute;
mod frame;
mod guard;
mod lock_wait;
mod mark_ahead;
mod mark_done;
mod nested;
mod object;
mod peek;
mod plan;
mod probe;
mod relationship;
mod session;
mod walk;

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

pub use crate::decide::Decision;
pub use peek::TaskSnapshot;
use session::Session;

use self::nested::RunningTask;
use crate::BoxFuture;
use crate::event::EventKind;
use crate::object::{AnyObject, DynObject, Object, Permit, ProgressQuery, SetupTasks};
pub use crate::report::{ObjectReport, RelatedError, RunError, TaskReport, TaskStatus, Undecided};
use crate::stamp::Change;
pub use crate::task::context::TaskContext;
pub use crate::task::file_change::FileChange;
use crate::task::handle::TaskHandle;
use crate::task::run_context::DynRunContext;
pub use crate::task::run_context::{ContextExit, RunContext};
use crate::work::WorkContext;
use crate::work::{Mode, RequestCx};

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

impl<T> std::fmt::Debug for Run<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Run").field("object", &self.object.core().id).finish_non_exhaustive()
    }
}

/// What a run is told.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent option")]
pub(crate) struct Options {
    pub(crate) context: Option<Arc<dyn DynRunContext>>,
    pub(crate) stop_after: Option<Name>,
    /// The stamp name of this task alone, whether or not it must and also on a readonly object.
    pub(crate) single_task: Option<Name>,
    pub(crate) force: Vec<Name>,
    pub(crate) force_all: bool,
    pub(crate) dry_run: bool,
    /// Whether a dry run says what would change in files.
    pub(crate) diff: bool,
    /// A part of something larger, of which each task is considered once: it goes on from where the last part ended.
    pub(crate) nested: bool,
    /// For whom it is run, and up to which row: no further than another process has come already.
    wanted: Option<(ProgressQuery, usize)>,
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

    /// As [`dry_run`](Self::dry_run); the report also has what tasks that would run would change in files, as far as their
    /// kinds can tell.
    pub fn diff(mut self) -> Self {
        self.options.diff = true;
        self.dry_run()
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
        Box::pin(WorkContext::nest(driver::drive(self.object, self.options)))
    }
}

impl Options {
    /// Whether a task of `object` is run in any case.
    fn forces(&self, cx: &RequestCx<'_>, object: &Arc<dyn DynObject>, task: &str) -> bool {
        self.force_all
            || self.single_task.as_deref() == Some(task)
            || self.force.iter().any(|name| name == task)
            || (self.nested && cx.fleet.is_some_and(|fleet| fleet.forces(&object.core().id, task)))
    }

    /// Whether no task is forced by name, neither by these nor by the fleet that the run is a part of.
    fn forces_none(&self, cx: &RequestCx<'_>) -> bool {
        !self.force_all && self.single_task.is_none() && self.force.is_empty() && (!self.nested || cx.forces_none())
    }

    /// Refuses names that the object does not have.
    fn check(&self, object: &Arc<dyn DynObject>) -> Result<(), RunError> {
        for task in &self.force {
            // A customization's task is named with its stem.
            let (stem, rest) = task.split_once('.').map_or((&**task, None), |(stem, rest)| (stem, Some(rest)));
            let row = find_task(object, stem)?;
            if let Some(rest) = rest {
                let inner = object.clone().customization(row).map_err(|_| unknown_task(object, task))?;
                Self { force: vec![Cow::Owned(rest.to_owned())], ..Self::default() }.check(&inner)?;
            }
        }
        self.stop_after.iter().try_for_each(|task| find_task(object, task).map(drop))
    }
}

/// The row of a task, by its name.
fn find_task(object: &Arc<dyn DynObject>, task: &str) -> Result<usize, RunError> {
    object.row(task).ok_or_else(|| unknown_task(object, task))
}

fn unknown_task(object: &Arc<dyn DynObject>, task: &str) -> RunError {
    let (object, known) = (object.core().id.to_string(), object.known_tasks());
    RunError::UnknownTask { object, task: task.to_owned(), known }
}

/// Runs the setup tasks on behalf of something larger: each is considered once, whoever else asks for it.
pub(crate) async fn bring_up(object: Arc<dyn DynObject>) -> Result<(), RunError> {
    driver::drive(object, Options { nested: true, ..Options::default() }).await.map(drop)
}

/// Says what [`bring_up`] would do. Boxed, since a plan within a plan would hold itself.
pub(crate) fn plan_part(object: Arc<dyn DynObject>) -> BoxFuture<'static, Result<(), RunError>> {
    let options = Options { nested: true, dry_run: true, ..Options::default() };
    Box::pin(WorkContext::nest(async move { driver::drive(object, options).await.map(drop) }))
}

impl<T: SetupTasks> TaskHandle<T> {
    /// Runs this one task of `object` now, even if it is up to date or the object is readonly. The run writes the stamp, sends the
    /// events and follows the rules for failures. To call the method alone, call the method.
    ///
    /// # Errors
    ///
    /// As [`Object::run_setup_tasks`].
    pub async fn run(self, object: &Object<T>) -> Result<TaskReport, RunError> {
        run_one(object.as_dyn().clone(), self.name()).await
    }
}

/// Runs one task of an object. A task that is called by a task of the same object runs within that one.
pub(crate) async fn run_one(object: Arc<dyn DynObject>, task: &'static str) -> Result<TaskReport, RunError> {
    let name = object.stamp_name(find_task(&object, task)?);
    let root = object.root();
    let options = Options { single_task: Some(Cow::Borrowed(name)), ..Options::default() };
    let report = match RunningTask::of(&root) {
        Some(running) => running.run(options).await?,
        None => driver::drive(root, options).await?,
    };
    report.find(name).cloned().ok_or_else(|| unknown_task(&object, task))
}

/// Removes the stamps of an object, then everything under its stamp path.
pub(crate) async fn clear(object: &Arc<dyn DynObject>) -> Result<(), RunError> {
    let core = object.core();
    if core.readonly() {
        return Err(RunError::Readonly { object: core.id.to_string() });
    }
    let permit = Permit::to_change(core, "the cache")?;
    let root = object.root();
    let progress = root.core().progress(Mode::Apply);
    let _wait = progress.node.wait().map_err(|circle| RunError::circle(&core.id, circle))?;
    let _lock = progress.run_lock().await;
    let nested = core.layout.nested_in(&core.subdir);
    let (session, records) = Session::begin(object, &permit).await?;
    core.prefetch(None);
    // The stamps go first: what is removed is never believed to be there.
    if !records.is_empty() {
        core.layout.store().write(&core.subdir, session.fence(), vec![Change::Clear]).await?;
    }
    core.paths().clear(&nested)?;
    Ok(())
}

impl dyn DynObject {
    /// An event of one of its tasks.
    pub(crate) fn emit(&self, row: usize, kind: impl FnOnce() -> EventKind) {
        self.core().emit_about(|| (self.stamp_name(row), self.describe(row)), kind);
    }
}
