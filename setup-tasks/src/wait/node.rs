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

/// A kind of work, such as a run of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WorkKind {
    /// Bringing an object to ready.
    Ready,
    /// Running an object's setup tasks.
    Run,
    /// Planning an object's setup tasks in a dry run.
    Plan,
    /// Creating a value with an injector's factory.
    Factory,
}

/// The condition that ends a wait. The search for circles evaluates it because the waiter may not
/// have been polled since.
pub(crate) trait WaitCondition: Send + Sync {
    /// Returns whether the wait is over.
    fn is_over(&self) -> bool;

    /// Returns the awaited task of the node's object if the wait also ends when another process
    /// considers that task.
    fn task(&self) -> Option<&'static str> {
        None
    }
}

/// A node of the wait graph. It is a handle that is cheap to clone.
#[derive(Clone)]
pub(crate) struct WaitNode(Arc<NodeShared>);

struct NodeShared {
    id: u64,
    kind: WorkKind,
    name: Arc<str>,
    /// The state, or `None` while the node neither works nor waits. At any time, that holds for
    /// most objects of a fleet.
    state: Mutex<Option<Box<NodeState>>>,
}

#[derive(Default)]
struct NodeState {
    work: Option<Work>,
    /// One edge per wait. The work of a node may wait in several places at once.
    waits: Vec<Edge>,
    /// The object's lease, while the node waits for it.
    lease: Option<AwaitedLease>,
}

/// The wait of a node for a lease, with its identity.
struct AwaitedLease {
    id: u64,
    held: HeldElsewhere,
}

/// The work of a node while it is in progress.
#[derive(Clone)]
pub(crate) struct Work {
    pub(crate) since: SystemTime,
    /// The node on whose behalf the work began.
    pub(crate) parent: Option<WaitNode>,
    pub(crate) step: Option<Box<ActiveTask>>,
    /// The texts of the commands that the work is running, in the order of their start.
    pub(crate) commands: Vec<Arc<str>>,
}

/// A lease that another process holds.
#[derive(Clone)]
pub(crate) struct HeldElsewhere {
    /// The holder, as errors name it.
    pub(crate) holder: String,
    pub(crate) subdir: Arc<str>,
}

/// The task that the work of a node is running.
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
        let id = next_id();
        self.waits.push(Edge { id, to, since: SystemTime::now(), until });
        id
    }

    /// Removes a part of the state, and drops the state if nothing is left of it.
    fn end<A>(state: &mut Option<Box<Self>>, take: impl FnOnce(&mut Self) -> Option<A>) -> Option<A> {
        let taken = state.as_mut().and_then(|state| take(state));
        let is_idle = |state: &Self| state.work.is_none() && state.waits.is_empty() && state.lease.is_none();
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

    /// Returns the name in the form in which sentences contain it.
    pub(crate) fn title(&self) -> String {
        match self.0.kind {
            WorkKind::Factory => self.0.name.to_string(),
            _ => format!("`{}`", self.0.name),
        }
    }

    fn state(&self) -> MutexGuard<'_, Option<Box<NodeState>>> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the work of the node, if it has work in progress.
    fn change_work(&self, change: impl FnOnce(&mut Work)) {
        if let Some(work) = self.state().as_mut().and_then(|state| state.work.as_mut()) {
            change(work);
        }
    }

    /// Begins work of the node. The work lasts until the returned guard is dropped.
    pub(crate) fn begin(&self, parent: Option<Self>) -> AtWork<'_> {
        let work = Work { since: SystemTime::now(), parent, step: None, commands: Vec::new() };
        self.state().get_or_insert_default().work = Some(work);
        AtWork(self)
    }

    /// Returns the work of the node, if it has work in progress.
    pub(crate) fn work(&self) -> Option<Work> {
        self.state().as_ref().and_then(|state| state.work.clone())
    }

    /// Sets the task that the work is running.
    pub(crate) fn step(&self, step: Option<ActiveTask>) {
        self.change_work(|work| work.step = step.map(Box::new));
    }

    /// Enters a command that the work runs. The command lasts until the returned guard is dropped.
    pub(crate) fn begin_command(self, text: Arc<str>) -> CommandAtWork {
        self.change_work(|work| work.commands.push(text.clone()));
        CommandAtWork { node: self, text }
    }

    /// Enters a wait for the object's lease. The wait lasts until the returned guard is dropped.
    pub(crate) fn wait_for_lease(&self, held: HeldElsewhere) -> WaitForLease<'_> {
        self.state().get_or_insert_default().lease = Some(AwaitedLease { id: next_id(), held });
        WaitForLease(self)
    }

    /// Returns the lease for which the node waits, if it waits for one.
    pub(crate) fn awaited_lease(&self) -> Option<HeldElsewhere> {
        self.state().as_ref().and_then(|state| Some(state.lease.as_ref()?.held.clone()))
    }

    fn lease_wait(&self) -> Option<(u64, Arc<str>)> {
        self.state().as_ref().and_then(|state| state.lease.as_ref().map(|wait| (wait.id, wait.held.subdir.clone())))
    }

    /// Returns all leases of other processes for which this node waits, directly or through other
    /// nodes. Each wait contains the lease, the awaited task, and the names and waits on the path to
    /// it.
    pub(crate) fn waits_elsewhere(&self) -> Vec<WaitElsewhere> {
        let (mut found, mut seen) = (Vec::new(), HashSet::from([self.id()]));
        let mut open = vec![(self.clone(), vec![self.title()], Vec::new())];
        while let Some((node, through, path)) = open.pop() {
            for edge in node.edges() {
                let path: Vec<u64> = path.iter().copied().chain([edge.id]).collect();
                if let Some((id, subdir)) = edge.to.lease_wait() {
                    let path = path.iter().copied().chain([id]).collect();
                    let task = edge.until.as_ref().and_then(Weak::upgrade).and_then(|until| until.task());
                    let (subdir, task) = (subdir.to_string(), task.map(ToOwned::to_owned));
                    found.push(WaitElsewhere { subdir, task, through: through.clone(), path });
                }
                if seen.insert(edge.to.id()) {
                    let mut through = through.clone();
                    if through.last() != Some(&edge.to.title()) {
                        through.push(edge.to.title());
                    }
                    open.push((edge.to, through, path));
                }
            }
        }
        found
    }

    /// Returns the nodes for which this node waits, and the time when each wait began.
    pub(crate) fn waits(&self) -> Vec<(Self, SystemTime)> {
        self.edges().map(|edge| (edge.to, edge.since)).collect()
    }

    /// Returns the nodes for which this node waits.
    pub(super) fn waits_for(&self) -> impl Iterator<Item = Self> {
        self.edges().map(|edge| edge.to)
    }

    /// Returns the edges whose wait is not over. The conditions are evaluated without the node's
    /// lock because they may take other locks.
    fn edges(&self) -> impl Iterator<Item = Edge> {
        let waits = self.state().as_ref().map_or_else(Vec::new, |state| state.waits.clone());
        let over = |edge: &Edge| edge.until.as_ref().and_then(Weak::upgrade).is_some_and(|until| until.is_over());
        waits.into_iter().filter(move |edge| !over(edge))
    }

    /// Enters a wait of `waiter` for this node. The wait lasts until `until` holds or the returned
    /// guard is dropped. Without a waiter, nothing is entered.
    ///
    /// # Errors
    ///
    /// Returns the circle that the wait would close.
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

/// A guard of the work of a node. The work ends when the guard is dropped.
pub(crate) struct AtWork<'n>(&'n WaitNode);

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        let work = NodeState::end(&mut self.0.state(), |state| state.work.take());
        // The lock is released first because this may drop the last reference to the parent.
        drop(work);
    }
}

/// A guard of a command. The command ends when the guard is dropped.
pub(crate) struct CommandAtWork {
    node: WaitNode,
    text: Arc<str>,
}

impl Drop for CommandAtWork {
    fn drop(&mut self) {
        self.node.change_work(|work| work.commands.retain(|text| !Arc::ptr_eq(text, &self.text)));
    }
}

/// A guard of a wait for a lease. The wait ends when the guard is dropped.
pub(crate) struct WaitForLease<'n>(&'n WaitNode);

impl WaitForLease<'_> {
    /// Sets the process that currently holds the lease.
    pub(crate) fn is_held_by(&self, holder: &str) {
        if let Some(held) = self.0.state().as_mut().and_then(|state| state.lease.as_mut()) {
            holder.clone_into(&mut held.held.holder);
        }
    }
}

impl Drop for WaitForLease<'_> {
    fn drop(&mut self) {
        drop(NodeState::end(&mut self.0.state(), |state| state.lease.take()));
    }
}

/// A guard of a wait. The wait ends when the guard is dropped.
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
