//! The loop of a run: for each task in order, decide, then run or say that it would.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attempt::run_task;
use super::context::TaskContext;
use super::error::RunError;
use super::gather::Subject;
use super::report::{ObjectReport, Status, TaskReport};
use super::resource::RunOutcome;
use super::session::Session;
use super::{Options, related};
use crate::decide::{Decision, Newest, Reason};
use crate::event::EventKind;
use crate::object::DynObject;
use crate::paths::NAME_ONLY;
use crate::ready::{Epoch, within};
use crate::stamp::{Ended, Guard, Moment, Records, Success, record_without_stamp};
use crate::task::outcome::Outcome;

/// Runs an object, or says what a run would do.
pub(crate) async fn drive(object: Arc<dyn DynObject>, options: Options) -> Result<ObjectReport, RunError> {
    options.check(&object)?;
    let core = object.core();
    if core.readonly() && options.only.is_none() {
        return Ok(ObjectReport { object: core.id.to_string(), readonly: true, tasks: Vec::new() });
    }
    if options.dry_run || core.layout.config().dry_run {
        let mut driver = Driver::new(&object, &options, Mode::Plan)?;
        return NAME_ONLY.scope((), driver.walk()).await;
    }
    let _turn = core.turn().await?;
    let mut driver = Driver::new(&object, &options, Mode::Apply(None))?;
    let result = within(&core.run_node, Epoch::of_asker(), driver.walk()).await;
    let Mode::Apply(Some(session)) = driver.mode else { return result };
    let outcome = if result.is_ok() { RunOutcome::Done } else { RunOutcome::Failed };
    match (result, session.end(outcome).await) {
        (Ok(_), Err(error)) | (Err(error), _) => Err(error),
        (Ok(report), Ok(())) => Ok(report),
    }
}

/// What a run may do. Guards, and so stamps, are made only from a session.
enum Mode {
    Plan,
    Apply(Option<Session>),
}

/// Whether the walk goes on.
enum Step {
    Next,
    Restart,
}

struct Driver<'r> {
    object: &'r Arc<dyn DynObject>,
    options: &'r Options,
    mode: Mode,
    records: Records,
    cursor: usize,
    newest: Option<Newest>,
    tasks: Vec<TaskReport>,
}

impl<'r> Driver<'r> {
    fn new(object: &'r Arc<dyn DynObject>, options: &'r Options, mode: Mode) -> Result<Self, RunError> {
        let records = object.core().load()?;
        let tasks = Vec::with_capacity(object.task_count());
        Ok(Self { object, options, mode, records, cursor: 0, newest: None, tasks })
    }

    async fn walk(&mut self) -> Result<ObjectReport, RunError> {
        let mut i = 0;
        while i < self.object.task_count() {
            let name = self.object.meta(i).place.name;
            if self.options.only.as_ref().is_some_and(|only| only != name) {
                i += 1;
                continue;
            }
            match self.consider(i).await? {
                Step::Next => i += 1,
                Step::Restart => {
                    (i, self.cursor, self.newest) = (0, 0, None);
                    self.tasks.clear();
                    continue;
                }
            }
            if self.options.stop_after.as_ref().is_some_and(|last| last == name) {
                break;
            }
        }
        let tasks = std::mem::take(&mut self.tasks);
        Ok(ObjectReport { object: self.object.core().id.to_string(), readonly: false, tasks })
    }

    async fn consider(&mut self, i: usize) -> Result<Step, RunError> {
        if let Some(related) = self.object.related(i) {
            let name = self.object.meta(i).place.name;
            let newest = related::check(self.object, &related, matches!(self.mode, Mode::Plan)).await?;
            let time = newest.as_ref().map(|newest| newest.time);
            if let Some(Newest { which, .. }) = newest {
                self.pass_on(time, || which);
            }
            self.tasks.push(TaskReport::up_to_date(name, self.object.describe(i), time));
            return Ok(Step::Next);
        }
        if self.object.meta(i).dependencies_always && matches!(self.mode, Mode::Apply(_)) {
            if let Step::Restart = self.begin().await? {
                return Ok(Step::Restart);
            }
            self.prepare(i, None).await?;
        }
        let name = self.object.meta(i).place.name;
        let resource = if let Mode::Apply(Some(session)) = &self.mode { session.resource() } else { None };
        let entry = self.records.get_next(name, &mut self.cursor);
        let subject = Subject { object: self.object, i, entry, resource };
        let decided = subject.decide(self.options.forces(name), self.newest.as_ref()).await.inspect_err(|error| {
            let core = self.object.core();
            core.emit_for(self.object, i, || EventKind::TaskFail { error: explain(error), duration: Duration::ZERO });
        })?;
        match decided.decision {
            Decision::UpToDate(time) => {
                self.object.core().emit_for(self.object, i, || EventKind::TaskAlreadyRun);
                self.pass_on(time, || Cow::Borrowed(name));
                self.tasks.push(TaskReport::up_to_date(name, self.object.describe(i), time));
                Ok(Step::Next)
            }
            Decision::Run(reason) if matches!(self.mode, Mode::Plan) => {
                self.object.core().emit_for(self.object, i, || EventKind::TaskWouldRun { reason: reason.clone() });
                self.pass_on(Some(Moment::FUTURE), || Cow::Borrowed(name));
                self.tasks.push(TaskReport::would_run(name, self.object.describe(i), reason));
                Ok(Step::Next)
            }
            Decision::Run(reason) => {
                if let Step::Restart = self.begin().await? {
                    return Ok(Step::Restart);
                }
                self.run(i, reason, decided.hash).await?;
                Ok(Step::Next)
            }
            Decision::Ask(_) => unreachable!("a subject answers what it is asked"),
        }
    }

    /// Later tasks are compared with the newest.
    fn pass_on(&mut self, time: Option<Moment>, which: impl FnOnce() -> Cow<'static, str>) {
        Newest::keep_later(&mut self.newest, time, which);
    }

    /// Takes the right to change things. What another process did while this one waited for it starts the walk anew.
    async fn begin(&mut self) -> Result<Step, RunError> {
        let Mode::Apply(session) = &mut self.mode else { return Ok(Step::Next) };
        if session.is_some() {
            return Ok(Step::Next);
        }
        *session = Some(Session::begin(self.object, self.options.context.clone()).await?);
        let records = self.object.core().load()?;
        if records == self.records {
            return Ok(Step::Next);
        }
        self.records = records;
        Ok(Step::Restart)
    }

    /// Enters the run's context and brings the task's system dependencies up; the context that the task will see.
    async fn prepare(&mut self, i: usize, reason: Option<&Reason>) -> Result<TaskContext, RunError> {
        let name = self.object.meta(i).place.name;
        let mut cx = TaskContext::new(self.object, name, self.records.get(name));
        if let Some(reason) = reason {
            cx = cx.with_reason(reason.clone());
        }
        if let Mode::Apply(Some(session)) = &mut self.mode {
            session.enter().await?;
            cx = cx.with_resource(session.resource());
            session.bring_up(i, &cx).await?;
        }
        Ok(cx)
    }

    /// Runs a task as a task.
    async fn run(&mut self, i: usize, reason: Reason, hash: Option<String>) -> Result<(), RunError> {
        let (object, name) = (self.object, self.object.meta(i).place.name);
        let core = object.core();
        core.emit_for(object, i, || EventKind::TaskShouldRun { reason: reason.clone() });
        tracing::debug!(object = %core.id, task = name, %reason, "running");
        let cx = self.prepare(i, Some(&reason)).await?;
        let started = Instant::now();
        let ended = if object.has_completion_check(i) {
            self.run_checked(i, &cx, &reason, started).await
        } else {
            self.run_stamped(i, &cx, &reason, hash, started).await
        };
        let duration = started.elapsed();
        let (status, time) = match ended {
            Ok(ended) => ended,
            Err(Failure::Run(error)) => return Err(error),
            Err(Failure::Task(source)) => {
                core.emit_for(object, i, || EventKind::TaskFail { error: format!("{source:#}"), duration });
                let (object, description) = (core.id.to_string(), object.describe(i).into_owned());
                let reason = Box::new(reason);
                return Err(RunError::Task { object, task: name, description, reason, source });
            }
        };
        if status == Status::Ran {
            core.emit_for(object, i, || EventKind::TaskRan { duration });
            self.pass_on(time, || Cow::Borrowed(name));
        } else {
            core.emit_for(object, i, || EventKind::TaskSkipped);
        }
        let (description, reason) = (object.describe(i), Some(reason));
        self.tasks.push(TaskReport { task: name, description, status, reason, duration, time });
        Ok(())
    }

    /// A task with a stamp: guarded, with its hash and inputs as they were before its method was called.
    async fn run_stamped(
        &mut self,
        i: usize,
        cx: &TaskContext,
        reason: &Reason,
        hash: Option<String>,
        started: Instant,
    ) -> Result<(Status, Option<Moment>), Failure> {
        let Mode::Apply(Some(session)) = &self.mode else { unreachable!("tasks run in a session") };
        let (object, name) = (self.object, self.object.meta(i).place.name);
        let entry = self.records.get(name).cloned();
        let subject = Subject { object, i, entry: entry.as_ref(), resource: session.resource() };
        let hash = if hash.is_some() { hash } else { subject.hash().await? };
        let inputs = subject.record_inputs()?;
        let guard = Guard::begin(session, &mut self.records, name, reason).await?;
        match run_task(object, i, cx).await {
            Ok(Outcome::Done) => {
                let duration = started.elapsed();
                // A check that fails now will fail again, and loudly, when the next run asks it.
                let same_hash = hash.is_none() || subject.hash().await.is_ok_and(|after| after == hash);
                let changed_while_running = !same_hash || subject.inputs_changed(&inputs).unwrap_or(true);
                if changed_while_running {
                    object.core().emit_for(object, i, || EventKind::ChangedWhileRunning);
                }
                let source = object.meta(i).source;
                let success = Success { hash, source, inputs, changed_while_running, duration };
                let time = guard.complete(&mut self.records, success).await?;
                Ok((Status::Ran, Some(time)))
            }
            Ok(Outcome::Skipped) => {
                guard.skip(&mut self.records, started.elapsed()).await?;
                Ok((Status::Skipped, None))
            }
            Err(error) => {
                guard.fail(&mut self.records, format!("{error:#}"), started.elapsed()).await?;
                Err(Failure::Task(error))
            }
        }
    }

    /// A task whose completion check decides: no stamp, only history.
    async fn run_checked(
        &mut self,
        i: usize,
        cx: &TaskContext,
        reason: &Reason,
        started: Instant,
    ) -> Result<(Status, Option<Moment>), Failure> {
        let Mode::Apply(Some(session)) = &self.mode else { unreachable!("tasks run in a session") };
        let name = self.object.meta(i).place.name;
        let ran = run_task(self.object, i, cx).await;
        let duration: Duration = started.elapsed();
        let (ended, status) = match &ran {
            Ok(Outcome::Done) => (Ended::Ran, Status::Ran),
            Ok(Outcome::Skipped) => (Ended::Skipped, Status::Skipped),
            Err(_) => (Ended::Failed, Status::Ran),
        };
        let error = ran.as_ref().err().map(|error| format!("{error:#}"));
        let time = record_without_stamp(session, name, reason, ended, duration, error).await?;
        match ran {
            Ok(_) => Ok((status, (status == Status::Ran).then_some(time))),
            Err(error) => Err(Failure::Task(error)),
        }
    }
}

/// An error with its causes.
fn explain(error: &RunError) -> String {
    let causes = std::iter::successors(std::error::Error::source(error), |error| error.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

/// A task that failed, or a run that cannot go on.
enum Failure {
    Task(anyhow::Error),
    Run(RunError),
}

impl<E: Into<RunError>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}
