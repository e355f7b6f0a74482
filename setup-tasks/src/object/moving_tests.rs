//! The move of an object, interrupted before each of its steps.

use std::cell::Cell;
use std::io;

use crate::prelude::*;
use crate::stamp::{FilesStore, SqliteStore};
use crate::{Config, Layout};

thread_local! {
    /// The number of steps before the interruption, if there is to be one.
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Returns an error at the step at which the test interrupts the move.
pub(in super::super) fn step(what: &'static str) -> io::Result<()> {
    match LEFT.get() {
        Some(0) => Err(io::Error::other(format!("interrupted before: {what}"))),
        left => {
            LEFT.set(left.map(|left| left - 1));
            Ok(())
        }
    }
}

/// A model that looks for its files in the checks of its tasks.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{subdir}", id = "{subdir}")]
struct Tenant {
    subdir: &'static str,
}

#[setup_tasks]
impl Tenant {
    #[setup_task("Move in", invalidator = has_furniture)]
    fn move_in(&self, cx: &TaskContext) -> Result<()> {
        std::fs::write(cx.stamp_path()?.join("furniture"), "")?;
        cx.log("moved in");
        Ok(())
    }

    fn has_furniture(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.stamp_path()?.join("furniture").exists())
    }

    #[setup_task("Keep the key", check_completed = has_key)]
    fn keep_key(&self, cx: &TaskContext) -> Result<()> {
        Ok(std::fs::write(cx.state_path()?.join("key"), "")?)
    }

    fn has_key(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.state_path()?.join("key").exists())
    }
}

fn layouts(config: &Config) -> [Layout; 2] {
    let database = config.cache_dir().join(".setup-tasks/stamps.sqlite");
    let files = config.clone();
    let files = Config { base_dir: files.base_dir.join("files"), ..files };
    [
        Layout::with_store(config.clone(), SqliteStore::new(database)),
        Layout::with_store(files.clone(), FilesStore::new(files.cache_dir())),
    ]
}

/// Returns the number of steps that passed before the interruption, or `None` if the move ended.
async fn interrupted_after(layout: &Layout, steps: usize) -> bool {
    let object = layout.object_builder(Tenant { subdir: "new/home" }).formerly("old").add().unwrap();
    LEFT.set(Some(steps));
    let ran = object.run_setup_tasks().await;
    LEFT.set(None);
    ran.is_err()
}

#[tokio::test]
async fn a_move_that_is_interrupted_before_any_step_is_finished_by_the_next_run() {
    for store in 0..2 {
        let mut steps = 0;
        loop {
            let place = tempfile::tempdir().unwrap();
            let config = Config::new(place.path());
            let layout = || layouts(&config).into_iter().nth(store).unwrap();
            layout().add(Tenant { subdir: "old" }).unwrap().run_setup_tasks().await.unwrap();
            let is_interrupted = interrupted_after(&layout(), steps).await;
            {
                let layout = layout();
                let object = layout.object_builder(Tenant { subdir: "new/home" }).formerly("old").add().unwrap();
                let plan = object.as_any().plan().await.unwrap();
                assert!(plan.is_up_to_date(), "store {store}, step {steps}: {plan:?}");
                assert!(layout.orphans().await.unwrap().is_empty(), "store {store}, step {steps}");
                let report = object.run_setup_tasks().await.unwrap();
                assert!(report.is_up_to_date(), "store {store}, step {steps}: {report:?}");
                let config = layout.config();
                for (root, file) in [(config.cache_dir(), "furniture"), (config.state_dir(), "key")] {
                    assert!(root.join("new/home").join(file).exists(), "store {store}, step {steps}: {file}");
                    assert!(!root.join("old").exists(), "store {store}, step {steps}: {file}");
                }
                assert_eq!(crate::log::logs_of(object.as_any(), Some("move_in")).unwrap().len(), 1);
                let moves = config.cache_dir().join(".setup-tasks/moves");
                assert_eq!(std::fs::read_dir(moves).unwrap().count(), 0, "store {store}, step {steps}");
            }
            let subdirs: Vec<_> = layout().store().objects().await.unwrap().into_iter().map(|o| o.subdir).collect();
            assert_eq!(subdirs, ["new/home"], "store {store}, step {steps}");
            if !is_interrupted {
                break;
            }
            steps += 1;
        }
        assert_eq!(steps, 10, "each step was interrupted");
    }
}
