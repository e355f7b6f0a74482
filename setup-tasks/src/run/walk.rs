//! The walk over the rows of an object in run order. One loop without futures passes the rows that
//! are up to date. Every other row is considered separately.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use super::classify::{Class, Known, classify, classify_hashed};
use super::driver::{Access, Driver};
use super::frame::Frame;
use super::probe::TaskProbe;
use crate::decide::Reason;
use crate::object::ResumePoint;
use crate::object::{Features, Order};
use crate::report::RunError;
use crate::stamp::Timestamp;
use crate::task::category::TaskCategory;
use crate::work::RequestId;

/// The end of a walk or of one of its steps.
pub(super) enum Step {
    /// The walk continues with the next row.
    Next,
    /// Another process changed the records, so the walk starts again.
    Restart,
}

/// The result of considering a row.
pub(super) enum Considered {
    /// The time of the task, if it has one. Later tasks are compared with it.
    At(Option<Timestamp>),
    /// Another process changed the records, so the walk starts again.
    Restart,
}

/// The helper methods that a walk may call without waiting.
#[derive(Clone, Copy, PartialEq)]
enum Asks {
    /// No helper methods. Only the stamps decide.
    Nothing,
    /// The hash functions that need neither a future nor a context.
    HashNow,
}

/// A task that is not known to be up to date.
struct Pending {
    /// The position in the order of the frame.
    at: usize,
    row: usize,
    has: Features,
    findings: Findings,
}

/// The known facts about a pending task.
#[derive(Default)]
pub(super) struct Findings {
    /// The reason to run. Without a reason, a probe decides.
    pub(super) reason: Option<Reason>,
    /// The hash text, if the hash function was called.
    pub(super) hash: Option<String>,
}

impl Driver<'_> {
    /// Considers the tasks of a frame, starting at a position of their order.
    pub(super) async fn walk(&mut self, frame: &Frame, resume: &ResumePoint, from: usize) -> Result<Step, RunError> {
        let (mut order, mut at) = (frame.object.order(), from);
        while let Some(pending) = self.pass_up_to_date((frame, &order), at, resume, Asks::HashNow)? {
            let row = pending.row;
            at = pending.at + 1;
            let follower = (at < self.end(frame, &order)).then(|| order.row(at));
            self.follower = follower.filter(|&row| !self.is_passed_over(frame, row, resume));
            if let Step::Restart = self.consider(frame, pending).await? {
                return Ok(Step::Restart);
            }
            // A task may have added further tasks.
            let now = frame.object.order();
            if now.len() != order.len() {
                order = now;
                at = order.iter().position(|other| other == row).map_or(at, |at| at + 1);
            }
        }
        Ok(Step::Next)
    }

    /// Returns the position after the last task that this run considers.
    fn end(&self, frame: &Frame, order: &Order) -> usize {
        let last = self.options.stop_after.as_deref().filter(|_| frame.is_host);
        let last = last.and_then(|last| order.iter().position(|row| frame.object.name(row) == last));
        last.map_or(order.len(), |last| last + 1)
    }

    /// Returns whether this run passes over a row, because an earlier run of the request considered
    /// it or because the run is for one other task.
    fn is_passed_over(&self, frame: &Frame, row: usize, resume: &ResumePoint) -> bool {
        let is_other = |only: &str| !frame.forced && !frame.leads_to(row, only);
        (frame.is_host && resume.has(row)) || self.options.single_task.as_deref().is_some_and(is_other)
    }

    /// Considers tasks of an object up to the first one whose stamp does not prove that it is up to
    /// date. Returns the position of that task.
    pub(super) fn pass_by_stamps(&mut self, host: &Frame, resume: &ResumePoint) -> Result<Option<usize>, RunError> {
        let pending = self.pass_up_to_date((host, &host.object.order()), 0, resume, Asks::Nothing)?;
        Ok(pending.map(|pending| pending.at))
    }

    /// Considers tasks from a position on, up to the first one that is not known to be up to date,
    /// and returns that one. No step waits.
    ///
    /// All results are recorded together. This saves a tenth of a run with nothing to do, compared
    /// with one lock per task.
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
            let time = if let Some(done) = self.done(name) {
                self.pass_on(done.time, || Cow::Borrowed(name));
                done.time
            } else {
                match self.look_at(frame, row, &has, asks) {
                    Ok(Ok(time)) => {
                        self.up_to_date(frame, row, name, time);
                        time
                    }
                    Ok(Err(findings)) => {
                        pending = Ok(Some(Pending { at, row, has, findings }));
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
        self.record_all(&passed, now);
        pending
    }

    /// Returns the time of a task that is up to date, or the known facts about a pending task.
    ///
    /// A hash function without a future is called here. A future per task would add half to the
    /// time of a run with nothing to do.
    fn look_at(
        &mut self,
        frame: &Frame,
        row: usize,
        has: &Features,
        asks: Asks,
    ) -> Result<Result<Option<Timestamp>, Findings>, RunError> {
        if !self.is_selected(frame, row) {
            return Ok(Err(Findings::default()));
        }
        let (forced, before) = (self.is_forced(frame, has.stamp_name), self.cursor);
        let entry = self.records.get_next(has.stamp_name, &mut self.cursor);
        let slow_invalidators = has.slow_invalidator && frame.object.core().config().slow_invalidators;
        let known = Known { forced, entry, newest: self.newest.as_ref(), slow_invalidators };
        let mut findings = Findings::default();
        let mut class = classify(has, &known);
        // A plan records the work that a helper method requests, and that needs a future.
        if class == Class::NeedsProbe && asks == Asks::HashNow && has.begins_with_hash() && !self.is_plan() {
            let probe = TaskProbe { object: &frame.object, row, entry, resources: Vec::new() };
            findings.hash = probe.hash_now()?;
            class = classify_hashed(has, &known, findings.hash.as_ref());
        }
        match class {
            Class::UpToDate(time) => return Ok(Ok(time)),
            Class::Run(reason) => findings.reason = Some(reason),
            Class::NeedsProbe => {}
        }
        self.cursor = before;
        Ok(Err(findings))
    }

    /// Considers a pending task, a relationship or a customization.
    async fn consider(&mut self, frame: &Frame, pending: Pending) -> Result<Step, RunError> {
        let Pending { row, has, .. } = pending;
        frame.object.core().considered.store(row + 1, Ordering::Relaxed);
        let mut is_considered = true;
        let considered = match has.category {
            TaskCategory::Relationship => Box::pin(self.relation(frame, row)).await?,
            TaskCategory::Customization => Box::pin(self.customization(frame, row)).await?,
            TaskCategory::Task if self.is_selected(frame, row) => self.task(frame, row, has, pending.findings).await?,
            TaskCategory::Task => {
                is_considered = false;
                Considered::At(self.unselected(has))
            }
        };
        let Considered::At(time) = considered else { return Ok(Step::Restart) };
        if frame.is_host {
            self.record(row, time, is_considered);
        }
        Ok(Step::Next)
    }

    /// Records the result of a row of the object itself, which notifies its dependents.
    pub(super) fn record(&self, row: usize, time: Option<Timestamp>, is_considered: bool) {
        let Some(progress) = self.progress else { return };
        progress.record(row, time, is_considered, self.newest.as_ref());
        if let Access::Apply(_, Some(session)) = &self.access {
            session.passed(row);
        }
    }

    /// Records the results of tasks that were considered since `now` without a wait in between.
    fn record_all(&self, passed: &[(usize, Option<Timestamp>)], now: RequestId) {
        let Some(progress) = self.progress.filter(|_| !passed.is_empty()) else { return };
        progress.record_all(passed, now, self.newest.as_ref());
        if let Access::Apply(_, Some(session)) = &self.access {
            passed.iter().for_each(|&(row, _)| session.passed(row));
        }
    }

    /// Passes on the time of an unselected task: the time of its stamp, or that of its last change
    /// if it has a completion check.
    fn unselected(&mut self, has: Features) -> Option<Timestamp> {
        let name = has.stamp_name;
        let time = self.records.get(name).and_then(|entry| entry.last_run(has.completion));
        self.pass_on(time, || Cow::Borrowed(name));
        time
    }
}
