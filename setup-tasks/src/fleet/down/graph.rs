//! The dependencies between objects, as the way down follows them: dependents before the objects that
//! they need.

use std::collections::BTreeSet;

use foldhash::HashMap;

use super::super::schedule::address;
use crate::object::{AnyObject, RowId};
use crate::report::RunError;
use crate::run::down::{DownObject, StepWait, needs_of};
use crate::work::Mode;

/// Objects with their dependencies on each other.
pub(super) struct Graph {
    pub(super) objects: Vec<AnyObject>,
    /// The dependencies of each object.
    needs: Vec<Vec<Edge>>,
    /// The dependents of each object, each once.
    dependents: Vec<Vec<usize>>,
}

/// A dependency on a task of another object.
struct Edge {
    /// The position of the dependency in the steps of the dependent.
    at: usize,
    to: usize,
    /// The row of the task.
    row: RowId,
}

/// Objects that are brought down together, since they depend on each other.
pub(super) struct Component {
    /// The objects in the order of the graph.
    pub(super) members: Vec<usize>,
    /// The components with objects that these depend on.
    pub(super) then: Vec<usize>,
    /// The number of components that come first.
    pub(super) waits_for: usize,
}

impl Graph {
    /// Finds the dependencies between objects. Relationship methods are called as in a plan. An
    /// error of an object without records is ignored, since the object has nothing to undo.
    pub(super) async fn of(objects: Vec<AnyObject>) -> Result<Self, RunError> {
        // A pointer itself cannot be kept over a wait.
        let places: HashMap<usize, usize> =
            objects.iter().enumerate().map(|(i, object)| (address(object).addr(), i)).collect();
        let mut needs = Vec::with_capacity(objects.len());
        let mut dependents = vec![Vec::new(); objects.len()];
        for (i, object) in objects.iter().enumerate() {
            let found = match needs_of(object).await {
                Ok(found) => found,
                Err(_) if has_no_records(object).await? => Vec::new(),
                Err(error) => return Err(error),
            };
            let mut edges = Vec::with_capacity(found.len());
            for need in found {
                if let Some(&to) = places.get(&address(&need.other).addr())
                    && to != i
                {
                    edges.push(Edge { at: need.at, to, row: need.row });
                    if dependents[to].last() != Some(&i) {
                        dependents[to].push(i);
                    }
                }
            }
            needs.push(edges);
        }
        Ok(Self { objects, needs, dependents })
    }

    /// Returns these objects and all that depend on them.
    pub(super) fn with_dependents(&self, chosen: impl IntoIterator<Item = usize>) -> BTreeSet<usize> {
        let mut all = BTreeSet::new();
        let mut open: Vec<_> = chosen.into_iter().collect();
        while let Some(i) = open.pop() {
            if all.insert(i) {
                open.extend(&self.dependents[i]);
            }
        }
        all
    }

    /// Returns the direct dependents of an object.
    pub(super) fn dependents(&self, of: usize) -> &[usize] {
        &self.dependents[of]
    }

    /// Returns these objects in components. `chosen` contains the dependents of each of its objects.
    pub(super) fn components(&self, chosen: &BTreeSet<usize>) -> Vec<Component> {
        let component_of = self.strongly_connected(chosen);
        let count = component_of.values().max().map_or(0, |last| last + 1);
        let new = |_| Component { members: Vec::new(), then: Vec::new(), waits_for: 0 };
        let mut components: Vec<_> = (0..count).map(new).collect();
        for &i in chosen {
            components[component_of[&i]].members.push(i);
        }
        for &i in chosen {
            let from = component_of[&i];
            for edge in &self.needs[i] {
                let Some(&to) = component_of.get(&edge.to) else { continue };
                if to != from && !components[from].then.contains(&to) {
                    components[from].then.push(to);
                    components[to].waits_for += 1;
                }
            }
        }
        components
    }

    /// Returns the number of the component of each object: Tarjan's algorithm without recursion.
    fn strongly_connected(&self, chosen: &BTreeSet<usize>) -> HashMap<usize, usize> {
        let mut search = Search::default();
        for &root in chosen {
            if search.order.contains_key(&root) {
                continue;
            }
            search.enter(root);
            while let Some((i, next)) = search.path.pop() {
                match self.needs[i].get(next) {
                    Some(edge) => {
                        search.path.push((i, next + 1));
                        if !chosen.contains(&edge.to) {
                        } else if !search.order.contains_key(&edge.to) {
                            search.enter(edge.to);
                        } else if search.is_open(edge.to) {
                            search.lower(i, search.order[&edge.to]);
                        }
                    }
                    None => search.leave(i),
                }
            }
        }
        search.components
    }

    /// Returns the objects of a component with the waits between their steps.
    pub(super) fn together(&self, component: &Component) -> Vec<DownObject> {
        let place = |of: usize| component.members.iter().position(|&member| member == of);
        let waits = |on: usize| {
            let mut waits = Vec::new();
            for &dependent in component.members.iter().filter(|&&member| member != on && component.members.len() > 1) {
                for edge in self.needs[dependent].iter().filter(|edge| edge.to == on) {
                    waits.extend(place(dependent).map(|dependent| StepWait { row: edge.row, dependent, at: edge.at }));
                }
            }
            waits
        };
        let down = |&i: &usize| DownObject { object: self.objects[i].0.clone(), waits: waits(i) };
        component.members.iter().map(down).collect()
    }
}

/// The state of a search for components.
#[derive(Default)]
struct Search {
    /// The number of each object in the order of discovery.
    order: HashMap<usize, usize>,
    /// The smallest number that each object reaches.
    low: HashMap<usize, usize>,
    /// The objects on the path, each with its next edge.
    path: Vec<(usize, usize)>,
    /// The objects that belong to no component yet.
    open: Vec<usize>,
    components: HashMap<usize, usize>,
    count: usize,
}

impl Search {
    fn enter(&mut self, i: usize) {
        let number = self.order.len();
        self.order.insert(i, number);
        self.low.insert(i, number);
        self.open.push(i);
        self.path.push((i, 0));
    }

    fn is_open(&self, i: usize) -> bool {
        !self.components.contains_key(&i)
    }

    fn lower(&mut self, i: usize, number: usize) {
        if let Some(low) = self.low.get_mut(&i) {
            *low = number.min(*low);
        }
    }

    /// Leaves an object whose edges are all followed. It may be the root of a component.
    fn leave(&mut self, i: usize) {
        let low = self.low[&i];
        if let Some(&(parent, _)) = self.path.last() {
            self.lower(parent, low);
        }
        if low != self.order[&i] {
            return;
        }
        while let Some(member) = self.open.pop() {
            self.components.insert(member, self.count);
            if member == i {
                break;
            }
        }
        self.count += 1;
    }
}

/// Returns whether no task of an object has a record.
pub(super) async fn has_no_records(object: &AnyObject) -> Result<bool, RunError> {
    let core = object.0.core();
    Ok(core.load_in(core.mode_for(Mode::Plan)).await?.is_empty())
}

#[cfg(test)]
mod tests {
    use setup_tasks::prelude::*;

    use super::*;
    use crate::depends::Deferred;
    use crate::injector::InjectionKey;
    use crate::layout::Layout;

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "{name}")]
    struct Part {
        name: String,
        #[depends_on(Part::work)]
        others: Vec<Deferred<Part>>,
    }

    #[setup_tasks]
    impl Part {
        #[setup_task("Work")]
        fn work(&self) {}
    }

    async fn graph(edges: &[&[usize]]) -> Graph {
        let layout = Box::leak(Box::new(Layout::in_memory().unwrap()));
        let key = |i: usize| InjectionKey::<Object<Part>>::named(format!("part {i}").leak());
        for (i, edges) in edges.iter().enumerate() {
            let others = edges.iter().map(|&to| Deferred::new(key(to))).collect();
            let part = layout.add(Part { name: i.to_string(), others }).unwrap();
            layout.injector().provide(key(i), part).unwrap();
        }
        Graph::of(layout.all()).await.unwrap()
    }

    #[tokio::test]
    async fn dependents_at_any_distance_are_found() {
        let graph = graph(&[&[], &[0], &[1], &[]]).await;
        assert_eq!(Vec::from_iter(graph.with_dependents([0])), [0, 1, 2]);
        assert_eq!(Vec::from_iter(graph.with_dependents([3])), [3]);
    }

    #[tokio::test]
    async fn objects_that_depend_on_each_other_form_one_component() {
        let graph = graph(&[&[], &[0, 2], &[3], &[1], &[3]]).await;
        let components = graph.components(&graph.with_dependents(0..5));
        let mut members: Vec<_> = components.iter().map(|component| component.members.clone()).collect();
        members.sort();
        assert_eq!(members, [vec![0], vec![1, 2, 3], vec![4]]);
        let of = |i: usize| components.iter().find(|component| component.members.contains(&i)).unwrap();
        assert_eq!(
            [of(4), of(1), of(0)].map(|component| (component.waits_for, component.then.len())),
            [(0, 1), (1, 1), (1, 0)]
        );
    }
}
