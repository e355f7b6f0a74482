//! The announcement of a running command: a line in the log, events, and an entry in the activity.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Instant;

use super::running::is_closed;
use super::{CommandError, TaskCommand};
use crate::event::EventKind;
use crate::log::TaskLog;
use crate::object::AnyObject;
use crate::span::WorkSpan;
use crate::task::context::TaskContext;
use crate::wait::CommandAtWork;
use crate::work::WorkContext;

/// The task on whose behalf a command runs.
#[derive(Clone)]
pub(super) struct Caller {
    object: AnyObject,
    task: &'static str,
    log: Option<Arc<TaskLog>>,
}

/// The announcement of a command. The command has ended when this is dropped.
pub(super) struct Announced {
    caller: Caller,
    text: Arc<str>,
    since: Instant,
    span: WorkSpan,
    _at_work: Option<CommandAtWork>,
}

impl Caller {
    pub(super) fn new(cx: &TaskContext) -> Self {
        Self { object: cx.object().clone(), task: cx.task(), log: cx.task_log().cloned() }
    }

    /// Returns the log of the attempt, or `None` in the methods that decide whether the task runs.
    pub(super) fn log(&self) -> Option<&Arc<TaskLog>> {
        self.log.as_ref()
    }

    /// Writes a command line to the debug messages of `tracing`.
    pub(super) fn debug(&self, command: &TaskCommand) {
        tracing::debug!(object = self.object.id(), task = self.task, "runs `{command}`");
    }

    /// Announces a command by its text without secrets.
    pub(super) fn announce(&self, text: &str) -> Announced {
        if let Some(log) = &self.log {
            log.line(&format!("$ {text}"));
        }
        self.object.0.core().emit(self.task, || EventKind::CommandStart { command: text.to_owned() });
        let span = WorkSpan::of_command(self.object.id(), self.task, text);
        let text: Arc<str> = text.into();
        let at_work = WorkContext::worker().map(|node| node.begin_command(text.clone()));
        Announced { caller: self.clone(), text, since: Instant::now(), span, _at_work: at_work }
    }
}

impl Announced {
    /// Records the exit status in the span of the command.
    pub(super) fn exited(&self, status: impl Display) {
        self.span.exited(status);
    }

    /// Records a failure in the span of the command.
    pub(super) fn failed(&self, error: &CommandError) {
        self.span.failed(error);
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // The process is about to end, and has reported the end of the run.
        if is_closed() {
            return;
        }
        let end = || EventKind::CommandEnd { command: self.text.to_string(), duration: self.since.elapsed() };
        self.caller.object.0.core().emit(self.caller.task, end);
    }
}
