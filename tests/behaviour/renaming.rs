//! Tests of tasks and objects that have other names than before.

use std::sync::Arc;

use setup_tasks::log::logs_of;
use setup_tasks::prelude::*;
use setup_tasks::stamp::{Attempt, Change, Clock, Entry, MemoryStore, Stamp, Timestamp};
use setup_tasks::{Customization, Layout};

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
        fn unlock(&self, cx: &TaskContext) -> Result<()> {
            cx.log("it is open");
            Ok(())
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
        fn open(&self, cx: &TaskContext) -> Result<()> {
            cx.log("it is open");
            Ok(())
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
                    history: Box::new(layout.history(&Default::default()).await.unwrap().remove(0)),
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
