//! Tests of tasks that are added to one object at run time.

use std::time::Duration;

use setup_tasks::prelude::*;
use setup_tasks::task::{AddTaskError, TaskKind};
use setup_tasks::{Layout, NewTask};

use test_kit::{Log, Machine, Scratch, chain, lines};

fn say(
    log: &Log,
    line: &'static str,
) -> NewTask<setup_tasks::task::ClosureTask<impl Fn(TaskContext) -> std::future::Ready<()> + use<>>> {
    let log = log.clone();
    NewTask::new(line, format!("Say {line}"), move |_| {
        log.say(line);
        std::future::ready(())
    })
}

fn names(machine: &Object<Machine>) -> Vec<&'static str> {
    machine.as_any().task_names()
}

#[tokio::test]
async fn an_added_task_goes_to_its_place_and_is_stamped() {
    let place = Scratch::new();
    for _ in 0..2 {
        let layout = place.layout();
        let machine = layout.add(Machine::new("m")).unwrap();
        machine.add_setup_task(say(&machine.log, "last")).unwrap();
        machine.add_setup_task(say(&machine.log, "zeroth").before("first")).unwrap();
        machine.add_setup_task(say(&machine.log, "half").after("first")).unwrap();
        machine.add_setup_task(say(&machine.log, "between").order(250)).unwrap();
        assert_eq!(names(&machine), ["zeroth", "first", "half", "second", "between", "third", "last"]);
        let first_time = machine.check_stamp("half").await.unwrap().is_none();
        let report = machine.run_setup_tasks().await.unwrap();
        assert_eq!(report.ran().count(), if first_time { 7 } else { 0 });
        if first_time {
            assert_eq!(machine.log.take(), names(&machine));
        }
        assert!(machine.check_stamp("half").await.unwrap().is_some());
        let other = layout.add(Machine::new("other")).unwrap();
        assert_eq!(names(&other), ["first", "second", "third"], "others are as they were");
    }
}

#[tokio::test]
async fn an_added_task_invalidates_only_later_tasks() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    let half = machine.add_setup_task(say(&machine.log, "half").after("second")).unwrap();
    let plan = lines(&machine.as_any().plan().await.unwrap());
    assert_eq!(
        plan,
        [
            "first up to date",
            "second up to date",
            "half would run: never ran",
            "third would run: half changed something later"
        ]
    );
    half.run(&machine).await.unwrap();
    let report = machine.run_setup_tasks().stop_after(half).await.unwrap();
    assert!(report.is_up_to_date());
}

/// A kind of task with a hash.
struct Text(&'static str);

impl<T: Sync> TaskKind<T> for Text {
    const HAS_HASH: bool = true;

    async fn run(&self, _model: &T, cx: &TaskContext) -> Result<Outcome> {
        std::fs::write(cx.stamp_path()?.join("text"), self.0)?;
        Ok(Outcome::Done)
    }

    async fn hash(&self, _model: &T, _cx: &TaskContext) -> Result<String> {
        Ok(self.0.to_owned())
    }
}

#[tokio::test]
async fn a_value_can_be_added_and_its_hash_counts() {
    let place = Scratch::new();
    for (text, expected) in
        [("a", "text ran: never ran"), ("a", "text up to date"), ("b", "text ran: its hash changed from a to b")]
    {
        let layout = place.layout();
        let machine = layout.add(Machine::new("m")).unwrap();
        machine.add_setup_task(NewTask::value("text", Text(text)).order(50)).unwrap();
        assert_eq!(lines(&machine.run_setup_tasks().await.unwrap())[0], expected);
        assert_eq!(std::fs::read_to_string(machine.stamp_path().unwrap().join("text")).unwrap(), text);
    }
}

#[tokio::test]
async fn mistakes_are_errors_and_leave_the_object_as_it_was() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let log = Log::default();
    let error = machine.add_setup_task(say(&log, "first")).unwrap_err();
    assert!(
        matches!(error, AddTaskError::Exists { .. })
            && error.to_string().contains("`m` has a setup task `first` already"),
        "{error}"
    );
    let error = machine.add_setup_task(say(&log, "x").before("frist")).unwrap_err().to_string();
    assert_eq!(
        error,
        "`x` cannot be placed beside `frist`: `m` has no such setup task; it has `first`, `second`, `third`"
    );
    let error = machine.add_setup_task(say(&log, "x").before("first").after("second")).unwrap();
    assert_eq!(error.name(), "x", "second before first: the table's numbers give way");
    assert_eq!(names(&machine), ["second", "x", "first", "third"]);
    machine.add_setup_task(say(&log, "y").after("x")).unwrap();
    let error = machine.add_setup_task(say(&log, "z").before("second").after("y")).unwrap_err();
    assert!(
        matches!(error, AddTaskError::Cycle { .. }) && error.to_string().ends_with("second -> x -> y -> z -> second"),
        "{error}"
    );
    let error = machine.add_setup_task(say(&log, "z").order(3).after("y")).unwrap_err();
    assert!(matches!(error, AddTaskError::TwoPlaces { .. }), "{error}");
    assert_eq!(names(&machine), ["second", "x", "first", "y", "third"]);
}

#[tokio::test]
async fn a_task_may_add_one_that_the_same_run_considers() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let (log, late) = (machine.log.clone(), machine.log.clone());
    machine
        .as_any()
        .add_setup_task(
            NewTask::new("adds", "Add another", move |cx: TaskContext| {
                let late = late.clone();
                async move {
                    let task = NewTask::new("added", "Was added", move |cx: TaskContext| {
                        late.say(format!("added to {}", cx.object().id()));
                        std::future::ready(())
                    });
                    Ok::<_, anyhow::Error>(cx.object().add_setup_task(task.after("second"))?)
                }
            })
            .after("first"),
        )
        .unwrap();
    machine.run_setup_tasks().await.unwrap();
    assert_eq!(log.take(), ["first", "second", "added to m", "third"]);
}

#[tokio::test]
async fn added_tasks_fail_time_out_and_are_retried_like_other_tasks() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let slow = NewTask::new("slow", "Take long", |_| std::future::pending::<()>());
    let slow = machine.add_setup_task(slow.timeout(Duration::from_millis(20))).unwrap();
    let error = chain(slow.run(&machine).await.unwrap_err());
    assert!(error.ends_with("took longer than its timeout of 20ms"), "{error}");
    let flaky = NewTask::new("flaky", "Fail once", |cx: TaskContext| async move {
        anyhow::ensure!(cx.attempt() > 1, "not yet");
        Ok(Outcome::Done)
    });
    let flaky = machine.add_setup_task(flaky.retries(1)).unwrap();
    flaky.run(&machine).await.unwrap();
}

#[tokio::test]
async fn closures_of_an_added_task_decide_as_helper_methods_do() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let knobs = machine.knobs.clone();
    let get = move |knob: &'static str| {
        let knobs = knobs.clone();
        move |_: TaskContext| {
            let told = knobs.get(knob);
            async move {
                anyhow::ensure!(told.as_deref() != Some("fail"), "told to fail");
                anyhow::Ok(told.unwrap_or_default())
            }
        }
    };
    let is = |told: Result<String>| told.map(|told| told == "yes");
    machine.add_setup_task(say(&machine.log, "hashed").hash(get("hashed"))).unwrap();
    let valid = get("valid");
    let checked = get("checked");
    machine
        .add_setup_task(say(&machine.log, "valid").invalidator(move |cx| {
            let told = valid(cx);
            async move { is(told.await) }
        }))
        .unwrap();
    machine
        .add_setup_task(say(&machine.log, "checked").check_completed(move |cx| {
            let told = checked(cx);
            async move { is(told.await) }
        }))
        .unwrap();
    machine.run_setup_tasks().await.unwrap();
    assert!(machine.check_stamp("checked").await.unwrap().is_none());
    let plan = async || lines(&machine.as_any().plan().await.unwrap()).split_off(3);
    assert_eq!(
        plan().await,
        [
            "hashed up to date",
            "valid would run: its invalidator reports that it is no longer valid",
            "checked would run: its check reports that it is not complete"
        ]
    );
    machine.knobs.set("valid", "yes");
    machine.knobs.set("checked", "yes");
    assert_eq!(plan().await, ["hashed up to date", "valid up to date", "checked up to date"]);
    machine.knobs.set("hashed", "2");
    assert_eq!(
        plan().await,
        [
            "hashed would run: its hash changed to 2",
            "valid would run: hashed changed something later",
            "checked up to date"
        ]
    );
    machine.knobs.set("hashed", "fail");
    let error = chain(machine.run_setup_tasks().await.unwrap_err());
    assert_eq!(error, "the hash function of task `m/hashed` failed: told to fail");
}

#[tokio::test]
async fn an_added_task_depends_on_tasks_of_other_objects() {
    let layout = Layout::in_memory().unwrap();
    let (machine, other) = (layout.add(Machine::new("m")).unwrap(), layout.add(Machine::new("other")).unwrap());
    let task = say(&machine.log, "copy").before("third").depends_on(other.as_any().depends_on("second"));
    machine.as_any().add_setup_task(task).unwrap();
    machine.run_setup_tasks().await.unwrap();
    assert_eq!(other.log.take(), ["first", "second"]);
    assert_eq!(machine.log.take(), ["first", "second", "copy", "third"]);
    Machine::SECOND.run(&other).await.unwrap();
    machine.run_setup_tasks().await.unwrap();
    assert_eq!(machine.log.take(), ["copy", "third"]);
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[test]
fn an_invalid_added_task_is_refused_when_it_is_added() {
    let layout = Layout::in_memory().unwrap();
    let (machine, other) = (layout.add(Machine::new("m")).unwrap(), layout.add(Machine::new("other")).unwrap());
    let refused = |task| machine.add_setup_task(task).unwrap_err();
    let unknown = refused(say(&machine.log, "a").depends_on(other.as_any().depends_on("sceond")));
    assert!(matches!(&unknown, AddTaskError::UnknownDependency { .. }));
    assert_eq!(
        unknown.to_string(),
        "`a` of `m` depends on task `other/sceond`, but `other` has no setup task `sceond`; it has `first`, `second`, `third`"
    );
    let own = refused(say(&machine.log, "a").depends_on(machine.as_any().depends_on("first")));
    assert!(matches!(own, AddTaskError::OwnDependency { .. }), "{own}");
    let two = refused(say(&machine.log, "a").hash(|_| async { 1_u64 }).check_completed(|_| async { true }));
    assert!(matches!(two, AddTaskError::TwoChecks { .. }), "{two}");
    assert_eq!(names(&machine), ["first", "second", "third"]);
}
