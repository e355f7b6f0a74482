//! Tests of plans that are reviewed before they are applied.

use std::path::PathBuf;

use setup_tasks::fleet::{FleetPlan, FleetReport, ObjectStatus, PlanError};
use setup_tasks::prelude::*;
use setup_tasks::{Layout, Secret};

use test_kit::{Knobs, Log, Machine, Scratch, chain};

/// A layout with a machine in a directory, as each process makes it.
fn open(place: &Scratch) -> (Layout, Object<Machine>) {
    let layout = place.layout();
    let machine = layout.add(Machine::new("m")).unwrap();
    (layout, machine)
}

fn file(place: &Scratch) -> PathBuf {
    place.path().join("saved.plan")
}

/// Saves a plan of a settled machine whose second task has another hash.
async fn saved(place: &Scratch) {
    let (layout, machine) = open(place);
    machine.run_setup_tasks().await.unwrap();
    machine.knobs.set("hash", "new");
    let plan = layout.run().plan().await.unwrap();
    assert_eq!(plan.report().summary(), "would run: 1 task on 1 object; 1 may run, 1 up to date");
    plan.write(file(place)).unwrap();
}

async fn refused(layout: &Layout, place: &Scratch) -> String {
    let error = FleetPlan::read(layout, file(place)).await.unwrap_err();
    assert!(error.help().unwrap().contains("new"), "{error:?}");
    error.to_string()
}

/// Returns the only error of a report.
fn error(report: &FleetReport) -> String {
    let failed: Vec<_> = report.with(ObjectStatus::Failed).collect();
    assert_eq!(failed.len(), 1, "{report}");
    setup_tasks::error::explain(&**failed[0].error.as_ref().unwrap())
}

#[tokio::test]
async fn a_saved_plan_runs_its_tasks_once_in_another_process() {
    for (outcome, ran) in [(None, &["second", "third"][..]), (Some("unchanged"), &["second"])] {
        let place = Scratch::new();
        saved(&place).await;
        let (layout, machine) = open(&place);
        machine.knobs.set("hash", "new");
        outcome.into_iter().for_each(|outcome| machine.knobs.set("second", outcome));
        let plan = FleetPlan::read(&layout, file(&place)).await.unwrap();
        assert!(plan.run().await.unwrap().is_success());
        assert_eq!(machine.log.take(), ran, "what may run can stay out");
        assert_eq!(refused(&layout, &place).await, "the plan no longer holds: the records of `m` have changed");
        let report = plan.run().await.unwrap();
        assert!(report.is_success() && machine.log.take().is_empty(), "nothing is left to do");
    }
}

#[tokio::test]
async fn a_plan_is_refused_if_the_present_state_differs() {
    let place = Scratch::new();
    saved(&place).await;
    let (layout, machine) = open(&place);
    assert_eq!(
        refused(&layout, &place).await,
        "the plan no longer holds: `m/second` is up to date; `m/third` is up to date"
    );
    machine.knobs.set("hash", "newer");
    assert_eq!(refused(&layout, &place).await, "the plan no longer holds: the data of `m/second` has changed");
    machine.knobs.set("valid", "no");
    machine.knobs.clear("hash");
    let error = refused(&layout, &place).await;
    assert!(error.contains("`m/second` has another reason to run"), "{error}");
    machine.knobs.clear("valid");
    machine.knobs.set("hash", "new");
    layout.add(Machine::new("n")).unwrap();
    assert_eq!(refused(&layout, &place).await, "the plan no longer holds: the layout selects `n`, too");
    let layout = place.layout();
    layout.add(Machine::new("n")).unwrap();
    let error = refused(&layout, &place).await;
    assert_eq!(error, "the plan no longer holds: the layout selects `m` no longer; the layout selects `n`, too");
    let layout = place.layout();
    let machine = layout.object_builder(Machine::new("m")).readonly(true).add().unwrap();
    machine.knobs.set("hash", "new");
    let error = refused(&layout, &place).await;
    assert!(error.contains("`m/second` is up to date"), "{error}");
}

#[tokio::test]
async fn new_data_of_a_task_that_has_never_run_is_refused() {
    let place = Scratch::new();
    let (layout, machine) = open(&place);
    machine.knobs.set("hash", "one");
    layout.run().plan().await.unwrap().write(file(&place)).unwrap();
    machine.knobs.set("hash", "two");
    assert_eq!(refused(&layout, &place).await, "the plan no longer holds: the data of `m/second` has changed");
    machine.knobs.set("hash", "one");
    FleetPlan::read(&layout, file(&place)).await.unwrap().run().await.unwrap();
    assert_eq!(machine.log.take(), ["first", "second", "third"]);
}

#[tokio::test]
async fn a_damaged_plan_is_an_error_and_never_runs() {
    let place = Scratch::new();
    saved(&place).await;
    let (layout, machine) = open(&place);
    machine.knobs.set("hash", "new");
    let whole = std::fs::read_to_string(file(&place)).unwrap();
    let read = async |text: &str| {
        std::fs::write(file(&place), text).unwrap();
        FleetPlan::read(&layout, file(&place)).await
    };
    for length in (0..whole.trim_end().len()).step_by(31) {
        let error = read(&whole[..length]).await.unwrap_err();
        assert!(matches!(error, PlanError::NoPlan { .. }), "{length}: {error:?}");
    }
    for (from, to) in [
        ("may_run", "would_run"),
        ("\"third\"", "\"first\""),
        ("\"m\"", "\"n\""),
        ("\"force_all\": false", "\"force_all\": true"),
        ("\"include\": []", "\"include\": [\"m\"]"),
    ] {
        assert!(whole.contains(from), "{from}: {whole}");
        let error = read(&whole.replacen(from, to, 1)).await.unwrap_err();
        assert!(matches!(error, PlanError::Edited { .. }), "{from}: {error:?}");
    }
    let error = read(&whole.replace("\"version\": 1", "\"version\": 2")).await.unwrap_err();
    assert!(matches!(error, PlanError::Newer { version: 2, .. }), "{error:?}");
    for text in ["", "[]", "{}", "null", "{\"version\":1}", &whole.replace("\"seal\"", "\"seals\"")] {
        assert!(matches!(read(text).await.unwrap_err(), PlanError::NoPlan { .. }), "{text}");
    }
    assert!(machine.log.take().is_empty());
    assert!(read(&whole).await.is_ok());
}

#[tokio::test]
async fn a_plan_of_another_directory_is_refused() {
    let (place, other) = (Scratch::new(), Scratch::new());
    saved(&place).await;
    let (layout, _) = open(&other);
    let error = FleetPlan::read(&layout, file(&place)).await.unwrap_err();
    assert!(matches!(error, PlanError::OtherDirectory { .. }), "{error:?}");
    assert!(other.tree().is_empty(), "nothing was written there");
}

#[tokio::test]
async fn no_task_outside_of_the_plan_runs() {
    let (layout, machine) = open(&Scratch::new());
    machine.run_setup_tasks().await.unwrap();
    machine.log.take();
    let other = layout.add(Machine::new("other")).unwrap();
    let plan = layout.run().plan().await.unwrap();
    // After the plan, a task of the other object must run, too.
    machine.knobs.set("hash", "new");
    let report = plan.run().await.unwrap();
    assert_eq!(
        error(&report),
        "`m` cannot be brought to ready: task `m/second` must run now, and the plan does not contain it: its hash changed to new\n\
         help: something changed after the plan was made; make a new plan, and review it"
    );
    assert!(machine.log.take().is_empty());
    assert_eq!(other.log.take(), ["first", "second", "third"], "what was planned runs");
}

#[tokio::test]
async fn records_that_another_process_changes_before_the_run_are_refused() {
    let place = Scratch::new();
    let (layout, machine) = open(&place);
    let plan = layout.run().plan().await.unwrap();
    let (_other, elsewhere) = open(&place);
    elsewhere.as_any().mark_done("first").await.unwrap();
    let report = plan.run().await.unwrap();
    let error = error(&report);
    assert!(
        error.contains("the records of `m` have changed since the plan was made\nhelp: something changed"),
        "{error}"
    );
    assert!(machine.log.take().is_empty());
}

/// A model whose first task runs the last one through its handle.
#[derive(SetupTasks, Clone, Default)]
#[setup_tasks(subdir = "caller")]
struct Caller {
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Caller {
    #[setup_task("Call", hash = hash)]
    async fn call(&self, object: Object<Self>) -> Result<()> {
        self.log.say("call");
        Self::CALLED.run(&object).await?;
        Ok(())
    }

    #[setup_task("Be called")]
    fn called(&self) {
        self.log.say("called");
    }

    fn hash(&self) -> String {
        self.knobs.get("hash").unwrap_or_default()
    }
}

#[tokio::test]
async fn a_task_that_a_planned_one_runs_is_a_part_of_it() {
    let layout = Layout::in_memory().unwrap();
    let caller = layout.add(Caller::default()).unwrap();
    let plan = layout.run().plan().await.unwrap();
    assert!(plan.run().await.unwrap().is_success());
    assert_eq!(caller.log.take(), ["call", "called"]);
}

#[tokio::test]
async fn forced_readonly_and_excluded_objects_are_planned_as_they_run() {
    let place = Scratch::new();
    let open = || {
        let layout = place.layout();
        let machine = layout.add(Machine::new("m")).unwrap();
        layout.object_builder(Machine::new("still")).readonly(true).add().unwrap();
        let other = layout.add(Machine::new("other")).unwrap();
        (layout, machine, other)
    };
    let (layout, machine, _) = open();
    machine.run_setup_tasks().await.unwrap();
    let plan = layout.run().force("m/first").exclude("other").plan().await.unwrap();
    plan.write(file(&place)).unwrap();
    let (layout, machine, other) = open();
    machine.knobs.set("first", "unchanged");
    let report = FleetPlan::read(&layout, file(&place)).await.unwrap().run().await.unwrap();
    assert_eq!(report.summary(), "done: 2 objects; 1 unchanged, 2 up to date, 1 readonly");
    assert!(machine.log.take() == ["first"] && other.log.take().is_empty());
}

/// A model whose second task cannot decide before the first one has run.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "late")]
struct Late(Log);

#[setup_tasks]
impl Late {
    #[setup_task("Make the text", check_completed = is_made)]
    fn make(&self, cx: &TaskContext) -> Result<()> {
        self.0.say("make");
        Ok(std::fs::write(cx.state_path()?.join("text"), "text")?)
    }

    #[setup_task("Read the text", check_completed = is_read)]
    fn read(&self) {
        self.0.say("read");
    }

    fn is_made(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.state_path()?.join("text").exists())
    }

    fn is_read(&self, cx: &TaskContext) -> Result<bool> {
        Ok(std::fs::read_to_string(cx.state_path()?.join("text"))? == "read")
    }
}

#[tokio::test]
async fn an_undecided_task_of_a_plan_may_run() {
    let place = Scratch::new();
    let layout = place.layout();
    let late = layout.add(Late(Log::default())).unwrap();
    let plan = layout.run().plan().await.unwrap();
    assert_eq!(plan.report().summary(), "would run: 1 task on 1 object; 1 undecided");
    plan.write(file(&place)).unwrap();
    let report = FleetPlan::read(&layout, file(&place)).await.unwrap().run().await.unwrap();
    assert!(report.is_success(), "{report}");
    assert_eq!(late.0.take(), ["make", "read"]);
}

#[tokio::test]
async fn a_plan_with_a_failure_is_not_saved() {
    let place = Scratch::new();
    let (layout, machine) = open(&place);
    machine.run_setup_tasks().await.unwrap();
    machine.knobs.set("hash", "fail");
    let plan = layout.run().plan().await.unwrap();
    let error = plan.write(file(&place)).unwrap_err();
    assert!(matches!(error, PlanError::Failed) && !file(&place).exists(), "{error:?}");
    std::os::unix::fs::symlink("/dev/null", file(&place)).unwrap();
    machine.knobs.clear("hash");
    let error = chain(layout.run().plan().await.unwrap().write(file(&place)).unwrap_err());
    assert!(error.ends_with("it is not a regular file"), "{error}");
}

/// A model with a password in its hash text.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "vault")]
struct Vault(Secret<String>);

#[setup_tasks]
impl Vault {
    #[setup_task("Lock", hash = text)]
    fn lock(&self) -> Result<()> {
        anyhow::bail!("the password {} is wrong", self.0.expose())
    }

    fn text(&self) -> String {
        format!("password={}", self.0.expose())
    }
}

#[tokio::test]
async fn a_saved_plan_is_private_and_contains_no_texts() {
    use std::os::unix::fs::PermissionsExt;
    let place = Scratch::new();
    let secret = "open-sesame-83";
    for round in 0..2 {
        let layout = place.layout();
        let vault = layout.add(Vault(Secret::new(secret.to_owned()))).unwrap();
        layout.add(Machine::new("m")).unwrap().knobs.set("hash", "a plain text");
        let plan = layout.run().plan().await.unwrap();
        plan.write(file(&place)).unwrap();
        assert_eq!(file(&place).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = std::fs::read_to_string(file(&place)).unwrap();
        for hidden in [secret, "password", "wrong", "a plain text", "Lock"] {
            assert!(!text.contains(hidden), "{hidden}: {text}");
        }
        assert!(text.contains(if round == 0 { "never_ran" } else { "\"failed\"" }), "{text}");
        assert!(FleetPlan::read(&layout, file(&place)).await.is_ok());
        vault.run_setup_tasks().await.unwrap_err();
    }
}
