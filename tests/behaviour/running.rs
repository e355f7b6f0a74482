//! Tests of runs: stops, dry runs, skips, failures, panics, cancellation, timeouts, retries,
//! concurrent runs, readonly objects.

use std::time::Duration;

use futures_util::FutureExt as _;
use setup_tasks::Layout;
use setup_tasks::injector::READONLY;
use setup_tasks::prelude::*;
use setup_tasks::stamp::{AttemptEnd, HistoryFilter};

use test_kit::{Log, Machine, Scratch, chain, events, lines};

fn machine(layout: &Layout) -> Object<Machine> {
    layout.add(Machine::new("m")).unwrap()
}

#[tokio::test]
async fn stop_after_ends_the_run_once_the_task_was_considered() {
    let layout = Layout::in_memory().unwrap();
    let machine = machine(&layout);
    let report = machine.run_setup_tasks().stop_after(Machine::FIRST).await.unwrap();
    assert_eq!(lines(&report), ["first ran: never ran"]);
    let report = machine.run_setup_tasks().stop_after(Machine::FIRST).await.unwrap();
    assert_eq!(lines(&report), ["first up to date"]);
}

#[tokio::test]
async fn a_dry_run_reports_the_tasks_that_would_run_and_changes_nothing_on_disk() {
    let place = Scratch::new();
    let fresh = machine(&place.layout());
    assert!(lines(&fresh.as_any().plan().await.unwrap()).iter().all(|line| line.contains("would run")));
    assert!(place.tree().is_empty(), "{:?}", place.tree());

    {
        let layout = place.layout();
        machine(&layout).run_setup_tasks().await.unwrap();
    }
    let before = place.tree();
    {
        let layout = place.layout_with(|config| config.dry_run = true);
        let machine = machine(&layout);
        machine.knobs.set("hash", "new");
        let report = machine.run_setup_tasks().await.unwrap();
        let expected = [
            "first up to date",
            "second would run: its hash changed to new",
            "third may run, if second changes something",
        ];
        assert_eq!((lines(&report), machine.log.take().len()), (expected.map(str::to_owned).to_vec(), 0));
    }
    assert_eq!(place.tree(), before);
}

/// A model whose invalidator reads the object's paths.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "curious")]
struct Curious;

#[setup_tasks]
impl Curious {
    #[setup_task("Look", hash = look)]
    fn work(&self) {}
    fn look(&self, me: Object<Curious>, cx: &TaskContext) -> Result<String> {
        let there = [cx.stamp_path()?, cx.state_path()?, me.log_path()?].map(std::path::Path::exists);
        Ok(format!("{there:?}"))
    }
}

#[tokio::test]
async fn in_a_dry_run_paths_are_named_and_not_made() {
    let place = Scratch::new();
    {
        let layout = place.layout();
        let object = layout.add(Curious).unwrap();
        object.create_stamp("work", "").await.unwrap();
    }
    let before = place.tree();
    {
        let layout = place.layout();
        let report = layout.add(Curious).unwrap().as_any().plan().await.unwrap();
        assert_eq!(lines(&report), ["work would run: its hash changed to [false, false, false]"]);
    }
    assert_eq!(place.tree(), before);
}

#[tokio::test]
async fn a_skipped_task_keeps_its_stamp_and_leaves_later_tasks_alone() {
    let layout = Layout::in_memory().unwrap();
    let machine = machine(&layout);
    machine.run_setup_tasks().await.unwrap();
    let stamp = machine.check_stamp("second").await.unwrap();
    for skip in ["skip", "skip-error"] {
        machine.knobs.set("second", skip);
        let report = machine.run_setup_tasks().force(Machine::SECOND).await.unwrap();
        assert_eq!(lines(&report), ["first up to date", "second skipped: forced", "third up to date"]);
        assert_eq!(machine.check_stamp("second").await.unwrap(), stamp);
    }
    machine.delete_stamp("second").await.unwrap();
    let report = machine.run_setup_tasks().await.unwrap();
    assert_eq!(lines(&report)[1..], ["second skipped: never ran", "third up to date"]);
    assert!(machine.check_stamp("second").await.unwrap().is_none());
}

#[tokio::test]
async fn a_failure_removes_the_stamp_stops_the_object_and_has_a_complete_error() {
    let layout = Layout::in_memory().unwrap();
    let mut events = events(&layout);
    let machine = machine(&layout);
    machine.run_setup_tasks().await.unwrap();
    machine.log.take();
    events.take();
    machine.knobs.set("second", "fail");
    let error = machine.run_setup_tasks().force(Machine::SECOND).await.unwrap_err();
    assert_eq!(
        chain(error),
        "task `m/second` (Do the second) failed; it ran because it was forced: cannot write: the disk is on fire"
    );
    assert_eq!(machine.log.take(), ["second"], "later tasks are not considered");
    assert!(
        machine.check_stamp("second").await.unwrap().is_none() && machine.check_stamp("third").await.unwrap().is_some()
    );
    assert_eq!(events.take().last().unwrap(), "m/second fail: cannot write: the disk is on fire");
    let last = layout.history(&HistoryFilter::new().limit(1)).await.unwrap().remove(0);
    assert_eq!((last.ended, last.error.as_deref()), (AttemptEnd::Failed, Some("cannot write: the disk is on fire")));
}

#[tokio::test]
async fn a_panic_is_a_failure_of_the_task_and_not_of_the_process() {
    let layout = Layout::in_memory().unwrap();
    let machine = machine(&layout);
    machine.knobs.set("first", "panic out of cheese");
    let error = chain(machine.run_setup_tasks().await.unwrap_err());
    assert!(error.ends_with("panicked: out of cheese"), "{error}");
    machine.knobs.clear("first");
    assert_eq!(
        lines(&machine.run_setup_tasks().await.unwrap())[0],
        "first ran: failed last time: panicked: out of cheese"
    );
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "limits")]
struct Limits(Machine);

#[setup_tasks]
impl Limits {
    #[setup_task("Takes too long", timeout = "30ms")]
    async fn slow(&self) {
        std::future::pending::<()>().await;
    }
    #[setup_task("Blocks", timeout = "30ms", retries = 1)]
    async fn blocks(&self, cx: &TaskContext) -> Result<Outcome> {
        self.0.log.say(format!("blocks {}", cx.attempt()));
        std::thread::sleep(std::time::Duration::from_millis(60));
        match self.0.knobs.get("blocks").as_deref() {
            Some("skip") => Ok(Outcome::Skipped),
            Some("refuse") => Err(setup_tasks::task::SkipSetupTask.into()),
            Some("fail") => anyhow::bail!("no paint"),
            Some("panic") => panic!("out of paint"),
            _ => Ok(Outcome::Done),
        }
    }
    #[setup_task("Fails at first", retries = 2)]
    async fn flaky(&self, cx: &TaskContext) -> Result<()> {
        self.0.log.say(format!("attempt {}", cx.attempt()));
        anyhow::ensure!(Some(cx.attempt().to_string()) == self.0.knobs.get("good"), "not yet");
        Ok(())
    }
}

#[tokio::test]
async fn a_task_that_takes_too_long_fails() {
    let layout = Layout::in_memory().unwrap();
    let limits = layout.add(Limits(Machine::new("l"))).unwrap();
    let error = chain(Limits::SLOW.run(&limits).await.unwrap_err());
    assert!(error.ends_with("took longer than its timeout of 30ms"), "{error}");
    let plan = limits.as_any().plan().await.unwrap();
    assert_eq!(lines(&plan)[0], "slow would run: failed last time: took longer than its timeout of 30ms");
}

#[tokio::test]
async fn a_method_that_blocked_past_its_timeout_fails_when_it_returns() {
    let layout = Layout::in_memory().unwrap();
    let limits = layout.add(Limits(Machine::new("l"))).unwrap();
    for (told, ending) in [
        ("succeed", "took longer than its timeout of 30ms"),
        ("skip", "took longer than its timeout of 30ms"),
        ("refuse", "took longer than its timeout of 30ms"),
        ("fail", "no paint"),
        ("panic", "panicked: out of paint"),
    ] {
        limits.0.knobs.set("blocks", told);
        let error = chain(Limits::BLOCKS.run(&limits).await.unwrap_err());
        assert!(error.ends_with(ending), "{told}: {error}");
        assert_eq!(limits.0.log.take(), ["blocks 1", "blocks 2"], "{told}: each attempt has its own time");
        assert!(limits.check_stamp("blocks").await.unwrap().is_none(), "{told}");
    }
    let plan = limits.as_any().plan().await.unwrap();
    assert!(lines(&plan)[1].starts_with("blocks would run: failed last time: "), "{plan:?}");
}

#[tokio::test]
async fn a_task_is_retried_as_declared_with_increasing_waits() {
    let layout = Layout::in_memory().unwrap();
    let waits = Log::default();
    let kept = waits.clone();
    let told = layout.on_event(move |event| {
        if let setup_tasks::event::EventKind::TaskRetry { attempt, wait, .. } = event.kind {
            assert!(wait >= Duration::from_millis(100 << (attempt - 1)), "{attempt}: {wait:?}");
            kept.say(format!("retry after {attempt}"));
        }
    });
    let limits = layout.add(Limits(Machine::new("l"))).unwrap();
    limits.0.knobs.set("good", "3");
    Limits::FLAKY.run(&limits).await.unwrap();
    assert_eq!(limits.0.log.take(), ["attempt 1", "attempt 2", "attempt 3"]);
    told.flush().await;
    assert_eq!(waits.take(), ["retry after 1", "retry after 2"]);
    limits.0.knobs.set("good", "4");
    assert!(chain(Limits::FLAKY.run(&limits).await.unwrap_err()).ends_with("not yet"));
    assert_eq!(limits.0.log.take().len(), 3);
}

#[tokio::test]
async fn events_describe_a_run_from_its_first_task_to_its_last() {
    let layout = Layout::in_memory().unwrap();
    let mut events = events(&layout);
    let machine = machine(&layout);
    machine.knobs.set("second", "skip");
    machine.run_setup_tasks().stop_after(Machine::SECOND).await.unwrap();
    assert_eq!(
        events.take(),
        [
            "m/first should run: never ran",
            "m/first start 1",
            "m/first ran",
            "m/second should run: never ran",
            "m/second start 1",
            "m/second skipped"
        ]
    );
    machine.as_any().plan().await.unwrap();
    assert_eq!(events.take(), ["m/first already run", "m/second would run: never ran", "m/third would run: never ran"]);
}

#[tokio::test]
async fn a_listener_that_panics_harms_no_run_and_no_other_listener() {
    let layout = Layout::in_memory().unwrap();
    layout.on_event(|_| panic!("a bad listener"));
    let mut events = events(&layout);
    machine(&layout).run_setup_tasks().await.unwrap();
    assert_eq!(events.take().len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_runs_of_one_object_the_second_waits_and_finds_the_work_done() {
    let place = Scratch::new();
    let layout = place.layout();
    let machine = machine(&layout);
    let gate = machine.knobs.gate("first");
    let one = tokio::spawn(machine.run_setup_tasks().into_future());
    gate.arrived().await;
    let mut two = std::pin::pin!(machine.run_setup_tasks().into_future());
    assert!((&mut two).now_or_never().is_none(), "it waits");
    // A second run of the task would pass as well, and be counted.
    gate.open();
    gate.open();
    let ran = one.await.unwrap().unwrap().ran().count() + two.await.unwrap().ran().count();
    assert_eq!((ran, machine.log.take().len()), (3, 3));
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "readonly/{0}", readonly)]
struct Untouched(u8, Log);

#[setup_tasks]
impl Untouched {
    #[setup_task("Touch it")]
    fn touch(&self) {
        self.1.say("touched");
    }
}

#[tokio::test]
async fn readonly_is_the_objects_flag_then_the_models_then_the_nearest_keys() {
    let layout = Layout::in_memory().unwrap();
    let below = layout.injector().child("below");
    below.provide(READONLY, true).unwrap();
    let own = layout.object_builder(Untouched(1, Log::default())).readonly(false).under(&below).add().unwrap();
    let model = layout.add(Untouched(2, Log::default())).unwrap();
    let by_key = layout.object_builder(Machine::new("key")).under(&below).add().unwrap();
    let other = layout.add(Machine::new("other")).unwrap();
    let flags =
        [own.as_any().readonly(), model.as_any().readonly(), by_key.as_any().readonly(), other.as_any().readonly()];
    assert_eq!(flags, [false, true, true, false]);

    for object in layout.all() {
        object.run_setup_tasks().await.unwrap();
    }
    assert_eq!((own.1.take().len(), model.1.take().len(), by_key.log.take().len()), (1, 0, 0));
    assert_eq!(other.log.take().len(), 3);
}

#[tokio::test]
async fn readonly_is_looked_up_once() {
    let layout = Layout::in_memory().unwrap();
    let machine = machine(&layout);
    assert!(!machine.as_any().readonly());
    layout.injector().provide(READONLY, true).unwrap();
    assert!(!machine.as_any().readonly() && layout.add(Machine::new("later")).unwrap().as_any().readonly());
}

/// A model whose task blocks its thread, without notice to the executor, until the other object's
/// task releases it.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Stubborn {
    name: &'static str,
    go: std::sync::Arc<std::sync::atomic::AtomicBool>,
}

#[setup_tasks]
impl Stubborn {
    #[setup_task("Block, or say go")]
    fn act(&self) {
        use std::sync::atomic::Ordering::Relaxed;
        if self.name == "blocks" {
            while !self.go.load(Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }

    #[setup_task("Say go")]
    async fn go(&self) {
        self.go.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_task_that_blocks_its_thread_lets_other_objects_go_on() {
    let (layout, go) = (Layout::in_memory().unwrap(), std::sync::Arc::default());
    for name in ["blocks", "goes"] {
        layout.add(Stubborn { name, go: std::sync::Arc::clone(&go) }).unwrap();
    }
    let report = tokio::time::timeout(Duration::from_secs(20), layout.run().into_future()).await.unwrap().unwrap();
    assert!(report.is_success(), "{report}");
}
