//! Tests of events: their receivers, their keys, and receivers that misbehave.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::StreamExt;
use setup_tasks::event::EventKey;
use setup_tasks::prelude::*;
use setup_tasks::{InjectionKey, Layout};

use test_kit::{Events, Log, Machine, events};

const RACK: InjectionKey<()> = InjectionKey::named("rack");

/// A model that adds a key to its events.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "racked", event_keys = also)]
struct Racked;

#[setup_tasks]
impl Racked {
    #[setup_task("Mount in the rack")]
    fn mount(&self) {}

    fn also(&self) -> Vec<EventKey> {
        vec![RACK.into()]
    }
}

#[tokio::test]
async fn events_go_to_the_keys_of_their_object_at_its_injector_and_those_above() {
    let layout = Layout::in_memory().unwrap();
    let (east, west) = (layout.injector().child("east"), layout.injector().child("west"));
    let in_east = layout.object_builder(Machine::new("e")).under(&east).add().unwrap();
    let in_west = layout.object_builder(Machine::new("w")).under(&west).add().unwrap();
    let racked = layout.object_builder(Racked).under(&east).add().unwrap();
    let all = InjectionKey::<Machine>::of();
    let mut streams = [
        ("all, at the root", layout.injector().events(EventKey::all())),
        ("all, in the east", east.events(EventKey::all())),
        ("machines, at the root", layout.injector().events(EventKey::of::<Machine>())),
        ("machines, by injection key", layout.injector().events(all)),
        ("the eastern one, at the root", layout.injector().events(EventKey::object("e"))),
        ("the eastern one, in the west", west.events(EventKey::object("e"))),
        ("the western one, at itself", in_west.as_any().injector().events(EventKey::object("w"))),
        ("racked, at the root", layout.injector().events(RACK)),
        ("racked, in the west", west.events(RACK)),
    ]
    .map(|(name, stream)| (name, Events::of(stream)));
    in_east.run_setup_tasks().stop_after(Machine::FIRST).await.unwrap();
    in_west.run_setup_tasks().stop_after(Machine::FIRST).await.unwrap();
    racked.run_setup_tasks().await.unwrap();
    let told: Vec<_> = streams.iter_mut().map(|(name, stream)| (*name, objects(&stream.take()))).collect();
    assert_eq!(
        told,
        [
            ("all, at the root", vec!["e", "racked", "w"]),
            ("all, in the east", vec!["e", "racked"]),
            ("machines, at the root", vec!["e", "w"]),
            ("machines, by injection key", vec!["e", "w"]),
            ("the eastern one, at the root", vec!["e"]),
            ("the eastern one, in the west", vec![]),
            ("the western one, at itself", vec!["w"]),
            ("racked, at the root", vec!["racked"]),
            ("racked, in the west", vec![]),
        ]
        .map(|(name, objects)| (name, objects.into_iter().map(str::to_owned).collect()))
    );
}

fn objects(events: &[String]) -> Vec<String> {
    let mut objects: Vec<_> = events.iter().map(|event| event.split('/').next().unwrap().to_owned()).collect();
    objects.sort_unstable();
    objects.dedup();
    objects
}

#[tokio::test]
async fn every_kind_of_event_is_sent() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let mut events = events(&layout);
    machine.knobs.set("first", "log hello");
    machine.knobs.set("second", "skip");
    machine.ready().await.unwrap();
    assert_eq!(
        events.take(),
        [
            "m/first should run: never ran",
            "m/first start 1",
            "m/first says: hello",
            "m/first ran",
            "m/second should run: never ran",
            "m/second start 1",
            "m/second skipped",
            "m/third should run: never ran",
            "m/third start 1",
            "m/third ran",
            "m/ is ready",
        ]
    );
    machine.ready().await.unwrap();
    assert!(events.take().is_empty(), "ready is ready");
    machine.as_any().plan().await.unwrap();
    assert_eq!(events.take()[..2], ["m/first already run", "m/second would run: never ran"]);

    let failing = layout.add(Machine::new("f")).unwrap();
    failing.knobs.set("first", "fail");
    failing.ready().await.unwrap_err();
    let told = events.take();
    assert_eq!(told[told.len() - 2], "f/first fail: cannot write: the disk is on fire");
    assert!(told.last().unwrap().starts_with("f/ is not ready: task `f/first` (Do the first) failed"), "{told:?}");
}

#[tokio::test]
async fn callbacks_and_streams_receive_events_in_order() {
    let layout = Layout::in_memory().unwrap();
    let (sync, later) = (Log::default(), Log::default());
    let (to_sync, to_later) = (sync.clone(), later.clone());
    let one = layout.on_event(move |event| to_sync.say(event.task));
    let two = layout.injector().on_event_async(EventKey::all(), move |event| {
        let to_later = to_later.clone();
        async move {
            tokio::task::yield_now().await;
            to_later.say(event.task);
        }
    });
    let mut stream = layout.events();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    one.flush().await;
    two.flush().await;
    let told: Vec<_> = std::iter::from_fn(|| stream.try_next()).map(|event| event.task.to_owned()).collect();
    assert_eq!(told.len(), 9);
    assert_eq!((sync.take(), later.take()), (told.clone(), told));
    machine.run_setup_tasks().force_all().await.unwrap();
    assert_eq!(stream.by_ref().take(9).count().await, 9, "it is a stream");
}

#[test]
fn an_async_callback_needs_no_runtime_where_it_is_set() {
    let layout = Layout::in_memory().unwrap();
    let log = Log::default();
    let kept = log.clone();
    let listening = layout.injector().on_event_async(EventKey::all(), move |event| {
        let kept = kept.clone();
        async move {
            tokio::time::sleep(Duration::from_millis(1)).await;
            kept.say(event.task);
        }
    });
    let machine = layout.add(Machine::new("m")).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        machine.run_setup_tasks().await.unwrap();
        listening.flush().await;
    });
    assert_eq!(log.take().len(), 9);
}

#[tokio::test]
async fn listeners_that_stall_or_panic_harm_no_run_and_no_other_listener() {
    let layout = Layout::in_memory().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let (release, stalled) = std::sync::mpsc::channel::<()>();
    let stalls = layout.on_event(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        // The listener blocks until the end of the test.
        let _ = stalled.recv();
    });
    let hangs = layout.injector().on_event_async(EventKey::all(), |_| std::future::pending());
    let panics = layout.on_event(|_| panic!("a bad listener"));
    let panics_later = layout.injector().on_event_async(EventKey::all(), |_| async { panic!("another bad listener") });
    let log = Log::default();
    let kept = log.clone();
    let good = layout.on_event(move |event| kept.say(event.task));
    let machine = layout.add(Machine::new("m")).unwrap();
    for _ in 0..20 {
        machine.run_setup_tasks().force_all().await.unwrap();
    }
    good.flush().await;
    assert_eq!(log.take().len(), 180);
    panics.flush().await;
    panics_later.flush().await;
    assert!(calls.load(Ordering::Relaxed) <= 1, "it stalls at its first event");
    drop(release);
    stalls.flush().await;
    assert_eq!(calls.load(Ordering::Relaxed), 180, "it is told all that happened meanwhile");
    drop(hangs);
}

#[tokio::test]
async fn an_unread_stream_loses_events_and_reports_their_number() {
    let layout = Layout::in_memory().unwrap();
    let stream = layout.events();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    let runs = (1 << 16) / 3 + 1;
    for _ in 0..runs {
        machine.run_setup_tasks().await.unwrap();
    }
    assert_eq!(stream.missed(), 9 + 3 * runs - (1 << 16));
}
