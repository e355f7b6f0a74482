//! The nodes of the wait graph and the edges that lead from them.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::circle::Circle;
use super::elsewhere::WaitElsewhere;
use super::sync::{Mutex, MutexGuard};
use crate::decide::Reason;

/// The kind of work that a node stands for.
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

/// The condition that ends a wait. The search for circles asks it, since the waiter may not have been polled yet.
pub(crate) trait WaitCondition: Send + Sync {
    /// Returns whether the wait is over.
    fn is_over(&self) -> bool;

    /// Returns the task of the node's object that is waited for, if another process that considers it ends the wait, too.
    fn task(&self) -> Option<&'static str> {
        None
    }
}

/// A node of the wait graph: a cheap handle.
#[derive(Clone)]
pub(crate) struct WaitNode(Arc<NodeShared>);

struct NodeShared {
    id: u64,
    kind: WorkKind,
    name: Arc<str>,
    /// `None` while the node neither works nor waits, as most objects of a fleet at any time.
    state: Mutex<Option<Box<NodeState>>>,
}

#[derive(Default)]
struct NodeState {
    work: Option<Work>,
    /// One edge per wait, since its work may wait in several places at once.
    waits: Vec<Edge>,
    /// The number of waits so far, which numbers the edges.
    waited: u64,
    /// The lock of the object that the node waits for.
    locked: Option<LockedElsewhere>,
}

/// The work of a node while it is in progress.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) since: SystemTime,
    /// The node that the work was begun for.
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

/// The task that the work of a node runs.
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

    /// Takes something away, and the state with the last thing.
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

    /// Returns the id of the object, or the key of the factory.
    pub(crate) fn name(&self) -> &str {
        &self.0.name
    }

    /// Returns the name as a sentence shows it.
    pub(crate) fn title(&self) -> String {
        match self.0.kind {
            WorkKind::Factory => self.0.name.to_string(),
            _ => format!("`{}`", self.0.name),
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<Box<NodeState>>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the work of the node, if it works.
    fn change_work(&self, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.state().as_mut().and_then(|state| state.work.as_mut()) {
            change(work);
        }
    }

    /// Begins work of the node. It lasts until the answer is dropped.
    pub(crate) fn begin(&self, parent: Option<Self>) -> AtWork<'_> {
        let work = Work { since: SystemTime::now(), parent, step: None };
        self.state().get_or_insert_default().work = Some(work);
        AtWork(self)
    }

    /// Returns the work of the node, if it works.
    pub(crate) fn work(&self) -> Option<Work> {
        self.state().as_ref().and_then(|state| state.work.clone())
    }

    /// Sets the task that runs.
    pub(crate) fn step(&self, step: Option<ActiveTask>) {
        self.change_work(|work| work.step = step.map(Box::new));
    }

    /// Enters a wait for the object's lock, which lasts until the answer is dropped.
    pub(crate) fn wait_for_lock(&self, locked: LockedElsewhere) -> WaitForLock<'_> {
        self.state().get_or_insert_default().locked = Some(locked);
        WaitForLock(self)
    }

    /// Returns the lock that the node waits for, if it does.
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

    /// Returns the nodes that it waits for, and since when.
    pub(crate) fn waits(&self) -> Vec<(Self, SystemTime)> {
        self.edges().map(|edge| (edge.to, edge.since)).collect()
    }

    /// Returns the nodes that it waits for.
    pub(super) fn waits_for(&self) -> impl Iterator<Item = Self> {
        self.edges().map(|edge| edge.to)
    }

    /// Returns the edges that are not over. Their conditions are asked without the node's lock, since they may take other locks.
    fn edges(&self) -> impl Iterator<Item = Edge> {
        let waits = self.state().as_ref().map_or_else(Vec::new, |state| state.waits.clone());
        let over = |edge: &Edge| edge.until.as_ref().and_then(Weak::upgrade).is_some_and(|until| until.is_over());
        waits.into_iter().filter(move |edge| !over(edge))
    }

    /// Enters a wait of `waiter` for this node, until `until` holds or the answer is dropped. Without a waiter, nothing is entered.
    ///
    /// # Errors
    ///
    /// The circle that the wait would close.
    pub(crate) fn wait_of(&self, waiter: Option<Self>, until: Option<Weak<dyn WaitCondition>>) -> Result<Wait, Circle> {
        let Some(waiter) = waiter else { return Ok(Wait(None)) };
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

/// The work of a node, which ends when this is dropped.
pub(crate) struct AtWork<'n>(&'n WaitNode);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let work = NodeState::end(&mut self.0.state(), |state| state.work.take());
        // Without the lock: the parent may be the last of its kind.
        drop(work);
    }
}

/// A wait for a lock, which ends when this is dropped.
pub(crate) struct WaitForLock<'n>(&'n WaitNode);

impl WaitForLock<'_> {
    /// Sets the process that holds the lock now.
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

/// A wait, which ends when this is dropped.
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
