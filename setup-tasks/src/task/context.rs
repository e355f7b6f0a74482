//! The context of a task: the view of tasks and helper methods on the run that calls them.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::decide::Reason;
use crate::event::EventKind;
use crate::injector::Injector;
use crate::layout::Layout;
use crate::log::TaskLog;
use crate::object::{AnyObject, DynObject};
use crate::observer::{Answer, LaterQuestions, ObservedTask, Observer};
use crate::paths::PathError;
use crate::secret;
use crate::stamp::{Entry, RunId, StampError};
use crate::task::extract::LastRun;

/// The view of a task or a helper method on the run that calls it. Both take it as an argument.
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
///     #[setup_task("Choose a colour", retries = 2)]
///     fn choose(&self, cx: &TaskContext) -> Result<()> {
///         cx.log(format!("attempt {} of {}/{}", cx.attempt(), cx.object().id(), cx.task()));
///         std::fs::write(cx.state_path()?.join("colour"), "red")?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let door = layout.add(Door)?;
/// door.run_setup_tasks().await?;
/// assert_eq!(std::fs::read_to_string(door.state_path()?.join("colour"))?, "red");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct TaskContext {
    object: AnyObject,
    task: &'static str,
    last_run: LastRun,
    reason: Option<Reason>,
    attempt: u32,
    resources: Resources,
    log: Option<Arc<TaskLog>>,
    /// The values that all attempts of a run share.
    shared: Arc<SharedByAttempts>,
}

impl std::fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TaskContext")
            .field("object", &self.object)
            .field("task", &self.task)
            .field("reason", &self.reason)
            .field("attempt", &self.attempt)
            .finish_non_exhaustive()
    }
}

/// The values that all attempts of a task's run share.
#[derive(Default)]
struct SharedByAttempts {
    /// The bytes that the task keeps beside its stamp.
    keeps: Mutex<Vec<u8>>,
    observed: OnceLock<ObservedTask>,
}

/// The resources of the entered contexts, the outermost first.
pub(crate) type Resources = Vec<Arc<dyn Any + Send + Sync>>;

impl TaskContext {
    /// Creates the context of an object's task as the methods that decide the task see it. A kind
    /// of task can use it to call the methods of tasks of other objects.
    pub fn of(object: &AnyObject, task: &'static str) -> Self {
        Self::new(&object.0, task, None)
    }

    /// Returns the object.
    pub fn object(&self) -> &AnyObject {
        &self.object
    }

    /// Returns the task's name.
    pub fn task(&self) -> &'static str {
        self.task
    }

    /// Returns the stamp of the task's last completion, if its last attempt completed.
    pub fn last_run(&self) -> LastRun {
        self.last_run.clone()
    }

    /// Returns the reason why the task runs, or `None` in the methods that decide whether it runs.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// Returns the number of the attempt, from 1. It is greater than 1 only with `retries`.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the layout.
    pub fn layout(&self) -> &Layout {
        &self.object.0.core().layout
    }

    /// Returns the object's injector.
    pub fn injector(&self) -> &Injector {
        self.object.0.core().injector()
    }

    /// Returns the id of this process's run, as stamps and the history contain it.
    pub fn run_id(&self) -> RunId {
        self.layout().run_id()
    }

    /// Returns the object to which the customization of the task is applied, or `None` for all other tasks.
    pub fn host(&self) -> Option<AnyObject> {
        self.object.0.core().host()
    }

    /// Writes a line to the task's log, to the listeners of the object's events, and to tracing.
    pub fn log(&self, line: impl Into<String>) {
        let line = secret::redact(&line.into()).into_owned();
        if let Some(log) = &self.log {
            log.line(&line);
        }
        tracing::info!(target: crate::log::TARGET, object = self.object.id(), task = self.task, "{line}");
        self.object.0.core().emit(self.task, || EventKind::LogLine { line });
    }

    /// Keeps bytes beside the stamp that the run writes if the task succeeds. A later call of
    /// [`TaskKind::differences`](crate::task::TaskKind::differences) compares them with the
    /// current state. The first byte should be a version.
    pub fn keep(&self, bytes: Vec<u8>) {
        *self.shared.keeps.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// Returns the bytes that the last run kept. They are empty if it kept none, or if the task has
    /// no valid stamp.
    pub fn kept(&self) -> &[u8] {
        self.last_run.0.as_ref().map_or(&[], |stamp| &stamp.kept)
    }

    /// Returns a BLAKE3 hash of a content under a key that only the owner of the state directory
    /// can read. Keep it instead of a plain hash if the content depends on a secret. If the key does
    /// not exist yet, a dry run uses a random one, since no hash under a key has been kept.
    ///
    /// # Errors
    ///
    /// Returns [`StampError::Io`] if the key cannot be read or created.
    pub fn keyed_hash(&self, content: &[u8]) -> Result<[u8; 32], StampError> {
        self.layout().texts().keyed_hash(content, !self.layout().is_dry_run())
    }

    /// Takes the bytes that this run keeps.
    pub(crate) fn take_kept(&self) -> Vec<u8> {
        std::mem::take(&mut *self.shared.keeps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Returns the answer to the task's question, if the run has one and nothing has changed since.
    /// A kind of task can use it to compute the changes of a dry run, or to return
    /// [`Outcome::Unchanged`](crate::Outcome::Unchanged) without asking again.
    pub fn answer(&self) -> Option<&Answer> {
        self.shared.observed.get()?.answer.as_ref()
    }

    /// Returns the questions of later tasks for an observer, which the run has yet to consider. A
    /// task that changes what the observer observes makes all its earlier answers stale. If the reply
    /// to the change can contain fresh ones, [`LaterQuestions::answer`] takes them, and the run does
    /// not ask again.
    pub fn later_questions(&self, observer: &dyn Observer) -> LaterQuestions {
        match self.shared.observed.get() {
            Some(own) => own.board.later_questions(&own.place, &observer.key(), self.layout().clock().now()),
            None => LaterQuestions::none(),
        }
    }

    /// Sets the observation of the task.
    pub(crate) fn with_observed(self, observed: ObservedTask) -> Self {
        // A context is created for one task, so the value is not set yet.
        let _ = self.shared.observed.set(observed);
        self
    }

    /// Returns the log of this attempt, or `None` in the methods that decide whether the task runs.
    pub fn task_log(&self) -> Option<&Arc<TaskLog>> {
        self.log.as_ref()
    }

    /// Returns the innermost resource of type `R` of the entered contexts, which belong to the run
    /// or to its customizations.
    pub fn resource<R: Send + Sync + 'static>(&self) -> Option<Arc<R>> {
        self.resources.iter().rev().find_map(|resource| resource.clone().downcast().ok())
    }

    /// Returns the object's directory for data that can be created again. Creates the directory,
    /// except in a dry run.
    ///
    /// # Errors
    ///
    /// Returns [`PathError::Io`] if the directory cannot be created.
    pub fn stamp_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().stamp_path()
    }

    /// Returns the path of [`stamp_path`](Self::stamp_path) without creating the directory, for
    /// methods that only read.
    pub fn stamp_path_without_creating(&self) -> &Path {
        self.object.0.core().paths().stamp_path()
    }

    /// Returns the object's directory for data that must not be lost, which only its owner can
    /// access. Creates the directory, except in a dry run.
    ///
    /// # Errors
    ///
    /// Returns [`PathError::Io`] if the directory cannot be created.
    pub fn state_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().state_path()
    }

    /// Returns the object's directory for logs. Creates the directory, except in a dry run.
    ///
    /// # Errors
    ///
    /// Returns [`PathError::Io`] if the directory cannot be created.
    pub fn log_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().log_path()
    }

    /// Returns the name of the task in errors, such as `hosts/gateway/mount`.
    pub(crate) fn who(&self) -> String {
        format!("{}/{}", self.object.id(), self.task)
    }

    pub(crate) fn new(object: &Arc<dyn DynObject>, task: &'static str, entry: Option<&Entry>) -> Self {
        let last_run = LastRun(entry.and_then(Entry::valid).cloned());
        Self {
            object: AnyObject(object.clone()),
            task,
            last_run,
            reason: None,
            attempt: 1,
            resources: Vec::new(),
            log: None,
            shared: Arc::default(),
        }
    }

    pub(crate) fn with_reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(crate) fn with_resources(mut self, resources: Resources) -> Self {
        self.resources = resources;
        self
    }

    pub(crate) fn for_attempt(&self, attempt: u32, log: Arc<TaskLog>) -> Self {
        Self { attempt, log: Some(log), ..self.clone() }
    }
}

/// A context that is created when the first helper method needs it.
pub(crate) struct LazyContext<'a> {
    pub(crate) object: &'a Arc<dyn DynObject>,
    pub(crate) task: &'static str,
    pub(crate) entry: Option<&'a Entry>,
    pub(crate) resources: Resources,
    made: OnceLock<TaskContext>,
}

impl<'a> LazyContext<'a> {
    pub(crate) fn new(
        object: &'a Arc<dyn DynObject>,
        task: &'static str,
        entry: Option<&'a Entry>,
        resources: Resources,
    ) -> Self {
        Self { object, task, entry, resources, made: OnceLock::new() }
    }

    /// Adds the observation of the task.
    pub(crate) fn with_observed(self, observed: ObservedTask) -> Self {
        let cx = TaskContext::new(self.object, self.task, self.entry).with_resources(self.resources.clone());
        let _ = self.made.set(cx.with_observed(observed));
        self
    }

    pub(crate) fn get(&self) -> &TaskContext {
        self.made
            .get_or_init(|| TaskContext::new(self.object, self.task, self.entry).with_resources(self.resources.clone()))
    }
}
