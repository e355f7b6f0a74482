//! Waiting for an object that another process has locked. The wait ends when the lock is free; when what this process came for is
//! done, by the stamps or by what the holder says; and when it would never end, since the holder waits for this process.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};

use crate::event::EventKind;
use crate::lease::{HeldLease, Holder, LeaseError, acquire};
use crate::neighbours::{Followed, News, shared_clock};
use crate::object::DynObject;
use crate::object::{ObjectProgress, ProgressQuery};
use crate::report::RunError;
use crate::stamp::{Entry, Records};
use crate::wait::{Circle, HeldObject, LockedElsewhere, find_circle};
use crate::work::Mode;

/// How long the lock and the stamps are not looked at: the system tells nobody that a lock is free, and a holder may be one that
/// tells nothing either.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How long a wait that failed asks what the holder does.
const LAST_WORDS: Duration = Duration::from_millis(300);

/// What a run wants an object's lock for.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted<'w> {
    /// The task that must run, and what that was decided by: if another process ran it, it may be up to date. `None` if only this
    /// process can do what is to be done.
    pub(super) task: Option<(&'static str, &'w Records)>,
    /// The task that the run is for, and for whom.
    pub(super) asked: Option<(ProgressQuery, usize)>,
}

/// What has become of the waits of one run for other processes.
#[derive(Default)]
pub(super) struct Patience {
    /// When the first wait began, by this process's clock and by the one that all processes share.
    since: Option<(Instant, u64)>,
    /// The holder that listeners were told of.
    told: Option<String>,
    /// The tasks that holders have considered and this run has taken in, by process and session.
    heard: BTreeMap<(String, u64), BTreeSet<String>>,
}

/// How a wait ended.
pub(super) enum Waiting {
    Leased(HeldLease),
    /// The walk may come further with these.
    Changed(Records),
    /// The task that the run is for was considered by the holder.
    Passed,
}

/// A wait that is under way.
pub(super) struct Wait<'w> {
    pub(super) object: &'w Arc<dyn DynObject>,
    pub(super) wanted: Wanted<'w>,
    pub(super) patience: &'w mut Patience,
    pub(super) holder: Holder,
    /// A circle that was seen once.
    pub(super) suspected: Option<Circle>,
}

impl Wait<'_> {
    fn progress(&self) -> &ObjectProgress {
        self.object.core().progress(Mode::Apply)
    }

    /// Waits, for at most the configured time.
    pub(super) async fn end(mut self) -> Result<Waiting, RunError> {
        let core = self.object.core();
        let timeout = core.config().lock_timeout();
        let (since, _) = *self.patience.since.get_or_insert_with(|| (Instant::now(), shared_clock()));
        let locked = LockedElsewhere { holder: self.holder.name.clone(), subdir: core.subdir.clone() };
        let node = &core.progress(Mode::Apply).node;
        // Entered before others are asked: of two processes whose waits close a circle, one sees the other's.
        let entered = node.wait_for_lock(locked);
        let mut followed = core.layout.follow(&core.subdir);
        let mut pause = FIRST_PAUSE;
        loop {
            self.tell();
            if let Some(records) = self.changed().await? {
                return Ok(Waiting::Changed(records));
            }
            let waited = since.elapsed();
            if waited >= timeout {
                return Err(self.give_up(&mut followed, waited).await);
            }
            let sleep = tokio::time::sleep(pause.min(timeout.saturating_sub(waited)));
            pause = (pause * 2).min(LONGEST_PAUSE);
            let is_news = matches!(select(pin!(followed.next()), pin!(sleep)).await, Either::Left(_));
            if is_news && let Some(ended) = self.hear(&followed).await? {
                return Ok(ended);
            }
            let (leases, renewals) = core.layout.leases();
            match acquire(leases, renewals, (&core.id, &core.subdir)).await? {
                Ok(lease) => return Ok(Waiting::Leased(lease)),
                Err(holder) => {
                    if holder.name != self.holder.name {
                        entered.is_held_by(&holder.name);
                    }
                    self.holder = holder;
                }
            }
        }
    }

    /// Tells listeners once for whom this run waits.
    fn tell(&mut self) {
        if self.patience.told.as_ref() == Some(&self.holder.name) {
            return;
        }
        let (core, holder) = (self.object.core(), self.holder.name.clone());
        tracing::info!(object = %core.id, holder, "waiting for another process that runs the object");
        core.emit("", || EventKind::Waiting { holder: holder.clone() });
        self.patience.told = Some(holder);
    }

    /// Returns the records, if the task has completed after it was decided that it must run.
    async fn changed(&self) -> Result<Option<Records>, RunError> {
        let Some((task, decided_by)) = self.wanted.task else { return Ok(None) };
        let now = self.object.core().load().await?;
        let has_ended = |entry: &Entry| entry.attempt.is_none();
        let is_new = now.get(task).is_some_and(has_ended) && now.get(task) != decided_by.get(task);
        Ok(is_new.then_some(now))
    }

    /// Takes in what other processes say.
    async fn hear(&mut self, followed: &Followed) -> Result<Option<Waiting>, RunError> {
        let (news, core) = (followed.news(), self.object.core());
        let mut may_come_further = false;
        for process in &news.others {
            let Some(held) = process.holds(&core.subdir) else { continue };
            may_come_further |= self.hear_of(&process.run, held);
        }
        if let Some(circle) = self.circle(&news) {
            // Seen twice: others are asked one after the other, and a wait may have ended in between.
            if self.suspected.as_ref() == Some(&circle) {
                return Err(RunError::circle(&core.id, circle));
            }
            self.suspected = Some(circle);
            followed.ask_again();
        } else {
            self.suspected = None;
        }
        if self.wanted.asked.is_some_and(|(query, row)| self.progress().result(query, row).is_some()) {
            return Ok(Some(Waiting::Passed));
        }
        Ok(if may_come_further { Some(Waiting::Changed(core.load().await?)) } else { None })
    }

    /// Takes in what the holder has considered since this process waits for it: that is as good as if this process had. Returns
    /// whether the task that must run may be up to date by now: each time that it was considered, it is looked at once more.
    fn hear_of(&mut self, run: &str, held: &HeldObject) -> bool {
        let since = self.patience.since.map_or(u64::MAX, |(_, since)| since);
        let heard = self.patience.heard.entry((run.to_owned(), held.session)).or_default();
        let wanted = self.wanted.task.map(|(task, _)| task);
        let mut may_come_further = false;
        for passed in &held.passed {
            if !heard.insert(passed.task.clone()) {
                continue;
            }
            may_come_further |= wanted == Some(&*passed.task);
            if passed.at > since
                && let Some(row) = self.object.row(&passed.task)
            {
                self.object.core().progress(Mode::Apply).record_elsewhere(row, passed.time);
            }
        }
        may_come_further
    }

    /// Returns a circle that this wait is on. What the holder considered before this process asked for it is good enough where the
    /// wait would close one.
    fn circle(&self, news: &News) -> Option<Circle> {
        let core = self.object.core();
        let holders = || news.others.iter().filter_map(|process| process.holds(&core.subdir));
        if holders().all(|held| held.waits.is_empty()) {
            return None;
        }
        let own = core.layout.process_waits();
        let mut found = None;
        for held in &own.held {
            for wait in held.waits.iter().filter(|wait| *wait.subdir == *core.subdir) {
                let Some(circle) = find_circle(&own, held, wait, &news.others) else { continue };
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

    /// The configured time is over.
    async fn give_up(&self, followed: &mut Followed, waited: Duration) -> RunError {
        let core = self.object.core();
        if followed.news().number == 0 || self.suspected.is_none() {
            let _ = tokio::time::timeout(LAST_WORDS, followed.next()).await;
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
