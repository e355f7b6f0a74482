//! The order in which the workers of a fleet run its objects.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use foldhash::{HashMap, HashMapExt};

use super::rolling::{Batch, BatchStep};
use crate::object::AnyObject;
use crate::work::SharedError;

/// The result of an object that a worker has run.
pub(super) struct FinishedObject {
    pub(super) result: Result<(), SharedError>,
    pub(super) duration: Duration,
}

/// The schedule of a fleet: the objects that are free to run, those that run, and those that wait for others.
pub(super) struct Schedule {
    /// The objects that begin after each object.
    dependents: HashMap<usize, Vec<usize>>,
    /// The number of objects that each object still waits for.
    waits_for: Vec<usize>,
    /// The objects that no longer wait for any other.
    free: VecDeque<usize>,
    begun: Vec<bool>,
    running: usize,
    pub(super) finished: Vec<Option<FinishedObject>>,
    fail_fast: bool,
    failures: usize,
    batch: Option<Batch>,
}

/// The next step of a worker.
pub(super) enum Next {
    Run(usize),
    Wait,
    End,
}

impl Schedule {
    pub(super) fn new(objects: &[AnyObject], fail_fast: bool, batch: Option<Batch>) -> Self {
        let count = objects.len();
        let mut schedule = Self {
            dependents: HashMap::new(),
            waits_for: vec![0; count],
            free: VecDeque::new(),
            begun: vec![false; count],
            running: 0,
            finished: (0..count).map(|_| None).collect(),
            fail_fast,
            failures: 0,
            batch,
        };
        schedule.find_edges(objects);
        schedule.free = (0..count).filter(|&i| schedule.waits_for[i] == 0).collect();
        schedule
    }

    /// Enters the dependencies that are known from relationships before the run. A run itself waits
    /// for dependencies that it finds later.
    fn find_edges(&mut self, objects: &[AnyObject]) {
        let related: Vec<_> = objects.iter().enumerate().filter(|(_, object)| object.0.relates()).collect();
        if related.is_empty() {
            return;
        }
        let places: HashMap<*const (), usize> =
            objects.iter().enumerate().map(|(i, object)| (address(object), i)).collect();
        for (i, object) in related {
            for row in object.0.order().iter() {
                for (other, _) in object.0.needs_now(row) {
                    if let Some(&other) = places.get(&address(&other))
                        && other != i
                    {
                        let dependents = self.dependents.entry(other).or_default();
                        if dependents.last() != Some(&i) {
                            dependents.push(i);
                            self.waits_for[i] += 1;
                        }
                    }
                }
            }
        }
    }

    /// Returns the next object that waits for no other. If all remaining objects wait for each
    /// other, returns one of them. Its run then waits only for the tasks that it needs.
    pub(super) fn next(&mut self) -> Next {
        if self.fail_fast && self.failures > 0 {
            return Next::End;
        }
        match self.batch.as_mut().map(|batch| batch.step(self.running, self.failures)) {
            None | Some(BatchStep::Begin) => {}
            Some(BatchStep::Wait) => return Next::Wait,
            Some(BatchStep::End) => return Next::End,
        }
        while let Some(i) = self.free.pop_front() {
            if !self.begun[i] {
                return self.begin(i);
            }
        }
        if self.running > 0 {
            return Next::Wait;
        }
        match self.begun.iter().position(|begun| !begun) {
            Some(i) => self.begin(i),
            None => Next::End,
        }
    }

    fn begin(&mut self, i: usize) -> Next {
        self.begun[i] = true;
        self.running += 1;
        self.batch.iter_mut().for_each(Batch::begin);
        Next::Run(i)
    }

    /// Records the result of an object, and returns the number of objects that can begin after it.
    pub(super) fn end(&mut self, i: usize, finished: FinishedObject) -> usize {
        self.running -= 1;
        self.failures += usize::from(finished.result.is_err());
        self.finished[i] = Some(finished);
        let before = self.free.len();
        for &dependent in self.dependents.get(&i).into_iter().flatten() {
            self.waits_for[dependent] = self.waits_for[dependent].saturating_sub(1);
            if self.waits_for[dependent] == 0 {
                self.free.push_back(dependent);
            }
        }
        let freed = self.free.len() - before;
        freed.max(self.batch.as_ref().map_or(0, |batch| batch.opens(self.running)))
    }
}

/// Returns the address that identifies an object.
pub(super) fn address(object: &AnyObject) -> *const () {
    Arc::as_ptr(&object.0).cast()
}
