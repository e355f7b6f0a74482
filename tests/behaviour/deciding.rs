//! Tests of every reason with real runs.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use setup_tasks::Layout;
use setup_tasks::prelude::*;
use setup_tasks::run::Decision;
use setup_tasks::task::Completion;

use test_kit::{Log, Machine, Scratch, chain, lines};

async fn settled() -> (Layout, Object<Machine>) {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    machine.log.take();
    (layout, machine)
}

async fn plan<T: SetupTasks>(object: &Object<T>) -> Vec<String> {
    lines(&object.as_any().plan().await.unwrap())
}

#[tokio::test]
async fn a_task_that_never_ran_runs_and_then_is_up_to_date() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report), ["first ran: never ran", "second ran: never ran", "third ran: never ran"]);
    let report = machine.run_setup_tasks().await.unwrap();
    assert!(report.is_up_to_date() && machine.log.take() == ["first", "second", "third"]);
}

#[tokio::test]
async fn forcing_one_task_runs_it_and_all_later_ones() {
    let (_layout, machine) = settled().await;
    let report = machine.run_setup_tasks().force(Machine::SECOND).await.unwrap();
    assert_eq!(lines(&report), ["first up to date", "second ran: forced", "third ran: second changed something later"]);
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn forcing_all_runs_all_tasks() {
    let (_layout, machine) = settled().await;
    let report = machine.run_setup_tasks().force_all().await.unwrap();
    assert_eq!(lines(&report), ["first ran: forced", "second ran: forced", "third ran: forced"]);
}

#[tokio::test]
async fn a_changed_hash_runs_the_task_and_the_reason_contains_both_texts() {
    let (_layout, machine) = settled().await;
    machine.knobs.set("hash", "new");
    assert_eq!(
        plan(&machine).await,
        ["first up to date", "second would run: its hash changed to new", "third may run, if second changes something"]
    );
    machine.run_setup_tasks().await.unwrap();
    machine.knobs.set("hash", "newer");
    assert_eq!(plan(&machine).await[1], "second would run: its hash changed from new to newer");
    machine.knobs.set("hash", "new");
    assert_eq!(plan(&machine).await[1], "second up to date");
}

#[tokio::test]
async fn an_invalidator_that_returns_false_runs_the_task() {
    let (_layout, machine) = settled().await;
    machine.knobs.set("valid", "no");
    assert_eq!(plan(&machine).await[1], "second would run: its invalidator reports that it is no longer valid");
}

#[tokio::test]
async fn a_failed_task_runs_again_and_the_failure_is_the_reason() {
    let (_layout, machine) = settled().await;
    machine.knobs.set("second", "fail");
    machine.knobs.set("valid", "no");
    machine.run_setup_tasks().await.unwrap_err();
    machine.knobs.set("valid", "yes");
    assert_eq!(plan(&machine).await[1], "second would run: failed last time: cannot write: the disk is on fire");
}

#[tokio::test]
async fn an_interrupted_task_runs_again() {
    let (_layout, machine) = settled().await;
    machine.knobs.set("second", "hang");
    let run = machine.run_setup_tasks().force(Machine::SECOND).into_future();
    assert!(tokio::time::timeout(Duration::from_millis(50), run).await.is_err());
    assert!(machine.check_stamp("second").await.unwrap().is_none(), "its old stamp is not believed");
    assert_eq!(plan(&machine).await[1], "second would run: interrupted last time");
}

#[tokio::test]
async fn a_check_that_fails_fails_the_object_and_keeps_the_stamp() {
    let (layout, machine) = settled().await;
    let mut events = test_kit::events(&layout);
    for (knob, value, text) in [
        ("hash", "fail", "the hash function of task `m/second` failed: no hash today"),
        ("valid", "fail", "the invalidator of task `m/second` failed: cannot tell"),
        ("valid", "panic", "the invalidator of task `m/second` failed: panicked: the invalidator panics"),
    ] {
        machine.knobs.set(knob, value);
        assert_eq!(chain(machine.run_setup_tasks().await.unwrap_err()), text);
        assert_eq!(events.take().last().unwrap(), &format!("m/second fail: {text}"));
        assert!(machine.check_stamp("second").await.unwrap().is_some());
        machine.knobs.clear(knob);
    }
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date() && machine.log.take().is_empty());
}

/// A model with a completion check between two tasks with stamps.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "checked")]
struct Checked {
    log: Log,
    complete: Arc<std::sync::Mutex<Completion>>,
}

#[setup_tasks]
impl Checked {
    #[setup_task("Before")]
    fn before(&self) {
        self.log.say("before");
    }
    #[setup_task("Checked", check_completed = state)]
    async fn checked(&self) -> Result<Outcome> {
        self.log.say("checked");
        match &*self.log.orders() {
            "fail" => anyhow::bail!("no room"),
            "hang" => std::future::pending().await,
            "skip" => Ok(Outcome::Skipped),
            _ => Ok(Outcome::Done),
        }
    }
    #[setup_task("After")]
    fn after(&self) {
        self.log.say("after");
    }
    fn state(&self) -> Completion {
        *self.complete.lock().unwrap()
    }
}

/// For each store, ends a run right after a task with a completion check has changed something, as
/// a kill would. From then on the check returns that the task is complete. Returns the tasks that
/// run in the next process and in the one after it.
async fn after_an_end_of(how: &'static str) -> Vec<(&'static str, [Vec<String>; 2])> {
    let place = Scratch::new();
    let mut ran = Vec::new();
    for (store, layout) in place.layouts() {
        let complete = Arc::new(std::sync::Mutex::new(Completion::Complete));
        let add = |layout: &Layout| layout.add(Checked { log: Log::default(), complete: complete.clone() }).unwrap();
        add(&layout()).run_setup_tasks().await.unwrap();
        *complete.lock().unwrap() = Completion::Incomplete;
        {
            let layout = layout();
            let object = add(&layout);
            object.log.order(how);
            let run = object.run_setup_tasks().stop_after(Checked::CHECKED).into_future();
            let ended = tokio::time::timeout(Duration::from_millis(200), run).await;
            assert_eq!(ended.is_err(), how == "hang", "{store}");
            assert_eq!(object.log.take(), ["checked"], "{store}");
        }
        *complete.lock().unwrap() = Completion::Complete;
        let next = async || {
            let layout = layout();
            let object = add(&layout);
            assert!(object.check_stamp("checked").await.unwrap().is_none(), "{store}");
            object.run_setup_tasks().await.unwrap();
            object.log.take()
        };
        ran.push((store, [next().await, next().await]));
    }
    ran
}

#[tokio::test]
async fn an_interruption_after_a_task_with_a_completion_check_loses_no_rerun_of_later_tasks() {
    for how in ["", "fail", "hang"] {
        for (store, [next, last]) in after_an_end_of(how).await {
            assert_eq!(
                next,
                ["after"],
                "{store}, {how:?}: complete, so it does not run itself; what is behind it does"
            );
            assert_eq!(last, [""; 0], "{store}, {how:?}: it comes to rest");
        }
    }
    for (store, ran) in after_an_end_of("skip").await {
        assert_eq!(ran, [vec![], Vec::<String>::new()], "{store}: a skip changes nothing");
    }
}

#[tokio::test]
async fn a_task_that_was_always_complete_passes_nothing_on() {
    let layout = Layout::in_memory().unwrap();
    let complete = Arc::new(std::sync::Mutex::new(Completion::Complete));
    let object = layout.add(Checked { log: Log::default(), complete }).unwrap();
    object.run_setup_tasks().force(Checked::AFTER).stop_after(Checked::AFTER).await.unwrap();
    assert_eq!(object.log.take(), ["before", "after"]);
    object.run_setup_tasks().force(Checked::CHECKED).await.unwrap();
    assert_eq!(object.log.take(), ["checked", "after"], "forced once, without a stamp too");
    assert!(object.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn a_completion_check_decides_alone_and_keeps_no_stamp() {
    let layout = Layout::in_memory().unwrap();
    let complete = Arc::new(std::sync::Mutex::new(Completion::Incomplete));
    let object = layout.add(Checked { log: Log::default(), complete: complete.clone() }).unwrap();
    let report = object.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report)[1], "checked ran: its check reports that it is not complete");
    assert!(object.check_stamp("checked").await.unwrap().is_none());

    *complete.lock().unwrap() = Completion::Complete;
    assert!(object.run_setup_tasks().force(Checked::BEFORE).await.unwrap().ran().all(|task| task.task != "checked"));

    let old = SystemTime::now() - Duration::from_hours(1);
    *complete.lock().unwrap() = Completion::At(old.into());
    assert_eq!(plan(&object).await[1], "checked would run: before changed something later");

    let new = SystemTime::now() + Duration::from_hours(1);
    *complete.lock().unwrap() = Completion::At(new.into());
    assert_eq!(
        plan(&object).await,
        ["before up to date", "checked up to date", "after would run: checked changed something later"]
    );
}

/// Two models whose tasks differ only in the source, and one that differs only in white space and
/// documentation.
mod sources {
    use setup_tasks::prelude::*;

    macro_rules! model {
        ($module:ident, $(#[$doc:meta])* $check:literal, $body:block, $helper:block) => {
            pub mod $module {
                use super::*;
                #[derive(SetupTasks)]
                #[setup_tasks(subdir = "source")]
                pub struct Model;

                #[setup_tasks]
                impl Model {
                    $(#[$doc])*
                    #[setup_task("Do it", hash = helper, check_source = $check)]
                    fn work(&self) $body
                    fn helper(&self) -> u64 $helper
                }
            }
        };
    }
    model!(
        first,
        true,
        {
            let _ = 1;
        },
        { 1 }
    );
    model!(
        same,
        #[doc = "Other words."]
        true,
        {
            let _ = 1; // another comment
        },
        { 1 }
    );
    model!(
        edited,
        true,
        {
            let _ = 2;
        },
        { 1 }
    );
    model!(
        helper_edited,
        true,
        {
            let _ = 1;
        },
        { 2 - 1 }
    );
    model!(
        unchecked,
        false,
        {
            let _ = 2;
        },
        { 1 }
    );
}

#[tokio::test]
async fn only_edits_of_the_code_of_the_method_or_its_helpers_run_the_task() {
    let place = Scratch::new();
    place.layout().add(sources::first::Model).unwrap().run_setup_tasks().await.unwrap();
    assert_eq!(plan(&place.layout().add(sources::same::Model).unwrap()).await, ["work up to date"]);
    assert_eq!(
        plan(&place.layout().add(sources::edited::Model).unwrap()).await,
        ["work would run: its source changed"]
    );
    let helper = place.layout().add(sources::helper_edited::Model).unwrap();
    assert_eq!(plan(&helper).await, ["work would run: its source changed"]);
    assert_eq!(plan(&place.layout().add(sources::unchecked::Model).unwrap()).await, ["work up to date"]);
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "files/{name}")]
struct Builder {
    name: &'static str,
    edit_while_running: AtomicBool,
}

#[setup_tasks]
impl Builder {
    #[setup_task("Build", inputs = ["src/{name}.txt", "lib/*.txt"], outputs = ["out/{name}"])]
    fn build(&self, cx: &TaskContext) -> Result<()> {
        let base = &cx.layout().config().base_dir;
        fs::create_dir_all(base.join("out"))?;
        fs::copy(base.join("src").join(self.name).with_extension("txt"), base.join("out").join(self.name))?;
        if self.edit_while_running.swap(false, Ordering::Relaxed) {
            fs::write(base.join("lib/a.txt"), "edited while the task ran")?;
        }
        Ok(())
    }
}

fn builder() -> (Scratch, Layout, Object<Builder>) {
    let place = Scratch::new();
    for (path, text) in [("src/x.txt", "source"), ("lib/a.txt", "a"), ("lib/b.txt", "b"), ("lib/b.other", "")] {
        let path = place.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let layout = place.layout();
    let builder = layout.add(Builder { name: "x", edit_while_running: AtomicBool::new(false) }).unwrap();
    (place, layout, builder)
}

#[tokio::test]
async fn an_input_whose_content_changed_appeared_or_vanished_runs_the_task() {
    let (place, _layout, builder) = builder();
    builder.run_setup_tasks().await.unwrap();
    assert_eq!(plan(&builder).await, ["build up to date"]);

    // Writing the same content again is not a change. Other content of the same length is one.
    fs::write(place.path().join("src/x.txt"), "source").unwrap();
    assert_eq!(plan(&builder).await, ["build up to date"]);
    fs::write(place.path().join("src/x.txt"), "SOURCE").unwrap();
    assert_eq!(plan(&builder).await, ["build would run: input src/x.txt changed"]);
    builder.run_setup_tasks().await.unwrap();

    fs::write(place.path().join("lib/c.txt"), "c").unwrap();
    assert_eq!(plan(&builder).await, ["build would run: input lib/c.txt changed"]);
    builder.run_setup_tasks().await.unwrap();

    fs::remove_file(place.path().join("lib/b.txt")).unwrap();
    fs::write(place.path().join("lib/d.other"), "no input").unwrap();
    assert_eq!(plan(&builder).await, ["build would run: input lib/b.txt changed"]);
    builder.run_setup_tasks().await.unwrap();
    assert_eq!(plan(&builder).await, ["build up to date"]);
}

#[tokio::test]
async fn a_missing_output_runs_the_task() {
    let (place, _layout, builder) = builder();
    builder.run_setup_tasks().await.unwrap();
    fs::remove_file(place.path().join("out/x")).unwrap();
    assert_eq!(plan(&builder).await, ["build would run: output out/x is missing"]);
}

#[tokio::test]
async fn an_input_edited_while_the_task_runs_counts_as_changed() {
    let (_place, layout, builder) = builder();
    let mut events = test_kit::events(&layout);
    builder.edit_while_running.store(true, Ordering::Relaxed);
    builder.run_setup_tasks().await.unwrap();
    assert!(events.take().contains(&"files/x/build changed while running".to_owned()));
    let report = builder.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report), ["build ran: input lib/a.txt changed while it last ran"]);
    assert_eq!(plan(&builder).await, ["build up to date"]);
}

#[tokio::test]
async fn a_hash_that_changes_while_the_task_runs_counts_as_changed() {
    let (layout, machine) = settled().await;
    let mut events = test_kit::events(&layout);
    machine.knobs.set("second", "change-hash after");
    machine.run_setup_tasks().force(Machine::SECOND).await.unwrap();
    assert!(events.take().contains(&"m/second changed while running".to_owned()));
    machine.knobs.clear("second");
    assert_eq!(plan(&machine).await[1], "second would run: its hash changed while it last ran to after");
}

/// A model that counts the calls of its slow invalidator.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "slow")]
struct Slow(Arc<AtomicU32>);

#[setup_tasks]
impl Slow {
    #[setup_task("Do it", slow_invalidator = holds)]
    fn work(&self) {}
    async fn holds(&self) -> bool {
        self.0.fetch_add(1, Ordering::Relaxed);
        false
    }
}

#[tokio::test]
async fn a_slow_invalidator_is_called_only_if_configured() {
    let (place, asked) = (Scratch::new(), Arc::new(AtomicU32::new(0)));
    let cheap = place.layout().add(Slow(asked.clone())).unwrap();
    cheap.run_setup_tasks().await.unwrap();
    assert_eq!((plan(&cheap).await, asked.load(Ordering::Relaxed)), (vec!["work up to date".to_owned()], 0));
    let thorough = place.layout_with(|config| config.verify = true).add(Slow(asked.clone())).unwrap();
    assert_eq!(plan(&thorough).await, ["work would run: its invalidator reports that it is no longer valid"]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
}

#[tokio::test]
async fn a_peek_runs_no_method_and_reports_the_state_by_stamps_alone() {
    let (_layout, machine) = settled().await;
    let snapshots = async || {
        machine.as_any().peek().await.unwrap().into_iter().map(|peek| peek.decision.unwrap()).collect::<Vec<_>>()
    };
    machine.knobs.set("hash", "fail");
    machine.knobs.set("valid", "panic");
    assert!(snapshots().await.iter().all(|decision| matches!(decision, Decision::UpToDate(Some(_)))));
    machine.delete_stamp("second").await.unwrap();
    let which = "second".into();
    assert_eq!(
        snapshots().await[1..],
        [Decision::Run(Reason::NeverRan), Decision::Run(Reason::DependencyNewer { which })]
    );
}

#[tokio::test]
async fn a_peek_cannot_decide_a_task_with_a_completion_check() {
    let layout = Layout::in_memory().unwrap();
    let complete = Arc::new(std::sync::Mutex::new(Completion::Complete));
    let object = layout.add(Checked { log: Log::default(), complete }).unwrap();
    object.run_setup_tasks().await.unwrap();
    let told: Vec<_> = object.as_any().peek().await.unwrap().into_iter().map(|peek| peek.decision.is_some()).collect();
    assert_eq!(told, [true, false, true]);
}
