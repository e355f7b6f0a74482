//! A circle of waits, and how it is found.

use std::collections::HashMap;
use std::fmt;

use super::node::WaitNode;

/// A circle of waits: each waits for the next, and the last for the first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Circle(Vec<String>);

impl Circle {
    /// An object's readiness waits for its run: one name stands for both.
    fn new(path: &[WaitNode]) -> Self {
        Self::of_names(path.iter().map(WaitNode::title).collect())
    }

    /// As [`new`](Self::new), of names.
    pub(super) fn of_names(mut names: Vec<String>) -> Self {
        names.dedup();
        if names.len() > 1 && names.first() == names.last() {
            names.pop();
        }
        Self(names)
    }

    /// Makes a circle of its members' titles.
    pub(crate) fn of(titles: Vec<String>) -> Self {
        Self(titles)
    }

    /// What is on the circle, each once.
    pub fn members(&self) -> &[String] {
        &self.0
    }

    /// The circle that `waiter`, which waits for `target` now, is on, if `target` waits for it.
    ///
    /// The wait is entered before this is asked. Of two waits that close one circle at the same time, at least one sees
    /// the other: each enters its own under its node's lock before it reads the other's under that one's.
    pub(super) fn find(waiter: &WaitNode, target: &WaitNode) -> Option<Self> {
        if waiter == target {
            return Some(Self::new(std::slice::from_ref(waiter)));
        }
        let mut came: HashMap<u64, WaitNode> = HashMap::new();
        let mut open = vec![target.clone()];
        while let Some(node) = open.pop() {
            for next in node.waits_for() {
                if next == *target || came.contains_key(&next.id()) {
                    continue;
                }
                came.insert(next.id(), node.clone());
                if next == *waiter {
                    return Some(Self::new(&way_back(waiter, target, &came)));
                }
                open.push(next);
            }
        }
        None
    }
}

/// Follows where the search came from, and turns the way round: from `waiter` over `target` back to the one before it.
fn way_back(waiter: &WaitNode, target: &WaitNode, came: &HashMap<u64, WaitNode>) -> Vec<WaitNode> {
    let mut path = Vec::new();
    let mut at = waiter;
    while at != target {
        let Some(before) = came.get(&at.id()) else { break };
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
