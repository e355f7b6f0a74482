//! The execution of one task: calls its method under a guard, writes its stamp and emits its
//! events.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::attempt::{FailedAttempt, run_task};
use super::driver::Driver;
use super::frame::Frame;
use super::guard::{Guard, Keeps, Success};
use super::nested::RunningTask;
use super::probe::TaskProbe;
use super::session::Session;
use crate::decide::Reason;
use crate::event::EventKind;
use crate::report::RunError;
use crate::report::{TaskReport, TaskStatus};
use crate::stamp::Timestamp;
use crate::task::context::TaskContext;
use crate::task::outcome::Outcome;
use crate::wait::ActiveTask;
use crate::work::Mode;

/// A task that failed, or a run that cannot go on.
enum Failure {
    Task(FailedAttempt),
    Run(RunError),
}

impl<E: Into<RunError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}

type Ran = Result<(TaskStatus, Option<Timestamp>), Failure>;

impl Driver<'_> {
    /// Runs a task, and returns its report.
    pub(super) async fn execute(
        &mut self,
        session: &Arc<Session>,
        frame: &Frame,
        row: usize,
        reason: &Reason,
        hash: Option<String>,
    ) -> Result<TaskReport, RunError> {
        let (core, task) = (self.object.core(), frame.object.stamp_name(row));
        self.emit(frame, row, || EventKind::TaskShouldRun { reason: reason.clone() });
        tracing::debug!(object = %core.id, task, %reason, "running");
        let (description, node) = (frame.object.describe(row), &core.progress(Mode::Apply).node);
        let (of_step, since) = (Some(reason.clone()), SystemTime::now());
        let step = ActiveTask { task, description: description.clone(), reason: of_step, since };
        node.step(Some(step.clone()));
        let cx = self.prepare(session, frame, row, Some(reason)).await?;
        let started = Instant::now();
        let ended = self.run_guarded(session, (frame, row), &cx, reason, (hash, started), step).await;
        node.step(None);
        let duration = started.elapsed();
        match ended {
            Ok((status, time)) => {
                let ran = status == TaskStatus::Ran;
                self.emit(frame, row, || if ran { EventKind::TaskRan { duration } } else { EventKind::TaskSkipped });
                Ok(TaskReport { status, duration, ..TaskReport::up_to_date(task, description, time) })
            }
            Err(Failure::Run(error)) => Err(error),
            Err(Failure::Task(FailedAttempt { error: source, log })) => {
                self.emit(frame, row, || EventKind::TaskFail { error: format!("{source:#}"), duration, log });
                let (object, description) = (core.id.to_string(), description.into_owned());
                Err(RunError::Task {
                    object,
                    task,
                    description,
                    reason: Box::new(reason.clone()),
                    source: source.into(),
                })
            }
        }
    }

    /// Runs a task under its guard, with its hash and inputs from before the call of its method.
    async fn run_guarded(
        &mut self,
        session: &Arc<Session>,
        (frame, row): (&Frame, usize),
        cx: &TaskContext,
        reason: &Reason,
        (hash, started): (Option<String>, Instant),
        step: ActiveTask,
    ) -> Ran {
        let (object, name) = (&frame.object, cx.task());
        let has = object.features(row);
        let entry = self.records.get(name).cloned();
        let probe = TaskProbe { object, row, entry: entry.as_ref(), resources: self.contexts.resources() };
        let keeps = if has.completion { Keeps::Change } else { Keeps::Stamp };
        // A completion check decides alone, so the next run needs neither a hash nor inputs.
        let hash = if hash.is_some() || has.completion { hash } else { probe.hash().await? };
        let inputs = if has.completion { Vec::new() } else { probe.record_inputs()? };
        let is_marked = self.marked.take_if(|marked| *marked == name).is_some();
        // A remaining mark belongs to another task, which this one may run through its handle.
        self.unmark().await?;
        let guard = Guard::begin(session, &self.records, name, reason, keeps, is_marked).await?;
        let running = RunningTask::new(self.object, session, self.contexts.resources(), step, self.running.as_ref());
        let ran = running.scope(run_task(session, object, row, cx)).await;
        let mut nested = self.take_nested(&running).await?;
        match ran {
            Ok(Outcome::Done) => {
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
                let success = Success { time, hash, source: has.source, inputs, changed_while_running, kept, duration };
                let retimed = nested.iter_mut().filter_map(|done| done.retime(time, &self.records)).collect();
                self.done.extend(&nested);
                let next = self.next_for_sure(frame, name, time);
                guard.complete(&mut self.records, success, retimed, next).await?;
                self.marked = self.marked.or(next);
                self.tell_nested(&nested);
                Ok((TaskStatus::Ran, Some(time)))
            }
            Ok(Outcome::Skipped) => {
                self.done.append(&mut nested);
                guard.skip(&mut self.records, started.elapsed()).await?;
                Ok((TaskStatus::Skipped, None))
            }
            Err(failed) => {
                self.done.append(&mut nested);
                guard.fail(&mut self.records, format!("{:#}", failed.error), started.elapsed()).await?;
                Err(Failure::Task(failed))
            }
        }
    }
}
