//! Who waits for whom, so that a circle is found before it is closed.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Something that is worked on, and can be waited for. A cheap handle.
#[derive(Clone)]
pub(crate) struct Node(Arc<Inner>);

struct Inner {
    id: u64,
    name: String,
}

/// A circle of waits: each waits for the next, and the last for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle(Vec<String>);

impl Circle {
    /// An object's readiness waits for its run: one name stands for both.
    fn new(path: &[Node]) -> Self {
        let mut names: Vec<_> = path.iter().map(|node| node.0.name.clone()).collect();
        names.dedup();
        if names.len() > 1 && names.first() == names.last() {
            names.pop();
        }
        Self(names)
    }

    /// What is on the circle, each once.
    pub fn members(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for Circle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("waiting would never end: ")?;
        for name in &self.0 {
            write!(f, "{name} -> ")?;
        }
        f.write_str(self.0.first().map_or("", String::as_str))
    }
}

impl std::error::Error for Circle {}

/// When something was asked for that was not asked for on behalf of something else; later ones are greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Epoch(u64);

impl Epoch {
    /// One that begins now.
    pub(crate) fn now() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    /// The epoch of the work that runs now in this task, or one that begins now.
    pub(crate) fn of_asker() -> Self {
        CURRENT.try_with(|(_, epoch)| *epoch).unwrap_or_else(|_| Self::now())
    }
}

tokio::task_local! {
    /// What the work is for that runs now in this task, and since when that was asked for.
    static CURRENT: (Node, Epoch);
}

/// For each node, those that it waits for now: as often as it does, since its work may wait in several places at once.
static WAITS: Mutex<Option<HashMap<u64, Vec<Node>>>> = Mutex::new(None);

/// Does the work of a node.
pub(crate) async fn within<F: Future>(node: &Node, epoch: Epoch, work: F) -> F::Output {
    CURRENT.scope((node.clone(), epoch), work).await
}

/// A wait under way; it ends when this is dropped.
pub(crate) struct Wait(Option<(Node, Node)>);

impl Node {
    pub(crate) fn new(name: String) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Self(Arc::new(Inner { id: NEXT.fetch_add(1, Ordering::Relaxed), name }))
    }

    /// Lets the work that runs now wait for this node, unless this node waits for that, whatever is in between.
    pub(crate) fn wait(&self) -> Result<Wait, Circle> {
        let Ok((current, _)) = CURRENT.try_get() else { return Ok(Wait(None)) };
        let mut waits = waits();
        let waits = waits.get_or_insert_default();
        if let Some(path) = path(self, &current, waits) {
            return Err(Circle::new(&path));
        }
        waits.entry(current.0.id).or_default().push(self.clone());
        Ok(Wait(Some((current, self.clone()))))
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let Some((from, to)) = self.0.take() else { return };
        let mut waits = waits();
        let Some(waits) = waits.as_mut() else { return };
        let Some(list) = waits.get_mut(&from.0.id) else { return };
        if let Some(at) = list.iter().position(|node| node.0.id == to.0.id) {
            list.swap_remove(at);
        }
        if list.is_empty() {
            waits.remove(&from.0.id);
        }
    }
}

fn waits() -> MutexGuard<'static, Option<HashMap<u64, Vec<Node>>>> {
    WAITS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The way from `from` to `to` along waits, with both ends: the circle that a wait of `to` for `from` would close.
fn path(from: &Node, to: &Node, waits: &HashMap<u64, Vec<Node>>) -> Option<Vec<Node>> {
    if from.0.id == to.0.id {
        return Some(vec![to.clone()]);
    }
    let mut came: HashMap<u64, Node> = HashMap::new();
    let mut open = vec![from.clone()];
    while let Some(node) = open.pop() {
        for next in waits.get(&node.0.id).into_iter().flatten() {
            if next.0.id == from.0.id || came.contains_key(&next.0.id) {
                continue;
            }
            came.insert(next.0.id, node.clone());
            if next.0.id == to.0.id {
                return Some(back(next, from, &came));
            }
            open.push(next.clone());
        }
    }
    None
}

/// Follows where the search came from, and turns the way round.
fn back(to: &Node, from: &Node, came: &HashMap<u64, Node>) -> Vec<Node> {
    let mut path = Vec::new();
    let mut at = to;
    while at.0.id != from.0.id {
        let Some(before) = came.get(&at.0.id) else { break };
        path.push(before.clone());
        at = before;
    }
    path.push(to.clone());
    path.reverse();
    path
}
