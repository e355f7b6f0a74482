//! Tests with long chains of objects on a thread with a small stack. The runtime neither follows
//! nor drops chains by recursion.

use std::time::Duration;

use setup_tasks::fleet::ObjectStatus;
use setup_tasks::prelude::*;
use setup_tasks::{AnyObject, InjectionKey, Layout};

use test_kit::chain;

/// The size of the stack. That of tokio's threads is 2 MiB.
const STACK: usize = 512 << 10;
const MANY: usize = 200_000;
/// The number of objects in chains that run, which takes time for each object.
const SOME: usize = 2000;

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(STACK).spawn(work).unwrap().join().unwrap();
}

fn block_on<F: Future>(work: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "links/{number}", id = "{number}")]
struct Link {
    number: usize,
    fails: bool,
    #[depends_on(Link::join)]
    next: Option<Object<Link>>,
}

#[setup_tasks]
impl Link {
    #[setup_task("Join")]
    fn join(&self) -> Result<()> {
        anyhow::ensure!(!self.fails, "the last link breaks");
        Ok(())
    }
}

fn links(layout: &Layout, count: usize, fails: bool) -> Object<Link> {
    let mut last = layout.add(Link { number: 0, fails, next: None }).unwrap();
    for number in 1..count {
        last = layout.add(Link { number, fails: false, next: Some(last) }).unwrap();
    }
    last
}

#[test]
fn a_chain_of_200_000_objects_is_dropped_with_its_layout_or_after_it() {
    on_a_small_stack(|| {
        let layout = Layout::in_memory().unwrap();
        drop(links(&layout, MANY, false));
        drop(layout);
        let layout = Layout::in_memory().unwrap();
        let first = links(&layout, MANY, false);
        drop(layout);
        assert_eq!(first.next().unwrap().number, MANY - 2);
        drop(first);
    });
}

/// An object whose neighbour in a chain comes from its injector, or from the dependencies with
/// which it was added.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "beads/{0}", id = "{0}")]
struct Bead(usize);

#[setup_tasks]
impl Bead {
    #[setup_task("String")]
    fn string(&self) {}
}

#[test]
fn chains_by_dependencies_values_and_injectors_are_dropped_too() {
    on_a_small_stack(|| {
        let layout = Layout::in_memory().unwrap();
        let mut last: Option<AnyObject> = None;
        for number in 0..MANY / 2 {
            let builder = layout.object_builder(Bead(number));
            let builder = match &last {
                Some(last) => builder.depends_on(last.depends_on("string")),
                None => builder,
            };
            last = Some(builder.add().unwrap().as_any().clone());
        }
        drop((layout, last));

        let layout = Layout::in_memory().unwrap();
        let mut last: Option<Object<Bead>> = None;
        for number in 0..MANY / 2 {
            let bead = layout.add(Bead(number)).unwrap();
            if let Some(last) = last {
                bead.as_any().injector().provide(InjectionKey::of(), last).unwrap();
            }
            last = Some(bead);
        }
        drop((layout, last));

        let layout = Layout::in_memory().unwrap();
        let injector = (0..MANY).fold(layout.injector().child("root"), |above, _| above.child("below"));
        drop((layout, injector));
    });
}

#[test]
fn a_long_chain_is_run_planned_inspected_and_run_by_a_fleet() {
    on_a_small_stack(|| {
        block_on(async {
            let layout = Layout::in_memory().unwrap();
            let first = links(&layout, SOME, false);
            let plan = first.as_any().plan().await.unwrap();
            assert_eq!(plan.would_run().count(), 1);
            first.run_setup_tasks().await.unwrap();
            first.ready().await.unwrap();
            for inspector in first.as_any().inspect() {
                assert!(inspector.should_run().await.unwrap().is_none());
            }
            let report = layout.run().jobs(8).await.unwrap();
            assert!(report.is_success() && report.objects.len() == SOME, "{}", report.summary());

            // This run is dropped before its end.
            let layout = Layout::in_memory().unwrap();
            let first = links(&layout, SOME, false);
            let run = tokio::time::timeout(Duration::from_millis(20), first.run_setup_tasks().into_future()).await;
            drop((run, layout, first));
        });
    });
}

#[test]
fn a_failure_at_the_end_of_a_long_chain_is_reported_and_dropped() {
    on_a_small_stack(|| {
        block_on(async {
            let layout = Layout::in_memory().unwrap();
            let first = links(&layout, 5 * SOME, true);
            let error = first.run_setup_tasks().await.unwrap_err();
            assert!(format!("{error:?}").len() < 1000);
            let error = chain(error);
            assert!(error.ends_with("the last link breaks"));
            drop(error);
            drop((layout, first));

            let layout = Layout::in_memory().unwrap();
            let first = links(&layout, 1000, true);
            let report = layout.run().await.unwrap();
            let failed = |outcome| report.objects.iter().filter(|object| object.outcome == outcome).count();
            assert_eq!((failed(ObjectStatus::Failed), failed(ObjectStatus::DependencyFailed)), (1, 999));
            drop((report, layout, first));
        });
    });
}
