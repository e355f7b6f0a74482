//! Spans of [`tracing`] for runs, objects, tasks, attempts and commands.
//!
//! | span | stands for | fields |
//! |---|---|---|
//! | `setup_run` | a run of many objects | `run`, `kind`, `dry_run`, `objects`, `outcome`, `error`; `ran`, `unchanged`, `up_to_date` and `failed` count tasks and failed objects |
//! | `setup_object` | the work on an object, unless its stamps show at once that it is up to date | `object`, `type`, `outcome`, `error` |
//! | `setup_work` | a task that runs or is undone, from its decision to its stamp | `object`, `task`, `description`, `reason`, `outcome`, `error` |
//! | `setup_task` | an attempt of a task | `object`, `task`, `attempt`, `outcome`, `error` |
//! | `setup_command` | a command of a task | `object`, `task`, `command`, `exit_status`, `error` |
//!
//! A span is the child of the one in which its work was requested. The spans also have the fields `otel.name` and `otel.status_code`,
//! which the crate `tracing-opentelemetry` reads. No field contains the text of a [secret](crate::Secret).
//!
//! Except for `setup_task`, the target of the spans is [`TARGET`], so that a subscriber can select them.

use std::error::Error;
use std::fmt::Display;

use tracing::Span;
use tracing::field::Empty;

use crate::decide::Reason;
use crate::error::explain;
use crate::report::{ObjectReport, RunError, TaskStatus, leaves};
use crate::secret::redact;
use crate::stamp::RunId;

/// The target of the spans.
pub const TARGET: &str = "setup_tasks::span";

/// The greatest number of characters of a command in the name of its span.
const NAME: usize = 60;

/// A span of some work, which ends with an outcome. The span of work that is cancelled has none.
#[derive(Clone, Debug)]
pub(crate) struct WorkSpan(Span);

impl WorkSpan {
    /// Begins the span of a run of many objects.
    pub(crate) fn of_run(run: RunId, kind: &'static str, dry_run: bool, objects: usize) -> Self {
        Self(tracing::info_span!(
            target: TARGET, "setup_run", otel.name = kind, otel.status_code = Empty, %run, kind, dry_run, objects,
            outcome = Empty, error = Empty, ran = Empty, unchanged = Empty, up_to_date = Empty, failed = Empty,
        ))
    }

    /// Begins the span of an object.
    pub(crate) fn of_object(object: &str, type_name: &str) -> Self {
        Self(tracing::info_span!(
            target: TARGET, "setup_object", otel.name = object, otel.status_code = Empty, object, r#type = type_name,
            outcome = Empty, error = Empty,
        ))
    }

    /// Begins the span of a task that runs for a reason, or is undone.
    pub(crate) fn of_task(object: &str, task: &str, description: &str, reason: Option<&Reason>) -> Self {
        let span = tracing::info_span!(
            target: TARGET, "setup_work", otel.name = task, otel.status_code = Empty, object, task,
            description = Empty, reason = Empty, outcome = Empty, error = Empty,
        );
        if !span.is_disabled() {
            span.record("description", &*redact(description));
            span.record("reason", &*redact(&reason.map_or_else(|| "brought down".to_owned(), Reason::to_string)));
        }
        Self(span)
    }

    /// Begins the span of an attempt.
    pub(crate) fn of_attempt(object: &str, task: &str, attempt: u32) -> Self {
        Self(tracing::info_span!(
            "setup_task",
            object,
            task,
            attempt,
            otel.name = format_args!("attempt {attempt}"),
            otel.status_code = Empty,
            outcome = Empty,
            error = Empty,
        ))
    }

    /// Begins the span of a command, whose text contains no secret.
    pub(crate) fn of_command(object: &str, task: &str, command: &str) -> Self {
        let name = command.char_indices().nth(NAME).map_or(command, |(end, _)| &command[..end]);
        Self(tracing::info_span!(
            target: TARGET, "setup_command", otel.name = name, otel.status_code = Empty, object, task, command,
            exit_status = Empty, error = Empty,
        ))
    }

    /// Returns the span, in which work can run.
    pub(crate) fn span(&self) -> Span {
        self.0.clone()
    }

    /// Calls a function within the span.
    pub(crate) fn within<A>(&self, call: impl FnOnce() -> A) -> A {
        self.0.in_scope(call)
    }

    /// Records the outcome.
    pub(crate) fn ended(&self, outcome: &str) {
        self.0.record("outcome", outcome);
    }

    /// Records the exit status of a command.
    pub(crate) fn exited(&self, status: impl Display) {
        self.0.record("exit_status", tracing::field::display(status));
    }

    /// Records a count.
    pub(crate) fn count(&self, field: &'static str, count: usize) {
        self.0.record(field, count);
    }

    /// Records a failure.
    pub(crate) fn failed(&self, error: &(dyn Error + 'static)) {
        self.failed_with("failed", || explain(error));
    }

    /// Records an outcome that is a failure.
    pub(crate) fn failed_with(&self, outcome: &str, error: impl FnOnce() -> String) {
        if !self.0.is_disabled() {
            self.ended(outcome);
            self.0.record("otel.status_code", "ERROR");
            self.0.record("error", &*redact(&error()));
        }
    }

    /// Records how the work on an object ended.
    pub(crate) fn object_ended(&self, report: &ObjectReport, error: Option<&RunError>) {
        match error {
            Some(RunError::Stopped { .. }) => self.ended("stopped"),
            Some(error) => self.failed(error),
            None if self.0.is_disabled() => {}
            None => {
                let tasks = leaves(&report.tasks);
                let status =
                    TaskStatus::BY_WEIGHT.into_iter().find(|status| tasks.iter().any(|task| task.status == *status));
                self.ended(status.unwrap_or(TaskStatus::UpToDate).name());
            }
        }
    }
}
