//! Reports, events and errors as text.

use setup_tasks::event::{Event, EventKind, EventStream};
use setup_tasks::run::{ObjectReport, TaskReport, TaskStatus};
use setup_tasks::{Layout, Reason};

/// Returns every task with its status and reason: `["first ran: never ran", "second up to date"]`.
pub fn lines(report: &ObjectReport) -> Vec<String> {
    let line = |task: &TaskReport| {
        let status = match task.status {
            TaskStatus::UpToDate => "up to date",
            TaskStatus::Ran => "ran",
            TaskStatus::Unchanged => "unchanged",
            TaskStatus::Skipped => "skipped",
            TaskStatus::WouldRun => "would run",
            TaskStatus::MayRun => "may run",
            TaskStatus::Undecided => "undecided",
            TaskStatus::Drifted => "drifted",
            TaskStatus::Undone => "undone",
            TaskStatus::Forgotten => "forgotten",
            TaskStatus::WouldUndo => "would undo",
            TaskStatus::WouldForget => "would forget",
            _ => "?",
        };
        let undecided = task.undecided.as_ref().map(|undecided| format!(": {undecided}"));
        let reason = task.reason.as_ref().map(|reason| match task.status {
            TaskStatus::MayRun => format!(", {}", reason.condition()),
            _ => format!(": {reason}"),
        });
        let reason = reason.or(undecided).unwrap_or_default();
        format!("{} {status}{reason}", task.task)
    };
    report.tasks.iter().map(line).collect()
}

/// A stream of events as text: `["m/first start 1", "m/first ran"]`.
pub struct Events(EventStream);

impl Events {
    /// Wraps a stream.
    pub fn of(stream: EventStream) -> Self {
        Self(stream)
    }

    /// Returns the events since the last call.
    pub fn take(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.0.try_next()).map(|event| line(&event)).collect()
    }
}

/// Returns the events of a layout from now on.
pub fn events(layout: &Layout) -> Events {
    Events::of(layout.events())
}

fn line(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::TaskShouldRun { reason } => format!("should run: {reason}"),
        EventKind::TaskStart { attempt } => format!("start {attempt}"),
        EventKind::TaskRan { .. } => "ran".to_owned(),
        EventKind::TaskUnchanged { .. } => "unchanged".to_owned(),
        EventKind::TaskFail { error, .. } => format!("fail: {error}"),
        EventKind::TaskRetry { attempt, error, .. } => format!("retry after {attempt}: {error}"),
        EventKind::TaskAlreadyRun => "already run".to_owned(),
        EventKind::TaskSkipped => "skipped".to_owned(),
        EventKind::TaskWouldRun { reason } => format!("would run: {reason}"),
        EventKind::TaskDrifted { what } => format!("drifted: {}", Reason::Drifted { what: what.clone() }),
        EventKind::TaskMayRun { reason } => format!("may run, {}", reason.condition()),
        EventKind::UndoStart { attempt } => format!("undo starts {attempt}"),
        EventKind::TaskUndone { .. } => "undone".to_owned(),
        EventKind::TaskForgotten => "forgotten".to_owned(),
        EventKind::UndoFail { error, .. } => format!("undo fails: {error}"),
        EventKind::TaskWouldBeUndone => "would be undone".to_owned(),
        EventKind::TaskWouldBeForgotten => "would be forgotten".to_owned(),
        EventKind::ObjectDown => "is down".to_owned(),
        EventKind::FileChanges { changes } => format!("changes {} files", changes.len()),
        EventKind::ChangedWhileRunning => "changed while running".to_owned(),
        EventKind::Waiting { holder } => format!("waiting for {holder}"),
        EventKind::LeaseLost { reason } => format!("lost: {reason}"),
        EventKind::ObjectReady => "is ready".to_owned(),
        EventKind::ObjectFailed { error } => format!("is not ready: {error}"),
        EventKind::CommandStart { command } => format!("starts `{command}`"),
        EventKind::CommandEnd { command, .. } => format!("ended `{command}`"),
        EventKind::LogLine { line } => format!("says: {line}"),
        _ => "?".to_owned(),
    };
    format!("{}/{} {what}", event.object, event.task)
}

/// Returns an error with its causes on one line.
pub fn chain(error: impl Into<anyhow::Error>) -> String {
    setup_tasks::error::explain(error.into().as_ref())
}
