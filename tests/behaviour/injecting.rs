//! Tests of the injector: keys, the chain of injectors, factories, errors.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use setup_tasks::injector::READONLY;
use setup_tasks::prelude::*;
use setup_tasks::{Config, InjectionKey, Injector, Layout, injector::InjectError};

use test_kit::{Gate, Log, Machine, chain};
use tokio::sync::Semaphore;

const LEASE: InjectionKey<u32> = InjectionKey::named("lease");
const NET: InjectionKey<String> = InjectionKey::named("net");

#[tokio::test]
async fn a_child_overrides_its_parent() {
    let root = Injector::root("root");
    let child = root.child("child");
    root.provide(LEASE, 1).unwrap();
    assert_eq!(*child.get(&LEASE).await.unwrap(), 1);
    child.provide(LEASE, 2).unwrap();
    assert_eq!((*child.get(&LEASE).await.unwrap(), *root.get(&LEASE).await.unwrap()), (2, 1));
}

#[tokio::test]
async fn names_and_types_make_different_keys() {
    let root = Injector::root("root");
    root.provide(LEASE, 1).unwrap();
    assert!(root.get_optional(&InjectionKey::<u32>::of()).await.unwrap().is_none());
    assert!(root.get_optional(&InjectionKey::<u64>::named("lease")).await.unwrap().is_none());
}

#[tokio::test]
async fn a_missing_key_names_itself_and_the_chain() {
    let error = Injector::root("layout").child("hosts/gw").get(&LEASE).await.unwrap_err();
    assert_eq!(error.to_string(), "nothing provides `lease` (u32); searched hosts/gw, then layout");
    assert_eq!(error.help().unwrap(), "`provide` it at one of these injectors first");
}

#[tokio::test]
async fn providing_twice_is_an_error_and_replacing_is_not() {
    let root = Injector::root("root");
    root.provide(LEASE, 1).unwrap();
    assert_eq!(
        root.provide(LEASE, 2).unwrap_err().to_string().lines().next().unwrap(),
        "root already provides `lease` (u32)"
    );
    root.replace(LEASE, 3);
    assert_eq!(*root.get(&LEASE).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_factory_runs_once_for_concurrent_callers() {
    let (root, made) = (Injector::root("root"), Arc::new(AtomicU32::new(0)));
    let (gate, asked) = (Gate::new(), Arc::new(Semaphore::new(0)));
    let (count, closed) = (made.clone(), gate.clone());
    root.provide_async(NET, move |at| {
        count.fetch_add(1, Ordering::Relaxed);
        let closed = closed.clone();
        async move {
            closed.pass().await;
            Ok(format!("made at {}", at.name()))
        }
    })
    .unwrap();
    assert!(root.peek(&NET).is_none());
    let child = root.child("child");
    let ask = |at: Injector| {
        let asked = asked.clone();
        tokio::spawn(async move {
            asked.add_permits(1);
            at.get(&NET).await.unwrap()
        })
    };
    let askers: Vec<_> = (0..50).map(|_| ask(child.clone())).collect();
    asked.acquire_many(50).await.unwrap().forget();
    gate.open();
    let mut values = Vec::new();
    for asker in askers {
        values.push(asker.await.unwrap());
    }
    assert!(values.iter().all(|value| Arc::ptr_eq(value, &values[0])) && *values[0] == "made at root");
    assert_eq!((made.load(Ordering::Relaxed), root.peek(&NET).is_some()), (1, true));
}

#[tokio::test]
async fn a_dropped_caller_does_not_stop_a_factory_for_the_others() {
    let (root, gate) = (Injector::root("root"), Gate::new());
    let closed = gate.clone();
    root.provide_async(NET, move |_| {
        let closed = closed.clone();
        async move {
            closed.pass().await;
            Ok("made".to_owned())
        }
    })
    .unwrap();
    tokio::select! {
        _ = root.get(&NET) => panic!("the gate is closed"),
        () = gate.arrived() => {}
    }
    gate.open();
    assert_eq!(*root.get(&NET).await.unwrap(), "made");
}

#[tokio::test]
async fn a_failure_is_shared_and_asking_again_tries_again() {
    let (root, tries) = (Injector::root("root"), Arc::new(AtomicU32::new(0)));
    let count = tries.clone();
    root.provide_async(LEASE, move |_| {
        let attempt = count.fetch_add(1, Ordering::Relaxed);
        async move {
            tokio::task::yield_now().await;
            anyhow::ensure!(attempt > 0, "the server is down");
            Ok(attempt)
        }
    })
    .unwrap();
    let (one, two) = tokio::join!(root.get(&LEASE), root.get(&LEASE));
    let text = "cannot create `lease` (u32) at root: the server is down";
    assert_eq!((chain(one.unwrap_err()), chain(two.unwrap_err())), (text.to_owned(), text.to_owned()));
    assert_eq!(tries.load(Ordering::Relaxed), 1);
    assert_eq!(*root.get(&LEASE).await.unwrap(), 1);
}

#[tokio::test]
async fn a_factory_that_needs_itself_is_an_error_that_prints_the_circle() {
    let root = Injector::root("root");
    root.provide_async(NET, |at| async move { Ok(at.get(&LEASE).await?.to_string()) }).unwrap();
    root.provide_async(LEASE, |at| async move { Ok(at.get(&NET).await?.len().try_into()?) }).unwrap();
    let error = chain(root.get(&NET).await.unwrap_err());
    let circle = "waiting would never end: `lease` (u32) -> `net` (alloc::string::String) -> `lease` (u32)";
    assert!(error.ends_with(circle), "{error}");
    assert!(matches!(root.get(&NET).await.unwrap_err(), InjectError::Factory { .. }), "and again");
}

#[tokio::test]
async fn a_layout_provides_its_configuration() {
    let layout = Layout::in_memory().unwrap();
    let config =
        layout.add(Machine::new("m")).unwrap().as_any().injector().get(&InjectionKey::<Config>::of()).await.unwrap();
    assert_eq!(*config, *layout.config());
}

#[tokio::test]
async fn keys_of_a_type_are_listed_the_nearest_first_and_each_once() {
    let root = Injector::root("root");
    let child = root.child("child");
    root.provide(LEASE, 1).unwrap();
    root.provide(InjectionKey::named("other"), 2u32).unwrap();
    root.provide(NET, String::new()).unwrap();
    child.provide(LEASE, 3).unwrap();
    child.provide(InjectionKey::of(), 4u32).unwrap();
    let names: Vec<_> = child.filter::<u32>().into_iter().map(|key| key.name()).collect();
    assert_eq!(names, [None, Some("lease"), Some("other")]);
}

#[tokio::test]
async fn a_requested_object_is_brought_to_ready() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let key = InjectionKey::<Object<Machine>>::of();
    layout.injector().provide(key, machine.clone()).unwrap();
    assert_eq!(layout.injector().peek(&key).unwrap().as_any().id(), "m");
    assert!(machine.log.take().is_empty(), "a peek leaves it as it is");
    layout.injector().get(&key).await.unwrap();
    layout.injector().get(&key).await.unwrap();
    assert_eq!(machine.log.take(), ["first", "second", "third"]);

    let failing = layout.add(Machine::new("f")).unwrap();
    failing.knobs.set("first", "fail");
    let key = InjectionKey::named("failing");
    layout.injector().provide(key, failing).unwrap();
    let error = chain(layout.injector().get(&key).await.unwrap_err());
    assert!(error.contains("is not ready: `f` cannot be brought to ready: task `f/first`"), "{error}");
}

/// A model whose task takes another object, which is brought to ready.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "dependent")]
struct Dependent(Log);

#[setup_tasks]
impl Dependent {
    #[setup_task("Use the machine")]
    async fn work(&self, machine: setup_tasks::Inject<Object<Machine>>) {
        self.0.say(format!("after {:?}", machine.log.take()));
    }
}

#[tokio::test]
async fn a_task_that_takes_an_object_runs_once_that_is_ready() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    layout.injector().provide(InjectionKey::of(), machine).unwrap();
    let log = Log::default();
    layout.add(Dependent(log.clone())).unwrap().ready().await.unwrap();
    assert_eq!(log.take(), ["after [\"first\", \"second\", \"third\"]"]);
}

#[tokio::test]
async fn an_object_that_a_factory_makes_or_that_is_asked_for_as_any_is_brought_to_ready_too() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let (key, any) = (InjectionKey::<Object<Machine>>::of(), InjectionKey::<setup_tasks::AnyObject>::of());
    let made = machine.clone();
    layout.injector().provide_with(key, move |_| Ok(made.clone())).unwrap();
    assert_eq!(layout.injector().get_not_ready(&key).await.unwrap().as_any().id(), "m");
    assert!(machine.log.take().is_empty(), "asked for as it is");
    layout.injector().get(&key).await.unwrap();
    assert_eq!(machine.log.take().len(), 3);
    let other = layout.add(Machine::new("other")).unwrap();
    layout.injector().provide(any, other.as_any().clone()).unwrap();
    layout.injector().get(&any).await.unwrap();
    assert_eq!(other.log.take().len(), 3);
}

/// A model whose task takes another object as it is.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "patient")]
struct Patient(Log);

#[setup_tasks]
impl Patient {
    #[setup_task("Look at the machine")]
    async fn work(&self, machine: setup_tasks::ObjectRef<Machine>) {
        self.0.say(format!("{} after {:?}", machine.as_any().id(), machine.log.take()));
    }
}

#[tokio::test]
async fn a_task_may_take_an_object_that_is_not_ready() {
    let layout = Layout::in_memory().unwrap();
    let patient = layout.add(Patient(Log::default())).unwrap();
    let error = chain(patient.run_setup_tasks().await.unwrap_err());
    assert!(error.contains("which patient/work requests; searched patient, then the layout"), "{error}");
    layout.injector().provide(InjectionKey::of(), layout.add(Machine::new("m")).unwrap()).unwrap();
    patient.run_setup_tasks().await.unwrap();
    assert_eq!(patient.0.take(), ["m after []"]);
}

#[tokio::test]
async fn the_error_of_a_key_that_a_factory_misses_names_the_factory() {
    let root = Injector::root("root");
    root.provide_async(NET, |at| async move { Ok(at.get(&LEASE).await?.to_string()) }).unwrap();
    let error = chain(root.get(&NET).await.unwrap_err());
    let missing = "nothing provides `lease` (u32), which `net` (alloc::string::String) requests; searched root";
    assert!(error.contains(missing), "{error}");
}

#[tokio::test]
async fn readonly_comes_from_the_nearest_injector_and_is_looked_up_once() {
    let layout = Layout::in_memory().unwrap();
    let rack = layout.injector().child("rack");
    let place = |name| layout.object_builder(Machine::new(name)).under(&rack).add().unwrap();
    let (early, late, never) = (place("early"), place("late"), place("never"));
    assert!(!early.as_any().readonly());
    rack.provide(READONLY, true).unwrap();
    assert!(!early.as_any().readonly(), "it has looked");
    assert!(late.as_any().readonly() && late.run_setup_tasks().await.unwrap().readonly);
    rack.replace(READONLY, false);
    assert!(late.as_any().readonly() && !never.as_any().readonly());
    let own = layout.object_builder(Machine::new("own")).under(&rack).readonly(true).add().unwrap();
    assert!(own.as_any().readonly());

    let (made, failing, slow) = (rack.child("made"), rack.child("failing"), rack.child("slow"));
    made.provide_with(READONLY, |_| Ok(true)).unwrap();
    failing.provide_with(READONLY, |_| anyhow::bail!("cannot tell")).unwrap();
    slow.provide_async(READONLY, |_| std::future::pending()).unwrap();
    for (name, injector) in [("a", made), ("b", failing), ("c", slow)] {
        let machine = layout.object_builder(Machine::new(name)).under(&injector).add().unwrap();
        assert!(machine.as_any().readonly(), "{name}: where it cannot be told, nothing is touched");
    }
}

#[tokio::test]
async fn configuration_comes_from_the_nearest_injector_and_is_looked_up_once() {
    let layout = Layout::in_memory().unwrap();
    let elsewhere = layout.config().base_dir.join("elsewhere");
    let rack = layout.injector().child("rack");
    let config = layout.config().clone().with(|config| {
        config.base_dir.clone_from(&elsewhere);
        config.dry_run = true;
    });
    rack.provide(InjectionKey::of(), config).unwrap();
    let machine = layout.object_builder(Machine::new("m")).under(&rack).add().unwrap();
    assert!(machine.stamp_path().unwrap().starts_with(&elsewhere));
    assert_eq!(machine.run_setup_tasks().await.unwrap().would_run().count(), 3, "its dry_run counts");
    rack.replace(InjectionKey::of(), layout.config().clone());
    assert_eq!(machine.run_setup_tasks().await.unwrap().would_run().count(), 3, "it has looked");
    let other = layout.object_builder(Machine::new("other")).under(&rack).add().unwrap();
    assert_eq!(other.run_setup_tasks().await.unwrap().ran().count(), 3);
}
