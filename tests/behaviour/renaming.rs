//! Tests of tasks and objects that have other names than before.

use std::sync::Arc;

use setup_tasks::layout::{AddError, Orphan};
use setup_tasks::log::logs_of;
use setup_tasks::prelude::*;
use setup_tasks::stamp::{Attempt, Change, Clock, Entry, HistoryFilter, MemoryStore, Stamp, Timestamp};
use setup_tasks::task::AddTaskError;
use setup_tasks::{Customization, Layout, NewTask};

use test_kit::{Open, Scratch, lines};

/// Returns one layout per store.
fn layouts(place: &Scratch) -> Vec<(&'static str, Open)> {
    let (memory, config) = (Arc::new(MemoryStore::new()), place.config());
    let mut layouts = place.layouts();
    layouts.push(("memory", Box::new(move || Layout::with_clock(config.clone(), memory.clone(), Clock::system()))));
    layouts
}

/// The types of an earlier version of a program.
mod before {
    use super::*;

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "shop")]
    pub struct Shop;

    #[setup_tasks]
    impl Shop {
        #[setup_task("Open the shop", hash = hours)]
        fn unlock(&self, cx: &TaskContext) {
            cx.log("it is open");
        }

        fn hours(&self) -> &'static str {
            "9 to 5"
        }

        #[setup_task("Set up the till")]
        const REGISTER: Customization<Self, Till> = Customization::new(|_| Till);

        #[setup_task("Greet the customers")]
        pub fn greet(&self) {}
    }

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "till")]
    pub struct Till;

    #[setup_tasks]
    impl Till {
        #[setup_task("Count the coins")]
        fn count(&self, cx: &TaskContext) {
            cx.log("counted");
        }
    }
}

/// The same types with new names of tasks.
mod now {
    use super::*;

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "shop")]
    pub struct Shop;

    #[setup_tasks]
    impl Shop {
        #[setup_task("Open the shop", hash = hours, formerly = ["begin", "unlock"])]
        fn open(&self, cx: &TaskContext) {
            cx.log("it is open");
        }

        fn hours(&self) -> &'static str {
            "9 to 5"
        }

        #[setup_task("Set up the till", formerly = "register")]
        const TILL: Customization<Self, Till> = Customization::new(|_| Till);

        #[setup_task("Greet the customers")]
        pub fn greet(&self) {}
    }

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "till")]
    pub struct Till;

    #[setup_tasks]
    impl Till {
        #[setup_task("Count the coins", formerly = "count")]
        fn count_coins(&self, cx: &TaskContext) {
            cx.log("counted");
        }
    }
}

#[tokio::test]
async fn a_renamed_task_and_the_tasks_of_a_renamed_customization_do_not_run_again() {
    let place = Scratch::new();
    for (store, layout) in layouts(&place) {
        let shop = layout().add(before::Shop).unwrap();
        shop.run_setup_tasks().await.unwrap();
        let stamps = [shop.check_stamp("unlock").await.unwrap(), shop.check_stamp("register.count").await.unwrap()];
        assert!(stamps.iter().all(Option::is_some), "{store}");
        drop(shop);
        let layout = layout();
        let shop = layout.add(now::Shop).unwrap();
        let kept = place.tree();
        let plan = shop.as_any().plan().await.unwrap();
        assert!(plan.is_up_to_date(), "{store}: {:?}", lines(&plan));
        assert!(shop.run_setup_tasks().await.unwrap().is_up_to_date(), "{store}");
        let present = [shop.check_stamp("open").await.unwrap(), shop.check_stamp("till.count_coins").await.unwrap()];
        assert_eq!(present, stamps, "{store}");
        assert_eq!(place.tree(), kept, "{store}: a run with nothing to do writes nothing");
    }
}

#[tokio::test]
async fn the_first_change_of_an_object_writes_the_new_names() {
    let place = Scratch::new();
    for (store, layout) in layouts(&place) {
        layout().add(before::Shop).unwrap().run_setup_tasks().await.unwrap();
        let layout = layout();
        let shop = layout.add(now::Shop).unwrap();
        let tasks_of_logs = || {
            let mut tasks: Vec<_> = logs_of(shop.as_any(), None).unwrap().into_iter().map(|log| log.task).collect();
            tasks.sort();
            tasks
        };
        let names = ["open", "till.count_coins"].map(str::to_owned);
        assert_eq!(tasks_of_logs(), names, "{store}: the logs are found by the new names");
        shop.run_setup_tasks().force(now::Shop::GREET).await.unwrap();
        let records = layout.store().load("shop").await.unwrap();
        let mut names: Vec<_> = records.iter().map(|(name, _)| name).collect();
        names.sort_unstable();
        assert_eq!(names, ["greet", "open", "till.count_coins"], "{store}");
        let files = std::fs::read_dir(shop.log_path().unwrap()).unwrap();
        let files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert!(files.iter().any(|file| file.contains("-open-1.log")), "{store}: {files:?}");
        assert!(files.iter().all(|file| !file.contains("unlock") && !file.contains("register")), "{store}: {files:?}");
        assert_eq!(logs_of(shop.as_any(), Some("open")).unwrap().len(), 1, "{store}");
        drop((shop, layout));
        std::fs::remove_dir_all(place.path()).unwrap();
        std::fs::create_dir(place.path()).unwrap();
    }
}

#[tokio::test]
async fn a_stamp_that_is_removed_by_its_new_name_does_not_come_back() {
    let place = Scratch::new();
    for (store, layout) in layouts(&place) {
        layout().add(before::Shop).unwrap().run_setup_tasks().await.unwrap();
        layout().add(now::Shop).unwrap().delete_stamp("open").await.unwrap();
        let layout = layout();
        let plan = layout.add(now::Shop).unwrap().as_any().plan().await.unwrap();
        assert_eq!(lines(&plan)[0], "open would run: never ran", "{store}");
    }
}

#[tokio::test]
async fn a_failure_and_an_interruption_follow_the_task() {
    let place = Scratch::new();
    for (store, layout) in layouts(&place) {
        {
            let layout = layout();
            layout.add(before::Shop).unwrap().run_setup_tasks().await.unwrap();
            let records = layout.store().load("shop").await.unwrap();
            let mut entry = records.get("unlock").unwrap().clone();
            let run = entry.stamp.as_ref().unwrap().run;
            let since = Timestamp(entry.stamp.as_ref().unwrap().time.0 + 1_000_000);
            entry.attempt = Some(Box::new(Attempt::Running { since, run }));
            layout.store().write("shop", None, vec![Change::Begin { task: "unlock".into(), entry }]).await.unwrap();
        }
        let plan = layout().add(now::Shop).unwrap().as_any().plan().await.unwrap();
        assert_eq!(lines(&plan)[0], "open would run: interrupted last time", "{store}");
    }
}

#[tokio::test]
async fn records_under_both_names_stay_and_the_new_ones_count() {
    let place = Scratch::new();
    for (store, layout) in layouts(&place) {
        layout().add(before::Shop).unwrap().run_setup_tasks().await.unwrap();
        let layout = layout();
        let own = Entry::completed(Stamp::new(Timestamp(1_000_000_000_000_000_000), "own"));
        layout
            .store()
            .write(
                "shop",
                None,
                vec![Change::MarkDone {
                    task: "open".to_owned(),
                    entry: own.clone(),
                    history: Box::new(layout.history(&HistoryFilter::default()).await.unwrap().remove(0)),
                }],
            )
            .await
            .unwrap();
        let shop = layout.add(now::Shop).unwrap();
        assert_eq!(shop.check_stamp("open").await.unwrap(), own.stamp, "{store}");
        shop.create_stamp("other", "").await.unwrap();
        let records = layout.store().load("shop").await.unwrap();
        assert_eq!(records.get("open"), Some(&own), "{store}");
        assert!(records.get("unlock").is_some() && records.get("till.count_coins").is_some(), "{store}");
    }
}

/// The plain-files store writes several files per change, so a kill can leave any number of them.
#[tokio::test]
async fn a_rename_of_plain_files_that_was_interrupted_is_finished() {
    let place = Scratch::new();
    let (_, layout) = place.layouts().remove(1);
    layout().add(before::Shop).unwrap().run_setup_tasks().await.unwrap();
    let directory = layout().config().cache_dir().join("shop");
    let file = |kind: &str, task: &str| directory.join(format!(".{kind}-{task}"));
    // The entry was written under its new name, and a part of the former one was removed.
    for removed in [&[][..], &["stamp"], &["stamp", "detail"]] {
        layout().add(before::Shop).unwrap().run_setup_tasks().await.unwrap();
        for kind in ["stamp", "detail"] {
            std::fs::copy(file(kind, "unlock"), file(kind, "open")).unwrap();
            let modified = file(kind, "unlock").metadata().unwrap().modified().unwrap();
            std::fs::File::options().write(true).open(file(kind, "open")).unwrap().set_modified(modified).unwrap();
        }
        removed.iter().for_each(|kind| std::fs::remove_file(file(kind, "unlock")).unwrap());
        let layout = layout();
        let shop = layout.add(now::Shop).unwrap();
        assert!(shop.as_any().plan().await.unwrap().is_up_to_date(), "{removed:?}");
        shop.run_setup_tasks().force(now::Shop::GREET).await.unwrap();
        assert!(!file("stamp", "unlock").exists() && file("stamp", "open").exists(), "{removed:?}");
        assert!(shop.run_setup_tasks().await.unwrap().is_up_to_date(), "{removed:?}");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}

#[tokio::test]
async fn the_name_of_a_task_is_not_part_of_its_fingerprint() {
    let layout = Layout::in_memory().unwrap();
    let shop = layout.add(before::Shop).unwrap();
    shop.run_setup_tasks().await.unwrap();
    let unlock = shop.check_stamp("unlock").await.unwrap().unwrap().source;
    let layout = Layout::in_memory().unwrap();
    let shop = layout.add(now::Shop).unwrap();
    shop.run_setup_tasks().await.unwrap();
    let open = shop.check_stamp("open").await.unwrap().unwrap().source;
    assert!(unlock.is_some() && unlock == open);
    assert_ne!(shop.check_stamp("greet").await.unwrap().unwrap().source, open);
}

/// A model whose tasks leave something in each directory, and look for it.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{subdir}", id = "{id}")]
struct Tenant {
    subdir: &'static str,
    id: &'static str,
}

impl Tenant {
    fn of(subdir: &'static str) -> Self {
        Self { subdir, id: subdir }
    }
}

#[setup_tasks]
impl Tenant {
    #[setup_task("Move in", invalidator = has_furniture)]
    fn move_in(&self, cx: &TaskContext) -> Result<()> {
        std::fs::create_dir(cx.stamp_path()?.join("room"))?;
        std::fs::write(cx.stamp_path()?.join("room/furniture"), self.id)?;
        cx.log("moved in");
        Ok(())
    }

    fn has_furniture(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.stamp_path()?.join("room/furniture").exists())
    }

    #[setup_task("Keep the key", check_completed = has_key)]
    fn keep_key(&self, cx: &TaskContext) -> Result<()> {
        Ok(std::fs::write(cx.state_path()?.join("key"), self.id)?)
    }

    fn has_key(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.state_path()?.join("key").exists())
    }
}

async fn move_in(layout: &Layout, tenant: Tenant) {
    layout.add(tenant).unwrap().run_setup_tasks().await.unwrap();
}

/// Returns the owner of what is under a subdir: of its cache and of its state.
fn owners(layout: &Layout, subdir: &str) -> [Option<String>; 2] {
    let config = layout.config();
    let read = |path: std::path::PathBuf| std::fs::read_to_string(path).ok();
    [read(config.cache_dir().join(subdir).join("room/furniture")), read(config.state_dir().join(subdir).join("key"))]
}

fn both(owner: &str) -> [Option<String>; 2] {
    [Some(owner.to_owned()), Some(owner.to_owned())]
}

#[tokio::test]
async fn a_renamed_object_takes_everything_over_and_a_plan_reads_it_as_if_moved() {
    let place = Scratch::new();
    for (store, layout) in layouts(&place) {
        // The former name is a subdir, and then an id.
        for (number, former) in ["homes/old", "the old one"].into_iter().enumerate() {
            let [old, new] = [["homes/old", "homes/new"], ["homes/older", "new/one"]][number];
            move_in(&layout(), Tenant { subdir: old, id: ["homes/old", "the old one"][number] }).await;
            let open = || {
                let layout = layout();
                let tenant = layout.object_builder(Tenant::of(new)).formerly(former).add().unwrap();
                (layout, tenant)
            };
            let before = place.tree();
            {
                let (layout, tenant) = open();
                layout.plan_only();
                let plan = tenant.as_any().plan().await.unwrap();
                assert!(plan.is_up_to_date(), "{store} {former}: {:?}", lines(&plan));
                let summary = layout.run().await.unwrap().summary();
                assert!(summary.starts_with("up to date"), "{store} {former}: {summary}");
                assert!(tenant.check_stamp("move_in").await.unwrap().is_some(), "{store} {former}");
                assert_eq!(logs_of(tenant.as_any(), None).unwrap().len(), 1, "{store} {former}");
                assert!(layout.orphans().await.unwrap().iter().all(|orphan| orphan.stamp_subdir() != old), "{store}");
            }
            assert_eq!(place.tree(), before, "{store} {former}: a plan changes nothing");
            let (layout, tenant) = open();
            assert!(tenant.run_setup_tasks().await.unwrap().is_up_to_date(), "{store} {former}");
            assert_eq!(owners(&layout, new), both(former), "{store} {former}");
            assert_eq!(owners(&layout, old), [None, None], "{store} {former}");
            assert_eq!(logs_of(tenant.as_any(), None).unwrap().len(), 1, "{store} {former}");
            let known = layout.store().objects().await.unwrap();
            let known: Vec<_> = known.iter().map(|object| object.subdir.as_str()).collect();
            assert!(known.contains(&new) && !known.contains(&old), "{store} {former}: {known:?}");
            drop((tenant, layout));
            let after = place.tree();
            assert!(open().1.run_setup_tasks().await.unwrap().is_up_to_date(), "{store} {former}");
            assert_eq!(place.tree(), after, "{store} {former}: it moves once");
        }
        std::fs::remove_dir_all(place.path()).unwrap();
        std::fs::create_dir(place.path()).unwrap();
    }
}

#[tokio::test]
async fn a_fleet_of_many_objects_takes_them_over() {
    let place = Scratch::new();
    let names: Vec<&'static str> = (0..100).map(|number| &*format!("t{number}").leak()).collect();
    {
        let layout = place.layout();
        names.iter().for_each(|name| drop(layout.add(Tenant::of(name)).unwrap()));
        assert!(layout.run().await.unwrap().is_success());
    }
    let layout = place.layout();
    for name in &names {
        let new = &*format!("new/{name}").leak();
        layout.object_builder(Tenant::of(new)).formerly(*name).add().unwrap();
    }
    let report = layout.run().await.unwrap();
    assert!(report.summary().starts_with("up to date"), "{}", report.summary());
    assert!(layout.orphans().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_former_name_that_is_present_or_claimed_twice_is_an_error_that_names_both() {
    let layout = Layout::in_memory().unwrap();
    layout.add(Tenant { subdir: "homes/a", id: "a" }).unwrap();
    let formerly = |new: &'static str, old: &str| {
        layout.object_builder(Tenant::of(new)).formerly(old).add().map(drop).map_err(Box::new)
    };
    for present in ["a", "homes/a", "homes//a/"] {
        let error = formerly("b", present).unwrap_err();
        assert!(matches!(&*error, AddError::FormerIsPresent { id, other, .. } if id == "b" && other == "a"), "{error}");
    }
    formerly("c", "homes/old").unwrap();
    let error = formerly("d", "homes/old").unwrap_err();
    assert_eq!(error.to_string(), "`c` and `d` both were formerly `homes/old`");
    let error = layout.add(Tenant::of("homes/old")).unwrap_err();
    assert_eq!(error.to_string(), "`c` was formerly `homes/old`, but `homes/old` has this name now");
    assert!(matches!(*formerly("e", "e").unwrap_err(), AddError::FormerIsPresent { .. }));
    assert!(matches!(*formerly("f", "../f").unwrap_err(), AddError::Path { .. }));
}

#[tokio::test]
async fn with_records_under_both_names_nothing_moves() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        move_in(&layout(), Tenant::of("old")).await;
        move_in(&layout(), Tenant::of("new")).await;
        let layout = layout();
        let tenant = layout.object_builder(Tenant::of("new")).formerly("old").add().unwrap();
        assert!(tenant.run_setup_tasks().force_all().await.is_err(), "{store}: its own room exists");
        assert_eq!((owners(&layout, "old"), owners(&layout, "new")), (both("old"), both("new")), "{store}");
        let orphans = layout.orphans().await.unwrap();
        assert_eq!(orphans.iter().map(Orphan::id).collect::<Vec<_>>(), ["old"], "{store}");
        orphans[0].prune_with_state().await.unwrap();
        assert_eq!(owners(&layout, "new"), both("new"), "{store}");
    }
}

#[tokio::test]
async fn objects_within_each_other_are_moved_without_the_others() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        for subdir in ["site", "site/db", "site/gone", "site/left"] {
            move_in(&layout(), Tenant::of(subdir)).await;
        }
        let layout = layout();
        // The present name is within the former one.
        let web = layout.object_builder(Tenant::of("site/web")).formerly("site").add().unwrap();
        layout.add(Tenant::of("site/db")).unwrap();
        let up = layout.object_builder(Tenant::of("up")).formerly("site/gone").add().unwrap();
        let report = layout.run().await.unwrap();
        assert!(report.summary().starts_with("up to date"), "{store}: {}", report.summary());
        for (subdir, owner) in
            [("site/web", "site"), ("site/db", "site/db"), ("up", "site/gone"), ("site/left", "site/left")]
        {
            assert_eq!(owners(&layout, subdir), both(owner), "{store}: {subdir}");
        }
        assert_eq!(owners(&layout, "site"), [None, None], "{store}");
        drop((web, up));
        let orphans = layout.orphans().await.unwrap();
        assert_eq!(orphans.iter().map(Orphan::id).collect::<Vec<_>>(), ["site/left"], "{store}");
    }
}

#[tokio::test]
async fn two_runs_at_once_move_an_object_once() {
    let place = Scratch::new();
    move_in(&place.layout(), Tenant::of("old")).await;
    let run = || {
        let layout = place.layout();
        let tenant = layout.object_builder(Tenant::of("new")).formerly("old").add().unwrap();
        async move {
            let report = tenant.run_setup_tasks().await.unwrap();
            drop(layout);
            report.is_up_to_date()
        }
    };
    let (one, other) = tokio::join!(run(), run());
    assert!(one && other);
    assert_eq!(owners(&place.layout(), "new"), both("old"));
}

#[tokio::test]
async fn a_move_waits_for_a_run_under_the_old_name_and_reports_its_holder() {
    let place = Scratch::new();
    let old = place.layout();
    let machine = old.add(test_kit::Machine::new("old")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    let gate = machine.knobs.gate("second");
    let running = tokio::spawn(machine.run_setup_tasks().force_all().into_future());
    gate.arrived().await;
    let renamed =
        |layout: &Layout| layout.object_builder(test_kit::Machine::new("new")).formerly("machines/old").add().unwrap();
    let impatient = place.layout_with(|config| config.lease_timeout_secs = 0);
    let error = test_kit::chain(renamed(&impatient).run_setup_tasks().await.unwrap_err());
    assert!(error.contains("`new` cannot take over what it has under its former name `machines/old`"), "{error}");
    assert!(error.contains("held by process"), "{error}");
    let layout = place.layout();
    let waiting = tokio::spawn(renamed(&layout).run_setup_tasks().into_future());
    gate.open();
    running.await.unwrap().unwrap();
    assert!(waiting.await.unwrap().unwrap().is_up_to_date());
}

#[cfg(unix)]
#[tokio::test]
async fn a_move_follows_no_link() {
    let place = Scratch::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("precious"), "").unwrap();
    move_in(&place.layout(), Tenant::of("old")).await;
    let layout = place.layout();
    let cache = layout.config().cache_dir();
    std::os::unix::fs::symlink(outside.path(), cache.join("old/link")).unwrap();
    let tenant = layout.object_builder(Tenant::of("new")).formerly("old").add().unwrap();
    assert!(tenant.run_setup_tasks().await.unwrap().is_up_to_date());
    assert_eq!(std::fs::read_link(cache.join("new/link")).unwrap(), outside.path());
    assert!(outside.path().join("precious").exists());
}

/// A mixin whose task has a former name.
#[setup_tasks]
trait Lit {
    #[setup_task("Light it", formerly = "candle")]
    fn lamp(&self) {}
}

/// A mixin that replaces the task of the other one, and adds a former name.
#[setup_tasks(mixins(Lit))]
trait Neon: Lit {
    #[setup_task("Light it brightly", formerly = "gas")]
    fn lamp(&self) {}
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "room", mixins(Lit, Neon))]
struct Room;

impl Lit for Room {}
impl Neon for Room {}

#[setup_tasks]
impl Room {
    #[setup_task("Light it dimly", check_source = false)]
    fn lamp(&self) {}
}

#[tokio::test]
async fn a_task_inherits_the_former_names_of_the_tasks_that_it_replaces() {
    for former in ["candle", "gas"] {
        let layout = Layout::in_memory().unwrap();
        let room = layout.add(Room).unwrap();
        room.create_stamp(former, "").await.unwrap();
        assert!(room.run_setup_tasks().await.unwrap().is_up_to_date(), "{former}");
        let names = room.as_any().history_names("lamp");
        assert_eq!(names, ["lamp", "candle", "gas"].map(|task| ("room".to_owned(), task.to_owned())));
    }
}

#[tokio::test]
async fn an_added_task_takes_over_the_records_of_its_former_name() {
    let place = Scratch::new();
    for (store, open) in layouts(&place) {
        {
            let layout = open();
            let room = layout.add(Room).unwrap();
            room.add_setup_task(NewTask::new("varnish", "Varnish it", |_| async {})).unwrap();
            room.run_setup_tasks().await.unwrap();
        }
        {
            let layout = open();
            let room = layout.add(Room).unwrap();
            // The first change of the process comes before the task is added.
            room.create_stamp("guest", "").await.unwrap();
            let polish = NewTask::new("polish", "Polish it", |_| async {}).formerly("wax").formerly("varnish");
            room.add_setup_task(polish).unwrap();
            assert!(room.run_setup_tasks().await.unwrap().is_up_to_date(), "{store}");
            room.delete_stamp("guest").await.unwrap();
        }
        let layout = open();
        let records = layout.store().load("room").await.unwrap();
        let mut tasks: Vec<_> = records.iter().map(|(task, _)| task).collect();
        tasks.sort_unstable();
        assert_eq!(tasks, ["lamp", "polish"], "{store}");
    }
}

#[test]
fn a_former_name_of_an_added_task_that_another_one_has_or_had_is_an_error() {
    let layout = Layout::in_memory().unwrap();
    let room = layout.add(Room).unwrap();
    let add = |name: &str, former: &str| {
        let task = NewTask::new(name, "Added", |_| async {});
        room.add_setup_task(if former.is_empty() { task } else { task.formerly(former) }).map(drop)
    };
    let text = |added: Result<(), AddTaskError>| added.unwrap_err().to_string();
    assert_eq!(text(add("a", "lamp")), "`a` of `room` cannot be added: `lamp` has or had the name `lamp`, too");
    assert!(text(add("a", "candle")).ends_with("`lamp` has or had the name `candle`, too"));
    assert!(text(add("a", "a")).ends_with("`a` has or had the name `a`, too"));
    assert!(text(add("gas", "")).ends_with("`lamp` has or had the name `gas`, too"));
    add("a", "b").unwrap();
    assert!(text(add("b", "")).ends_with("`a` has or had the name `b`, too"));
    let error = add("c", "b").unwrap_err();
    assert_eq!(error.help().unwrap(), "give the added task another name, or remove one of the former names");
}
