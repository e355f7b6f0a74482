//! Circles of waits, and the search for them within this process.

use std::collections::HashMap;
use std::fmt;

use super::node::WaitNode;

/// A circle of waits: each member waits for the next, and the last for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle(Vec<String>);

impl Circle {
    /// Creates a circle of nodes. The readiness of an object waits for the object's run, and both
    /// have the same name.
    fn new(path: &[WaitNode]) -> Self {
        Self::of_names(path.iter().map(WaitNode::title).collect())
    }

    /// Creates a circle of names. Consecutive equal names are listed once.
    pub(super) fn of_names(mut names: Vec<String>) -> Self {
        names.dedup();
        if names.len() > 1 && names.first() == names.last() {
            names.pop();
        }
        Self(names)
    }

    /// Creates a circle of the titles of its members.
    pub(crate) fn of(titles: Vec<String>) -> Self {
        Self(titles)
    }

    /// Returns the names of the members in the order of the waits.
    pub fn members(&self) -> &[String] {
        &self.0
    }

    /// Returns the circle that the wait of `waiter` for `target` closes, if `target` waits for
    /// `waiter` in turn. The caller must have entered the wait before.
    pub(super) fn find(waiter: &WaitNode, target: &WaitNode) -> Option<Self> {
        if waiter == target {
            return Some(Self::new(std::slice::from_ref(waiter)));
        }
        let mut predecessors: HashMap<u64, WaitNode> = HashMap::new();
        let mut open = vec![target.clone()];
        while let Some(node) = open.pop() {
            for next in node.waits_for() {
                if next == *target || predecessors.contains_key(&next.id()) {
                    continue;
                }
                predecessors.insert(next.id(), node.clone());
                if next == *waiter {
                    return Some(Self::new(&path_to(waiter, target, &predecessors)));
                }
                open.push(next);
            }
        }
        None
    }
}

/// Returns the path of the search in the order of the waits: from `waiter` over `target` to the
/// node that waits for `waiter`.
fn path_to(waiter: &WaitNode, target: &WaitNode, predecessors: &HashMap<u64, WaitNode>) -> Vec<WaitNode> {
    let mut path = Vec::new();
    let mut at = waiter;
    while at != target {
        let Some(before) = predecessors.get(&at.id()) else { break };
        path.push(before.clone());
        at = before;
    }
    path.push(waiter.clone());
    path.reverse();
    path
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
