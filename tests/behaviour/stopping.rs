//! Tests of stopped fleets, of tasks that are marked as done, and of checks of layouts.

use std::time::Duration;

use serde::Serialize;
use setup_tasks::fleet::ObjectStatus;
use setup_tasks::fleet::Stop;
use setup_tasks::prelude::*;
use setup_tasks::run::{RunError, TaskStatus};
use setup_tasks::stamp::StampError;
use setup_tasks::stamp::{
    Answer, Change, Fence, HistoryEntry, HistoryFilter, MemoryStore, Records, StampStore, Timestamp,
};
use setup_tasks::{BoxFuture, Config, Deferred, InjectionKey, Layout};
use setup_tasks_templates::{TemplateTask, template};

use test_kit::{Machine, Scratch, chain, lines};

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_finishes_running_tasks_and_starts_no_more() {
    let layout = Layout::in_memory().unwrap();
    let machines: Vec<_> = ["a", "b", "c"].map(|name| layout.add(Machine::new(name)).unwrap()).into();
    let gates: Vec<_> = machines.iter().map(|machine| machine.knobs.gate("first")).collect();
    let stop = Stop::new();
    let fleet = tokio::spawn(layout.run().jobs(2).stop_when(stop.clone()).into_future());
    gates[0].arrived().await;
    gates[1].arrived().await;
    stop.request();
    gates.iter().for_each(test_kit::Gate::open);
    let report = fleet.await.unwrap().unwrap();
    let outcomes: Vec<_> = report.objects.iter().map(|object| object.outcome).collect();
    assert_eq!(outcomes, [ObjectStatus::Stopped, ObjectStatus::Stopped, ObjectStatus::NotTried]);
    assert_eq!(report.count(TaskStatus::Ran), 2);
    assert_eq!(report.summary(), "stopped: 3 of 3 objects not finished; 1 not tried, 2 tasks ran");
    assert!(report.stopped && !report.is_success());
    for machine in &machines[..2] {
        assert!(
            machine.check_stamp("first").await.unwrap().is_some()
                && machine.check_stamp("second").await.unwrap().is_none()
        );
        assert_eq!(machine.log.take(), ["first"]);
    }
    assert!(machines[2].log.take().is_empty());
}

#[tokio::test]
async fn a_stop_ends_the_wait_for_another_process_and_for_the_next_attempt() {
    let place = Scratch::new();
    let (layout, other) = (place.layout(), place.layout());
    let [holder, waiter] = [&other, &layout].map(|layout| layout.add(Machine::new("m")).unwrap());
    let gate = holder.knobs.gate("first");
    let held = tokio::spawn(holder.run_setup_tasks().into_future());
    gate.arrived().await;
    let stop = Stop::new();
    let mut events = layout.events();
    let fleet = tokio::spawn(layout.run().stop_when(stop.clone()).into_future());
    while !matches!(events.next().await.unwrap().kind, setup_tasks::event::EventKind::Waiting { .. }) {}
    stop.request();
    let report = tokio::time::timeout(Duration::from_secs(10), fleet).await.unwrap().unwrap().unwrap();
    assert_eq!(report.objects[0].outcome, ObjectStatus::Stopped);
    assert!(waiter.log.take().is_empty());
    gate.open();
    held.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_of_the_layout_ends_single_runs_and_fleets_alike() {
    let layout = Layout::in_memory().unwrap();
    let [one, other] = ["a", "b"].map(|name| layout.add(Machine::new(name)).unwrap());
    let gate = one.knobs.gate("first");
    let run = tokio::spawn(one.run_setup_tasks().into_future());
    gate.arrived().await;
    layout.stop().request();
    gate.open();
    assert!(matches!(run.await.unwrap().unwrap_err(), RunError::Stopped { object } if object == "a"));
    assert_eq!(one.log.take(), ["first"], "what ran came to its end");
    let report = layout.run().stop_when(Stop::new()).await.unwrap();
    assert!(report.stopped && other.log.take().is_empty());
    assert!(matches!(other.run_setup_tasks().await.unwrap_err(), RunError::Stopped { .. }));
}

#[tokio::test]
async fn a_stop_of_the_layout_ends_the_wait_for_another_process() {
    let place = Scratch::new();
    let (layout, other) = (place.layout(), place.layout());
    let [holder, waiter] = [&other, &layout].map(|layout| layout.add(Machine::new("m")).unwrap());
    let gate = holder.knobs.gate("first");
    let held = tokio::spawn(holder.run_setup_tasks().into_future());
    gate.arrived().await;
    let mut events = layout.events();
    let run = tokio::spawn(waiter.run_setup_tasks().into_future());
    while !matches!(events.next().await.unwrap().kind, setup_tasks::event::EventKind::Waiting { .. }) {}
    layout.stop().request();
    assert!(matches!(run.await.unwrap().unwrap_err(), RunError::Stopped { .. }));
    gate.open();
    held.await.unwrap().unwrap();
}

/// A store that requests a stop when one write records the end of a task and the beginning of the next.
#[derive(Default)]
struct Stopping {
    stop: Stop,
    kept: MemoryStore,
}

impl StampStore for Stopping {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records> {
        self.kept.load(object)
    }

    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>> {
        if changes.len() == 2 {
            self.stop.request();
        }
        self.kept.write(object, fence, changes)
    }

    fn latest(&self) -> Answer<'_, Option<Timestamp>> {
        self.kept.latest()
    }

    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>> {
        self.kept.history(filter)
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door")]
struct Door;

#[setup_tasks]
impl Door {
    #[setup_task("Paint it")]
    fn paint(&self) {}
    #[setup_task("Hang it")]
    fn hang(&self) {}
}

#[tokio::test]
async fn a_task_that_a_stop_prevents_does_not_count_as_interrupted() {
    let (place, store) = (Scratch::new(), Stopping::default());
    let stop = store.stop.clone();
    let config = Config::new(place.path());
    let layout = Layout::with_store(config, store);
    let door = layout.add(Door).unwrap();
    let report = layout.run().stop_when(stop).await.unwrap();
    assert!(report.stopped && report.count(TaskStatus::Ran) == 1, "{report}");
    assert_eq!(lines(&door.as_any().plan().await.unwrap()), ["paint up to date", "hang would run: never ran"]);
}

#[tokio::test]
async fn a_marked_task_counts_as_done_with_its_hash_and_later_tasks_run() {
    let place = Scratch::new();
    let layout = place.layout();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.knobs.set("hash", "one");
    machine.as_any().mark_done("first").await.unwrap();
    let stamp = machine.as_any().mark_done("second").await.unwrap();
    assert_eq!(stamp.contents, "one");
    assert!(machine.log.take().is_empty(), "nothing ran");
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report), ["first up to date", "second up to date", "third ran: never ran"]);
    let history = layout.history(&HistoryFilter::new().task("second")).await.unwrap();
    assert_eq!((history[0].reason.as_str(), &history[0].why), ("marked by hand", &None));
    machine.as_any().mark_done("second").await.unwrap();
    assert_eq!(lines(&machine.as_any().plan().await.unwrap())[2], "third would run: second changed something later");
}

#[tokio::test]
async fn a_task_without_stamps_cannot_be_marked() {
    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "checked")]
    struct Checked;
    #[setup_tasks]
    impl Checked {
        #[setup_task("Look", check_completed = looked)]
        fn look(&self) {}
        fn looked(&self) -> bool {
            true
        }
    }
    let layout = Layout::in_memory().unwrap();
    let checked = layout.add(Checked).unwrap().as_any().clone();
    let error = chain(checked.mark_done("look").await.unwrap_err());
    assert_eq!(
        error,
        "`checked/look` cannot be marked as done: it is a task with a completion check, which has no stamp"
    );
    assert!(matches!(checked.mark_done("lok").await, Err(RunError::UnknownTask { .. })));
}

const NOBODY: InjectionKey<Object<Machine>> = InjectionKey::named("nobody");

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "faulty/{name}", id = "{name}")]
struct Faulty {
    name: String,
    #[serde(skip)]
    #[depends_on(Machine::first)]
    machine: Option<Deferred<Machine>>,
    words: Option<Vec<String>>,
}

#[setup_tasks]
impl Faulty {
    #[setup_task("Read", inputs = ["{name}[/x"])]
    fn read(&self) {}

    #[setup_task]
    const ZONE: TemplateTask = TemplateTask::new(template!("templates/words.tera"));
}

#[tokio::test]
async fn a_check_finds_every_mistake_and_touches_nothing() {
    let place = Scratch::new();
    let layout = place.layout();
    let bad = layout
        .add(Faulty { name: "bad".into(), machine: Some(Deferred::new(NOBODY)), words: None })
        .unwrap()
        .as_any()
        .clone();
    let problems: Vec<_> = bad.check().await.into_iter().map(chain).collect();
    assert_eq!(problems.len(), 3, "{problems:#?}");
    assert!(problems[0].starts_with("the relationship of task `bad/machine_first` failed"), "{problems:#?}");
    assert!(problems[1].starts_with("the list of inputs of task `bad/read` failed"), "{problems:#?}");
    assert!(problems[2].starts_with("the definition of task `bad/zone` failed"), "{problems:#?}");
    assert!(place.tree().is_empty());

    layout.injector().provide(NOBODY, layout.add(Machine::new("m")).unwrap()).unwrap();
    let words = Some(vec!["one".to_owned()]);
    let good = Faulty { name: "good".into(), machine: Some(Deferred::new(NOBODY)), words };
    let problems: Vec<_> = layout.add(good).unwrap().as_any().check().await.into_iter().map(chain).collect();
    assert!(problems.len() == 1 && problems[0].contains("good/read"), "{problems:#?}");
}
