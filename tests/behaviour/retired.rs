//! Tests of retired objects, which a run of the layout brings down.

use setup_tasks::error::explain;
use setup_tasks::fleet::{FleetReport, ObjectStatus};
use setup_tasks::layout::AddError;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Deferred, InjectionKey, Layout};

use test_kit::Scratch;

/// A host that leaves something in each directory.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Host {
    name: &'static str,
    #[depends_on(Host::announce)]
    gateway: Option<Object<Host>>,
    #[depends_on(Host::announce)]
    late: Option<Deferred<Host>>,
}

#[setup_tasks]
impl Host {
    #[setup_task("Announce it", undo = withdraw)]
    fn announce(&self, cx: &TaskContext) -> Result<()> {
        std::fs::write(cx.stamp_path()?.join("cache"), "")?;
        std::fs::write(cx.state_path()?.join("key"), "")?;
        Ok(())
    }

    fn withdraw(&self, cx: &TaskContext) {
        cx.log("withdrawn");
    }
}

fn host(name: &'static str) -> Host {
    Host { name, gateway: None, late: None }
}

fn outcome(report: &FleetReport, id: &str) -> ObjectStatus {
    report.object(id).unwrap().outcome
}

/// Returns whether the object has files in its cache, its state and its logs.
fn left(config: &Config, id: &str) -> [bool; 3] {
    [config.cache_dir().join(id).join("cache"), config.state_dir().join(id).join("key"), config.log_dir().join(id)]
        .map(|path| path.exists())
}

async fn retire(layout: &Layout) -> Object<Host> {
    layout.object_builder(host("old")).retired().add().unwrap()
}

#[tokio::test]
async fn a_run_brings_a_retired_object_down_and_keeps_its_state_until_it_is_pruned() {
    let place = Scratch::new();
    for (store, open) in place.layouts() {
        let layout = open();
        layout.add(host("old")).unwrap();
        layout.run().await.unwrap();
        let config = layout.config().clone();
        drop(layout);

        let layout = open();
        let old = retire(&layout).await;
        layout.add(host("new")).unwrap();
        assert!(old.as_any().is_retired());
        let plan = layout.run().dry_run().await.unwrap();
        assert_eq!(outcome(&plan, "old"), ObjectStatus::WouldBringDown, "{store}");
        assert_eq!(left(&config, "old"), [true, true, false], "{store}");
        let report = layout.run().await.unwrap();
        assert_eq!([outcome(&report, "old"), outcome(&report, "new")], [ObjectStatus::BroughtDown, ObjectStatus::Ran]);
        assert_eq!(report.summary(), "done: 2 objects; 1 task ran, 2 up to date, 1 brought down", "{store}");
        assert_eq!(left(&config, "old"), [false, true, true], "{store}");
        assert!(layout.store().load("old").await.unwrap().is_empty());

        let report = layout.run().await.unwrap();
        assert_eq!(
            (outcome(&report, "old"), report.summary()),
            (ObjectStatus::Down, "up to date: 2 objects, 3 tasks, nothing to do".into())
        );
        assert!(layout.orphans().await.unwrap().is_empty(), "it is in the layout");
        let prunable = layout.orphans_named(&["old".into()]).await.unwrap();
        prunable[0].prune().await.unwrap();
        assert_eq!(left(&config, "old"), [false, true, false], "{store}");
        layout.orphans_named(&["old".into()]).await.unwrap()[0].prune_with_state().await.unwrap();
        assert_eq!(left(&config, "old"), [false, false, false], "{store}");
        drop(layout);
        open().store().write("new", None, vec![setup_tasks::stamp::Change::Clear]).await.unwrap();
    }
}

#[tokio::test]
async fn a_retired_object_that_is_still_up_is_not_pruned() {
    let place = Scratch::new();
    let layout = place.layout();
    layout.add(host("old")).unwrap();
    layout.run().await.unwrap();
    drop(layout);
    let layout = place.layout();
    retire(&layout).await;
    let error = layout.orphans_named(&["old".into()]).await.unwrap_err();
    assert_eq!(error.to_string(), "no object that has left the layout is `old`");
    assert_eq!(error.help().unwrap(), "it is retired and still up, or nothing of it is left; a run brings it down");
}

#[tokio::test]
async fn a_cache_that_an_interruption_left_is_removed_by_the_next_run() {
    let place = Scratch::new();
    let layout = place.layout();
    let old = retire(&layout).await;
    std::fs::write(old.stamp_path().unwrap().join("cache"), "").unwrap();
    let plan = layout.run().dry_run().await.unwrap();
    assert_eq!(outcome(&plan, "old"), ObjectStatus::WouldBringDown);
    assert_eq!(outcome(&layout.run().await.unwrap(), "old"), ObjectStatus::BroughtDown);
    assert_eq!(left(layout.config(), "old"), [false; 3]);
    assert_eq!(outcome(&layout.run().await.unwrap(), "old"), ObjectStatus::Down);
}

#[tokio::test]
async fn a_live_object_that_depends_on_a_retired_one_is_an_error_that_names_both() {
    let layout = Layout::in_memory().unwrap();
    let old = retire(&layout).await;
    let error = layout.add(Host { gateway: Some(old.clone()), ..host("client") }).unwrap_err();
    assert!(matches!(error, AddError::DependsOnRetired { .. }));
    assert_eq!(error.to_string(), "`client` depends on task `old/announce`, but `old` is retired");
    assert_eq!(error.help().unwrap(), "retire `client` as well, or remove its dependency");
    layout.object_builder(Host { gateway: Some(old), ..host("guest") }).retired().add().unwrap();
    assert!(layout.run().await.unwrap().is_success(), "both are retired");
}

#[tokio::test]
async fn a_late_dependency_on_a_retired_object_keeps_it_up_and_fails_both() {
    let place = Scratch::new();
    let key = InjectionKey::<Object<Host>>::named("old");
    let site = |retired: bool| {
        let layout = place.layout();
        let builder = layout.object_builder(host("old"));
        let old = if retired { builder.retired() } else { builder }.add().unwrap();
        layout.add(Host { late: Some(Deferred::new(key)), ..host("client") }).unwrap();
        layout.injector().provide(key, old.clone()).unwrap();
        (layout, old)
    };
    let (layout, _) = site(false);
    assert!(layout.run().await.unwrap().is_success());
    drop(layout);
    let (layout, old) = site(true);
    for report in [layout.run().dry_run().await.unwrap(), layout.run().await.unwrap()] {
        for id in ["old", "client"] {
            let result = report.object(id).unwrap();
            assert_eq!(result.outcome, ObjectStatus::Failed, "{report}");
            let error = explain(&**result.error.as_ref().unwrap());
            assert!(error.contains("`client` depends on task `old/announce`, but `old` is retired"), "{error}");
        }
    }
    assert!(old.check_stamp("announce").await.unwrap().is_some());
}

#[tokio::test]
async fn a_retired_object_is_not_run_by_other_calls() {
    let layout = Layout::in_memory().unwrap();
    let old = retire(&layout).await;
    let error = old.run_setup_tasks().await.unwrap_err();
    assert_eq!(error.to_string(), "`old` is retired: its tasks do not run");
    assert!(old.ready().await.is_err() && old.as_any().plan().await.is_err());
}
