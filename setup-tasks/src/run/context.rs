//! What a task or helper method can see of the run that calls it.

use std::any::Any;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use crate::decide::Reason;
use crate::injector::Injector;
use crate::layout::Layout;
use crate::object::{AnyObject, DynObject};
use crate::paths::PathError;
use crate::stamp::{Entry, RunId};
use crate::task::extract::LastRun;

/// The run as a task or a helper method sees it.
#[derive(Clone)]
pub struct TaskContext {
    object: AnyObject,
    task: &'static str,
    last_run: LastRun,
    reason: Option<Reason>,
    attempt: u32,
    resource: Option<Arc<dyn Any + Send + Sync>>,
}

impl TaskContext {
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
        &self.object.0.core().injector
    }

    /// The run of this process, as stamps and the history name it.
    pub fn run_id(&self) -> RunId {
        self.layout().run_id()
    }

    /// The resource of the run's context, if it is entered and of that type.
    pub fn resource<R: Send + Sync + 'static>(&self) -> Option<Arc<R>> {
        self.resource.clone()?.downcast().ok()
    }

    /// The object's place for what can be made again. In a dry run it is named and not made.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn stamp_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().paths.stamp()
    }

    /// The object's place for what must not be lost, private to its owner. In a dry run it is named and not made.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn state_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().paths.state()
    }

    /// The object's place for logs. In a dry run it is named and not made.
    ///
    /// # Errors
    ///
    /// [`PathError::Io`] if it cannot be made.
    pub fn log_path(&self) -> Result<&Path, PathError> {
        self.object.0.core().paths.log()
    }

    /// The task, for errors: `hosts/gateway/mount`.
    pub(crate) fn who(&self) -> String {
        format!("{}/{}", self.object.id(), self.task)
    }

    pub(crate) fn new(object: &Arc<dyn DynObject>, task: &'static str, entry: Option<&Entry>) -> Self {
        let last_run = LastRun(entry.and_then(Entry::valid).cloned());
        Self { object: AnyObject(object.clone()), task, last_run, reason: None, attempt: 1, resource: None }
    }

    pub(crate) fn with_reason(mut self, reason: Reason) -> Self {
        self.reason = Some(reason);
        self
    }

    pub(crate) fn with_resource(mut self, resource: Option<Arc<dyn Any + Send + Sync>>) -> Self {
        self.resource = resource;
        self
    }

    pub(crate) fn for_attempt(&self, attempt: u32) -> Self {
        Self { attempt, ..self.clone() }
    }
}

/// A context that is made when the first helper method asks for it.
pub(crate) struct LazyContext<'a> {
    pub(crate) object: &'a Arc<dyn DynObject>,
    pub(crate) task: &'static str,
    pub(crate) entry: Option<&'a Entry>,
    pub(crate) resource: Option<Arc<dyn Any + Send + Sync>>,
    made: OnceLock<TaskContext>,
}

impl<'a> LazyContext<'a> {
    pub(crate) fn new(
        object: &'a Arc<dyn DynObject>,
        task: &'static str,
        entry: Option<&'a Entry>,
        resource: Option<Arc<dyn Any + Send + Sync>>,
    ) -> Self {
        Self { object, task, entry, resource, made: OnceLock::new() }
    }

    pub(crate) fn get(&self) -> &TaskContext {
        self.made
            .get_or_init(|| TaskContext::new(self.object, self.task, self.entry).with_resource(self.resource.clone()))
    }
}
