//! The comparison of the store and of running processes with the last view, and the updates for open pages.
//!
//! A look at the store reads the time of its latest stamp. Only if that has changed, it reads the new lines of the history, and then
//! the stamps of the objects in them. Every object is read anew from time to time, since some changes leave no line in the history.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use setup_tasks::activity::{Activity, Snapshot};
use setup_tasks::stamp::{AttemptEnd, HistoryEntry, HistoryFilter, StampError, Timestamp};

use crate::built::Built;
use crate::card::{Card, Sources};
use crate::pages;
use crate::peek::{Peeked, peek};
use crate::plan::Planned;
use crate::progress::{Durations, Remaining, RunProgress};
use crate::recent::RecentRuns;
use crate::site::{Order, Site};
use crate::view::View;

/// The time between two looks at the store.
const LOOK: Duration = Duration::from_millis(300);
/// The least time between two looks at every object.
const WHOLE: Duration = Duration::from_secs(5);
/// The factor between the time that a look at every object takes and the time until the next one.
const REST: u32 = 30;
/// The number of history lines from which the durations of tasks are known.
const HISTORY: usize = 20_000;
/// The number of history lines that a look reads at first.
const LINES: usize = 256;

/// The state between two looks.
#[derive(Debug)]
pub(crate) struct Refresher {
    site: Arc<Site>,
    built: Arc<Built>,
    peeked: Vec<Peeked>,
    /// The time of the latest history line of each object. A plan before that is stale.
    changed: Vec<Timestamp>,
    /// The holders on other hosts.
    holders: HashMap<usize, String>,
    latest: Option<Timestamp>,
    next_whole: Instant,
    plan: Option<Arc<Planned>>,
    took: Durations,
    remaining: Remaining,
    recent: RecentRuns,
    /// The message of every page about what goes on.
    told: String,
}

impl Refresher {
    pub(crate) fn new(site: Arc<Site>) -> Self {
        let built = site.built();
        let mut new = Self {
            site,
            peeked: Vec::new(),
            changed: Vec::new(),
            holders: HashMap::new(),
            latest: None,
            next_whole: Instant::now(),
            plan: None,
            took: Durations::new(),
            remaining: Remaining::default(),
            recent: RecentRuns::default(),
            told: String::new(),
            built,
        };
        new.begin(new.built.clone());
        new
    }

    /// Refreshes the view until the process ends.
    pub(crate) async fn run(mut self) {
        loop {
            self.look().await;
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.site.wake.notified() => {}
            }
        }
    }

    /// Begins anew with another layout.
    fn begin(&mut self, built: Arc<Built>) {
        self.peeked.clear();
        self.changed = vec![Timestamp::default(); built.objects.len()];
        (self.latest, self.next_whole, self.built) = (None, Instant::now(), built);
        self.took.clear();
        self.recent = RecentRuns::default();
        self.holders.clear();
    }

    /// Looks at the store and at running processes once, and publishes the differences.
    pub(crate) async fn look(&mut self) {
        let shown = self.site.view();
        let built = self.site.built();
        let is_rebuilt = !Arc::ptr_eq(&built, &self.built);
        if is_rebuilt {
            self.begin(built);
        }
        let snapshots = self.snapshots().await;
        let (dirty, error) = match self.dirty().await {
            Ok(dirty) => (dirty, None),
            Err(error) => (BTreeSet::new(), Some(error.to_string())),
        };
        // A plan of an earlier layout does not hold for this one.
        let plan = self.site.plan().filter(|plan| Arc::ptr_eq(&plan.built, &self.built));
        let is_replanned = match (&plan, &self.plan) {
            (Some(new), Some(old)) => !Arc::ptr_eq(new, old),
            (new, old) => new.is_some() != old.is_some(),
        };
        self.plan = plan;
        let activities = activities(&snapshots);
        let runs = self.runs(&snapshots);
        let has_ended = runs.is_empty() && !shown.runs.is_empty();
        let cards = if is_rebuilt { Vec::new() } else { shown.cards.clone() };
        let mut next = View {
            built: self.built.clone(),
            runs,
            activities: Arc::new(activities),
            error,
            cards,
            plan: self.plan.clone(),
            last_run: self.recent.last().cloned(),
        };
        let affected = if is_replanned || next.cards.len() != self.built.objects.len() {
            (0..self.built.objects.len()).collect()
        } else {
            let active = shown.activities.keys().chain(next.activities.keys());
            dirty.into_iter().chain(active.filter_map(|id| self.built.index(id))).collect::<BTreeSet<_>>()
        };
        let changed = self.replace_cards(&mut next, affected);
        self.publish(&shown, next, changed, is_rebuilt);
        if has_ended {
            self.site.order(Order::Plan);
        }
    }

    /// Replaces cards that have changed. Returns their indices.
    fn replace_cards(&self, view: &mut View, affected: BTreeSet<usize>) -> Vec<usize> {
        let mut changed = Vec::new();
        for at in affected {
            let member = &self.built.objects[at];
            let plan = self.plan.as_deref().filter(|plan| self.changed[at] <= plan.at);
            let activity = view.activities.get(member.object.id());
            let holder = self.holders.get(&at).map(String::as_str);
            let card = Card::new(member, Sources { peeked: &self.peeked[at], plan, activity, holder });
            match view.cards.get_mut(at) {
                Some(old) if **old == card => continue,
                Some(old) => *old = Arc::new(card),
                None => view.cards.push(Arc::new(card)),
            }
            changed.push(at);
        }
        changed
    }

    /// Publishes the differences between two views, and shows the later one.
    fn publish(&mut self, shown: &View, next: View, changed: Vec<usize>, is_rebuilt: bool) {
        let told = pages::fragment::going_on(&self.site, &next).into_string();
        let is_told = told == self.told && shown.error == next.error;
        let update = (is_rebuilt || !changed.is_empty() || !is_told)
            .then(|| pages::fragment::update(&next, &changed, &told, is_rebuilt || shown.cards.is_empty()));
        self.told = told;
        // A page that loads after the update has its content.
        self.site.set_view(next);
        if let Some(update) = update {
            self.site.updates.publish(update);
        }
    }

    /// Returns the indices of the objects whose stamps may have changed, with their stamps read.
    async fn dirty(&mut self) -> Result<BTreeSet<usize>, StampError> {
        let store = self.built.layout.store();
        let latest = store.latest().await?;
        let mut dirty = BTreeSet::new();
        if self.peeked.is_empty() || latest != self.latest {
            let new = self.new_lines().await?;
            for line in new {
                self.recent.add(&line);
                let key = (line.object, line.task);
                self.remaining.end(&key.0, &key.1, line.time);
                if let Some(at) = self.built.index_of_subdir(&key.0) {
                    self.changed[at] = self.changed[at].max(line.time);
                    dirty.insert(at);
                }
                if matches!(line.ended, AttemptEnd::Ran | AttemptEnd::Unchanged) {
                    self.took.insert(key, Duration::from_micros(line.duration_us));
                }
            }
            self.latest = latest;
        }
        if Instant::now() >= self.next_whole || self.peeked.len() != self.built.objects.len() {
            let began = Instant::now();
            self.holders = self.look_at_holders().await;
            let mut peeked = Vec::with_capacity(self.built.objects.len());
            for member in &self.built.objects {
                peeked.push(peek(&member.object).await);
            }
            let differs = |at: &usize| self.peeked.get(*at) != Some(&peeked[*at]) || self.holders.contains_key(at);
            dirty.extend((0..peeked.len()).filter(differs));
            self.peeked = peeked;
            self.next_whole = Instant::now() + WHOLE.max(began.elapsed() * REST);
        } else {
            for at in &dirty {
                self.peeked[*at] = peek(&self.built.objects[*at].object).await;
            }
        }
        Ok(dirty)
    }

    /// Returns the lines of the history since the last look, the oldest first.
    async fn new_lines(&self) -> Result<Vec<HistoryEntry>, StampError> {
        let Some(since) = self.latest else {
            let mut lines = self.built.layout.history(&HistoryFilter::new().limit(HISTORY)).await?;
            lines.reverse();
            return Ok(lines);
        };
        let mut limit = LINES;
        loop {
            let mut lines = self.built.layout.history(&HistoryFilter::new().limit(limit)).await?;
            let is_whole = lines.len() < limit || lines.last().is_some_and(|line| line.time <= since);
            if is_whole {
                lines.retain(|line| line.time > since);
                lines.reverse();
                return Ok(lines);
            }
            limit *= 4;
        }
    }

    /// Returns the processes on other hosts that hold objects of a shared store.
    async fn look_at_holders(&self) -> HashMap<usize, String> {
        if self.built.layout.config().store.is_empty() {
            return HashMap::new();
        }
        let objects: Vec<_> = self.built.objects.iter().map(|member| member.object.clone()).collect();
        let holders = self.built.layout.holders(&objects).await.unwrap_or_default();
        holders.into_iter().enumerate().filter_map(|(at, holder)| Some((at, holder?.name))).collect()
    }

    /// Returns what this and other processes do.
    async fn snapshots(&self) -> Vec<Snapshot> {
        let own = self.site.situation().run.map(|run| run.layout.activities());
        let mut snapshots = others(&self.built).await;
        snapshots.extend(own);
        snapshots
    }

    fn runs(&mut self, snapshots: &[Snapshot]) -> Vec<RunProgress> {
        let plan = self.plan.clone();
        let left = plan.and_then(|plan| self.remaining.left(&self.built, &plan, &self.took, snapshots));
        // A process without a fleet runs single objects.
        let progress = |snapshot| self.remaining.progress(snapshot, std::process::id(), left);
        snapshots.iter().flat_map(progress).collect()
    }
}

/// Returns the runs of objects by their ids.
fn activities(snapshots: &[Snapshot]) -> HashMap<String, Activity> {
    let mut runs = HashMap::new();
    for activity in snapshots.iter().flat_map(|snapshot| &snapshot.activities) {
        if activity.kind == setup_tasks::activity::WorkKind::Run {
            runs.insert(activity.name.clone(), activity.clone());
        }
    }
    runs
}

/// Returns what other processes do. Sockets wait, so a thread for blocking work asks them.
#[cfg(unix)]
async fn others(built: &Built) -> Vec<Snapshot> {
    let config = built.layout.config().clone();
    let asked = tokio::task::spawn_blocking(move || setup_tasks::activity::of_other_processes(&config));
    match asked.await {
        Ok(Ok(others)) => others.processes,
        Ok(Err(error)) => {
            tracing::debug!("other processes cannot be asked: {error}");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}

#[cfg(not(unix))]
async fn others(_: &Built) -> Vec<Snapshot> {
    Vec::new()
}
