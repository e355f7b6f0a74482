//! Tests of leases that a run loses while it is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use setup_tasks::Layout;
use setup_tasks::lease::{Acquired, Answer, Holder, Lease, LeaseBreak, LeaseError, Leases};
use setup_tasks::run::RunError;
use setup_tasks::stamp::{Fence, HistoryFilter, MaybeReady, MemoryStore};

use test_kit::{Machine, Scratch, chain, events};

/// Leases that are free for everybody. The test decides when all held ones are lost.
#[derive(Clone, Default)]
struct FakeLeases {
    fence: Arc<AtomicU64>,
    /// The highest fence of a lease that is lost.
    lost: Arc<AtomicU64>,
    /// Whether a thread renews the leases often.
    are_renewed: bool,
}

struct FakeLease {
    of: FakeLeases,
    fence: u64,
}

impl Leases for FakeLeases {
    fn acquire<'a>(&'a self, _: &'a str) -> Answer<'a, Acquired> {
        let fence = self.fence.fetch_add(1, Ordering::SeqCst) + 1;
        MaybeReady::ready(Ok(Acquired::Lease(Box::new(FakeLease { of: self.clone(), fence }))))
    }

    fn holder<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Holder>> {
        MaybeReady::ready(Ok(None))
    }

    fn break_lease<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> Answer<'a, LeaseBreak> {
        MaybeReady::ready(Ok(LeaseBreak::NotHeld))
    }

    fn renew_every(&self) -> Option<Duration> {
        self.are_renewed.then_some(Duration::from_millis(1))
    }
}

impl Lease for FakeLease {
    fn fence(&self) -> Option<Fence> {
        Some(Fence(self.fence))
    }

    fn renew(&self) -> Answer<'_, ()> {
        let lost = || LeaseError::Lost { object: "the subdir".to_owned(), detail: "W2 has taken it over".to_owned() };
        MaybeReady::ready(if self.fence <= self.of.lost.load(Ordering::SeqCst) { Err(lost()) } else { Ok(()) })
    }

    fn release(&self) {}
}

fn layout(place: &Scratch, leases: &FakeLeases) -> Layout {
    Layout::with_store_and_leases(place.config(), MemoryStore::new(), leases.clone())
}

/// Returns the tasks that have a valid stamp.
async fn stamped(machine: &setup_tasks::Object<Machine>) -> Vec<&'static str> {
    let mut stamped = Vec::new();
    for task in ["first", "second", "third"] {
        if machine.as_any().check_stamp(task).await.unwrap().is_some() {
            stamped.push(task);
        }
    }
    stamped
}

#[tokio::test]
async fn a_lost_lease_stops_the_running_task_at_once_and_the_run_goes_on_with_what_is_left() {
    let (place, leases) = (Scratch::new(), FakeLeases { are_renewed: true, ..FakeLeases::default() });
    let layout = layout(&place, &leases);
    let machine = layout.add(Machine::new("m")).unwrap();
    let (gate, mut events) = (machine.knobs.gate("second"), events(&layout));
    let run = tokio::spawn(machine.run_setup_tasks().into_future());
    gate.arrived().await;
    leases.lost.store(1, Ordering::SeqCst);
    // The gate stays closed, so the first attempt alone would never end.
    gate.arrived().await;
    assert_eq!(stamped(&machine).await, ["first"]);
    gate.open();
    let report = run.await.unwrap().unwrap();
    assert_eq!(report.ran().map(|task| task.task).collect::<Vec<_>>(), ["first", "second", "third"]);
    assert_eq!(machine.log.take(), ["first", "second", "second", "third"]);
    assert!(events.take().contains(&"m/ lost: W2 has taken it over".to_owned()));
    assert_eq!(layout.history(&HistoryFilter::new()).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_lease_that_is_lost_again_and_again_fails_the_run() {
    let (place, leases) = (Scratch::new(), FakeLeases { are_renewed: true, ..FakeLeases::default() });
    let layout = layout(&place, &leases);
    let machine = layout.add(Machine::new("m")).unwrap();
    let gate = machine.knobs.gate("second");
    let run = tokio::spawn(machine.run_setup_tasks().into_future());
    gate.arrived().await;
    leases.lost.store(u64::MAX, Ordering::SeqCst);
    let error = run.await.unwrap().unwrap_err();
    assert!(matches!(error, RunError::Lease(_)), "{error:?}");
    let error = chain(error);
    assert!(error.contains("the lease of `m` was lost: W2 has taken it over"), "{error}");
    assert_eq!(stamped(&machine).await, ["first"]);
}

#[tokio::test]
async fn a_write_that_is_refused_as_late_ends_the_run_without_a_stamp() {
    let (place, leases) = (Scratch::new(), FakeLeases::default());
    let layout = layout(&place, &leases);
    let machine = layout.add(Machine::new("m")).unwrap();
    let gate = machine.knobs.gate("second");
    let run = tokio::spawn(machine.run_setup_tasks().into_future());
    gate.arrived().await;
    layout.store().write(machine.as_any().stamp_subdir(), Some(Fence(9)), Vec::new()).await.unwrap();
    gate.open();
    let error = chain(run.await.unwrap().unwrap_err());
    assert!(error.contains("another process has taken over the object's lease (fence 9; this run has 4)"), "{error}");
    assert_eq!(stamped(&machine).await, ["first"]);
    assert_eq!(machine.log.take(), ["first", "second"], "the third never ran");
}
