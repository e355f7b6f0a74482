//! Tests of tasks that run and find that nothing had to change: later tasks do not run because of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use setup_tasks::Layout;
use setup_tasks::fleet::ObjectStatus;
use setup_tasks::prelude::*;
use setup_tasks::run::TaskStatus;
use setup_tasks::stamp::{AttemptEnd, HistoryFilter};
use setup_tasks::task::Completion;

use test_kit::{Knobs, Log, Machine, Scratch, chain, events, lines};

async fn settled() -> (Layout, Object<Machine>) {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    machine.log.take();
    (layout, machine)
}

#[tokio::test]
async fn a_task_that_changed_nothing_does_not_run_later_tasks() {
    let (layout, machine) = settled().await;
    let before = machine.check_stamp("second").await.unwrap().unwrap();
    machine.knobs.set("hash", "new");
    machine.knobs.set("second", "unchanged");
    let mut events = events(&layout);
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report), ["first up to date", "second unchanged: its hash changed to new", "third up to date"]);
    assert!(events.take().contains(&"m/second unchanged".to_owned()));
    assert_eq!((machine.log.take(), report.unchanged().count()), (vec!["second".to_owned()], 1));
    let after = machine.check_stamp("second").await.unwrap().unwrap();
    assert!(after.time > before.time && after.contents == "new", "the rest of the stamp is renewed");
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn the_time_of_the_last_change_outlives_any_number_of_runs_without_a_change_in_every_store() {
    let place = Scratch::new();
    for (store, open) in place.layouts() {
        let ran = async |knobs: &[(&'static str, &str)]| {
            let layout = open();
            let machine = layout.add(Machine::new("m")).unwrap();
            knobs.iter().for_each(|(knob, value)| machine.knobs.set(knob, *value));
            let _ = machine.run_setup_tasks().await;
            machine.log.take()
        };
        assert_eq!(ran(&[]).await, ["first", "second", "third"], "{store}");
        // The second task changes something, and the third one fails before it completes.
        assert_eq!(ran(&[("hash", "a"), ("third", "fail")]).await, ["second", "third"], "{store}");
        assert_eq!(ran(&[("hash", "b"), ("second", "unchanged")]).await, ["second", "third"], "{store}");
        assert_eq!(ran(&[("hash", "c"), ("second", "unchanged")]).await, ["second"], "{store}");
        assert_eq!(ran(&[("hash", "d"), ("second", "unchanged")]).await, ["second"], "{store}");
        assert_eq!(ran(&[("hash", "e")]).await, ["second", "third"], "{store}");
        assert_eq!(ran(&[("hash", "e")]).await, [""; 0], "{store}");
    }
}

#[tokio::test]
async fn a_task_without_a_stamp_has_changed_something_whatever_it_reports() {
    let layout = Layout::in_memory().unwrap();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.knobs.set("second", "unchanged");
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report)[1], "second ran: never ran");
    machine.delete_stamp("second").await.unwrap();
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report)[1..], ["second ran: never ran", "third ran: second changed something later"]);
}

#[tokio::test]
async fn after_a_failure_or_an_interruption_a_task_has_changed_something() {
    let (_layout, machine) = settled().await;
    machine.knobs.set("hash", "new");
    machine.knobs.set("second", "fail");
    machine.run_setup_tasks().await.unwrap_err();
    machine.knobs.set("second", "unchanged");
    let report = machine.run_setup_tasks().await.unwrap();
    assert!(
        lines(&report)[1].starts_with("second ran: failed")
            && lines(&report)[2] == "third ran: second changed something later"
    );

    let gate = machine.knobs.gate("second");
    let run = tokio::spawn(machine.run_setup_tasks().force(Machine::SECOND).into_future());
    gate.arrived().await;
    run.abort();
    let _ = run.await;
    machine.knobs.set("second", "unchanged");
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report)[1..], ["second ran: interrupted last time", "third ran: second changed something later"]);
}

#[tokio::test]
async fn forcing_a_task_does_not_make_it_a_change() {
    let (_layout, machine) = settled().await;
    machine.knobs.set("first", "unchanged");
    let report = machine.run_setup_tasks().force(Machine::FIRST).await.unwrap();
    assert_eq!(lines(&report), ["first unchanged: forced", "second up to date", "third up to date"]);
    let report = Machine::FIRST.run(&machine).await.unwrap();
    assert_eq!(report.status, TaskStatus::Unchanged);
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
}

/// A model whose first task fails in as many attempts as its number says, and then changes nothing.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "retried")]
struct Retried(Arc<AtomicU32>);

#[setup_tasks]
impl Retried {
    #[setup_task("Try", retries = 3)]
    async fn attempt(&self) -> Result<Outcome> {
        let left = self.0.load(Ordering::Relaxed);
        self.0.store(left.saturating_sub(1), Ordering::Relaxed);
        anyhow::ensure!(left == 0, "not yet");
        Ok(Outcome::Unchanged)
    }

    #[setup_task("Follow")]
    fn follow(&self) {}
}

#[tokio::test]
async fn an_attempt_that_failed_before_a_retry_has_changed_something() {
    let layout = Layout::in_memory().unwrap();
    let failures = Arc::new(AtomicU32::new(0));
    let object = layout.add(Retried(failures.clone())).unwrap();
    object.run_setup_tasks().await.unwrap();
    let report = object.run_setup_tasks().force(Retried::ATTEMPT).await.unwrap();
    assert_eq!(lines(&report), ["attempt unchanged: forced", "follow up to date"]);
    failures.store(1, Ordering::Relaxed);
    let report = object.run_setup_tasks().force(Retried::ATTEMPT).await.unwrap();
    assert_eq!(lines(&report), ["attempt ran: forced", "follow ran: attempt changed something later"]);
}

#[tokio::test]
async fn dependents_in_other_objects_and_other_processes_compare_with_the_last_change() {
    let place = Scratch::new();
    let ran = async |knob: &str, hash: &str, only_server: bool| {
        let layout = place.layout();
        let server = layout.add(Machine::new("server")).unwrap();
        let depends = server.as_any().depends_on("second");
        let client = layout.object_builder(Machine::new("client")).depends_on(depends).add().unwrap();
        server.knobs.set("hash", hash);
        server.knobs.set("second", knob);
        if only_server {
            server.run_setup_tasks().await.unwrap();
        } else {
            client.run_setup_tasks().await.unwrap();
        }
        (server.log.take().len(), client.log.take().len())
    };
    assert_eq!(ran("", "a", false).await, (2, 3));
    assert_eq!(ran("unchanged", "b", false).await, (1, 0), "driven by the client");
    ran("unchanged", "c", true).await;
    assert_eq!(ran("unchanged", "c", false).await, (0, 0), "run by another process before");
    ran("", "d", true).await;
    ran("unchanged", "e", true).await;
    assert_eq!(ran("unchanged", "e", false).await, (0, 3), "the change before the last run counts");
}

#[tokio::test]
async fn the_history_and_the_report_of_a_fleet_show_unchanged_tasks() {
    let (layout, machine) = settled().await;
    machine.knobs.set("first", "unchanged");
    let report = layout.run().force("m/first").await.unwrap();
    assert_eq!(report.objects[0].outcome, ObjectStatus::Unchanged);
    assert_eq!(report.summary(), "done: 1 object; 1 unchanged, 2 up to date");
    assert!(report.to_string().starts_with("m/first unchanged: forced\n"));
    let history = layout.history(&HistoryFilter::new().limit(1)).await.unwrap();
    assert_eq!((&*history[0].task, history[0].ended), ("first", AttemptEnd::Unchanged));
}

/// A model with a completion check.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "checked")]
struct Checked {
    complete: Arc<AtomicU32>,
    log: Log,
}

#[setup_tasks]
impl Checked {
    #[setup_task("Switch on", check_completed = is_on)]
    fn switch(&self) -> Outcome {
        self.log.say("switch");
        let is_new = self.complete.fetch_add(1, Ordering::Relaxed) == 0;
        if is_new { Outcome::Done } else { Outcome::Unchanged }
    }

    #[setup_task("Follow")]
    fn follow(&self) {
        self.log.say("follow");
    }

    fn is_on(&self) -> Completion {
        if self.complete.load(Ordering::Relaxed) % 2 == 1 { Completion::Complete } else { Completion::Incomplete }
    }
}

#[tokio::test]
async fn a_task_with_a_completion_check_keeps_the_time_of_its_last_change() {
    let layout = Layout::in_memory().unwrap();
    let object = layout.add(Checked { complete: Arc::default(), log: Log::default() }).unwrap();
    object.run_setup_tasks().await.unwrap();
    object.complete.store(2, Ordering::Relaxed);
    object.log.take();
    object.run_setup_tasks().await.unwrap();
    object.run_setup_tasks().await.unwrap();
    assert_eq!(object.log.take(), ["switch"], "it changed nothing the second time");
    object.complete.store(0, Ordering::Relaxed);
    object.run_setup_tasks().await.unwrap();
    assert_eq!(object.log.take(), ["switch", "follow"]);
}

/// A model whose last task runs the first one through its handle.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "nested")]
struct Nested {
    inner: Arc<AtomicU32>,
    log: Log,
}

#[setup_tasks]
impl Nested {
    #[setup_task("Inner")]
    fn inner(&self) -> Outcome {
        self.log.say("inner");
        if self.inner.load(Ordering::Relaxed) == 0 { Outcome::Done } else { Outcome::Unchanged }
    }

    #[setup_task("Outer")]
    async fn outer(&self, cx: &TaskContext) -> Result<Outcome> {
        self.log.say("outer");
        let own = cx.object().downcast::<Self>().unwrap();
        Self::INNER.run(&own).await?;
        Ok(Outcome::Unchanged)
    }

    #[setup_task("Follow")]
    fn follow(&self) {
        self.log.say("follow");
    }
}

#[tokio::test]
async fn what_a_task_ran_through_a_handle_changed_the_task_changed_itself() {
    let layout = Layout::in_memory().unwrap();
    let object = layout.add(Nested { inner: Arc::default(), log: Log::default() }).unwrap();
    object.run_setup_tasks().await.unwrap();
    object.log.take();
    object.run_setup_tasks().force(Nested::OUTER).await.unwrap();
    assert_eq!(object.log.take(), ["outer", "inner", "follow"]);
    object.inner.store(1, Ordering::Relaxed);
    object.run_setup_tasks().force(Nested::OUTER).await.unwrap();
    assert_eq!(object.log.take(), ["outer", "inner"]);
    assert!(object.run_setup_tasks().await.unwrap().is_up_to_date());
}

#[tokio::test]
async fn a_stamp_file_that_the_user_touches_is_a_change() {
    let place = Scratch::new();
    let (_, open) = place.layouts().remove(1);
    let layout = open();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    machine.knobs.set("first", "unchanged");
    machine.run_setup_tasks().force(Machine::FIRST).await.unwrap();
    let directory = machine.stamp_path().unwrap();
    let detail = std::fs::read_to_string(directory.join(".detail-first")).unwrap();
    assert!(detail.contains("\"changed\":"), "{detail}");
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
    let stamp = std::fs::File::options().write(true).open(directory.join(".stamp-first")).unwrap();
    stamp.set_modified(std::time::SystemTime::now()).unwrap();
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report)[1], "second ran: first changed something later");
}

/// A model whose second task writes two files and declares them as its outputs.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "builder")]
struct Builder {
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Builder {
    #[setup_task("Build", outputs = ["out/main", "out/*.o"], restat, invalidator = is_new, retries = 1)]
    async fn build(&self, cx: &TaskContext) -> Result<()> {
        self.log.say("build");
        let base = &cx.object().layout().config().base_dir;
        std::fs::create_dir_all(base.join("out"))?;
        std::fs::write(base.join("out/main"), "the same")?;
        let object = self.knobs.get("object").unwrap_or_default();
        std::fs::write(base.join("out/a.o"), object)?;
        if let Some(more) = self.knobs.get("more") {
            std::fs::write(base.join(more), "more")?;
        }
        anyhow::ensure!(self.knobs.get("fail").is_none() || cx.attempt() > 1, "not yet");
        Ok(())
    }

    #[setup_task("Link")]
    fn link(&self) {
        self.log.say("link");
    }

    fn is_new(&self) -> bool {
        self.knobs.get("stale").is_none()
    }
}

#[tokio::test]
async fn a_task_with_restat_changed_something_only_if_an_output_has_another_content() {
    let place = Scratch::new();
    let layout = place.layout();
    let builder = layout.add(Builder { log: Log::default(), knobs: Knobs::default() }).unwrap();
    builder.run_setup_tasks().await.unwrap();
    builder.knobs.set("stale", "yes");
    builder.log.take();
    let report = builder.run_setup_tasks().await.unwrap();
    assert_eq!(report.tasks[0].status, TaskStatus::Unchanged);
    assert_eq!(builder.log.take(), ["build"], "both outputs were written again with the same content");
    builder.knobs.set("object", "code");
    builder.run_setup_tasks().await.unwrap();
    assert_eq!(builder.log.take(), ["build", "link"]);
    builder.knobs.set("more", "out/b.o");
    builder.run_setup_tasks().await.unwrap();
    assert_eq!(builder.log.take(), ["build", "link"], "a new file that a glob matches is a change");
    std::fs::remove_file(place.file("out/main")).unwrap();
    builder.run_setup_tasks().await.unwrap();
    assert_eq!(builder.log.take(), ["build", "link"], "a missing output is a change");
    builder.run_setup_tasks().await.unwrap();
    assert_eq!(builder.log.take(), ["build"]);
    builder.knobs.set("fail", "once");
    builder.run_setup_tasks().await.unwrap();
    assert_eq!(builder.log.take(), ["build", "build", "link"], "an attempt before a retry failed");
}

/// A model with preflight checks.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "checked-always")]
struct Preflight {
    log: Log,
    knobs: Knobs,
}

#[setup_tasks]
impl Preflight {
    #[setup_task("Look at the disk", always)]
    fn disk(&self) {
        self.log.say("disk");
    }

    #[setup_task("Look at the network", always)]
    async fn network(&self, cx: &TaskContext, reason: Reason) -> Result<()> {
        self.log.say("network");
        anyhow::ensure!(self.knobs.get("network").is_none(), "{} has no network: {reason}", cx.object().id());
        Ok(())
    }

    #[setup_task("Renew", always)]
    async fn renew(&self) -> Result<Outcome> {
        self.log.say("renew");
        Ok(if self.knobs.get("renew").is_some() { Outcome::Done } else { Outcome::Unchanged })
    }

    #[setup_task("Follow")]
    fn follow(&self) {
        self.log.say("follow");
    }
}

#[tokio::test]
async fn a_task_that_always_runs_is_a_change_only_if_it_reports_one() {
    let place = Scratch::new();
    for (store, open) in place.layouts() {
        let layout = open();
        let checked = layout.add(Preflight { log: Log::default(), knobs: Knobs::default() }).unwrap();
        let report = checked.run_setup_tasks().await.unwrap();
        assert_eq!(lines(&report)[0], "disk ran: never ran", "{store}: without a stamp it is a change");
        checked.log.take();
        let report = checked.run_setup_tasks().await.unwrap();
        let unchanged = "unchanged: runs in every run";
        let expected = ["disk", "network", "renew"].map(|task| format!("{task} {unchanged}"));
        assert_eq!(lines(&report)[..3], expected, "{store}");
        assert_eq!(checked.log.take(), ["disk", "network", "renew"], "{store}");
        checked.knobs.set("renew", "yes");
        checked.run_setup_tasks().await.unwrap();
        assert_eq!(checked.log.take(), ["disk", "network", "renew", "follow"], "{store}");
    }
}

#[tokio::test]
async fn a_preflight_check_that_fails_stops_the_object_and_counts_as_a_change_afterwards() {
    let layout = Layout::in_memory().unwrap();
    let checked = layout.add(Preflight { log: Log::default(), knobs: Knobs::default() }).unwrap();
    checked.run_setup_tasks().await.unwrap();
    checked.knobs.set("network", "down");
    let failed = chain(checked.run_setup_tasks().await.unwrap_err());
    assert!(failed.ends_with("checked-always has no network: runs in every run"), "{failed}");
    checked.knobs.clear("network");
    checked.log.take();
    checked.run_setup_tasks().await.unwrap();
    assert_eq!(checked.log.take(), ["disk", "network", "renew", "follow"]);
}
