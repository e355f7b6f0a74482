//! Tests of the inspectors of types, objects and tasks.

use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::prelude::*;
use setup_tasks::run::Decision;
use setup_tasks::{Customization, Layout};

use test_kit::{Machine, Scratch, chain};

/// A model with one task of every category.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "desk")]
struct Desk {
    machine: Machine,
    #[depends_on(Machine::second)]
    other: Object<Machine>,
}

#[setup_tasks]
impl Desk {
    #[setup_task("Put it together", tags = ["wood", "once"])]
    fn assemble(&self) {
        self.machine.log.say("assemble");
    }

    #[setup_task("Put a lamp on it")]
    const LAMP: Customization<Desk, Lamp> = Customization::new(|desk| Lamp(desk.machine.clone()));

    #[setup_task("Look whether it is clean", check_completed = is_clean)]
    fn clean(&self) {
        self.machine.log.say("clean");
    }

    fn is_clean(&self) -> Result<bool> {
        match self.machine.knobs.get("clean").as_deref() {
            Some("fail") => anyhow::bail!("too dark"),
            clean => Ok(clean.is_some()),
        }
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "lamp")]
struct Lamp(Machine);

#[setup_tasks]
impl Lamp {
    #[setup_task("Screw the bulb in", hash = bulb)]
    fn bulb_in(&self) {}

    fn bulb(&self) -> String {
        self.0.log.say("asked");
        self.0.knobs.get("bulb").unwrap_or_default()
    }
}

fn desk(layout: &Layout) -> Object<Desk> {
    let other = layout.add(Machine::new("other")).unwrap();
    layout.add(Desk { machine: Machine::new("desk"), other }).unwrap()
}

#[test]
fn a_type_lists_its_tasks() {
    let tasks = Desk::inspect_class();
    let facts: Vec<_> = tasks.iter().map(|task| (task.name(), task.description(), task.category())).collect();
    assert_eq!(
        facts,
        [
            ("other_second", "Depend on second of other", TaskCategory::Relationship),
            ("assemble", "Put it together", TaskCategory::Task),
            ("lamp", "Put a lamp on it", TaskCategory::Customization),
            ("clean", "Look whether it is clean", TaskCategory::Task),
        ]
    );
    assert_eq!(tasks[1].tags(), ["wood", "once"]);
    let bulb = &tasks[2].subtasks()[0];
    assert_eq!((bulb.name(), bulb.stamp_name(), bulb.type_name()), ("bulb_in", "lamp.bulb_in", "Lamp"));
    let mut back = Some(&tasks[3]);
    let mut names = Vec::new();
    while let Some(task) = back {
        names.push(task.name());
        back = task.previous();
    }
    assert_eq!(names, ["clean", "lamp", "assemble", "other_second"]);
}

/// Returns the tasks of an object, each followed by its subtasks.
fn flat(tasks: &[ObjectTaskInspector]) -> Vec<&ObjectTaskInspector> {
    tasks.iter().flat_map(|task| std::iter::once(task).chain(flat(task.subtasks()))).collect()
}

#[tokio::test]
async fn an_object_reports_which_tasks_would_run_and_why() {
    let place = Scratch::new();
    let layout = place.layout();
    let desk = desk(&layout);
    let should_run = async || {
        let mut lines = Vec::new();
        for task in flat(&desk.as_any().inspect()) {
            assert_eq!(task.object_id(), "desk");
            let reason = task.should_run().await.unwrap().map_or("-".to_owned(), |reason| reason.to_string());
            lines.push(format!("{} {reason}", task.stamp_name()));
        }
        lines
    };
    assert_eq!(
        should_run().await,
        [
            "other_second -",
            "assemble never ran",
            "lamp never ran",
            "lamp.bulb_in never ran",
            "clean its check reports that it is not complete"
        ]
    );
    desk.run_setup_tasks().await.unwrap();
    desk.machine.knobs.set("clean", "yes");
    assert_eq!(should_run().await, ["other_second -", "assemble -", "lamp -", "lamp.bulb_in -", "clean -"]);
    desk.machine.knobs.set("bulb", "bright");
    let bulb = "its hash changed to bright";
    let lines = should_run().await;
    assert_eq!(lines[2..4], [format!("lamp {bulb}"), format!("lamp.bulb_in {bulb}")]);
}

#[tokio::test]
async fn an_object_reports_the_times_and_the_order_of_its_tasks() {
    let layout = Layout::in_memory().unwrap();
    let desk = desk(&layout);
    for task in desk.as_any().inspect() {
        assert_eq!(task.last_run().await.unwrap(), None);
    }
    desk.run_setup_tasks().await.unwrap();
    let tasks = desk.as_any().inspect();
    let bulb = &tasks[2].subtasks()[0];
    let times = [tasks[1].last_run().await.unwrap().unwrap().time, bulb.last_run().await.unwrap().unwrap().time];
    assert!(times[0] < times[1]);
    assert_eq!(Some(times[1]), desk.check_stamp("lamp.bulb_in").await.unwrap().map(|stamp| stamp.time));
    assert_eq!(bulb.previous().unwrap().name(), "assemble");
    assert_eq!(tasks[3].previous().unwrap().name(), "lamp");
    assert!(tasks[0].previous().is_none());
    assert_eq!(tasks[1].tags(), ["wood", "once"]);
    assert_eq!(desk.as_any().inspect().len(), 4);
}

#[tokio::test]
async fn the_cheap_form_runs_no_method() {
    let layout = Layout::in_memory().unwrap();
    let desk = desk(&layout);
    desk.run_setup_tasks().await.unwrap();
    desk.machine.log.take();
    desk.machine.knobs.set("bulb", "bright");
    desk.machine.knobs.set("clean", "fail");
    let tasks = desk.as_any().inspect();
    assert!(matches!(tasks[1].peek().await.unwrap(), Some(Decision::UpToDate(Some(_)))));
    for at in [0, 2, 3] {
        assert!(tasks[at].peek().await.unwrap().is_none());
    }
    assert!(
        matches!(tasks[2].subtasks()[0].peek().await.unwrap(), Some(Decision::UpToDate(_))),
        "the hash was not asked"
    );
    assert!(desk.machine.log.take().is_empty());

    desk.delete_stamp("assemble").await.unwrap();
    let tasks = desk.as_any().inspect();
    assert!(matches!(tasks[1].peek().await.unwrap(), Some(Decision::Run(Reason::NeverRan))));
    let bulb = tasks[2].subtasks()[0].peek().await.unwrap();
    assert!(matches!(&bulb, Some(Decision::Run(Reason::DependencyNewer { which })) if which == "assemble"), "{bulb:?}");
}

#[tokio::test]
async fn a_failing_check_hides_only_later_tasks() {
    let layout = Layout::in_memory().unwrap();
    let desk = desk(&layout);
    desk.machine.knobs.set("clean", "fail");
    let tasks = desk.as_any().inspect();
    assert_eq!(tasks[1].should_run().await.unwrap(), Some(Reason::NeverRan));
    assert_eq!(tasks[2].subtasks()[0].should_run().await.unwrap(), Some(Reason::NeverRan));
    // A run would call the check only after the earlier tasks.
    let error = chain(tasks[3].should_run().await.unwrap_err());
    assert!(error.starts_with("task `desk/clean` is undecided: decided once "), "{error}");
    assert!(error.ends_with("; before that, the completion check of task `desk/clean` failed: too dark"), "{error}");
}
