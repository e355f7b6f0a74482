//! The loop of a run: for each task in order, decide, then run or say that it would.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::attempt::ask;
use super::frame::{ContextStack, Frame};
use super::lock_wait::{Patience, Wanted};
use super::nested::{Done, RunningTask};
use super::probe::{TaskProbe, Verdict, unasked_facts};
use super::session::{Begun, Session};
use super::undecided::noting;
use super::{Options, relationship};
use crate::BoxFuture;
use crate::decide::{Decision, Fact, Newest, Question, Reason, decide};
use crate::event::EventKind;
use crate::object::Permit;
use crate::object::{DynObject, Features, ObjectCore, Order};
use crate::object::{ObjectProgress, ResumePoint, RunGuard};
use crate::report::Undecided;
use crate::report::{ObjectReport, TaskReport};
use crate::report::{RunError, explain};
use crate::stamp::{Records, Timestamp};
use crate::task::category::TaskCategory;
use crate::task::context::{LazyContext, TaskContext};
use crate::task::file_change::FileChange;
use crate::task::run_context::ContextExit;
use crate::work::{FleetOptions, Stops};
use crate::work::{Reached, RequestId, WorkContext};

/// Runs an object, or says what a run would do.
pub(crate) async fn drive(object: Arc<dyn DynObject>, options: Options) -> Result<ObjectReport, RunError> {
    options.check(&object)?;
    let core = object.core();
    if options.single_task.is_none() && core.readonly() {
        return Ok(ObjectReport { readonly: true, ..ObjectReport::new(&core.id) });
    }
    let permit = if options.dry_run { None } else { Permit::of(core) };
    // A customization is run within its host: both have one lock, and one turn.
    let root = object.host_root();
    let progress = root.as_ref().unwrap_or(&object).core().progress(permit.is_none());
    // Kept for all of the run, not for the turn alone: what the run is a part of waits for its end.
    let _wait = progress.node.wait().map_err(|circle| RunError::circle(&core.id, circle))?;
    let _lock = progress.run_lock().await;
    let is_plan = permit.is_none();
    let result = drive_locked(&object, &options, permit).await;
    if is_plan {
        let would_run = || result.as_ref().ok().and_then(|report| first_that_would_run(core, report));
        WorkContext::note_planned(would_run);
    }
    result
}

/// Returns the first task that would run by a plan, or by what the plan went on from, as `object/task`.
fn first_that_would_run(core: &ObjectCore, report: &ObjectReport) -> Option<String> {
    let of_report = report.would_run().next().map(|task| Cow::Borrowed(task.task));
    let which = of_report.or_else(|| core.progress(true).would_run(WorkContext::request_now()))?;
    Some(if which.contains('/') { which.into_owned() } else { format!("{}/{which}", core.id) })
}

/// As [`drive`], by whoever has the turn. Without a permit, it is a dry run.
pub(super) async fn drive_locked(
    object: &Arc<dyn DynObject>,
    options: &Options,
    permit: Option<Permit>,
) -> Result<ObjectReport, RunError> {
    let is_plan = permit.is_none();
    let progress = object.core().progress(is_plan);
    let current = WorkContext::get();
    let request = current.request();
    // One task alone is no part of the way.
    let guard = options.single_task.is_none().then_some(RunGuard(progress));
    let resume = match guard {
        Some(_) => progress.begin(request, options.nested, object.order().len())?,
        None => ResumePoint::default(),
    };
    let mut driver = Driver {
        object,
        options,
        progress: guard.is_some().then_some(progress),
        mode: permit.map_or(Mode::Plan, |permit| Mode::Apply(permit, None)),
        records: object.core().load_for(request, is_plan).await?,
        cursor: 0,
        takes_all: options.single_task.is_some() || WorkContext::ask_fleet(FleetOptions::takes_all).unwrap_or(true),
        forces_none: options.forces_none(),
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
    // Most runs of a fleet end here: they need no future, no edge of the wait graph and no context, which would be a third of
    // their time. A plan needs them, since it says so to whatever listens.
    let pending = if driver.is_plan() { Ok(Some(0)) } else { driver.pass_by_stamps(&host, &resume) };
    let result = match pending {
        Ok(Some(from)) => {
            // Boxed, or every future around it would be as large.
            let walk: BoxFuture<'_, _> = Box::pin(driver.run(&host, &resume, from));
            let root = object.host_root();
            current.within(&root.as_ref().unwrap_or(object).core().progress(is_plan).node, request, walk).await
        }
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    object.core().considered.store(0, Ordering::Relaxed);
    let report = driver.report();
    if WorkContext::ask_fleet(|_| ()).is_some() {
        progress.keep_for_fleet(request, &report);
    }
    if guard.is_some() {
        progress.end(result.as_ref().err());
    }
    result.map(|()| report)
}

/// The rights of a run. Whatever calls a task's method or writes a stamp needs a session, which a plan cannot have.
pub(super) enum Mode {
    Plan,
    /// The session is made when the first task runs.
    Apply(Permit, Option<Arc<Session>>),
}

/// The answer to a request for the right to run a task.
pub(super) enum Right {
    /// It is a plan.
    Plan,
    /// The task may run.
    Session(Arc<Session>),
    /// Another process changed the records: the walk begins anew.
    Restart,
}

/// Whether the walk goes on.
pub(super) enum Step {
    Next,
    Restart,
}

/// What became of a task.
pub(super) enum Considered {
    /// Its time, if it has one: later tasks are compared with that.
    At(Option<Timestamp>),
    /// The walk begins anew.
    Restart,
}

/// What a walk may ask of a task without waiting.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    /// Nothing: its stamp alone is looked at.
    Nothing,
    /// Helper methods that answer at once.
    Now,
}

/// A task that may have to run.
struct Pending {
    /// Its place in the order of its frame.
    at: usize,
    row: usize,
    has: Features,
    /// The text of its hash function, if that was asked.
    hash: Option<String>,
}

/// What is known of a task without waiting for anything.
enum Known {
    UpToDate(Option<Timestamp>),
    /// It may not be up to date; the text of its hash function, if that was asked.
    Hash(Option<String>),
}

pub(super) struct Driver<'r> {
    pub(super) object: &'r Arc<dyn DynObject>,
    options: &'r Options,
    /// Told of every task of the object itself, unless only one is run.
    progress: Option<&'r ObjectProgress>,
    pub(super) mode: Mode,
    pub(super) records: Records,
    cursor: usize,
    /// Whether a fleet chooses no tasks by tag, and none is forced: then no task is asked about that.
    takes_all: bool,
    forces_none: bool,
    /// The row after the one that is considered.
    pub(super) follower: Option<usize>,
    /// What the store has a mark of already, written with the stamp of the task before it.
    pub(super) marked: Option<&'static str>,
    pub(super) newest: Option<Newest>,
    pub(super) contexts: ContextStack,
    /// The task whose method runs these tasks through a handle.
    pub(super) running: Option<Arc<RunningTask>>,
    /// Tasks that other tasks ran through their handles: they are not considered again.
    pub(super) done: Vec<Done>,
    /// The reports on them, until the walk is at the frame of the object itself.
    pub(super) nested_reports: Vec<TaskReport>,
    pub(super) tasks: Vec<TaskReport>,
    up_to_date: usize,
    /// Its waits for other processes.
    patience: Patience,
}

impl<'r> Driver<'r> {
    /// A driver for a task that a running task runs through its handle.
    pub(super) async fn nested(
        object: &'r Arc<dyn DynObject>,
        options: &'r Options,
        running: &Arc<RunningTask>,
    ) -> Result<Self, RunError> {
        Ok(Driver {
            object,
            options,
            progress: None,
            mode: Mode::Apply(running.session.permit().clone(), Some(running.session.clone())),
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
    /// Returns what was done, once it has ended.
    pub(super) fn report(&mut self) -> ObjectReport {
        let tasks = std::mem::take(&mut self.tasks);
        ObjectReport { tasks, up_to_date: self.up_to_date, ..ObjectReport::new(&self.object.core().id) }
    }

    /// Walks the tasks from a place on, within the run's context.
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
        let in_place = match &self.mode {
            Mode::Apply(_, Some(session)) => session.check_places().await,
            _ => Ok(()),
        };
        result.and(self.unmark().await).and(left).and(in_place)
    }

    /// Considers the tasks of a frame from a place in their order on.
    pub(super) async fn walk(&mut self, frame: &Frame, resume: &ResumePoint, from: usize) -> Result<Step, RunError> {
        let (mut order, mut at) = (frame.object.order(), from);
        while let Some(pending) = self.pass_up_to_date((frame, &order), at, resume, Asks::Now)? {
            let row = pending.row;
            at = pending.at + 1;
            let follower = (at < self.end(frame, &order)).then(|| order.row(at));
            self.follower = follower.filter(|&row| !self.is_passed_over(frame, row, resume));
            if let Step::Restart = self.consider(frame, pending).await? {
                return Ok(Step::Restart);
            }
            // A task may have added another.
            let now = frame.object.order();
            if now.len() != order.len() {
                order = now;
                at = order.iter().position(|other| other == row).map_or(at, |at| at + 1);
            }
        }
        Ok(Step::Next)
    }

    /// Returns the place in a frame's order after the last task that this run considers.
    fn end(&self, frame: &Frame, order: &Order) -> usize {
        let last = self.options.stop_after.as_deref().filter(|_| frame.is_host);
        let last = last.and_then(|last| order.iter().position(|row| frame.object.name(row) == last));
        last.map_or(order.len(), |last| last + 1)
    }

    /// Returns whether this run leaves a row alone: it was considered before, or another task alone was asked for.
    fn is_passed_over(&self, frame: &Frame, row: usize, resume: &ResumePoint) -> bool {
        let is_other = |only: &str| !frame.forced && !frame.leads_to(row, only);
        (frame.is_host && resume.has(row)) || self.options.single_task.as_deref().is_some_and(is_other)
    }

    /// Considers the first tasks of an object as long as their stamps alone say that they are up to date. Returns the place of
    /// the first one that needs more.
    fn pass_by_stamps(&mut self, host: &Frame, resume: &ResumePoint) -> Result<Option<usize>, RunError> {
        let pending = self.pass_up_to_date((host, &host.object.order()), 0, resume, Asks::Nothing)?;
        Ok(pending.map(|pending| pending.at))
    }

    /// Considers the tasks from a place on, as long as they are up to date by what is known without waiting for anything. Returns
    /// the first that may not be. The tasks are recorded together: a lock for each would be a tenth of a run with nothing to do.
    fn pass_up_to_date(
        &mut self,
        (frame, order): (&Frame, &Order),
        from: usize,
        resume: &ResumePoint,
        asks: Asks,
    ) -> Result<Option<Pending>, RunError> {
        let (end, now) = (self.end(frame, order), RequestId::latest());
        let (mut passed, mut pending) = (Vec::new(), Ok(None));
        for at in from..end {
            let row = order.row(at);
            if self.is_passed_over(frame, row, resume) {
                continue;
            }
            let has = frame.object.features(row);
            let name = has.stamp_name;
            let time = if let Some(done) = self.done.iter().find(|done| done.name == name).copied() {
                self.pass_on(done.time, || Cow::Borrowed(name));
                done.time
            } else {
                match self.verdict_now(frame, row, &has, asks) {
                    Ok(Known::UpToDate(time)) => {
                        self.up_to_date(frame, row, name, time);
                        time
                    }
                    Ok(Known::Hash(hash)) => {
                        pending = Ok(Some(Pending { at, row, has, hash }));
                        break;
                    }
                    Err(error) => {
                        self.tell_failure(frame, row, &error);
                        pending = Err(error);
                        break;
                    }
                }
            };
            if frame.is_host {
                if passed.capacity() == 0 {
                    passed.reserve_exact(end - at);
                }
                passed.push((row, time));
            }
        }
        self.tell_all(&passed, now);
        pending
    }

    /// Says that a task is up to date if that is known without waiting for anything, else what is known of it.
    fn verdict_now(&mut self, frame: &Frame, row: usize, has: &Features, asks: Asks) -> Result<Known, RunError> {
        let waits = has.category != TaskCategory::Task || has.dependencies || has.dependencies_always;
        if waits || !self.is_selected(frame, row) {
            return Ok(Known::Hash(None));
        }
        let (forced, before) = (self.is_forced(frame, has.stamp_name), self.cursor);
        let entry = self.records.get_next(has.stamp_name, &mut self.cursor);
        let mut facts = unasked_facts(&frame.object, has, entry, forced, self.newest.as_ref());
        let mut decision = decide(&facts);
        // In a plan, what a helper asks for is noted, which takes a future.
        if decision == Decision::Ask(Question::Hash) && has.hash_now && asks == Asks::Now && !self.is_plan() {
            let probe = TaskProbe { object: &frame.object, i: row, entry, resources: Vec::new() };
            facts.hash = probe.hash_now()?.map_or(Fact::Absent, Fact::Known);
            decision = decide(&facts);
        }
        Ok(match decision {
            Decision::UpToDate(time) => Known::UpToDate(time),
            Decision::Run(_) | Decision::Ask(_) => {
                self.cursor = before;
                Known::Hash(if let Fact::Known(hash) = facts.hash { Some(hash) } else { None })
            }
        })
    }

    async fn consider(&mut self, frame: &Frame, pending: Pending) -> Result<Step, RunError> {
        let Pending { row, has, .. } = pending;
        frame.object.core().considered.store(row + 1, Ordering::Relaxed);
        let mut is_considered = true;
        let considered = match has.category {
            TaskCategory::Relationship => Box::pin(self.relation(frame, row)).await?,
            TaskCategory::Customization => Box::pin(self.customization(frame, row)).await?,
            TaskCategory::Task if self.is_selected(frame, row) => self.task(frame, row, has, pending.hash).await?,
            TaskCategory::Task => {
                is_considered = false;
                Considered::At(self.unselected(has))
            }
        };
        let Considered::At(time) = considered else { return Ok(Step::Restart) };
        self.passed(frame, row, time, is_considered);
        Ok(Step::Next)
    }

    /// A task was considered, or left out: who waits for it is told.
    fn passed(&self, frame: &Frame, row: usize, time: Option<Timestamp>, is_considered: bool) {
        if frame.is_host {
            self.tell(row, time, is_considered);
        }
    }

    /// Tells those who wait for a row of the object itself that it was considered.
    pub(super) fn tell(&self, row: usize, time: Option<Timestamp>, is_considered: bool) {
        let Some(progress) = self.progress else { return };
        progress.record(row, time, is_considered, self.newest.as_ref());
        if let Mode::Apply(_, Some(session)) = &self.mode {
            session.passed(row);
        }
    }

    /// As [`tell`](Self::tell), for tasks that were considered one after another since `now` without a wait.
    fn tell_all(&self, passed: &[(usize, Option<Timestamp>)], now: RequestId) {
        let Some(progress) = self.progress.filter(|_| !passed.is_empty()) else { return };
        progress.record_all(passed, now, self.newest.as_ref());
        if let Mode::Apply(_, Some(session)) = &self.mode {
            passed.iter().for_each(|&(row, _)| session.passed(row));
        }
    }

    /// Whether another process has considered the task that the run is for.
    fn is_passed_elsewhere(&self) -> bool {
        let wanted = self.options.wanted.zip(self.progress);
        wanted.is_some_and(|((query, row), progress)| progress.result(query, row).is_some())
    }

    /// Whether a fleet that chooses by tag takes the task.
    pub(super) fn is_selected(&self, frame: &Frame, row: usize) -> bool {
        self.takes_all
            || frame.selected
            || WorkContext::ask_fleet(|fleet| fleet.takes(|| frame.object.tags(row))).unwrap_or(true)
    }

    pub(super) fn is_forced(&self, frame: &Frame, name: &str) -> bool {
        frame.forced || (!self.forces_none && self.options.forces(self.object, name))
    }

    /// Passes on the time of a task that is not looked at: by its stamp, or by when it last changed something.
    fn unselected(&mut self, has: Features) -> Option<Timestamp> {
        let name = has.stamp_name;
        let time = self.records.get(name).and_then(|entry| entry.last_run(has.completion));
        self.pass_on(time, || Cow::Borrowed(name));
        time
    }

    /// A task.
    async fn task(
        &mut self,
        frame: &Frame,
        row: usize,
        has: Features,
        hash: Option<String>,
    ) -> Result<Considered, RunError> {
        let (object, name) = (&frame.object, has.stamp_name);
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
            let (others, is_plan) = ([other], self.is_plan());
            let newest = relationship::check(self.object, &others, &to, is_plan);
            if let Some(Newest { time, which }) = Box::pin(newest).await? {
                self.pass_on(Some(time), || which);
            }
        }
        let resources = self.contexts.resources();
        let forced = self.is_forced(frame, name);
        let entry = self.records.get_next(name, &mut self.cursor);
        let probe = TaskProbe { object, i: row, entry, resources };
        let reached = self.reached();
        let newest = self.newest.as_ref();
        // Outside of a plan, `noting` would copy the future, for each task that is asked for its hash.
        let decided = match &reached {
            None => probe.decide(&has, forced, newest, hash).await,
            Some(_) => noting(reached.as_ref(), Box::pin(probe.decide(&has, forced, newest, hash))).await,
        };
        let decided = match decided {
            Ok(decided) => decided,
            Err(error) => return self.fail_or_wait(frame, row, reached.as_ref(), error),
        };
        match decided.verdict {
            Verdict::UpToDate(time) => {
                self.up_to_date(frame, row, name, time);
                Ok(Considered::At(time))
            }
            Verdict::Run(reason) => Box::pin(self.run_or_plan(frame, row, reason, decided.hash)).await,
        }
    }

    /// A check failed. In a plan, it may have come too early.
    pub(super) fn fail_or_wait(
        &mut self,
        frame: &Frame,
        row: usize,
        reached: Option<&Arc<Reached>>,
        error: RunError,
    ) -> Result<Considered, RunError> {
        match self.undecided_by(reached, &error) {
            Some(undecided) => Ok(self.undecided(frame, row, undecided)),
            None => {
                self.tell_failure(frame, row, &error);
                Err(error)
            }
        }
    }

    /// Runs a task that must run; a plan says so.
    async fn run_or_plan(
        &mut self,
        frame: &Frame,
        row: usize,
        reason: Reason,
        hash: Option<String>,
    ) -> Result<Considered, RunError> {
        // A part of a running task is ended with that one.
        let may_stop = !self.is_plan() && self.running.is_none();
        if may_stop && Stops::are_asked_now(self.object.core().layout.stop()) {
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

    /// Says that a task would run.
    async fn plan(&mut self, frame: &Frame, row: usize, reason: Reason) -> Result<Considered, RunError> {
        let (object, name) = (&frame.object, frame.object.stamp_name(row));
        let newest = self.newest.as_ref().map(|newest| newest.time);
        if let (Reason::DependencyNewer { which }, Some(Timestamp::UNDECIDED)) = (&reason, newest) {
            let until = which.clone().into_owned();
            return Ok(self.undecided(frame, row, Undecided { until, error: None }));
        }
        self.emit(frame, row, || EventKind::TaskWouldRun { reason: reason.clone() });
        let mut report = TaskReport::would_run(name, object.describe(row), reason);
        if self.options.diff || WorkContext::ask_fleet(|fleet| fleet.diff).unwrap_or_default() {
            let reached = self.reached();
            match noting(reached.as_ref(), self.changes(frame, row)).await {
                Ok(changes) => report.changes = changes,
                Err(error) => report.undecided = Some(self.undecided_by(reached.as_ref(), &error).ok_or(error)?),
            }
        }
        self.pass_on(Some(Timestamp::FUTURE), || Cow::Borrowed(name));
        self.tasks.push(report);
        Ok(Considered::At(Some(Timestamp::FUTURE)))
    }

    /// What a task would change in files.
    async fn changes(&self, frame: &Frame, row: usize) -> Result<Vec<FileChange>, RunError> {
        let (object, name) = (&frame.object, frame.object.stamp_name(row));
        let cx = LazyContext::new(object, name, self.records.get(name), self.contexts.resources());
        let changes = ask(|| object.changes(row, &cx)).await;
        let failed = |source| RunError::check(&self.object.core().id, name, "preview", source);
        Ok(changes.map_err(failed)?.unwrap_or_default())
    }

    /// Reports the tasks that others ran through their handles, at the frame of the object itself.
    pub(super) fn report_nested(&mut self, frame: &Frame) {
        if frame.is_host {
            self.tasks.append(&mut self.nested_reports);
        }
    }

    /// There is nothing to do for a task.
    fn up_to_date(&mut self, frame: &Frame, row: usize, name: &'static str, time: Option<Timestamp>) {
        self.emit(frame, row, || EventKind::TaskAlreadyRun);
        self.pass_on(time, || Cow::Borrowed(name));
        self.report_up_to_date(frame, row, time);
    }

    pub(super) fn report_up_to_date(&mut self, frame: &Frame, row: usize, time: Option<Timestamp>) {
        self.up_to_date += 1;
        // What a fleet is not told of is not kept, unless a customization's time depends on it.
        if !self.options.nested || !frame.is_host {
            let object = &frame.object;
            self.tasks.push(TaskReport::up_to_date(object.stamp_name(row), object.describe(row), time));
        }
    }

    /// Later tasks are compared with the newest.
    pub(super) fn pass_on(&mut self, time: Option<Timestamp>, which: impl FnOnce() -> Cow<'static, str>) {
        Newest::keep_later(&mut self.newest, time, which);
    }

    /// Takes the right to change things, for a task that must run. What another process did while this one waited for it starts the
    /// walk anew.
    async fn begin(&mut self, frame: &Frame, task: &'static str) -> Result<Right, RunError> {
        let is_forced = self.is_forced(frame, task);
        let Mode::Apply(permit, session) = &mut self.mode else { return Ok(Right::Plan) };
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

    /// Enters the contexts and brings the task's system dependencies up; the context that the task will see.
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

    /// Returns whether one task was asked for by its handle.
    pub(super) fn is_single_task(&self) -> bool {
        self.options.single_task.is_some()
    }

    pub(super) fn is_plan(&self) -> bool {
        matches!(self.mode, Mode::Plan)
    }

    pub(super) fn emit(&self, frame: &Frame, row: usize, kind: impl FnOnce() -> EventKind) {
        frame.object.emit(row, kind);
    }

    pub(super) fn tell_failure(&self, frame: &Frame, row: usize, error: &RunError) {
        self.emit(frame, row, || EventKind::TaskFail { error: explain(error), duration: Duration::ZERO, log: None });
    }
}
