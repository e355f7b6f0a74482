//! The engine: runs the setup tasks of one object.

mod access;
mod attempt;
mod check;
mod classify;
mod contexts;
mod customization;
pub(crate) mod down;
mod driver;
mod elsewhere;
mod execute;
mod guard;
mod helper_call;
mod last_change;
mod lease_wait;
mod mark_ahead;
mod mark_done;
mod nested;
mod object;
mod observe;
mod pass;
mod peek;
mod plan;
mod probe;
mod records;
mod relationship;
mod restat;
mod results;
mod rows;
mod scope;
mod session;
mod verdict;
mod walk;

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

pub use crate::decide::Decision;
pub(crate) use observe::gather;
pub(crate) use pass::pass;
pub use peek::TaskSnapshot;
use session::Session;

use self::nested::RunningTask;
use crate::BoxFuture;
use crate::event::EventKind;
use crate::layout::Layout;
use crate::object::{AnyObject, DynObject, Object, Permit, ProgressQuery, RowId, RunStart, SetupTasks};
pub use crate::report::{ObjectReport, RelatedError, RunError, TaskReport, TaskStatus, Undecided};
use crate::stamp::{Change, Entry, StampError, Timestamp};
pub use crate::task::context::TaskContext;
pub use crate::task::file_change::FileChange;
use crate::task::handle::TaskHandle;
use crate::task::run_context::DynRunContext;
pub use crate::task::run_context::{ContextExit, RunContext};
use crate::work::WorkContext;
use crate::work::{Mode, RequestCx};

/// A run of an object. [`Object::run_setup_tasks`](crate::Object::run_setup_tasks) creates it, and
/// awaiting it starts it.
///
/// Tasks run one after another, in the order of [`AnyObject::task_names`]. Dropping a run cancels it.
/// The task that was running then counts as interrupted.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self) {}
///     #[setup_task("Hang it")]
///     fn hang(&self) {}
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let door = layout.add(Door)?;
/// let report = door.run_setup_tasks().dry_run().await?;
/// assert_eq!(report.would_run().count(), 2);
/// let report = door.run_setup_tasks().force(Door::PAINT).stop_after(Door::PAINT).await?;
/// assert_eq!(report.ran().count(), 1);
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// Awaiting the run returns a [`RunError`] if a task fails (with the reason of the task, and its
/// own error as the source), if a method that decides about a task fails, or if the store, the lease
/// of the object or a path is not available. Tasks after a failed one do not run.
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

/// The options of a run.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent option")]
pub(crate) struct Options {
    pub(crate) context: Option<Arc<dyn DynRunContext>>,
    pub(crate) stop_after: Option<Name>,
    /// The stamp name of the only task to run. It runs even if it is up to date or the object is
    /// readonly.
    pub(crate) single_task: Option<Name>,
    pub(crate) force: Vec<Name>,
    pub(crate) force_all: bool,
    /// The time of the latest stamp when the run began, if it forces tasks by its own options.
    pub(crate) began: Option<Timestamp>,
    pub(crate) dry_run: bool,
    /// Whether the report of a dry run contains the changes to files.
    pub(crate) diff: bool,
    /// Whether slow invalidators are called and observers asked that are not cheap.
    pub(crate) verify: bool,
    pub(crate) role: RunRole,
    /// The query that the run serves, and the queried row. If another process records a result for
    /// it, the run ends early.
    query: Option<(ProgressQuery, RowId)>,
}

/// The role of a run within its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum RunRole {
    /// A caller asked for this run with options of its own.
    #[default]
    Standalone,
    /// The run is a part of a larger request. Each task is considered once per request, so the run
    /// resumes where the last run of the request ended.
    PartOfRequest,
}

impl RunRole {
    /// Returns how a run of this role begins.
    fn start(self) -> RunStart {
        match self {
            Self::Standalone => RunStart::Anew,
            Self::PartOfRequest => RunStart::Resume,
        }
    }
}

type Name = Cow<'static, str>;

impl<T> Run<T> {
    pub(crate) fn new(object: Arc<dyn DynObject>) -> Self {
        Self { object, options: Options::default(), model: PhantomData }
    }

    /// Sets a context that the tasks share. The run enters it only if a task runs. See
    /// [`RunContext`].
    pub fn context(mut self, context: impl RunContext) -> Self {
        self.options.context = Some(Arc::new(context));
        self
    }

    /// Runs every task, even if it is up to date.
    pub fn force_all(mut self) -> Self {
        self.options.force_all = true;
        self
    }

    /// Runs no tasks and changes nothing on disk. The report contains, for every task, whether it
    /// would run and why.
    pub fn dry_run(mut self) -> Self {
        self.options.dry_run = true;
        self
    }

    /// Verifies the results of tasks that are up to date otherwise: asks observers that are not
    /// cheap, such as machines, and calls slow invalidators. Without this, the configuration's
    /// [`verify`](field@crate::Config::verify) decides. Objects on which this one depends are not
    /// verified.
    pub fn verify(mut self) -> Self {
        self.options.verify = true;
        self
    }

    /// Runs no tasks, as [`dry_run`](Self::dry_run) does. The report also contains the changes to
    /// files that the tasks would make, as far as their kinds can compute them.
    pub fn diff(mut self) -> Self {
        self.options.diff = true;
        self.dry_run()
    }
}

impl<T: SetupTasks> Run<T> {
    /// Ends the run after this task.
    pub fn stop_after(mut self, task: impl Into<TaskHandle<T>>) -> Self {
        self.options.stop_after = Some(Cow::Borrowed(task.into().name()));
        self
    }

    /// Runs this task even if it is up to date.
    pub fn force(mut self, task: impl Into<TaskHandle<T>>) -> Self {
        self.options.force.push(Cow::Borrowed(task.into().name()));
        self
    }
}

impl Run<AnyObject> {
    /// Ends the run after this task.
    pub fn stop_after(mut self, task: impl Into<String>) -> Self {
        self.options.stop_after = Some(Cow::Owned(task.into()));
        self
    }

    /// Runs this task even if it is up to date.
    pub fn force(mut self, task: impl Into<String>) -> Self {
        self.options.force.push(Cow::Owned(task.into()));
        self
    }
}

impl<T> IntoFuture for Run<T> {
    type Output = Result<ObjectReport, RunError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        // The future may be polled by another tokio task than the one that creates it.
        Box::pin(async move {
            let Self { object, options, .. } = self;
            WorkContext::get().run_nested(|work| driver::drive(object, options, work)).await
        })
    }
}

impl Options {
    /// Returns whether a task of `object` runs even if it is up to date. A task that was stamped since
    /// the run or the fleet began is not forced again: another process has run it meanwhile.
    fn forces(&self, cx: &RequestCx<'_>, object: &Arc<dyn DynObject>, task: &str, entry: Option<&Entry>) -> bool {
        let forced_by_run = || self.force_all || self.force.iter().any(|name| name == task);
        let fleet = cx.fleet.filter(|_| self.role == RunRole::PartOfRequest);
        self.single_task.as_deref() == Some(task)
            || (!is_stamped_since(self.began, entry) && forced_by_run())
            || fleet.is_some_and(|fleet| {
                !is_stamped_since(fleet.forced_before, entry) && fleet.forces(&object.core().id, task)
            })
    }

    /// Returns whether a task of a customization runs that is forced as a whole.
    fn forces_within(&self, cx: &RequestCx<'_>, entry: Option<&Entry>) -> bool {
        let began = self.began.or_else(|| cx.fleet?.forced_before);
        self.single_task.is_some() || !is_stamped_since(began, entry)
    }

    /// Reads the time that decides whether a task was run since the run began, if the options force
    /// any.
    async fn begin(&mut self, layout: &Layout, mode: Mode) -> Result<(), StampError> {
        if self.force_all || !self.force.is_empty() {
            self.began = Some(layout.observe_store(mode).await?);
        }
        Ok(())
    }

    /// Returns whether no task is forced, neither by these options nor by the fleet that the run
    /// belongs to.
    fn forces_none(&self, cx: &RequestCx<'_>) -> bool {
        !self.force_all
            && self.single_task.is_none()
            && self.force.is_empty()
            && (self.role == RunRole::Standalone || cx.forces_none())
    }

    /// Returns an error for the first name that the object does not have.
    fn check(&self, object: &Arc<dyn DynObject>) -> Result<(), RunError> {
        for task in &self.force {
            // The name of a customization's task begins with the customization's stem.
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

/// Returns whether a task was stamped after a time. Without a time, it was not.
fn is_stamped_since(began: Option<Timestamp>, entry: Option<&Entry>) -> bool {
    began.zip(entry).is_some_and(|(began, entry)| entry.last_completed() > Some(began))
}

/// Returns the row of a task by its name.
fn find_task(object: &Arc<dyn DynObject>, task: &str) -> Result<RowId, RunError> {
    object.row(task).ok_or_else(|| unknown_task(object, task))
}

fn unknown_task(object: &Arc<dyn DynObject>, task: &str) -> RunError {
    let (object, known) = (object.core().id.to_string(), object.known_tasks());
    RunError::UnknownTask { object, task: task.to_owned(), known }
}

/// Runs the setup tasks as a part of a larger request, which considers each task once.
pub(crate) async fn bring_up(object: Arc<dyn DynObject>) -> Result<(), RunError> {
    let options = Options { role: RunRole::PartOfRequest, ..Options::default() };
    driver::drive(object, options, WorkContext::get()).await.map(drop)
}

/// Plans the work of [`bring_up`]. The future is boxed because a plan within a plan would otherwise
/// contain itself.
pub(crate) fn plan_part(object: Arc<dyn DynObject>, work: WorkContext) -> BoxFuture<'static, Result<(), RunError>> {
    let options = Options { role: RunRole::PartOfRequest, dry_run: true, ..Options::default() };
    Box::pin(work.run_nested(|work| async move { driver::drive(object, options, work).await.map(drop) }))
}

impl<T: SetupTasks> TaskHandle<T> {
    /// Runs only this task of `object`, even if it is up to date or the object is readonly. The run
    /// writes the stamp, emits the events and handles failures as every run does. To skip all of
    /// this, call the method directly.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`Object::run_setup_tasks`].
    pub async fn run(self, object: &Object<T>) -> Result<TaskReport, RunError> {
        run_one(object.as_dyn().clone(), self.name()).await
    }
}

/// Runs one task of an object. If a task of the same object calls the handle, the new task runs
/// within the running one.
pub(crate) async fn run_one(object: Arc<dyn DynObject>, task: &'static str) -> Result<TaskReport, RunError> {
    let name = object.stamp_name(find_task(&object, task)?);
    let root = object.root();
    let options = Options { single_task: Some(Cow::Borrowed(name)), ..Options::default() };
    let work = WorkContext::get();
    let report = match RunningTask::of(&root, &work) {
        Some(running) => running.run(options, work).await?,
        None => driver::drive(root, options, work).await?,
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
    let work = WorkContext::get();
    let _wait = progress.node.wait(&work).map_err(|circle| RunError::circle(&core.id, circle))?;
    let _lock = progress.run_lock().await;
    let nested = core.layout.nested_in(&core.subdir);
    let (session, records) = Session::begin(object, &permit, &RequestCx::of(&work, Mode::Apply)).await?;
    core.prefetch(None);
    // The stamps are removed first, so that no stamp vouches for a file that is gone.
    if !records.is_empty() {
        session.write(vec![Change::Clear]).await?;
    }
    core.paths().clear(&nested)?;
    Ok(())
}

impl dyn DynObject {
    /// Emits an event of one of the object's tasks.
    pub(crate) fn emit(&self, row: RowId, kind: impl FnOnce() -> EventKind) {
        self.core().emit_about(|| (self.stamp_name(row), self.describe(row)), kind);
    }
}
