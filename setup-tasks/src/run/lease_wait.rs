//! The wait for an object whose lease another process holds. The wait ends when the lease is free, or
//! when the stamps or the holder report that the needed work is done. It fails if the holder waits
//! for this process, since it would never end.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use super::elsewhere::attempt;
use crate::dispatch::Dispatch;
use crate::event::EventKind;
use crate::lease::{HeldLease, Holder, LeaseError, ProcessWaits, shared_clock_id};
use crate::neighbours::{Followed, News, shared_clock};
use crate::object::DynObject;
use crate::object::{ObjectProgress, ProgressQuery, RowId};
use crate::report::RunError;
use crate::stamp::{Entry, Records};
use crate::wait::{HeldElsewhere, HeldObject, StatedCircle, find_circle};
use crate::work::{Mode, Slots};

/// The first pause between two looks at the lease and the stamps. The pause doubles up to
/// [`LONGEST_PAUSE`]. Polling is necessary because the system sends no notification when a lease
/// becomes free, and a holder may send none either.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The time that a failed wait allows for a last query about the holder's work.
const LAST_QUERY_TIMEOUT: Duration = Duration::from_millis(300);

/// The purpose for which a run needs an object's lease.
#[derive(Clone, Copy, Default)]
pub(super) struct LeasePurpose<'w> {
    /// The task that must run, and the records that led to this decision. The task may be up to
    /// date after another process has run it. `None` if only this process can do the work.
    pub(super) task: Option<(&'static str, &'w Records)>,
    /// The query that the run serves, and the queried row.
    pub(super) query: Option<(ProgressQuery, RowId)>,
}

/// The state of the waits of one run for other processes.
#[derive(Default)]
pub(super) struct LeaseWaits {
    /// The time when the first wait began, by this process's clock and by the clock that all
    /// processes share.
    since: Option<(Instant, u64)>,
    /// The holder that was last reported to listeners.
    reported_holder: Option<String>,
    /// The tasks that this run knows as considered by holders, per process and session.
    known_considered: BTreeMap<(String, u64), BTreeSet<String>>,
}

/// The end of a wait.
pub(super) enum LeaseWaitEnd {
    Leased(HeldLease),
    /// New records, with which the walk may pass further tasks.
    RecordsChanged(Records),
    /// The holder considered the task that the run is for.
    ResultKnown,
}

/// A wait in progress.
pub(super) struct LeaseWait<'w> {
    pub(super) object: &'w Arc<dyn DynObject>,
    pub(super) purpose: LeasePurpose<'w>,
    pub(super) waits: &'w mut LeaseWaits,
    pub(super) holder: Holder,
    /// The slots of the fleet, one of which is free during the wait.
    pub(super) slots: Option<Arc<Slots>>,
    /// The subdir of the object that the slot runs. It may need the object that another process holds.
    pub(super) slot: Arc<str>,
    /// The queue of the fleet.
    pub(super) dispatch: Option<Arc<dyn Dispatch>>,
    /// A circle that is not proven yet.
    pub(super) suspected: Option<StatedCircle>,
}

impl LeaseWait<'_> {
    fn progress(&self) -> &ObjectProgress {
        self.object.core().progress(Mode::Apply)
    }

    /// Waits until one of the ends, for at most the configured time.
    pub(super) async fn end(mut self) -> Result<LeaseWaitEnd, RunError> {
        let core = self.object.core();
        let timeout = core.config().lease_timeout();
        let (since, _) = *self.waits.since.get_or_insert_with(|| (Instant::now(), shared_clock()));
        let held = HeldElsewhere { holder: self.holder.name.clone(), subdir: core.subdir.clone() };
        let node = &core.progress(Mode::Apply).node;
        // The wait is entered before others are queried. If the waits of two processes close a
        // circle, at least one of them then sees the wait of the other.
        let entered = node.wait_for_lease(held);
        let _aside = self.slots.as_ref().map(|slots| slots.put_aside(self.slot.clone(), &self.holder.name));
        let mut followed = core.layout.follow(&core.subdir);
        let mut pause = FIRST_PAUSE;
        loop {
            self.emit_holder();
            if let Some(records) = changed_records(self.object, self.purpose).await? {
                return Ok(LeaseWaitEnd::RecordsChanged(records));
            }
            let waited = since.elapsed();
            if waited >= timeout {
                return Err(self.timeout_error(&mut followed, waited).await);
            }
            let sleep = tokio::time::sleep(pause.min(timeout.saturating_sub(waited)));
            pause = (pause * 2).min(LONGEST_PAUSE);
            let has_answers = matches!(select(pin!(followed.next()), pin!(sleep)).await, Either::Left(_));
            if has_answers && let Some(ended) = self.receive(&followed).await? {
                return Ok(ended);
            }
            match attempt(self.object, self.dispatch.as_ref(), self.purpose).await? {
                Ok(lease) => return Ok(LeaseWaitEnd::Leased(lease)),
                Err(holder) => {
                    if holder.name != self.holder.name {
                        entered.is_held_by(&holder.name);
                    }
                    self.holder = holder;
                }
            }
        }
    }

    /// Emits one event per holder that this run waits for.
    fn emit_holder(&mut self) {
        if self.waits.reported_holder.as_ref() == Some(&self.holder.name) {
            return;
        }
        let (core, holder) = (self.object.core(), self.holder.name.clone());
        tracing::info!(object = %core.id, holder, "waiting for another process that runs the object");
        core.emit("", || EventKind::Waiting { holder: holder.clone() });
        self.waits.reported_holder = Some(holder);
    }

    /// Processes the answers of other processes. Returns the end of the wait if they cause it.
    async fn receive(&mut self, followed: &Followed) -> Result<Option<LeaseWaitEnd>, RunError> {
        let (news, core) = (followed.news(), self.object.core());
        let mut may_come_further = false;
        for process in &news.others {
            let Some(held) = process.holds(&core.subdir) else { continue };
            may_come_further |= self.record_considered(process, held);
        }
        match (self.circle(&news), self.suspected.take()) {
            (Some(found), Some(earlier)) if found.is_proven_by(&earlier) => {
                return Err(RunError::circle(&core.id, found.circle));
            }
            (Some(found), earlier) => {
                self.suspected = Some(earlier.filter(|earlier| found.is_same(earlier)).unwrap_or(found));
                followed.ask_again();
            }
            (None, _) => {}
        }
        if self.purpose.query.is_some_and(|(query, row)| self.progress().result(query, row).is_some()) {
            return Ok(Some(LeaseWaitEnd::ResultKnown));
        }
        Ok(if may_come_further { Some(LeaseWaitEnd::RecordsChanged(core.load_in(Mode::Apply).await?)) } else { None })
    }

    /// Records the tasks that the holder has considered since this process began to wait. These
    /// results are as good as own ones. Returns whether the task that must run may now be up to
    /// date, which is the case each time that a holder has considered it.
    fn record_considered(&mut self, process: &ProcessWaits, held: &HeldObject) -> bool {
        // The times of another machine cannot be compared with those of this one.
        let is_comparable = !process.clock.is_empty() && process.clock == shared_clock_id();
        let since = self.waits.since.filter(|_| is_comparable).map_or(u64::MAX, |(_, since)| since);
        let run = &process.run;
        let known = self.waits.known_considered.entry((run.clone(), held.session)).or_default();
        let due = self.purpose.task.map(|(task, _)| task);
        let mut may_come_further = false;
        for passed in &held.passed {
            if !known.insert(passed.task.clone()) {
                continue;
            }
            may_come_further |= due == Some(&*passed.task);
            if passed.at > since
                && let Some(row) = self.object.row(&passed.task)
            {
                self.object.core().progress(Mode::Apply).record_elsewhere(row, passed.time);
            }
        }
        may_come_further
    }

    /// Returns a circle that contains this wait. A result that the holder recorded before this
    /// process began to wait is accepted if the wait for a newer one would close a circle.
    fn circle(&self, news: &News) -> Option<StatedCircle> {
        let core = self.object.core();
        let holders = || news.others.iter().filter_map(|process| process.holds(&core.subdir));
        if holders().all(|held| held.waits.is_empty()) {
            return None;
        }
        let own = news.own.as_ref()?;
        let mut found = None;
        for held in &own.held {
            for wait in held.waits.iter().filter(|wait| *wait.subdir == *core.subdir) {
                let Some(circle) = find_circle(own, held, wait, &news.others) else { continue };
                let task = wait.task.as_deref();
                let passed = task.and_then(|task| holders().find_map(|held| held.passed(task)));
                match passed.and_then(|passed| Some((self.object.row(&passed.task)?, passed.time))) {
                    Some((row, time)) => self.progress().record_elsewhere(row, time),
                    None => found = Some(circle),
                }
            }
        }
        found
    }

    /// Returns the error of a wait whose time is over, with the work of the holder if that is
    /// known.
    async fn timeout_error(&self, followed: &mut Followed, waited: Duration) -> RunError {
        let core = self.object.core();
        if followed.news().number == 0 || self.suspected.is_none() {
            let _ = tokio::time::timeout(LAST_QUERY_TIMEOUT, followed.next()).await;
        }
        let news = followed.news();
        let doing = news.others.iter().find_map(|process| process.holds(&core.subdir)).map(|held| held.doing.clone());
        let silent: Vec<_> = news.silent.iter().map(|silent| silent.pid.to_string()).collect();
        let doing = match (doing.or_else(|| self.holder.doing.clone()), &*silent) {
            (Some(doing), _) => format!("; it {doing}"),
            (None, []) => String::new(),
            (None, [one]) => format!("; process {one} does not answer, and may be stopped"),
            (None, many) => format!("; the processes {} do not answer, and may be stopped", many.join(", ")),
        };
        LeaseError::Held { object: core.id.to_string(), holder: self.holder.name.clone(), waited, doing }.into()
    }
}

/// Returns the records, if the task has ended since the decision that it must run.
pub(super) async fn changed_records(
    object: &Arc<dyn DynObject>,
    purpose: LeasePurpose<'_>,
) -> Result<Option<Records>, RunError> {
    let Some((task, decided_by)) = purpose.task else { return Ok(None) };
    let now = object.core().load_in(Mode::Apply).await?;
    let has_ended = |entry: &Entry| entry.attempt.is_none();
    let is_new = now.get(task).is_some_and(has_ended) && now.get(task) != decided_by.get(task);
    Ok(is_new.then_some(now))
}
