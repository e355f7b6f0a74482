//! Tests of plans with tasks that run only if an earlier task changes something.

use std::sync::OnceLock;
use std::time::SystemTime;

use setup_tasks::fleet::ObjectStatus;
use setup_tasks::prelude::*;
use setup_tasks::run::{Decision, TaskStatus};
use setup_tasks::task::{Completion, TaskKind};
use setup_tasks::{Customization, Layout};

use test_kit::{Knobs, Machine, Scratch, events, lines};

async fn settled() -> (Layout, Object<Machine>) {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    machine.log.take();
    (layout, machine)
}

#[tokio::test]
async fn the_run_decides_about_a_task_that_may_run() {
    for (outcome, ran) in [(Some("unchanged"), &["second"][..]), (None, &["second", "third"])] {
        let (layout, machine) = settled().await;
        machine.knobs.set("hash", "new");
        outcome.into_iter().for_each(|outcome| machine.knobs.set("second", outcome));
        let mut events = events(&layout);
        let plan = machine.as_any().plan().await.unwrap();
        assert_eq!(lines(&plan)[2], "third may run, if second changes something");
        assert!(events.take().contains(&"m/third may run, if second changes something".to_owned()));
        assert!(!plan.is_up_to_date() && plan.may_run().count() == 1);
        let json = serde_json::to_value(&plan.tasks[2]).unwrap();
        let reason = serde_json::json!({ "reason": "dependency_newer", "which": "second" });
        assert_eq!((&json["status"], &json["reason"]), (&"may_run".into(), &reason));
        machine.run_setup_tasks().await.unwrap();
        assert_eq!(machine.log.take(), ran, "{outcome:?}");
    }
}

#[tokio::test]
async fn behind_a_task_without_a_valid_stamp_later_tasks_would_run() {
    let (_layout, machine) = settled().await;
    let third = async || lines(&machine.as_any().plan().await.unwrap())[2].clone();
    machine.delete_stamp("second").await.unwrap();
    assert_eq!(third().await, "third would run: second changed something later");
    machine.run_setup_tasks().await.unwrap();
    machine.knobs.set("hash", "new");
    machine.knobs.set("second", "fail");
    machine.run_setup_tasks().await.unwrap_err();
    assert_eq!(third().await, "third would run: second changed something later", "nobody knows what it changed");
}

#[tokio::test]
async fn a_change_in_the_past_is_certain_for_stamps_and_inspectors() {
    let (_layout, machine) = settled().await;
    machine.run_setup_tasks().force(Machine::FIRST).stop_after(Machine::FIRST).await.unwrap();
    let peeked = machine.as_any().peek().await.unwrap();
    let reason = |which: &'static str| Reason::DependencyNewer { which: which.into() };
    assert_eq!(peeked[1].decision, Some(Decision::Run(reason("first"))));
    assert_eq!(peeked[2].decision, Some(Decision::Run(reason("first"))), "it is certain, not only possible");
    machine.run_setup_tasks().await.unwrap();
    // After an interruption, nobody knows what the first task changed.
    let gate = machine.knobs.gate("first");
    let run = tokio::spawn(machine.run_setup_tasks().force(Machine::FIRST).into_future());
    gate.arrived().await;
    run.abort();
    let _ = run.await;
    let inspectors = machine.as_any().inspect();
    assert_eq!(inspectors[1].should_run().await.unwrap(), Some(reason("first")));
}

#[tokio::test]
async fn an_inspector_returns_the_reason_of_a_task_that_may_run() {
    let (_layout, machine) = settled().await;
    machine.knobs.set("hash", "new");
    let third = &machine.as_any().inspect()[2];
    assert_eq!(third.should_run().await.unwrap(), Some(Reason::DependencyNewer { which: "second".into() }));
    assert!(matches!(third.peek().await.unwrap(), Some(Decision::UpToDate(_))), "the hash function is not called");
}

/// The knob `a` decides whether `a` runs, and so on.
#[derive(SetupTasks, Default)]
#[setup_tasks(subdir = "shop")]
struct Shop {
    knobs: Knobs,
    /// The time at which `timed` was complete.
    complete: OnceLock<SystemTime>,
}

fn text(knobs: &Knobs, knob: &str) -> String {
    knobs.get(knob).unwrap_or_default()
}

#[setup_tasks]
impl Shop {
    #[setup_task("A", hash = hash_of_a)]
    fn a(&self) -> Outcome {
        Outcome::Unchanged
    }

    #[setup_task("B", subscribe = [], hash = hash_of_b)]
    fn b(&self) {}

    #[setup_task("Follow A", subscribe = [a])]
    fn follows_a(&self) {}

    #[setup_task("Follow the follower", subscribe = [follows_a])]
    fn follows_follower(&self) {}

    #[setup_task("Follow B", subscribe = [b])]
    fn follows_b(&self) {}

    #[setup_task("Have a time", check_completed = since)]
    fn timed(&self) {}

    #[setup_task("Have no time", check_completed = is_done)]
    fn untimed(&self) {}

    #[setup_task("Extra")]
    const EXTRA: Customization<Self, Extra> = Customization::new(|_| Extra);

    #[setup_task("End")]
    fn end(&self) {}

    fn hash_of_a(&self) -> String {
        text(&self.knobs, "a")
    }

    fn hash_of_b(&self) -> String {
        text(&self.knobs, "b")
    }

    fn since(&self) -> Completion {
        match self.knobs.get("since") {
            Some(_) => Completion::At(SystemTime::UNIX_EPOCH.into()),
            None => Completion::At((*self.complete.get_or_init(SystemTime::now)).into()),
        }
    }

    fn is_done(&self) -> bool {
        true
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "extra")]
struct Extra;

#[setup_tasks]
impl Extra {
    #[setup_task("X")]
    fn x(&self) {}
}

async fn shop() -> (Layout, Object<Shop>) {
    let layout = Layout::in_memory().unwrap();
    let shop = layout.add(Shop::default()).unwrap();
    shop.run_setup_tasks().await.unwrap();
    (layout, shop)
}

#[tokio::test]
async fn subscriptions_completion_checks_and_customizations_pass_possible_changes_on() {
    let (_layout, shop) = shop().await;
    shop.knobs.set("a", "new");
    let plan = shop.as_any().plan().await.unwrap();
    assert_eq!(
        lines(&plan),
        [
            "a would run: its hash changed to new",
            "b up to date",
            "follows_a may run, if a changes something",
            "follows_follower may run, if follows_a changes something",
            "follows_b up to date",
            "timed may run, if a changes something",
            "untimed up to date",
            "extra may run, if a changes something",
            "end may run, if a changes something",
        ]
    );
    assert_eq!(plan.tasks[7].subtasks[0].status, TaskStatus::MayRun);
    shop.knobs.set("b", "new");
    let plan = lines(&shop.as_any().plan().await.unwrap());
    assert_eq!(plan[2], "follows_a may run, if a changes something");
    assert_eq!(plan[4], "follows_b would run: b changed something later");
    assert_eq!(plan[5], "timed would run: b changed something later", "a certain change comes first");
}

#[tokio::test]
async fn every_other_reason_of_a_task_that_may_run_is_certain() {
    let (_layout, shop) = shop().await;
    shop.knobs.set("a", "new");
    shop.knobs.set("since", "long ago");
    let plan = lines(&shop.as_any().plan().await.unwrap());
    assert_eq!(plan[5], "timed would run: follows_b changed something later");
}

/// A customer of a machine.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "customer")]
struct Customer {
    #[depends_on(Machine::second)]
    machine: Object<Machine>,
}

#[setup_tasks]
impl Customer {
    #[setup_task("Buy")]
    fn buy(&self) {}
}

#[tokio::test]
async fn a_dependent_that_is_older_than_the_last_change_would_run_for_certain() {
    let (layout, machine) = settled().await;
    let customer = layout.add(Customer { machine: machine.clone() }).unwrap();
    customer.run_setup_tasks().await.unwrap();
    machine.knobs.set("hash", "new");
    let buy = async || layout.run().dry_run().await.unwrap().object("customer").unwrap().clone();
    let report = buy().await;
    assert_eq!((report.outcome, report.tasks[0].status), (ObjectStatus::MayRun, TaskStatus::MayRun));
    machine.run_setup_tasks().await.unwrap();
    machine.knobs.set("hash", "newer");
    let report = buy().await;
    assert_eq!((report.outcome, report.tasks[0].status), (ObjectStatus::WouldRun, TaskStatus::WouldRun));
}

/// A kind of task that foresees by its knob whether it would change something.
struct Foreseen;

impl TaskKind<Seer> for Foreseen {
    const HAS_HASH: bool = true;

    async fn run(&self, seer: &Seer, _cx: &TaskContext) -> Result<Outcome> {
        Ok(if seer.knobs.get("same").is_some() { Outcome::Unchanged } else { Outcome::Done })
    }

    async fn hash(&self, seer: &Seer, _cx: &TaskContext) -> Result<String> {
        Ok(text(&seer.knobs, "hash"))
    }

    async fn would_change(&self, seer: &Seer, _cx: &TaskContext) -> Result<Option<bool>> {
        match seer.knobs.get("foreseen").as_deref() {
            Some("change") => Ok(Some(true)),
            Some("same") => Ok(Some(false)),
            Some("error") => anyhow::bail!("fog"),
            Some("panic") => panic!("thick fog"),
            _ => Ok(None),
        }
    }
}

#[derive(SetupTasks, Clone, Default)]
#[setup_tasks(subdir = "seer")]
struct Seer {
    knobs: Knobs,
}

#[setup_tasks]
impl Seer {
    #[setup_task("Begin", subscribe = [], hash = hash_of_begin)]
    fn begin(&self) {}

    #[setup_task("See", subscribe = [])]
    const SEEN: Foreseen = Foreseen;

    #[setup_task("End", subscribe = [SEEN])]
    fn end(&self) {}

    fn hash_of_begin(&self) -> String {
        text(&self.knobs, "begin")
    }
}

#[tokio::test]
async fn a_plan_is_exact_where_a_kind_can_compute_the_change() {
    let layout = Layout::in_memory().unwrap();
    let seer = layout.add(Seer::default()).unwrap();
    seer.run_setup_tasks().await.unwrap();
    let end = async |foreseen: &'static str| {
        seer.knobs.set("hash", "new");
        seer.knobs.set("foreseen", foreseen);
        let plan = lines(&seer.as_any().plan().await.unwrap());
        assert_eq!(plan[1], "seen would run: its hash changed to new", "{foreseen}");
        plan[2].clone()
    };
    assert_eq!(end("change").await, "end would run: seen changed something later");
    assert_eq!(end("same").await, "end up to date");
    for unknown in ["", "error", "panic"] {
        assert_eq!(end(unknown).await, "end may run, if seen changes something", "{unknown}");
    }
    // The computation may be wrong once the earlier task has run.
    seer.knobs.set("begin", "anew");
    assert_eq!(end("same").await, "end may run, if seen changes something");
    assert_eq!(end("change").await, "end would run: seen changed something later");
}

/// A model whose first task has outputs, and whose check runs in every run.
#[derive(SetupTasks, Clone, Default)]
#[setup_tasks(subdir = "made")]
struct Made {
    knobs: Knobs,
}

#[setup_tasks]
impl Made {
    #[setup_task("Make", hash = hash_of_make, outputs = ["made.txt"], restat)]
    fn make(&self, cx: &TaskContext) -> Result<()> {
        Ok(std::fs::write(cx.layout().config().base_dir.join("made.txt"), "the same")?)
    }

    #[setup_task("Use")]
    fn apply(&self) {}

    fn hash_of_make(&self) -> String {
        text(&self.knobs, "make")
    }
}

#[tokio::test]
async fn behind_a_task_with_restat_later_tasks_may_run() {
    let place = Scratch::new();
    let layout = place.layout();
    let made = layout.add(Made::default()).unwrap();
    made.run_setup_tasks().await.unwrap();
    made.knobs.set("make", "new");
    let plan = lines(&made.as_any().plan().await.unwrap());
    assert_eq!(plan, ["make would run: its hash changed to new", "apply may run, if make changes something"]);
    let report = made.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report), ["make unchanged: its hash changed to new", "apply up to date"]);
}

/// Two checks that run in every run. The second one can report a change.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "checked")]
struct Checked;

#[setup_tasks]
impl Checked {
    #[setup_task("Look", always)]
    fn look(&self) {}

    #[setup_task("Work")]
    fn work(&self) {}

    #[setup_task("Tidy", always)]
    fn tidy(&self) -> Outcome {
        Outcome::Unchanged
    }

    #[setup_task("Follow")]
    fn follow(&self) {}
}

#[tokio::test]
async fn a_check_in_every_run_may_change_something_only_if_it_returns_an_outcome() {
    let layout = Layout::in_memory().unwrap();
    let checked = layout.add(Checked).unwrap();
    checked.run_setup_tasks().await.unwrap();
    let expected = [
        "look would run: runs in every run",
        "work up to date",
        "tidy would run: runs in every run",
        "follow may run, if tidy changes something",
    ];
    assert_eq!(lines(&checked.as_any().plan().await.unwrap()), expected);
    let peeked = checked.as_any().peek().await.unwrap();
    assert!(matches!(peeked[1].decision, Some(Decision::UpToDate(_))), "{peeked:?}");
    assert!(matches!(peeked[3].decision, Some(Decision::MayRun { .. })), "{peeked:?}");
}
