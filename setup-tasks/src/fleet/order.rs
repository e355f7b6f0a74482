//! The order of the objects of a fleet, as far as it is known before the run.

use foldhash::{HashMap, HashMapExt};

use super::schedule::address;
use crate::object::AnyObject;

/// The dependencies between the objects of a fleet, which the methods name by their positions.
#[derive(Debug)]
pub(super) struct Order {
    /// The objects that begin after each object.
    pub(super) dependents: HashMap<usize, Vec<usize>>,
    /// The number of objects that each object waits for.
    pub(super) waits_for: Vec<usize>,
}

impl Order {
    /// Returns the dependencies that are known from relationships before the run. A run itself waits
    /// for dependencies that it finds later.
    pub(super) fn of(objects: &[AnyObject]) -> Self {
        let mut order = Self { dependents: HashMap::new(), waits_for: vec![0; objects.len()] };
        let related: Vec<_> = objects.iter().enumerate().filter(|(_, object)| object.0.relates()).collect();
        if related.is_empty() {
            return order;
        }
        let places: HashMap<*const (), usize> =
            objects.iter().enumerate().map(|(i, object)| (address(object), i)).collect();
        for (i, object) in related {
            for row in object.0.order().iter() {
                for (other, _) in object.0.needs_now(row) {
                    if let Some(&other) = places.get(&address(&other))
                        && other != i
                    {
                        let dependents = order.dependents.entry(other).or_default();
                        if dependents.last() != Some(&i) {
                            dependents.push(i);
                            order.waits_for[i] += 1;
                        }
                    }
                }
            }
        }
        order
    }
}
