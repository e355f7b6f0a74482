//! The driver of a run: decides about each task in order, and then runs the task or reports that it
//! would run.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::frame::{ContextStack, Frame};
use super::lock_wait::{Patience, Wanted};
use super::nested::{Done, RunningTask};
use super::plan::noting;
use super::probe::{TaskProbe, Verdict};
use super::session::{Begun, Session};
use super::walk::{Considered, Findings, Step};
use super::{Options, relationship};
use crate::BoxFuture;
use crate::decide::{Newest, Reason};
use crate::event::EventKind;
use crate::object::Permit;
use crate::object::{DynObject, Features, ObjectCore};
use crate::object::{ObjectProgress, ResumePoint, RunGuard};
use crate::report::{ObjectReport, TaskReport};
use crate::report::{RunError, explain};
use crate::stamp::{Records, Timestamp};
use crate::task::context::TaskContext;
use crate::task::run_context::ContextExit;
use crate::work::{Mode, RequestCx, WorkContext};

/// Runs an object, or plans its run.
pub(crate) async fn drive(object: Arc<dyn DynObject>, options: Options) -> Result<ObjectReport, RunError> {
    options.check(&object)?;
    let core = object.core();
    if options.single_task.is_none() && core.readonly() {
        return Ok(ObjectReport { readonly: true, ..ObjectReport::new(&core.id) });
    }
    let permit = if options.dry_run { None } else { Permit::of(core) };
    // A customization runs within its host, so both share one lock and one node in the wait graph.
    let root = object.host_root();
    let mode = if permit.is_some() { Mode::Apply } else { Mode::Plan };
    let progress = root.as_ref().unwrap_or(&object).core().progress(mode);
    // The wait lasts until the run ends, not only until the run lock is acquired, because the work
    // that requested the run waits for its end.
    let _wait = progress.node.wait().map_err(|circle| RunError::circle(&core.id, circle))?;
    let _lock = progress.run_lock().await;
    let work = WorkContext::get();
    let cx = RequestCx::of(&work, mode);
    let result = drive_locked(&object, &options, permit, &work, cx).await;
    if mode.is_plan() {
        let would_run = || result.as_ref().ok().and_then(|report| first_that_would_run(&cx, core, report));
        WorkContext::note_planned(would_run);
    }
    result
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
    work: &WorkContext,
    cx: RequestCx<'_>,
) -> Result<ObjectReport, RunError> {
    let RequestCx { mode, request, .. } = cx;
    let progress = object.core().progress(mode);
    // A run of a single task does not count as progress of the request.
    let guard = options.single_task.is_none().then_some(RunGuard(progress));
    let resume = match guard {
        Some(_) => progress.begin(request, options.nested, object.order().len())?,
        None => ResumePoint::default(),
    };
    let mut driver = Driver {
        object,
        options,
        progress: guard.is_some().then_some(progress),
        cx,
        access: permit.map_or(Access::Plan, |permit| Access::Apply(permit, None)),
        records: object.core().load_for(&cx).await?,
        cursor: 0,
        takes_all: options.single_task.is_some() || cx.takes_all(),
        forces_none: options.forces_none(&cx),
        follower: None,
        marked: None,
        newest: resume.newest.clone(),
        contexts: ContextStack::default(),
        running: None,
        done: Vec::new(),
        nested_reports: Vec::new(),
        tasks: Vec::new(),
        up_to_date: 0,
        patience: Patience::default(),
    };
    let host = Frame { object: object.clone(), forced: false, selected: false, is_host: true };
    // Most runs of a fleet end here. This saves a third of their time, since they need no future,
    // no edge in the wait graph and no context. A plan does not end here because it emits an event
    // for every task.
    let pending = if driver.is_plan() { Ok(Some(0)) } else { driver.pass_by_stamps(&host, &resume) };
    let result = match pending {
        Ok(Some(from)) => {
            // The walk is boxed because every future around it would otherwise be as large.
            let walk: BoxFuture<'_, _> = Box::pin(driver.run(&host, &resume, from));
            let root = object.host_root();
            work.clone().within(&root.as_ref().unwrap_or(object).core().progress(mode).node, request, walk).await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    object.core().considered.store(0, Ordering::Relaxed);
    let report = driver.report();
    if cx.fleet.is_some() {
        progress.keep_for_fleet(request, &report);
    }
    if guard.is_some() {
        progress.end(result.as_ref().err());
    }
    result.map(|()| report)
}

/// The rights of a run. Code that calls a task's method or writes a stamp needs a session, which a
/// plan cannot have.
pub(super) enum Access {
    Plan,
    /// The session begins when the first task runs.
    Apply(Permit, Option<Arc<Session>>),
}

/// The result of a request for the right to run a task.
pub(super) enum Right {
    /// The run is a plan.
    Plan,
    /// The task may run.
    Session(Arc<Session>),
    /// Another process changed the records, so the walk starts again.
    Restart,
}

pub(super) struct Driver<'r> {
    pub(super) object: &'r Arc<dyn DynObject>,
    pub(super) options: &'r Options,
    /// The progress that records the results, or `None` if the run is for a single task.
    pub(super) progress: Option<&'r ObjectProgress>,
    pub(super) access: Access,
    /// The request that the run serves.
    pub(super) cx: RequestCx<'r>,
    pub(super) records: Records,
    /// The position in `records` where the next search begins. Entries are in run order, so the walk
    /// looks at each of them once.
    pub(super) cursor: usize,
    /// Whether all tasks are selected, because the fleet has no tags or the run is for a single
    /// task. This saves a check per task.
    takes_all: bool,
    /// Whether no task is forced, which saves another check per task.
    forces_none: bool,
    /// The row after the current one. Its mark may be written together with the current stamp.
    pub(super) follower: Option<usize>,
    /// The task whose mark was written ahead, together with the stamp of the task before it.
    pub(super) marked: Option<&'static str>,
    pub(super) newest: Option<Newest>,
    pub(super) contexts: ContextStack,
    /// The task whose method runs these tasks through a handle.
    pub(super) running: Option<Arc<RunningTask>>,
    /// The tasks that other tasks ran through their handles. The walk does not consider them again.
    pub(super) done: Vec<Done>,
    /// The reports on the tasks in `done`. They wait here until the walk is back at the host's own
    /// frame.
    pub(super) nested_reports: Vec<TaskReport>,
    pub(super) tasks: Vec<TaskReport>,
    up_to_date: usize,
    /// The state of the run's waits for other processes.
    patience: Patience,
}

impl<'r> Driver<'r> {
    /// Returns a driver for a task that a running task runs through its handle.
    pub(super) async fn nested(
        object: &'r Arc<dyn DynObject>,
        options: &'r Options,
        running: &Arc<RunningTask>,
        cx: &RequestCx<'r>,
    ) -> Result<Self, RunError> {
        Ok(Driver {
            object,
            options,
            progress: None,
            cx: *cx,
            access: Access::Apply(running.session.permit().clone(), Some(running.session.clone())),
            records: object.core().load().await?,
            cursor: 0,
            takes_all: true,
            forces_none: false,
            follower: None,
            marked: None,
            newest: None,
            contexts: ContextStack::within(running.resources.clone()),
            running: Some(running.clone()),
            done: Vec::new(),
            nested_reports: Vec::new(),
            tasks: Vec::new(),
            up_to_date: 0,
            patience: Patience::default(),
        })
    }
}

impl Driver<'_> {
    /// Takes the report of the run after its end.
    pub(super) fn report(&mut self) -> ObjectReport {
        let tasks = std::mem::take(&mut self.tasks);
        ObjectReport { tasks, up_to_date: self.up_to_date, ..ObjectReport::new(&self.object.core().id) }
    }

    /// Walks the tasks from a position on, within the context of the run.
    pub(super) async fn run(&mut self, host: &Frame, resume: &ResumePoint, mut from: usize) -> Result<(), RunError> {
        self.contexts.push(self.options.context.clone());
        let mut result = Ok(());
        loop {
            match self.walk(host, resume, from).await {
                Ok(Step::Next) => break,
                Ok(Step::Restart) if self.is_passed_elsewhere() => break,
                Ok(Step::Restart) => {
                    (self.cursor, self.newest, self.up_to_date, from) = (0, resume.newest.clone(), 0, 0);
                    self.tasks.clear();
                    if let Some(progress) = self.progress {
                        progress.rewind(resume);
                    }
                }
                Err(error) => {
                    result = Err(error);
                    break;
                }
            }
        }
        self.tasks.append(&mut self.nested_reports);
        let outcome = if result.is_ok() { ContextExit::Done } else { ContextExit::Failed };
        let left = self.contexts.pop(&self.object.core().id, outcome).await;
        let in_place = match &self.access {
            Access::Apply(_, Some(session)) => session.check_places().await,
            _ => Ok(()),
        };
        result.and(self.unmark().await).and(left).and(in_place)
    }

    /// Returns whether another process has considered the task that the run is for.
    fn is_passed_elsewhere(&self) -> bool {
        let wanted = self.options.wanted.zip(self.progress);
        wanted.is_some_and(|((query, row), progress)| progress.result(query, row).is_some())
    }

    /// Returns whether the fleet's tags select the task.
    pub(super) fn is_selected(&self, frame: &Frame, row: usize) -> bool {
        self.takes_all || frame.selected || self.cx.fleet.is_none_or(|fleet| fleet.takes(|| frame.object.tags(row)))
    }

    pub(super) fn is_forced(&self, frame: &Frame, name: &str) -> bool {
        frame.forced || (!self.forces_none && self.options.forces(&self.cx, self.object, name))
    }

    /// Decides about a task with a probe unless its class is known, and runs it if needed.
    pub(super) async fn task(
        &mut self,
        frame: &Frame,
        row: usize,
        has: Features,
        findings: Findings,
    ) -> Result<Considered, RunError> {
        let (object, name) = (&frame.object, has.stamp_name);
        if let Some(reason) = findings.reason {
            return Box::pin(self.run_or_plan(frame, row, reason, findings.hash)).await;
        }
        if has.dependencies_always {
            match self.begin(frame, name).await? {
                Right::Plan => {}
                Right::Restart => return Ok(Considered::Restart),
                Right::Session(session) => drop(Box::pin(self.prepare(&session, frame, row, None)).await?),
            }
        }
        let dependencies = if has.dependencies { object.dependencies(row) } else { Vec::new() };
        for dependency in dependencies {
            let (other, to) = dependency.parts();
            let others = [other];
            let newest = relationship::check(self.object, &others, &to, &self.cx);
            if let Some(Newest { time, which }) = Box::pin(newest).await? {
                self.pass_on(Some(time), || which);
            }
        }
        let resources = self.contexts.resources();
        let forced = self.is_forced(frame, name);
        let entry = self.records.get_next(name, &mut self.cursor);
        let probe = TaskProbe { object, row, entry, resources };
        let reached = self.reached();
        let newest = self.newest.as_ref();
        // Outside of a plan, `noting` is skipped. This saves a copy of the future for each task
        // with a probe.
        let probed = match &reached {
            None => probe.probe(&has, forced, newest, findings.hash).await,
            Some(_) => noting(reached.as_ref(), Box::pin(probe.probe(&has, forced, newest, findings.hash))).await,
        };
        let probed = match probed {
            Ok(probed) => probed,
            Err(error) => return self.fail_or_wait(frame, row, reached.as_ref(), error),
        };
        match probed.verdict {
            Verdict::UpToDate(time) => {
                self.up_to_date(frame, row, name, time);
                Ok(Considered::At(time))
            }
            Verdict::Run(reason) => Box::pin(self.run_or_plan(frame, row, reason, probed.hash)).await,
        }
    }

    /// Runs a task that must run. A plan reports it instead.
    async fn run_or_plan(
        &mut self,
        frame: &Frame,
        row: usize,
        reason: Reason,
        hash: Option<String>,
    ) -> Result<Considered, RunError> {
        // A task within a running task ends together with that one.
        let may_stop = !self.is_plan() && self.running.is_none();
        if may_stop && self.cx.is_stop_asked(self.object.core().layout.stop()) {
            return Err(RunError::Stopped { object: self.object.core().id.to_string() });
        }
        let session = match self.begin(frame, frame.object.stamp_name(row)).await? {
            Right::Plan => return self.plan(frame, row, reason).await,
            Right::Restart => return Ok(Considered::Restart),
            Right::Session(session) => session,
        };
        let ended = Box::pin(self.execute(&session, frame, row, &reason, hash)).await?;
        self.report_nested(frame);
        let name = frame.object.stamp_name(row);
        let time = ended.time;
        self.pass_on(time, || Cow::Borrowed(name));
        self.tasks.push(TaskReport { description: frame.object.describe(row), reason: Some(reason), ..ended });
        Ok(Considered::At(time))
    }

    /// Reports the tasks that other tasks ran through their handles, if the walk is at the host's
    /// own frame.
    pub(super) fn report_nested(&mut self, frame: &Frame) {
        if frame.is_host {
            self.tasks.append(&mut self.nested_reports);
        }
    }

    /// Reports that a task is up to date, and passes on its time.
    pub(super) fn up_to_date(&mut self, frame: &Frame, row: usize, name: &'static str, time: Option<Timestamp>) {
        self.emit(frame, row, || EventKind::TaskAlreadyRun);
        self.pass_on(time, || Cow::Borrowed(name));
        self.report_up_to_date(frame, row, time);
    }

    pub(super) fn report_up_to_date(&mut self, frame: &Frame, row: usize, time: Option<Timestamp>) {
        self.up_to_date += 1;
        // A fleet needs only the number of these tasks. A customization also needs their reports
        // because its time depends on them.
        if !self.options.nested || !frame.is_host {
            let object = &frame.object;
            self.tasks.push(TaskReport::up_to_date(object.stamp_name(row), object.describe(row), time));
        }
    }

    /// Passes on a time to later tasks, which are compared with the newest one.
    pub(super) fn pass_on(&mut self, time: Option<Timestamp>, which: impl FnOnce() -> Cow<'static, str>) {
        Newest::keep_later(&mut self.newest, time, which);
    }

    /// Acquires the right to change the object for a task that must run. Requests a new walk if
    /// another process changed the records while this one waited.
    async fn begin(&mut self, frame: &Frame, task: &'static str) -> Result<Right, RunError> {
        let is_forced = self.is_forced(frame, task);
        let Access::Apply(permit, session) = &mut self.access else { return Ok(Right::Plan) };
        if let Some(session) = session {
            return Ok(Right::Session(session.clone()));
        }
        let wanted = Wanted { task: (!is_forced).then_some((task, &self.records)), asked: self.options.wanted };
        match Box::pin(Session::begin_if_needed(self.object, permit, wanted, &mut self.patience)).await? {
            Begun::Session(begun, records) => {
                let begun = Arc::new(begun);
                *session = Some(begun.clone());
                if records == self.records {
                    return Ok(Right::Session(begun));
                }
                self.records = records;
            }
            Begun::Changed(records) => self.records = records,
            Begun::Passed => {}
        }
        Ok(Right::Restart)
    }

    /// Enters the contexts and brings up the system dependencies of a task. Returns the context of
    /// the task.
    pub(super) async fn prepare(
        &mut self,
        session: &Session,
        frame: &Frame,
        row: usize,
        reason: Option<&Reason>,
    ) -> Result<TaskContext, RunError> {
        let name = frame.object.stamp_name(row);
        let mut cx = TaskContext::new(&frame.object, name, self.records.get(name));
        if let Some(reason) = reason {
            cx = cx.with_reason(reason.clone());
        }
        self.contexts.enter(session, &self.object.core().id).await?;
        cx = cx.with_resources(self.contexts.resources());
        session.bring_up(&frame.object, row, &cx).await?;
        Ok(cx)
    }

    /// Returns whether the run is for a single task, called by its handle.
    pub(super) fn is_single_task(&self) -> bool {
        self.options.single_task.is_some()
    }

    pub(super) fn is_plan(&self) -> bool {
        self.cx.mode.is_plan()
    }

    pub(super) fn emit(&self, frame: &Frame, row: usize, kind: impl FnOnce() -> EventKind) {
        frame.object.emit(row, kind);
    }

    pub(super) fn tell_failure(&self, frame: &Frame, row: usize, error: &RunError) {
        self.emit(frame, row, || EventKind::TaskFail { error: explain(error), duration: Duration::ZERO, log: None });
    }
}
