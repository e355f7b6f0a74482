//! Something that is worked on and can be waited for, with those that it waits for itself. Each node has a lock of its own,
//! which is taken only where somebody waits.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::across::WaitElsewhere;
use super::circle::Circle;
use super::current::Current;
use super::sync::{Mutex, MutexGuard};
use crate::decide::Reason;

/// What kind of work a node stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkKind {
    /// An object is brought to ready.
    Ready,
    /// An object's setup tasks are run.
    Run,
    /// A dry run looks at an object's setup tasks.
    Plan,
    /// An injector's factory makes a value.
    Factory,
}

/// Whether a wait is over although nobody has been told yet: for those who look for circles meanwhile.
pub(crate) trait WaitCondition: Send + Sync {
    fn is_over(&self) -> bool;

    /// Returns the task of the node's object that is waited for, if another process that considers it ends the wait, too.
    fn task(&self) -> Option<&'static str> {
        None
    }
}

/// A cheap handle.
#[derive(Clone)]
pub(crate) struct WaitNode(Arc<NodeShared>);

struct NodeShared {
    id: u64,
    kind: WorkKind,
    name: Arc<str>,
    /// `None` while it neither works nor waits, as most objects of a fleet at any time.
    state: Mutex<Option<Box<NodeState>>>,
}

#[derive(Default)]
struct NodeState {
    work: Option<Work>,
    /// As often as it waits, since its work may wait in several places at once.
    waits: Vec<Edge>,
    /// How often it has waited: tells one edge from the others.
    waited: u64,
    /// The object's lock, which it waits for.
    locked: Option<LockedElsewhere>,
}

/// The work on a node, while it is under way.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) since: SystemTime,
    /// What it was begun for.
    pub(crate) parent: Option<WaitNode>,
    pub(crate) step: Option<Box<ActiveTask>>,
}

/// A lock that another process holds.
#[derive(Clone)]
pub(crate) struct LockedElsewhere {
    /// The holder, as errors name it.
    pub(crate) holder: String,
    pub(crate) subdir: Arc<str>,
}

/// The task that runs.
#[derive(Clone)]
pub(crate) struct ActiveTask {
    pub(crate) task: &'static str,
    pub(crate) description: Cow<'static, str>,
    pub(crate) reason: Option<Reason>,
    pub(crate) since: SystemTime,
}

#[derive(Clone)]
struct Edge {
    id: u64,
    to: WaitNode,
    since: SystemTime,
    until: Option<Weak<dyn WaitCondition>>,
}

impl NodeState {
    fn push(&mut self, to: WaitNode, until: Option<Weak<dyn WaitCondition>>) -> u64 {
        self.waited += 1;
        self.waits.push(Edge { id: self.waited, to, since: SystemTime::now(), until });
        self.waited
    }

    /// Takes something away; with the last thing goes the state.
    fn end<A>(state: &mut Option<Box<Self>>, take: impl FnOnce(&mut Self) -> Option<A>) -> Option<A> {
        let taken = state.as_mut().and_then(|state| take(state));
        let is_idle = |state: &Self| state.work.is_none() && state.waits.is_empty() && state.locked.is_none();
        if state.as_deref().is_some_and(is_idle) {
            *state = None;
        }
        taken
    }
}

impl PartialEq for WaitNode {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}

impl WaitNode {
    pub(crate) fn new(kind: WorkKind, name: Arc<str>) -> Self {
        Self(Arc::new(NodeShared { id: next_id(), kind, name, state: Mutex::new(None) }))
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn kind(&self) -> WorkKind {
        self.0.kind
    }

    /// An object's id, or a factory's key.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Its name in a sentence.
    pub(crate) fn title(&self) -> String {
        match self.0.kind {
            WorkKind::Factory => self.0.name.to_string(),
            _ => format!("`{}`", self.0.name),
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<Box<NodeState>>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what it works on, if it works.
    fn change_work(&self, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.state().as_mut().and_then(|state| state.work.as_mut()) {
            change(work);
        }
    }

    /// The node is at work until the answer is dropped.
    pub(super) fn begin(&self, parent: Option<Self>) -> AtWork<'_> {
        let work = Work { since: SystemTime::now(), parent, step: None };
        self.state().get_or_insert_default().work = Some(work);
        AtWork(self)
    }

    /// What it works on, if it does.
    pub(crate) fn work(&self) -> Option<Work> {
        self.state().as_ref().and_then(|state| state.work.clone())
    }

    /// Says which task runs.
    pub(crate) fn step(&self, step: Option<ActiveTask>) {
        self.change_work(|work| work.step = step.map(Box::new));
    }

    /// Enters a wait for the object's lock, which lasts until the answer is dropped.
    pub(crate) fn wait_for_lock(&self, locked: LockedElsewhere) -> WaitForLock<'_> {
        self.state().get_or_insert_default().locked = Some(locked);
        WaitForLock(self)
    }

    /// Returns the lock that it waits for, if it does.
    pub(crate) fn locked(&self) -> Option<LockedElsewhere> {
        self.state().as_ref().and_then(|state| state.locked.clone())
    }

    /// Finds all waits for locks of other processes that this node waits for, whatever is in between: the lock, the task that
    /// is waited for, and the names of all that leads there.
    pub(crate) fn waits_elsewhere(&self) -> Vec<WaitElsewhere> {
        let (mut found, mut seen) = (Vec::new(), HashSet::from([self.id()]));
        let mut open = vec![(self.clone(), vec![self.title()])];
        while let Some((node, through)) = open.pop() {
            for edge in node.edges() {
                if let Some(locked) = edge.to.locked() {
                    let task = edge.until.as_ref().and_then(Weak::upgrade).and_then(|until| until.task());
                    let (subdir, task) = (locked.subdir.to_string(), task.map(ToOwned::to_owned));
                    found.push(WaitElsewhere { subdir, task, through: through.clone() });
                }
                if seen.insert(edge.to.id()) {
                    let mut through = through.clone();
                    if through.last() != Some(&edge.to.title()) {
                        through.push(edge.to.title());
                    }
                    open.push((edge.to, through));
                }
            }
        }
        found
    }

    /// Those that it waits for, with since when.
    pub(crate) fn waits(&self) -> Vec<(Self, SystemTime)> {
        self.edges().map(|edge| (edge.to, edge.since)).collect()
    }

    /// Those that it waits for.
    pub(super) fn waits_for(&self) -> impl Iterator<Item = Self> {
        self.edges().map(|edge| edge.to)
    }

    /// Waits that are not over. Asked without the node's lock, since the answer may take others.
    fn edges(&self) -> impl Iterator<Item = Edge> {
        let waits = self.state().as_ref().map_or_else(Vec::new, |state| state.waits.clone());
        let over = |edge: &Edge| edge.until.as_ref().and_then(Weak::upgrade).is_some_and(|until| until.is_over());
        waits.into_iter().filter(move |edge| !over(edge))
    }

    /// Lets the work that runs now wait for this node, unless this node waits for that, whatever is in between.
    pub(crate) fn wait(&self) -> Result<Wait, Circle> {
        self.wait_until(None)
    }

    /// As [`wait`](Self::wait), for a part of the node's work.
    pub(crate) fn wait_until(&self, until: Option<Weak<dyn WaitCondition>>) -> Result<Wait, Circle> {
        let Some(waiter) = Current::worker() else { return Ok(Wait(None)) };
        let id = waiter.state().get_or_insert_default().push(self.clone(), until);
        let wait = Wait(Some((waiter.clone(), id)));
        match Circle::find(&waiter, self) {
            Some(circle) => Err(circle),
            None => Ok(wait),
        }
    }
}

fn next_id() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// Ends the work of a node.
pub(super) struct AtWork<'n>(&'n WaitNode);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let work = NodeState::end(&mut self.0.state(), |state| state.work.take());
        // Without the lock: the parent may be the last of its kind.
        drop(work);
    }
}

/// A wait for a lock; it ends when this is dropped.
pub(crate) struct WaitForLock<'n>(&'n WaitNode);

impl WaitForLock<'_> {
    /// Says that another process holds the lock now.
    pub(crate) fn is_held_by(&self, holder: &str) {
        if let Some(locked) = self.0.state().as_mut().and_then(|state| state.locked.as_mut()) {
            holder.clone_into(&mut locked.holder);
        }
    }
}

impl Drop for WaitForLock<'_> {
    fn drop(&mut self) {
        drop(NodeState::end(&mut self.0.state(), |state| state.locked.take()));
    }
}

/// A wait under way; it ends when this is dropped.
pub(crate) struct Wait(Option<(WaitNode, u64)>);

impl Drop for Wait {
    fn drop(&mut self) {
        let Some((waiter, id)) = self.0.take() else { return };
        let edge = NodeState::end(&mut waiter.state(), |state| {
            let at = state.waits.iter().position(|edge| edge.id == id)?;
            Some(state.waits.swap_remove(at))
        });
        drop(edge);
    }
}
