//! The execution of one task: calls its method under a guard, writes its stamp and emits its
//! events.

use std::borrow::Cow;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tracing::Instrument;

use super::attempt::{FailedAttempt, run_task};
use super::driver::Driver;
use super::guard::{Guard, Keeps, Mark, Success};
use super::nested::RunningTask;
use super::probe::TaskProbe;
use super::rows::Frame;
use super::session::Session;
use crate::decide::Reason;
use crate::error::explain;
use crate::event::EventKind;
use crate::object::{DynObject, RowId};
use crate::report::{RunError, TaskStatus};
use crate::span::WorkSpan;
use crate::stamp::Timestamp;
use crate::task::context::TaskContext;
use crate::task::outcome::Outcome;
use crate::wait::ActiveTask;
use crate::work::Mode;

/// A task that must run.
pub(super) struct DueTask<'f> {
    pub(super) frame: &'f Frame,
    pub(super) row: RowId,
    pub(super) reason: Reason,
    /// The hash text, if the hash function was called.
    pub(super) hash: Option<String>,
}

/// The result of the execution of a task.
#[derive(Debug)]
pub(super) struct Executed {
    pub(super) end: ExecutionEnd,
    pub(super) duration: Duration,
}

/// The end of the execution of a task.
#[derive(Debug)]
pub(super) enum ExecutionEnd {
    /// The task completed at this time, and may have changed something. Later tasks are compared with
    /// it.
    Completed(Timestamp),
    /// The task completed and changed nothing. Later tasks are compared with the time of its last
    /// change, which is this one.
    Unchanged(Timestamp),
    /// The task skipped itself.
    Skipped,
    /// The last attempt failed.
    Failed(FailedAttempt),
}

impl DueTask<'_> {
    /// Returns the name of the task in stamps.
    pub(super) fn name(&self) -> &'static str {
        self.frame.object.stamp_name(self.row)
    }
}

impl Executed {
    fn event(&self) -> EventKind {
        let duration = self.duration;
        match &self.end {
            ExecutionEnd::Completed(_) => EventKind::TaskRan { duration },
            ExecutionEnd::Unchanged(_) => EventKind::TaskUnchanged { duration },
            ExecutionEnd::Skipped => EventKind::TaskSkipped,
            ExecutionEnd::Failed(FailedAttempt { error, log }) => {
                EventKind::TaskFail { error: explain(error.as_ref()), duration, log: log.clone() }
            }
        }
    }
}

impl ExecutionEnd {
    /// Records the outcome in the span of the task.
    fn record(&self, span: &WorkSpan) {
        match self {
            Self::Completed(_) => span.ended(TaskStatus::Ran.name()),
            Self::Unchanged(_) => span.ended(TaskStatus::Unchanged.name()),
            Self::Skipped => span.ended(TaskStatus::Skipped.name()),
            Self::Failed(FailedAttempt { error, .. }) => span.failed(error.as_ref()),
        }
    }

    /// Returns the status of the task for the report and its time.
    ///
    /// # Errors
    ///
    /// Returns the error of the run if the task failed.
    pub(super) fn result(
        self,
        object: &Arc<dyn DynObject>,
        due: &DueTask<'_>,
    ) -> Result<(TaskStatus, Option<Timestamp>), RunError> {
        match self {
            Self::Completed(time) => Ok((TaskStatus::Ran, Some(time))),
            Self::Unchanged(time) => Ok((TaskStatus::Unchanged, Some(time))),
            Self::Skipped => Ok((TaskStatus::Skipped, None)),
            Self::Failed(FailedAttempt { error, .. }) => Err(RunError::Task {
                object: object.core().id.to_string(),
                task: due.name(),
                description: due.frame.object.describe(due.row).into_owned(),
                reason: Box::new(due.reason.clone()),
                source: error.into(),
            }),
        }
    }
}

impl Driver<'_> {
    /// Executes a task, and returns how it ended.
    ///
    /// # Errors
    ///
    /// Returns an error if the run cannot go on, apart from a failure of the task itself.
    pub(super) async fn execute(&mut self, session: &Arc<Session>, due: &DueTask<'_>) -> Result<Executed, RunError> {
        let (id, description) = (&self.scope.object.core().id, due.frame.object.describe(due.row));
        let span = WorkSpan::of_task(id, due.name(), &description, Some(&due.reason));
        let executed = self.execute_now(session, due, description).instrument(span.span()).await;
        match &executed {
            Ok(executed) => executed.end.record(&span),
            Err(error) => span.failed(error),
        }
        executed
    }

    async fn execute_now(
        &mut self,
        session: &Arc<Session>,
        due: &DueTask<'_>,
        description: Cow<'static, str>,
    ) -> Result<Executed, RunError> {
        let DueTask { frame, row, reason, .. } = due;
        let (core, task) = (self.scope.object.core(), due.name());
        self.emit(frame, *row, || EventKind::TaskShouldRun { reason: reason.clone() });
        tracing::debug!(object = %core.id, task, %reason, "running");
        let node = &core.progress(Mode::Apply).node;
        let since = SystemTime::now();
        let active = ActiveTask { task, description, reason: Some(reason.clone()), since };
        node.step(Some(active.clone()));
        Box::pin(self.gather_for(frame, *row)).await;
        let mut cx = self.prepare(session, frame, *row, Some(reason)).await?;
        if self.board.is_some() {
            cx = self.with_observation(cx, &frame.object.features(*row), reason);
        }
        let started = Instant::now();
        let end = self.execute_guarded(session, due, &cx, active, started).await;
        node.step(None);
        if self.board.is_some() {
            self.note_end(task, &end);
        }
        let executed = Executed { end: end?, duration: started.elapsed() };
        self.emit(frame, *row, || executed.event());
        Ok(executed)
    }

    /// Executes a task under its guard, with its hash and inputs from before the call of its method.
    async fn execute_guarded(
        &mut self,
        session: &Arc<Session>,
        due: &DueTask<'_>,
        cx: &TaskContext,
        active: ActiveTask,
        started: Instant,
    ) -> Result<ExecutionEnd, RunError> {
        let (object, row, name) = (&due.frame.object, due.row, cx.task());
        let has = object.features(row);
        let entry = self.records.get(name).cloned();
        let resources = self.position.contexts.resources();
        let (entry, mode) = (entry.as_ref(), Mode::Apply);
        let probe = TaskProbe { object, row, entry, resources: resources.clone(), observation: None, mode };
        let keeps = if has.completion { Keeps::Change } else { Keeps::Stamp };
        // A completion check decides alone, so the next run needs neither a hash nor inputs.
        let hash = if due.hash.is_some() || has.completion { due.hash.clone() } else { probe.hash().await? };
        let inputs = if has.completion { Vec::new() } else { probe.record_inputs()? };
        let is_marked = self.records.marked_ahead.take_if(|marked| *marked == name).is_some();
        // A remaining mark belongs to another task, which this one may run through its handle.
        self.unmark().await?;
        let mark = if is_marked { Mark::WrittenAhead } else { Mark::Missing };
        let guard = Guard::begin(session, &self.records, name, &due.reason, keeps, mark).await?;
        let running = RunningTask::new(self.scope.object, session, resources, active, self.scope.caller.as_ref());
        let ran = session.while_leased(pin!(running.scope(run_task(session, object, row, cx)))).await?;
        let mut nested = self.take_nested(&running).await?;
        match ran {
            Ok(outcome @ (Outcome::Done | Outcome::Unchanged)) => {
                let duration = started.elapsed();
                // An error of the hash function is not lost: the next run calls the function again
                // and reports the error.
                let same_hash = hash.is_none() || probe.hash().await.is_ok_and(|after| after == hash);
                let same_inputs = has.completion || !probe.inputs_changed(&inputs).unwrap_or(true);
                let changed_while_running = !same_hash || !same_inputs;
                if changed_while_running {
                    object.emit(row, || EventKind::ChangedWhileRunning);
                }
                let time = session.layout().clock().now();
                let kept = cx.take_kept();
                // The tasks that it ran are a part of it, and so are their changes.
                let is_unchanged = outcome == Outcome::Unchanged && !nested.iter().any(|task| task.is_change);
                let unchanged_since = if is_unchanged { guard.last_change() } else { None };
                let source = has.source;
                let success =
                    Success { time, unchanged_since, hash, source, inputs, changed_while_running, kept, duration };
                let retimed = nested.iter_mut().filter_map(|task| task.retime(time, &self.records)).collect();
                self.results.nested.extend(&nested);
                let next = self.certain_follower(due.frame, row, unchanged_since.unwrap_or(time));
                guard.complete(&mut self.records.all, success, retimed, next).await?;
                self.records.marked_ahead = self.records.marked_ahead.or(next);
                self.record_nested(&nested);
                Ok(unchanged_since.map_or(ExecutionEnd::Completed(time), ExecutionEnd::Unchanged))
            }
            Ok(Outcome::Skipped) => {
                self.results.nested.append(&mut nested);
                guard.skip(&mut self.records.all, started.elapsed()).await?;
                Ok(ExecutionEnd::Skipped)
            }
            Err(failed) => {
                self.results.nested.append(&mut nested);
                guard.fail(&mut self.records.all, explain(failed.error.as_ref()), started.elapsed()).await?;
                Ok(ExecutionEnd::Failed(failed))
            }
        }
    }
}

#[cfg(test)]
#[path = "execute_tests.rs"]
mod tests;
