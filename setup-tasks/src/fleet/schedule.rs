//! The schedule of a fleet within one process: the order in which its slots run the objects.

use std::collections::VecDeque;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::hosts::Places;
use super::order::Order;
use super::rolling::{Batch, BatchStep};
use crate::dispatch::{Answer, Dispatch, DispatchError, EndState, Ended, Next, Permission};
use crate::object::AnyObject;
use crate::stamp::MaybeReady;
use crate::work::{CachePadded, Stops};

/// The schedule of a fleet. A slot writes to it once per object, so that a second thread saves time; the figure is under "Measured
/// changes" in `docs/src/internals/performance.md`.
pub(super) struct Schedule {
    state: CachePadded<Mutex<State>>,
    /// Notified when objects become free, and when none are left.
    more: Notify,
    stops: Stops,
    /// The places of the objects, if several hosts share the store.
    places: Option<Places>,
}

/// The objects that are free to run, those that run, and those that wait for others.
struct State {
    order: Order,
    /// The objects that no longer wait for any other.
    free: VecDeque<usize>,
    begun: Vec<bool>,
    running: usize,
    fail_fast: bool,
    failures: usize,
    batch: Option<Batch>,
}

/// The next step of a slot.
enum Step {
    Run(usize),
    Wait,
    End,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Schedule").field("objects", &self.state().begun.len()).finish_non_exhaustive()
    }
}

impl Schedule {
    pub(super) fn new(
        order: Order,
        (fail_fast, batch): (bool, Option<Batch>),
        stops: Stops,
        places: Option<Places>,
    ) -> Self {
        let count = order.waits_for.len();
        let free = (0..count).filter(|&i| order.waits_for[i] == 0).collect();
        let state = State { order, free, begun: vec![false; count], running: 0, fail_fast, failures: 0, batch };
        Self { state: CachePadded(Mutex::new(state)), more: Notify::new(), stops, places }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an end, and returns the next step of the slot. The lock is taken once for both.
    fn step(&self, ended: Option<Ended>) -> Step {
        let mut state = self.state();
        let freed = ended.map_or(0, |ended| state.end(&ended));
        let step = if self.stops.is_requested() { Step::End } else { state.next() };
        drop(state);
        // This slot takes one of the freed objects itself.
        (1..freed).for_each(|_| self.more.notify_one());
        if let Step::End = step {
            self.more.notify_waiters();
        }
        step
    }

    async fn wait(&self) -> Next {
        loop {
            // The notification is enabled before the second look at the schedule so that none in between is missed.
            let mut more = pin!(self.more.notified());
            more.as_mut().enable();
            match self.step(None) {
                Step::Run(i) => return Next::Run(i),
                Step::End => return Next::End,
                Step::Wait => more.await,
            }
        }
    }
}

impl Dispatch for Schedule {
    fn next(&self, ended: Option<Ended>) -> Answer<'_, Next> {
        match self.step(ended) {
            Step::Run(i) => MaybeReady::ready(Ok(Next::Run(i))),
            Step::End => MaybeReady::ready(Ok(Next::End)),
            Step::Wait => MaybeReady::pending(async { Ok(self.wait().await) }),
        }
    }

    fn end(&self, ended: Ended) -> Answer<'_, ()> {
        let freed = self.state().end(&ended);
        (0..freed).for_each(|_| self.more.notify_one());
        // A slot that waits may find that all other objects wait for each other.
        self.more.notify_waiters();
        MaybeReady::ready(Ok(()))
    }

    fn permission<'a>(&'a self, object: &'a str) -> Answer<'a, Permission> {
        let Some(places) = &self.places else { return MaybeReady::ready(Ok(Permission::Here)) };
        MaybeReady::pending(async move {
            let host = places.elsewhere(object).await.map_err(DispatchError::service)?;
            Ok(host.map_or(Permission::Here, |host| Permission::Elsewhere { host, is_awaited: false }))
        })
    }
}

impl State {
    /// Returns the next object that waits for no other. If all remaining objects wait for each
    /// other, returns one of them. Its run then waits only for the tasks that it needs.
    fn next(&mut self) -> Step {
        if self.fail_fast && self.failures > 0 {
            return Step::End;
        }
        match self.batch.as_mut().map(|batch| batch.step(self.running, self.failures)) {
            None | Some(BatchStep::Begin) => {}
            Some(BatchStep::Wait) => return Step::Wait,
            Some(BatchStep::End) => return Step::End,
        }
        while let Some(i) = self.free.pop_front() {
            if !self.begun[i] {
                return self.begin(i);
            }
        }
        if self.running > 0 {
            return Step::Wait;
        }
        match self.begun.iter().position(|begun| !begun) {
            Some(i) => self.begin(i),
            None => Step::End,
        }
    }

    fn begin(&mut self, i: usize) -> Step {
        self.begun[i] = true;
        self.running += 1;
        self.batch.iter_mut().for_each(Batch::begin);
        Step::Run(i)
    }

    /// Records the end of an object, and returns the number of objects that can begin after it.
    fn end(&mut self, ended: &Ended) -> usize {
        self.running -= 1;
        self.failures += usize::from(ended.state != EndState::Done);
        let before = self.free.len();
        for &dependent in self.order.dependents.get(&ended.object).into_iter().flatten() {
            let waits_for = &mut self.order.waits_for[dependent];
            *waits_for = waits_for.saturating_sub(1);
            if *waits_for == 0 {
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
