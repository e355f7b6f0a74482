//! What a task or helper method can see of the run that calls it.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::decide::Reason;
use crate::event::EventKind;
use crate::injector::Injector;
use crate::layout::Layout;
use crate::log::TaskLog;
use crate::object::{AnyObject, DynObject};
use crate::paths::PathError;
use crate::secret;
use crate::stamp::{Entry, RunId, StampError};
use crate::task::extract::LastRun;

/// The run as a task or a helper method sees it.
#[derive(Clone)]
pub struct TaskContext {
    object: AnyObject,
    task: &'static str,
    last_run: LastRun,
    reason: Option<Reason>,
    attempt: u32,
    resources: Resources,
    log: Option<Arc<TaskLog>>,
    /// What the task keeps of this run; shared by its attempts.
    keeps: Arc<Mutex<Vec<u8>>>,
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

/// What the contexts gave that are entered, the outermost first.
pub(crate) type Resources = Vec<Arc<dyn Any + Send + Sync>>;

impl TaskContext {
    /// What a task of an object would see while it is decided: to ask kinds of tasks of other objects.
    pub fn of(object: &AnyObject, task: &'static str) -> Self {
        Self::new(&object.0, task, None)
    }

    /// The object.
    pub fn object(&self) -> &AnyObject {
        &self.object
    }

    /// The task's name.
    pub fn task(&self) -> &'static str {
        self.task
    }

    /// When, and with what, the task last completed.
    pub fn last_run(&self) -> LastRun {
        self.last_run.clone()
    }

    /// Why the task runs; `None` in the methods that decide that.
    pub fn reason(&self) -> Option<&Reason> {
        self.reason.as_ref()
    }

    /// Which attempt this is, from 1; above 1 with `retries`.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.object.0.core().layout
    }

    /// The object's injector.
    pub fn injector(&self) -> &Injector {
        self.object.0.core().injector()
    }

    /// The run of this process, as stamps and the history name it.
    pub fn run_id(&self) -> RunId {
        self.layout().run_id()
    }

    /// Of a customization's task, the object that the customization is applied to.
    pub fn host(&self) -> Option<AnyObject> {
        self.object.0.core().host()
    }

    /// Says something about the task to those who listen to its object's events, to its log, and to tracing.
    pub fn log(&self, line: impl Into<String>) {
        let line = secret::redact(&line.into()).into_owned();
        if let Some(log) = &self.log {
            log.line(&line);
        }
        tracing::info!(target: crate::log::TARGET, object = self.object.id(), task = self.task, "{line}");
        self.object.0.core().emit(self.task, || EventKind::LogLine { line });
    }

    /// Keeps bytes beside the stamp that this run writes if the task succeeds, for
    /// [`TaskKind::differences`](crate::task::kind::TaskKind::differences) to compare with what is there. The first byte should be a version.
    pub fn keep(&self, bytes: Vec<u8>) {
        *self.keeps.lock().unwrap_or_else(PoisonError::into_inner) = bytes;
    }

    /// Returns what the last run kept, if its stamp counts; nothing if it kept nothing.
    pub fn kept(&self) -> &[u8] {
        self.last_run.0.as_ref().map_or(&[], |stamp| &stamp.kept)
    }

    /// Returns a BLAKE3 hash of a content under a key that only the owner of the state directory can read. Keep it in place of a
    /// plain hash if the content depends on a secret. A dry run without a key uses a random one, since no hash under it was kept.
    ///
    /// # Errors
    ///
    /// [`StampError::Io`] if the key cannot be read or made.
    pub fn keyed_hash(&self, content: &[u8]) -> Result<[u8; 32], StampError> {
        self.layout().texts().keyed_hash(content, !self.layout().is_dry_run())
    }

    /// Takes what this run keeps.
    pub(crate) fn take_kept(&self) -> Vec<u8> {
        std::mem::take(&mut *self.keeps.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The log of this attempt; `None` in the methods that decide whether the task runs.
    pub fn task_log(&self) -> Option<&Arc<TaskLog>> {
        self.log.as_ref()
    }

    /// The resource of the run's context, or of the customization's, if it is entered and of that type.
    pub fn resource<R: Send + Sync + 'static>(&self) -> Option<Arc<R>> {
        self.resources.iter().rev().find_map(|resource| resource.clone().downcast().ok())
    }

    /// The object's place for what can be made again. In a dry run it is named and not made.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn stamp_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().stamp_path()
    }

    /// Returns the path of [`stamp_path`](Self::stamp_path) without making the directory, for methods that only look.
    pub fn stamp_path_unmade(&self) -> &Path {
        self.object.0.core().paths().stamp_path()
    }

    /// The object's place for what must not be lost, private to its owner. In a dry run it is named and not made.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn state_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().state_path()
    }

    /// The object's place for logs. In a dry run it is named and not made.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn log_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().log_path()
    }

    /// The task, for errors: `hosts/gateway/mount`.
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
            keeps: Arc::default(),
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

/// A context that is made when the first helper method asks for it.
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

    pub(crate) fn get(&self) -> &TaskContext {
        self.made
            .get_or_init(|| TaskContext::new(self.object, self.task, self.entry).with_resources(self.resources.clone()))
    }
}
