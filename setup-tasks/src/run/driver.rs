//! The driver of a run: the object's rows are considered in order, and the tasks that must run are
//! executed or, in a plan, reported.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use tracing::Instrument;

use super::access::{Access, Authorization};
use super::classify::KnownFacts;
use super::contexts::ContextStack;
use super::execute::{DueTask, Executed};
use super::nested::RunningTask;
use super::probe::{Probed, TaskProbe, Verdict};
use super::records::RunRecords;
use super::results::RunResults;
use super::rows::{Frame, Rows};
use super::scope::RunScope;
use super::session::Session;
use super::walk::{Considered, Passed, Walked};
use super::{Options, RunRole};
use crate::BoxFuture;
use crate::decide::Reason;
use crate::earlier::{EarlierTasks, LastChange};
use crate::error::explain;
use crate::event::EventKind;
use crate::object::{DynObject, Features, ObjectCore, Permit, ResumePoint, RowId, RunGuard};
use crate::observer::{Board, Observed};
use crate::report::{ObjectReport, RunError, TaskReport};
use crate::span::WorkSpan;
use crate::stamp::{Records, Timestamp};
use crate::task::context::TaskContext;
use crate::task::run_context::ContextExit;
use crate::work::{Mode, RequestCx, WorkContext};

/// The number of times that a run goes on after it has lost its lease.
const MAX_LOSSES: usize = 3;

/// Runs an object, or plans its run.
pub(crate) async fn drive(
    object: Arc<dyn DynObject>,
    mut options: Options,
    work: WorkContext,
) -> Result<ObjectReport, RunError> {
    options.check(&object)?;
    let core = object.core();
    if core.is_retired() {
        return Err(RunError::Retired { object: core.id.to_string() });
    }
    if options.single_task.is_none() && core.readonly() {
        return report_readonly(&object, &options, &work).await;
    }
    let permit = if options.dry_run { None } else { Permit::of(core, work.mode()) };
    // A customization runs within its host, so both share one lock and one node in the wait graph.
    let root = object.host_root();
    let mode = if permit.is_some() { Mode::Apply } else { Mode::Plan };
    options.begin(&core.layout, mode).await?;
    let progress = root.as_ref().unwrap_or(&object).core().progress(mode);
    // The wait lasts until the run ends, not only until the run lock is acquired, because the work
    // that requested the run waits for its end.
    let _wait = progress.node.wait(&work).map_err(|circle| RunError::circle(&core.id, circle))?;
    let _lock = progress.run_lock().await;
    let cx = RequestCx::of(&work, mode);
    let result = drive_locked(&object, &options, permit, cx).await;
    if mode.is_plan() {
        let would_run = || result.as_ref().ok().and_then(|report| first_that_would_run(&cx, core, report));
        work.record_planned(would_run);
    }
    result
}

/// Returns the report on a readonly object, of which no task is considered. A run that verifies reports
/// the tasks whose state differs from the desired one.
async fn report_readonly(
    object: &Arc<dyn DynObject>,
    options: &Options,
    work: &WorkContext,
) -> Result<ObjectReport, RunError> {
    let core = object.core();
    let cx = RequestCx::of(work, Mode::Plan);
    let scope = RunScope { object, options, progress: None, resume: ResumePoint::default(), cx, caller: None };
    if !scope.verifies(object) {
        return Ok(ObjectReport { readonly: true, ..ObjectReport::new(&core.id) });
    }
    let records = core.load_in(Mode::Plan).await?;
    let frame = scope.host_frame();
    let mut driver = Driver::new(scope, Access::Plan, records, ContextStack::default());
    let found: BoxFuture<'_, _> = Box::pin(driver.find_drift(&frame));
    let result = work.clone().scope(found).await;
    driver.end_observations();
    let report = ObjectReport { readonly: true, ..driver.report() };
    if work.fleet().is_some() {
        let mode = if options.dry_run { Mode::Plan } else { core.mode_for(work.mode()) };
        core.progress(mode).keep_for_fleet(cx.request, &report);
    }
    result.map(|()| report)
}

/// Returns, as `object/task`, the first task that would run according to a plan or to the part of
/// the request that the plan resumed.
fn first_that_would_run(cx: &RequestCx<'_>, core: &ObjectCore, report: &ObjectReport) -> Option<String> {
    let of_report = report.would_run().next().map(|task| Cow::Borrowed(task.task));
    let which = of_report.or_else(|| core.progress(Mode::Plan).would_run(cx.request))?;
    Some(if which.contains('/') { which.into_owned() } else { format!("{}/{which}", core.id) })
}

/// Runs an object as [`drive`] does. The caller holds the run lock. Without a permit, this is a dry
/// run.
pub(super) async fn drive_locked(
    object: &Arc<dyn DynObject>,
    options: &Options,
    permit: Option<Permit>,
    cx: RequestCx<'_>,
) -> Result<ObjectReport, RunError> {
    let RequestCx { mode, request, work, .. } = cx;
    let progress = object.core().progress(mode);
    // A run of a single task does not count as progress of the request.
    let guard = options.single_task.is_none().then_some(RunGuard(progress));
    let resume = match guard {
        Some(_) => progress.begin(request, options.role.start(), object.order().len())?,
        None => ResumePoint::default(),
    };
    let records = object.core().load_for(&cx).await?;
    let recorded = guard.is_some().then_some(progress);
    let scope = RunScope { object, options, progress: recorded, resume, cx, caller: None };
    // The context of the walk lives as long as the driver, which refers to it.
    let of_walk;
    let mut of_object = None;
    let mut driver = Driver::new(scope, Access::of(permit), records, ContextStack::default());
    let mut rows = Rows::new(&driver.scope);
    // Most runs of a fleet end here. This saves a third of their time, since they need no future,
    // no edge in the wait graph and no context. A plan does not end here because it emits an event
    // for every task.
    let passed = if driver.scope.is_plan() { Ok(Passed::UpToPending) } else { driver.pass_by_stamps(&mut rows) };
    let result = match passed {
        Ok(Passed::UpToPending) => {
            // The walk is boxed because every future around it would otherwise be as large.
            let root = object.host_root();
            let node = &root.as_ref().unwrap_or(object).core().progress(mode).node;
            of_walk = work.of_node(node, request);
            driver.scope.cx = RequestCx::of(&of_walk, mode);
            let _at_work = node.begin(work.node.clone());
            let span = WorkSpan::of_object(&object.core().id, object.core().type_name);
            let walk: BoxFuture<'_, _> = Box::pin(driver.run_to_end(&mut rows).instrument(span.span()));
            let walked = of_walk.clone().scope(walk).await;
            of_object = Some(span);
            walked
        }
        Ok(Passed::All) => Ok(()),
        Err(error) => Err(error),
    };
    object.core().set_current_row(None);
    if options.single_task.is_none() && (result.is_err() || options.stop_after.is_none()) {
        driver.end_observations();
    }
    let report = driver.report();
    if let Some(span) = of_object {
        span.object_ended(&report, result.as_ref().err());
    }
    if cx.fleet.is_some() {
        progress.keep_for_fleet(request, &report);
    }
    if guard.is_some() {
        progress.end(result.as_ref().err());
    }
    result.map(|()| report)
}

/// A run in progress. Its parts are the fixed scope of the run, its rights, the records of the
/// object, the position of the walk, and the results so far.
pub(super) struct Driver<'r> {
    pub(super) scope: RunScope<'r>,
    pub(super) access: Access,
    pub(super) records: RunRecords,
    pub(super) position: Position,
    pub(super) results: RunResults,
    /// The questions of the run's tasks, or those of the whole fleet.
    pub(super) board: Option<Arc<Board>>,
}

/// The position of the walk, apart from its cursor.
pub(super) struct Position {
    /// The tasks and dependencies before the current row.
    pub(super) earlier: EarlierTasks,
    /// The same for the frames around the innermost one, the host's first.
    pub(super) outer: Vec<EarlierTasks>,
    /// The row after the current one. Its mark may be written together with the current stamp.
    pub(super) follower: Option<RowId>,
    pub(super) contexts: ContextStack,
}

impl<'r> Driver<'r> {
    pub(super) fn new(scope: RunScope<'r>, access: Access, records: Records, contexts: ContextStack) -> Self {
        let (records, results) = (RunRecords::new(records), RunResults::default());
        let position = Position { earlier: scope.earlier(), outer: Vec::new(), follower: None, contexts };
        let board = scope.cx.fleet.and_then(|fleet| fleet.board.clone());
        Self { scope, access, records, position, results, board }
    }

    /// Returns a driver for a task that a running task runs through its handle.
    pub(super) async fn nested(
        object: &'r Arc<dyn DynObject>,
        options: &'r Options,
        caller: &Arc<RunningTask>,
        cx: RequestCx<'r>,
    ) -> Result<Self, RunError> {
        let contexts = ContextStack::within(caller.resources.clone());
        let (access, records) = (Access::within(&caller.session), object.core().load_in(Mode::Apply).await?);
        let (resume, caller) = (ResumePoint::default(), Some(caller.clone()));
        Ok(Self::new(RunScope { object, options, progress: None, resume, cx, caller }, access, records, contexts))
    }
}

impl Driver<'_> {
    /// Takes the report of the run after its end.
    pub(super) fn report(&mut self) -> ObjectReport {
        let tasks = std::mem::take(&mut self.results.tasks);
        let up_to_date = self.results.up_to_date;
        ObjectReport { tasks, up_to_date, ..ObjectReport::new(&self.scope.object.core().id) }
    }

    /// Walks the remaining rows. If the lease is lost on the way, this waits for it as a run does that
    /// finds it held, and goes on with the tasks that the new holder has not done.
    async fn run_to_end(&mut self, rows: &mut Rows) -> Result<(), RunError> {
        let mut ran = Vec::new();
        let mut result = self.run(rows).await;
        for _ in 0..MAX_LOSSES {
            let Some(reason) = result.as_ref().err().and_then(|_| self.access.take_lost_session()) else { break };
            let core = self.scope.object.core();
            tracing::warn!(object = %core.id, reason, "the lease was lost; the run goes on when it is free");
            core.emit("", || EventKind::LeaseLost { reason: reason.clone() });
            ran.append(&mut self.results.take_ran());
            self.records = RunRecords::new(core.load_in(Mode::Apply).await?);
            self.restart(rows);
            result = self.run(rows).await;
        }
        self.results.put_back(ran);
        result
    }

    /// Walks the remaining rows within the context of the run.
    pub(super) async fn run(&mut self, rows: &mut Rows) -> Result<(), RunError> {
        self.position.contexts.push(self.scope.options.context.clone());
        let result = loop {
            match self.walk(rows).await {
                Ok(Walked::All) => break Ok(()),
                Ok(Walked::Restart) => {
                    self.drop_customizations(rows);
                    if self.scope.is_considered_elsewhere() {
                        break Ok(());
                    }
                    self.restart(rows);
                }
                Err(error) => break Err(error),
            }
        };
        let exit = if result.is_ok() { ContextExit::Done } else { ContextExit::Failed };
        // After an error, the walk may still be in customizations. That error is the one to report.
        while let Some(row) = rows.leave() {
            let _ = self.leave_customization(rows.frame(), row, exit).await;
        }
        self.results.tasks.append(&mut self.results.nested_reports);
        let left = self.leave_context(exit).await;
        let in_place = match self.access.session() {
            Some(session) => session.end().await,
            None => Ok(()),
        };
        result.and(self.unmark().await).and(left).and(in_place)
    }

    /// Leaves the context of the innermost frame.
    pub(super) async fn leave_context(&mut self, exit: ContextExit) -> Result<(), RunError> {
        let RunScope { object, cx, .. } = &self.scope;
        self.position.contexts.pop(&object.core().id, exit, cx.work).await
    }

    /// Returns to the state in which the run began, except for its session and its records.
    fn restart(&mut self, rows: &mut Rows) {
        rows.restart();
        self.records.go_back(0);
        self.position.earlier = self.scope.earlier();
        self.results.restart();
        if let Some(progress) = self.scope.progress {
            progress.rewind(&self.scope.resume);
        }
    }

    /// Decides about a task with a probe, and runs it if needed. `hash` is the hash text, if the hash
    /// function was called before.
    pub(super) async fn probe_task(
        &mut self,
        frame: &Frame,
        row: RowId,
        has: Features,
        hash: Option<String>,
    ) -> Result<Considered, RunError> {
        let (object, name) = (&frame.object, has.stamp_name);
        if has.dependencies_always {
            match self.authorize(frame, name).await? {
                Authorization::PlanOnly => {}
                Authorization::Restart => return Ok(Considered::Restart),
                Authorization::Session(session) => drop(Box::pin(self.prepare(&session, frame, row, None)).await?),
            }
        }
        let subscription = object.subscription(row, &has);
        let dependencies = if has.dependencies { Some(Box::pin(self.dependencies(frame, row)).await?) } else { None };
        let (resources, requested) = (self.position.contexts.resources(), self.requested_work());
        // The questions are gathered in a box, since few tasks have any.
        let observation = match has.observed {
            Observed::Never => None,
            _ => Box::pin(self.observation(frame, row, &has)).await.map(Box::new),
        };
        let (mode, entry) = (self.scope.cx.mode, self.records.next(name));
        let forced = self.scope.is_forced(frame, name, entry);
        let verify = has.is_slow() && self.scope.verifies(object);
        let mut changes = self.position.earlier.of(subscription);
        if let Some(own) = &dependencies {
            changes.to_mut().merge(own);
        }
        let known = KnownFacts { forced, entry, verify, ..KnownFacts::default() }.after(&changes);
        let probe = TaskProbe { object, row, entry, resources, observation: observation.as_deref(), mode };
        // Outside of a plan, no work is recorded. This saves a copy of the future for each task with
        // a probe.
        let probed = match &requested {
            None => probe.probe(&has, &known, hash).await,
            Some(requested) => {
                let work = self.scope.cx.work;
                work.recording(requested.clone(), Box::pin(probe.probe(&has, &known, hash))).await
            }
        };
        match probed {
            Ok(Probed { verdict: Verdict::UpToDate(time), .. }) => {
                self.up_to_date(frame, row, name, time);
                Ok(Considered::At(time.into()))
            }
            Ok(Probed { verdict: Verdict::Run(reason), hash }) => {
                Box::pin(self.run_or_plan(DueTask { frame, row, reason, hash })).await
            }
            Ok(Probed { verdict: Verdict::MayRun { reason, last_change }, .. }) => {
                Ok(self.may_run(frame, row, reason, last_change))
            }
            Err(error) => self.fail_or_defer(frame, row, requested.as_ref(), error),
        }
    }

    /// Runs a task that must run. A plan reports it instead.
    pub(super) async fn run_or_plan(&mut self, due: DueTask<'_>) -> Result<Considered, RunError> {
        let DueTask { frame, row, .. } = due;
        // A task within a running task ends together with that one.
        let may_stop = !self.scope.is_plan() && self.scope.caller.is_none();
        if may_stop && self.scope.is_stop_requested() {
            return Err(RunError::Stopped { object: self.scope.object.core().id.to_string() });
        }
        self.check_approved(&due)?;
        let session = match self.authorize(frame, due.name()).await? {
            Authorization::PlanOnly => return self.plan(frame, row, due.reason).await,
            Authorization::Restart => return Ok(Considered::Restart),
            Authorization::Session(session) => session,
        };
        let changes = Box::pin(self.shown_changes(frame, row)).await;
        let Executed { end, duration } = self.execute(&session, &due).await?;
        let (status, time) = end.result(self.scope.object, &due)?;
        self.report_nested(frame);
        let change = LastChange::from(time);
        self.pass_on(frame, row, change, || Cow::Borrowed(due.name()));
        let (name, description) = (due.name(), frame.object.describe(row));
        let report = TaskReport::up_to_date(name, description, change);
        self.results.tasks.push(TaskReport { status, duration, changes, reason: Some(due.reason), ..report });
        Ok(Considered::At(change))
    }

    /// Reports the tasks that other tasks ran through their handles, if the walk is at the host's
    /// own frame.
    pub(super) fn report_nested(&mut self, frame: &Frame) {
        if frame.is_host() {
            self.results.tasks.append(&mut self.results.nested_reports);
        }
    }

    /// Reports that a task is up to date, and passes on its time.
    pub(super) fn up_to_date(&mut self, frame: &Frame, row: RowId, name: &'static str, time: Option<Timestamp>) {
        self.emit(frame, row, || EventKind::TaskAlreadyRun);
        self.pass_on(frame, row, time.into(), || Cow::Borrowed(name));
        self.report_up_to_date(frame, row, time.into());
    }

    pub(super) fn report_up_to_date(&mut self, frame: &Frame, row: RowId, change: LastChange) {
        self.results.up_to_date += 1;
        // A fleet needs only the number of these tasks. A customization also needs their reports
        // because its time depends on them.
        if self.scope.options.role == RunRole::Standalone || !frame.is_host() {
            let object = &frame.object;
            self.results.tasks.push(TaskReport::up_to_date(object.stamp_name(row), object.describe(row), change));
        }
    }

    /// Passes on the last change of a row to later tasks, which compare with it.
    pub(super) fn pass_on(
        &mut self,
        frame: &Frame,
        row: RowId,
        change: LastChange,
        which: impl FnOnce() -> Cow<'static, str>,
    ) {
        self.position.earlier.add(|| frame.object.name(row), change, which);
    }

    /// Enters the contexts and brings up the system dependencies of a task. Returns the context of
    /// the task.
    pub(super) async fn prepare(
        &mut self,
        session: &Session,
        frame: &Frame,
        row: RowId,
        reason: Option<&Reason>,
    ) -> Result<TaskContext, RunError> {
        let name = frame.object.stamp_name(row);
        let mut cx = TaskContext::new(&frame.object, name, self.records.get(name));
        if let Some(reason) = reason {
            cx = cx.with_reason(reason.clone());
        }
        self.position.contexts.enter(session, &self.scope.object.core().id).await?;
        cx = cx.with_resources(self.position.contexts.resources());
        session.bring_up(&frame.object, row, &cx).await?;
        Ok(cx)
    }

    pub(super) fn emit(&self, frame: &Frame, row: RowId, kind: impl FnOnce() -> EventKind) {
        frame.object.emit(row, kind);
    }

    pub(super) fn emit_failure(&self, frame: &Frame, row: RowId, error: &RunError) {
        self.emit(frame, row, || EventKind::TaskFail { error: explain(error), duration: Duration::ZERO, log: None });
    }
}
