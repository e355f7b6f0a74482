//! The undo of one task. Its mark revokes the stamp before the undo begins, and its record is removed
//! when the undo has succeeded.

use std::borrow::Cow;
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime};

use tracing::Instrument;

use super::super::attempt::{FailedAttempt, undo_task};
use super::super::session::Session;
use super::member::Member;
use super::steps::Step;
use crate::error::explain;
use crate::event::EventKind;
use crate::report::{RunError, TaskStatus};
use crate::span::WorkSpan;
use crate::stamp::{Attempt, AttemptEnd, Change, Entry, HistoryEntry, StampError, micros};
use crate::task::context::TaskContext;
use crate::wait::ActiveTask;

impl Member {
    /// Undoes a task. After an interruption, its record remains, and the next way down repeats the
    /// undo.
    pub(super) async fn undo(&mut self, step: &Step) -> Result<(), RunError> {
        let description = step.frame.describe(step.row);
        let span = self.span.within(|| WorkSpan::of_task(self.id(), step.name(), &description, None));
        let undone = self.undo_now(step, description).instrument(span.span()).await;
        match &undone {
            Ok(()) => span.ended(TaskStatus::Undone.name()),
            Err(error) => span.failed(error),
        }
        undone
    }

    async fn undo_now(&mut self, step: &Step, description: Cow<'static, str>) -> Result<(), RunError> {
        let Step { frame, row, .. } = step;
        let (row, name) = (*row, step.name());
        let Some(session) = self.session.clone() else { return Ok(()) };
        let node = self.object.core().progress(self.mode()).node.clone();
        let doing = format!("undo: {description}").into();
        node.step(Some(ActiveTask { task: name, description: doing, reason: None, since: SystemTime::now() }));
        self.contexts.enter(&session, &self.object.core().id).await?;
        let entry = self.records.get(name).cloned();
        // An undo that is repeated sees the last completion, too.
        let completed = entry.as_ref().map(|entry| Entry { attempt: None, ..entry.clone() });
        let cx = TaskContext::new(frame, name, completed.as_ref()).with_resources(self.contexts.resources());
        session.bring_up(frame, row, &cx).await?;
        let marked = mark(&session, entry, frame.features(row).completion);
        self.write(&session, Change::Begin { task: name.to_owned(), entry: marked }).await?;
        let started = Instant::now();
        let ended = session.while_leased(pin!(undo_task(&session, frame, row, &cx))).await?;
        let duration = started.elapsed();
        node.step(None);
        match ended {
            Ok(()) => {
                let history = Box::new(line(&session, name, AttemptEnd::Undone, duration, None));
                self.write(&session, Change::Undo { task: name.to_owned(), history }).await?;
                frame.emit(row, || EventKind::TaskUndone { duration });
                self.report(name, Some(step), TaskStatus::Undone);
                if let Some(report) = self.tasks.last_mut() {
                    report.duration = duration;
                }
                Ok(())
            }
            Err(FailedAttempt { error, log }) => {
                let text = explain(error.as_ref());
                self.fail(&session, name, text.clone(), duration).await?;
                frame.emit(row, || EventKind::UndoFail { error: text, duration, log });
                let object = self.id().to_string();
                Err(RunError::Undo { object, task: name, description: description.into_owned(), source: error.into() })
            }
        }
    }

    /// Removes the record of a task that has no undo.
    pub(super) async fn forget(&mut self, task: &'static str, step: Option<&Step>) -> Result<(), RunError> {
        let Some(session) = self.session.clone() else { return Ok(()) };
        let history = Box::new(line(&session, task, AttemptEnd::Forgotten, Duration::ZERO, None));
        // A task whose completion check reports it as complete may have no record.
        self.write(&session, Change::Undo { task: task.to_owned(), history }).await?;
        if let Some(step) = step {
            step.frame.emit(step.row, || EventKind::TaskForgotten);
        }
        self.report(task, step, TaskStatus::Forgotten);
        Ok(())
    }

    /// Records that the undo failed. The stamp stays beside the failure, so that the next undo sees
    /// what the task has kept.
    async fn fail(&mut self, session: &Session, task: &str, error: String, took: Duration) -> Result<(), StampError> {
        let history = Box::new(line(session, task, AttemptEnd::UndoFailed, took, Some(error.clone())));
        let failed =
            Attempt::Failed { time: history.time, run: session.run(), error: format!("its undo failed: {error}") };
        let before = self.records.get(task).cloned().unwrap_or_default();
        let entry = Entry { attempt: Some(Box::new(failed)), ..before };
        self.write(session, Change::Fail { task: task.to_owned(), entry, history }).await
    }

    async fn write(&mut self, session: &Session, change: Change) -> Result<(), StampError> {
        change.apply(&mut self.records);
        session.write(vec![change]).await
    }
}

/// Returns the entry of a task whose undo begins. The stamp in it is not valid any more. A task with a
/// completion check may change something from this time on.
fn mark(session: &Session, entry: Option<Entry>, has_completion: bool) -> Entry {
    let since = session.layout().clock().now();
    let attempt = Some(Box::new(Attempt::Running { since, run: session.run() }));
    let before = if has_completion { Entry::changed_at(since) } else { entry.unwrap_or_default() };
    Entry { attempt, ..before }
}

/// Returns the line of history about a task on the way down.
fn line(session: &Session, task: &str, ended: AttemptEnd, took: Duration, error: Option<String>) -> HistoryEntry {
    HistoryEntry {
        run: session.run().to_string(),
        object: session.subdir().to_owned(),
        task: task.to_owned(),
        time: session.layout().clock().now(),
        duration_us: micros(took),
        ended,
        reason: "brought down".to_owned(),
        error,
        why: None,
    }
}
