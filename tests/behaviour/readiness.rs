//! Tests of readiness: it is reached once, it is shared, and it never hangs.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use setup_tasks::prelude::*;
use setup_tasks::{AnyObject, Layout};

use test_kit::{Log, Machine, Numbers, chain};
use tokio::sync::Semaphore;

#[tokio::test(flavor = "multi_thread")]
async fn an_object_is_brought_to_ready_once_for_all_callers() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let (gate, asked) = (machine.knobs.gate("first"), Arc::new(Semaphore::new(0)));
    let ask = |machine: Object<Machine>| {
        let asked = asked.clone();
        tokio::spawn(async move {
            asked.add_permits(1);
            machine.ready().await
        })
    };
    let askers: Vec<_> = (0..20).map(|_| ask(machine.clone())).collect();
    asked.acquire_many(20).await.unwrap().forget();
    gate.open();
    for asker in askers {
        asker.await.unwrap().unwrap();
    }
    assert_eq!(machine.log.take(), ["first", "second", "third"]);
    machine.knobs.clear("first");
    machine.run_setup_tasks().force_all().await.unwrap();
    machine.log.take();
    machine.ready().await.unwrap();
    assert!(machine.log.take().is_empty(), "ready is ready");
}

#[tokio::test]
async fn a_failure_is_shared_and_asking_again_tries_again() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.knobs.set("first", "fail");
    let (one, two) = tokio::join!(machine.ready(), machine.ready());
    let (one, two) = (chain(one.unwrap_err()), chain(two.unwrap_err()));
    assert!(one == two && one.starts_with("`m` cannot be brought to ready: task `m/first`"), "{one}");
    assert_eq!(machine.log.take(), ["first"]);
    machine.knobs.clear("first");
    machine.ready().await.unwrap();
}

/// A model that waits for other objects, for some at the same time and for some one after another.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "linked/{name}", id = "{name}")]
struct Linked {
    name: String,
    needs: Arc<OnceLock<Vec<AnyObject>>>,
    log: Log,
}

#[setup_tasks]
impl Linked {
    #[setup_task("Wait for what is needed")]
    async fn link(&self) -> Result<()> {
        // All objects are requested before the first is ready.
        tokio::task::yield_now().await;
        let needs = self.needs.get().map(Vec::as_slice).unwrap_or_default();
        let (one_by_one, at_once) = needs.split_at(needs.len() / 2);
        for need in one_by_one {
            need.ready().await?;
        }
        let waits = at_once.iter().map(|need| async move { Box::pin(need.ready()).await });
        for waited in futures_util::future::join_all(waits).await {
            waited?;
        }
        self.log.say(&self.name);
        Ok(())
    }
}

/// Returns a layout of objects with the dependencies of the edges.
fn linked(count: usize, edges: &[(usize, usize)]) -> (Layout, Vec<Object<Linked>>, Log) {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let add = |i: usize| layout.add(Linked { name: i.to_string(), needs: Arc::default(), log: log.clone() }).unwrap();
    let objects: Vec<_> = (0..count).map(add).collect();
    for (i, object) in objects.iter().enumerate() {
        let needs = edges.iter().filter(|(from, _)| *from == i).map(|(_, to)| objects[*to].as_any().clone());
        assert!(object.needs.set(needs.collect()).is_ok());
    }
    (layout, objects, log)
}

/// Requests all objects at the same time, each in its own tokio task. Returns the errors.
async fn ready_all(objects: &[Object<Linked>]) -> Vec<String> {
    let askers: Vec<_> =
        objects.iter().cloned().map(|object| tokio::spawn(async move { object.ready().await })).collect();
    let mut errors = Vec::new();
    for asker in askers {
        let ready = tokio::time::timeout(Duration::from_mins(1), asker).await.expect("nothing hangs").unwrap();
        errors.extend(ready.err().map(chain));
    }
    errors
}

#[tokio::test(flavor = "multi_thread")]
async fn graphs_without_a_circle_become_ready_whatever_the_interleaving() {
    for (seed, count) in [(1, 10), (2, 100), (3, 100), (4, 1000)] {
        let mut numbers = Numbers::new(seed);
        let mut next = |below| numbers.index(below);
        let edges: Vec<_> = (1..count).flat_map(|i| [(i, next(i)), (i, next(i)), (i, next(i))]).collect();
        let (_layout, objects, log) = linked(count, &edges);
        assert_eq!(ready_all(&objects).await, [""; 0]);
        let order: Vec<usize> = log.take().iter().map(|name| name.parse().unwrap()).collect();
        let mut place = vec![usize::MAX; count];
        order.iter().enumerate().for_each(|(at, &i)| place[i] = at);
        assert_eq!(order.len(), count, "each once");
        assert!(edges.iter().all(|&(from, to)| place[to] < place[from]), "what is needed comes first");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn graphs_with_a_circle_end_in_errors_that_print_a_true_one() {
    for (seed, count) in [(1, 2), (2, 10), (3, 100), (4, 1000)] {
        let mut numbers = Numbers::new(seed);
        let mut next = |below| numbers.index(below);
        let mut edges: Vec<_> = (1..count).flat_map(|i| [(i, next(i)), (i, next(i))]).collect();
        edges.extend([(0, count - 1)]);
        // These edges close a circle in any case.
        edges.extend((1..count).map(|i| (i, i - 1)));
        let (_layout, objects, _) = linked(count, &edges);
        let errors = ready_all(&objects).await;
        assert_eq!(errors.len(), count, "every object needs the circle");
        for error in errors {
            let (_, circle) = error.rsplit_once("waiting would never end: ").expect(&error);
            let members: Vec<usize> =
                circle.split(" -> ").map(|name| name.trim_matches('`').parse().unwrap()).collect();
            assert!(members.len() > 1 && members.first() == members.last(), "{circle}");
            assert!(members.windows(2).all(|pair| edges.contains(&(pair[0], pair[1]))), "{circle}");
        }
    }
}

/// A model whose task runs the object itself.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "snake")]
struct Snake;

#[setup_tasks]
impl Snake {
    #[setup_task("Bite the tail")]
    async fn bite(&self, me: Object<Snake>) -> Result<()> {
        me.run_setup_tasks().await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_task_that_runs_its_own_object_is_an_error_and_not_a_hang() {
    let layout = Layout::in_memory().unwrap();
    let error = chain(layout.add(Snake).unwrap().run_setup_tasks().await.unwrap_err());
    assert!(error.ends_with("waiting would never end: `snake` -> `snake`"), "{error}");
}

/// A model with its own method to bring it to ready.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "lazy/{name}", id = "{name}", ready = bring_up)]
struct Lazy {
    name: &'static str,
    log: Log,
}

#[setup_tasks]
impl Lazy {
    #[setup_task("Work")]
    fn work(&self) {
        self.log.say("work");
    }

    async fn bring_up(me: &Object<Self>) -> Result<()> {
        anyhow::ensure!(me.name != "broken", "it is broken");
        assert!(me.name != "panicking", "it panics");
        me.log.say("brought up");
        Ok(())
    }
}

#[tokio::test]
async fn a_model_may_have_its_own_ready_method() {
    let (layout, log) = (Layout::in_memory().unwrap(), Log::default());
    let lazy = layout.add(Lazy { name: "lazy", log: log.clone() }).unwrap();
    lazy.ready().await.unwrap();
    lazy.as_any().ready().await.unwrap();
    assert_eq!(log.take(), ["brought up"]);
    lazy.run_setup_tasks().await.unwrap();
    assert_eq!(log.take(), ["work"], "a run is a run all the same");
    for (name, text) in [("broken", "it is broken"), ("panicking", "panicked: it panics")] {
        let lazy = layout.add(Lazy { name, log: log.clone() }).unwrap();
        let (one, two) = tokio::join!(lazy.ready(), lazy.ready());
        let text = format!("`{name}` cannot be brought to ready: {text}");
        assert_eq!((chain(one.unwrap_err()), chain(two.unwrap_err())), (text.clone(), text));
    }
}

/// A model whose task clears the object itself.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "amnesiac")]
struct Amnesiac;

#[setup_tasks]
impl Amnesiac {
    #[setup_task("Forget oneself")]
    async fn forget(&self, me: Object<Amnesiac>) -> Result<()> {
        me.clear_stamps_and_cache().await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_task_that_clears_its_own_object_is_an_error_and_not_a_hang() {
    let layout = Layout::in_memory().unwrap();
    let error = chain(layout.add(Amnesiac).unwrap().run_setup_tasks().await.unwrap_err());
    assert!(error.ends_with("waiting would never end: `amnesiac` -> `amnesiac`"), "{error}");
}
