//! Rolling runs: a fleet in batches, which stops after a batch with too many failures.

use std::num::NonZeroUsize;

use super::FleetRun;

/// The current batch of a rolling run.
#[derive(Debug)]
pub(super) struct Batch {
    size: usize,
    /// The greatest number of failures with which another batch begins.
    max_failures: usize,
    /// The number of objects of the batch that have begun.
    begun: usize,
}

/// The step of a batch before the next object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BatchStep {
    /// The object can begin, as a part of the current batch or of the next one.
    Begin,
    /// The batch has all its objects, and some of them are running.
    Wait,
    /// Too many objects have failed.
    End,
}

impl Batch {
    pub(super) fn of(fleet: &FleetRun) -> Option<Self> {
        fleet.batch.map(|size| Self { size: size.get(), max_failures: fleet.max_failures, begun: 0 })
    }

    /// Returns whether the next object may begin. Begins the next batch if the current one has ended.
    pub(super) fn step(&mut self, running: usize, failures: usize) -> BatchStep {
        if self.begun < self.size {
            return BatchStep::Begin;
        }
        if running > 0 {
            return BatchStep::Wait;
        }
        if failures > self.max_failures {
            return BatchStep::End;
        }
        self.begun = 0;
        BatchStep::Begin
    }

    pub(super) fn begin(&mut self) {
        self.begun += 1;
    }

    /// Returns the number of objects that can begin because the batch has ended.
    pub(super) fn opens(&self, running: usize) -> usize {
        if running == 0 && self.begun >= self.size { self.size } else { 0 }
    }
}

impl FleetRun {
    /// Runs the objects in batches of this size, at least one. The next batch begins once all
    /// objects of the current one have ended, and only if at most
    /// [`max_failures`](Self::max_failures) objects have failed. A fleet then changes a service on
    /// a few machines at a time, and stops before it breaks the rest.
    ///
    /// Objects without dependencies come first, in the order of adding. Each other object joins the
    /// queue once its dependencies have ended. An object of a later batch runs earlier as far as
    /// another object needs its tasks.
    pub fn batch(mut self, size: usize) -> Self {
        self.batch = NonZeroUsize::new(size.max(1));
        self
    }

    /// Sets the number of failed objects up to which the next [`batch`](Self::batch) begins. The
    /// default is 0. An object that depends on a failed one counts as failed, too.
    pub fn max_failures(mut self, count: usize) -> Self {
        self.max_failures = count;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_begins_after_the_last_one_unless_too_many_failed() {
        let mut batch = Batch { size: 2, max_failures: 1, begun: 0 };
        assert_eq!((batch.step(0, 0), batch.opens(0)), (BatchStep::Begin, 0));
        batch.begin();
        assert_eq!(batch.step(1, 9), BatchStep::Begin, "a batch is begun as a whole");
        batch.begin();
        assert_eq!((batch.step(2, 0), batch.step(1, 0), batch.opens(1)), (BatchStep::Wait, BatchStep::Wait, 0));
        assert_eq!((batch.opens(0), batch.step(0, 2)), (2, BatchStep::End));
        assert_eq!((batch.step(0, 1), batch.opens(0)), (BatchStep::Begin, 0));
    }
}
