//! The objects that a diagram draws.

use std::collections::{HashMap, HashSet, VecDeque};

use setup_tasks::inspect::ObjectTaskInspector;
use setup_tasks::text::one_line;
use setup_tasks::{AnyObject, Layout};

use super::MOST;
use crate::args::GraphOnly;

/// The selection of objects around some named ones.
pub(crate) struct Selection {
    /// The named objects, or all of them.
    pub(crate) named: Vec<AnyObject>,
    /// Whether objects were named.
    pub(crate) is_part: bool,
    /// The maximum number of steps from a named object.
    pub(crate) depth: Option<usize>,
    /// The only direction of the steps, or `None` for both.
    pub(crate) only: Option<GraphOnly>,
}

/// Objects with their tasks.
pub(crate) struct Known {
    pub(crate) objects: Vec<AnyObject>,
    pub(crate) tasks: Vec<Vec<ObjectTaskInspector>>,
}

impl Selection {
    /// Returns whether an object was named and gets its own box. The objects of a wide pattern get none.
    pub(crate) fn names(&self, id: &str) -> bool {
        let few = self.is_part && self.named.len() <= MOST;
        few && self.named.iter().any(|object| one_line(object.id()) == id)
    }

    /// Returns all objects that can be a part of the diagram. Only a look at every object finds those that depend on a named one.
    pub(crate) fn candidates(&self, layout: &Layout) -> Known {
        let looks_at_all = self.is_part && self.depth != Some(0) && self.only != Some(GraphOnly::Dependencies);
        if looks_at_all { Known::of(&layout.all()) } else { Known::of(&self.named) }
    }

    /// Returns the objects of the diagram.
    pub(crate) fn of(&self, known: Known) -> Known {
        if !self.is_part {
            return known;
        }
        let down = known.steps();
        let mut up = vec![Vec::new(); down.len()];
        for (from, to) in down.iter().enumerate().flat_map(|(from, all)| all.iter().map(move |to| (from, *to))) {
            up[to].push(from);
        }
        let places = known.places();
        let start: Vec<_> = self.named.iter().filter_map(|object| places.get(object.id()).copied()).collect();
        let mut is_chosen = vec![false; down.len()];
        for (steps, direction) in [(&down, GraphOnly::Dependencies), (&up, GraphOnly::Dependents)] {
            if self.only.is_none_or(|only| only == direction) {
                walk(&start, steps, self.depth, &mut is_chosen);
            }
        }
        let chosen = known.objects.into_iter().zip(known.tasks).zip(is_chosen);
        let (objects, tasks) = chosen.filter(|(_, is_chosen)| *is_chosen).map(|(known, _)| known).unzip();
        Known { objects, tasks }
    }
}

/// Marks the places within a number of steps from the first ones.
fn walk(start: &[usize], steps: &[Vec<usize>], depth: Option<usize>, is_chosen: &mut [bool]) {
    let mut distances: HashMap<_, _> = start.iter().map(|at| (*at, 0)).collect();
    let mut next: VecDeque<_> = start.iter().copied().collect();
    while let Some(at) = next.pop_front() {
        is_chosen[at] = true;
        let distance = distances[&at];
        if depth.is_some_and(|depth| distance >= depth) {
            continue;
        }
        for to in &steps[at] {
            distances.entry(*to).or_insert_with(|| {
                next.push_back(*to);
                distance + 1
            });
        }
    }
}

impl Known {
    /// Returns the objects and all that they depend on.
    pub(crate) fn of(objects: &[AnyObject]) -> Self {
        let mut known: HashSet<_> = objects.iter().map(|object| object.id().to_owned()).collect();
        let mut all = Self { objects: Vec::new(), tasks: Vec::new() };
        let mut next: VecDeque<_> = objects.iter().cloned().collect();
        while let Some(object) = next.pop_front() {
            let own: Vec<_> = object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves).collect();
            for (other, _) in own.iter().flat_map(ObjectTaskInspector::depends_on) {
                if known.insert(other.id().to_owned()) {
                    next.push_back(other);
                }
            }
            all.objects.push(object);
            all.tasks.push(own);
        }
        all
    }

    /// Returns the place of each object by its id.
    pub(crate) fn places(&self) -> HashMap<String, usize> {
        self.objects.iter().enumerate().map(|(i, object)| (object.id().to_owned(), i)).collect()
    }

    /// Returns the places of the objects that each object depends on.
    fn steps(&self) -> Vec<Vec<usize>> {
        let places = self.places();
        let of = |tasks: &Vec<ObjectTaskInspector>| {
            let others = tasks.iter().flat_map(ObjectTaskInspector::depends_on);
            others.filter_map(|(other, _)| places.get(other.id()).copied()).collect()
        };
        self.tasks.iter().map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_ends_at_the_depth_and_visits_circles_once() {
        let steps = vec![vec![1], vec![2, 0], vec![3], vec![0], vec![]];
        let walked = |depth| {
            let mut is_chosen = vec![false; steps.len()];
            walk(&[0], &steps, depth, &mut is_chosen);
            (0..steps.len()).filter(|at| is_chosen[*at]).collect::<Vec<_>>()
        };
        assert_eq!([walked(Some(0)), walked(Some(1)), walked(Some(2))], [vec![0], vec![0, 1], vec![0, 1, 2]]);
        assert_eq!(walked(None), [0, 1, 2, 3]);
    }
}
