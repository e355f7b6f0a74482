//! The walk over the flat list of rows. One loop without futures passes the rows that are up to
//! date. Every other row is considered separately.

use std::borrow::Cow;

use super::classify::{Class, KnownFacts, classify, classify_hashed};
use super::driver::Driver;
use super::execute::DueTask;
use super::probe::TaskProbe;
use super::rows::{Frame, FrameRows, Rows};
use crate::decide::Reason;
use crate::earlier::LastChange;
use crate::object::{Features, ResultScope, RowId};
use crate::observer::Observed;
use crate::report::RunError;
use crate::stamp::Timestamp;
use crate::task::category::TaskCategory;
use crate::task::run_context::ContextExit;
use crate::work::RequestId;

/// The end of a walk.
pub(super) enum Walked {
    /// The walk considered all rows.
    All,
    /// Another process changed the records, so the walk starts again.
    Restart,
}

/// The end of a walk that decides by stamps alone.
pub(super) enum Passed {
    /// All rows are up to date.
    All,
    /// The next row is not known to be up to date.
    UpToPending,
}

/// The result of considering a row.
pub(super) enum Considered {
    /// The last change of the row. Later tasks are compared with it.
    At(LastChange),
    /// The last change of a task that the fleet's tags do not select.
    Unselected(LastChange),
    /// The row is a customization, whose rows come next.
    Enter(Frame),
    /// Another process changed the records, so the walk starts again.
    Restart,
}

/// The helper methods that a walk may call without waiting.
#[derive(Clone, Copy, PartialEq)]
enum HelperCalls {
    /// No helper methods. Only the stamps decide.
    None,
    /// The hash functions that need neither a future nor a context.
    ImmediateHash,
}

/// A task that is not known to be up to date. The cursor stands at its row.
struct Pending {
    row: RowId,
    has: Features,
    partial: PartialDecision,
}

/// The result of a look at a task without waiting.
enum Look {
    UpToDate(Option<Timestamp>),
    Pending(PartialDecision),
}

/// The known part of the decision about a pending task.
#[derive(Default)]
struct PartialDecision {
    /// The answer, if a probe is not needed for it.
    due: Option<Due>,
    /// The hash text, if the hash function was called.
    hash: Option<String>,
}

/// A decision by which a task is not up to date.
enum Due {
    Run(Reason),
    MayRun { reason: Reason, last_change: Option<Timestamp> },
}

impl Driver<'_> {
    /// Considers the remaining rows, including those that are spliced in on the way.
    pub(super) async fn walk(&mut self, rows: &mut Rows) -> Result<Walked, RunError> {
        loop {
            match self.pass_up_to_date(rows, HelperCalls::ImmediateHash)? {
                Some(pending) => {
                    let (row, has) = (pending.row, pending.has);
                    rows.advance();
                    let follower = rows.follower();
                    self.position.follower = follower.filter(|&row| !self.scope.is_passed_over(rows.frame(), row));
                    match self.consider(rows.frame(), pending).await? {
                        Considered::At(change) => self.record(rows.frame(), row, change, ResultScope::AllRequests),
                        Considered::Unselected(change) => {
                            self.record(rows.frame(), row, change, ResultScope::OwnRequest);
                        }
                        Considered::Enter(frame) => rows.enter(frame, &self.scope),
                        Considered::Restart => return Ok(Walked::Restart),
                    }
                    if has.observed != Observed::Never {
                        self.observed(&has);
                    }
                }
                None => {
                    let Some(row) = rows.leave() else { return Ok(Walked::All) };
                    let change = self.leave_customization(rows.frame(), row, ContextExit::Done).await?;
                    self.record(rows.frame(), row, change, ResultScope::AllRequests);
                }
            }
            rows.refresh(&self.scope);
        }
    }

    /// Considers tasks of an object up to the first one whose stamp does not prove that it is up to
    /// date.
    pub(super) fn pass_by_stamps(&mut self, rows: &mut Rows) -> Result<Passed, RunError> {
        let pending = self.pass_up_to_date(rows, HelperCalls::None)?;
        Ok(if pending.is_some() { Passed::UpToPending } else { Passed::All })
    }

    /// Considers the next tasks of the innermost frame, up to the first one that is not known to be
    /// up to date, and returns that one. No step waits.
    ///
    /// All results are recorded together. This saves a tenth of a run with nothing to do, compared
    /// with one lock per task.
    fn pass_up_to_date(&mut self, rows: &mut Rows, calls: HelperCalls) -> Result<Option<Pending>, RunError> {
        let now = RequestId::latest();
        let FrameRows { frame, order, next, end, .. } = rows.innermost();
        let (mut passed, mut pending) = (Vec::new(), Ok(None));
        while *next < *end {
            let row = order.row(*next);
            if self.scope.is_passed_over(frame, row) {
                *next += 1;
                continue;
            }
            let has = frame.object.features(row);
            let name = has.stamp_name;
            let time = if let Some(nested) = self.nested_task(name) {
                self.pass_on(frame, row, nested.time.into(), || Cow::Borrowed(name));
                nested.time
            } else {
                match self.look_at(frame, row, &has, calls) {
                    Ok(Look::UpToDate(time)) => {
                        self.up_to_date(frame, row, name, time);
                        time
                    }
                    Ok(Look::Pending(partial)) => {
                        pending = Ok(Some(Pending { row, has, partial }));
                        break;
                    }
                    Err(error) => {
                        self.emit_failure(frame, row, &error);
                        pending = Err(error);
                        break;
                    }
                }
            };
            if frame.is_host() {
                if passed.capacity() == 0 {
                    passed.reserve_exact(*end - *next);
                }
                passed.push((row, time));
            }
            *next += 1;
        }
        self.record_all(&passed, now);
        pending
    }

    /// Looks at a task by its stamp, and calls its hash function if that needs no future. A future
    /// per task would add half to the time of a run with nothing to do.
    fn look_at(&mut self, frame: &Frame, row: RowId, has: &Features, calls: HelperCalls) -> Result<Look, RunError> {
        if !self.scope.is_selected(frame, row) {
            return Ok(Look::Pending(PartialDecision::default()));
        }
        let (mode, position) = (self.scope.cx.mode, self.records.position());
        let entry = self.records.next(has.stamp_name);
        let forced = self.scope.is_forced(frame, has.stamp_name, entry);
        let verify = has.is_slow() && self.scope.verifies(&frame.object);
        let changes = self.position.earlier.of(frame.object.subscription(row, has));
        let known = KnownFacts { forced, entry, verify, ..KnownFacts::default() }.after(&changes);
        let mut partial = PartialDecision::default();
        let mut class = classify(has, &known);
        // A plan records the work that a helper method requests, and that needs a future.
        if class == Class::NeedsProbe
            && calls == HelperCalls::ImmediateHash
            && has.begins_with_hash()
            && !mode.is_plan()
        {
            let probe = TaskProbe { object: &frame.object, row, entry, resources: Vec::new(), observation: None, mode };
            partial.hash = probe.hash_now()?;
            class = classify_hashed(has, &known, partial.hash.as_ref());
        }
        match class {
            Class::UpToDate(time) => return Ok(Look::UpToDate(time)),
            Class::Run(reason) => partial.due = Some(Due::Run(reason)),
            Class::MayRun { reason, last_change } => partial.due = Some(Due::MayRun { reason, last_change }),
            Class::NeedsProbe => {}
        }
        self.records.go_back(position);
        Ok(Look::Pending(partial))
    }

    /// Considers a pending task, a relationship or a customization.
    async fn consider(&mut self, frame: &Frame, pending: Pending) -> Result<Considered, RunError> {
        let Pending { row, has, partial } = pending;
        frame.object.core().set_current_row(Some(row));
        match has.category {
            TaskCategory::Relationship => Box::pin(self.relation(frame, row)).await,
            TaskCategory::Customization => Box::pin(self.enter_customization(frame, row)).await,
            TaskCategory::Task if !self.scope.is_selected(frame, row) => {
                Ok(Considered::Unselected(self.unselected(frame, row, has)))
            }
            TaskCategory::Task => match partial.due {
                Some(Due::Run(reason)) => {
                    Box::pin(self.run_or_plan(DueTask { frame, row, reason, hash: partial.hash })).await
                }
                Some(Due::MayRun { reason, last_change }) => Ok(self.may_run(frame, row, reason, last_change)),
                None => match self.decided_elsewhere(frame, row, &has).await? {
                    Some(considered) => Ok(considered),
                    None => self.probe_task(frame, row, has, partial.hash).await,
                },
            },
        }
    }

    /// Records the result of a row of the object itself, which notifies its dependents.
    fn record(&self, frame: &Frame, row: RowId, change: LastChange, scope: ResultScope) {
        if frame.is_host() {
            self.record_row(row, change, scope);
        }
    }

    /// Records the result of a row of the object itself.
    pub(super) fn record_row(&self, row: RowId, change: LastChange, scope: ResultScope) {
        let Some(progress) = self.scope.progress else { return };
        // Within a customization, the tasks before the host's current row count.
        let earlier = self.position.outer.first().unwrap_or(&self.position.earlier);
        progress.record(row, change, scope, earlier);
        if let Some(session) = self.access.session() {
            session.considered(row);
        }
    }

    /// Records the results of tasks that were considered since `now` without a wait in between.
    fn record_all(&self, passed: &[(RowId, Option<Timestamp>)], now: RequestId) {
        let Some(progress) = self.scope.progress.filter(|_| !passed.is_empty()) else { return };
        progress.record_all(passed, now, &self.position.earlier);
        if let Some(session) = self.access.session() {
            passed.iter().for_each(|&(row, _)| session.considered(row));
        }
    }

    /// Passes on the time when an unselected task last changed something.
    fn unselected(&mut self, frame: &Frame, row: RowId, has: Features) -> LastChange {
        let name = has.stamp_name;
        let change = self.records.get(name).and_then(|entry| entry.last_change(has.completion)).into();
        self.pass_on(frame, row, change, || Cow::Borrowed(name));
        change
    }
}
