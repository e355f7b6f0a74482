//! Tests of objects that have left the layout: how they are known, and how they are pruned.

use std::path::PathBuf;
use std::sync::Arc;

use setup_tasks::layout::{Orphan, PruneError};
use setup_tasks::prelude::*;
use setup_tasks::stamp::{Change, Clock, Entry, HistoryFilter, MemoryStore, StoredObject, Timestamp};
use setup_tasks::{AnyObject, Config, Layout};

use test_kit::{Machine, Open, Scratch, chain};

/// A model whose task leaves something in each directory of its object.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{subdir}", id = "{subdir}")]
struct Tenant {
    subdir: &'static str,
}

#[setup_tasks]
impl Tenant {
    #[setup_task("Move in")]
    fn move_in(&self, cx: &TaskContext) -> Result<()> {
        std::fs::write(cx.stamp_path()?.join("furniture"), self.subdir)?;
        std::fs::write(cx.state_path()?.join("key"), self.subdir)?;
        cx.log("moved in");
        Ok(())
    }
}

async fn move_in(layout: &Layout, subdirs: &[&'static str]) -> Vec<AnyObject> {
    let mut objects = Vec::new();
    for &subdir in subdirs {
        let object = layout.add(Tenant { subdir }).unwrap();
        object.run_setup_tasks().await.unwrap();
        objects.push(object.as_any().clone());
    }
    objects
}

async fn orphans(layout: &Layout) -> Vec<(String, bool, bool)> {
    let orphans = layout.orphans().await.unwrap();
    orphans.iter().map(|orphan| (orphan.id().to_owned(), orphan.is_left(), orphan.has_state())).collect()
}

async fn orphan(layout: &Layout, id: &str) -> Orphan {
    layout.orphans_named(&[id.to_owned()]).await.unwrap().remove(0)
}

/// Returns the directories of a subdir: cache, state and logs.
fn directories(config: &Config, subdir: &str) -> [PathBuf; 3] {
    [config.cache_dir(), config.state_dir(), config.log_dir()].map(|root| root.join(subdir))
}

fn existing(config: &Config, subdir: &str) -> [bool; 3] {
    directories(config, subdir).map(|directory| directory.exists())
}

/// Returns one layout per store.
fn layouts(place: &Scratch) -> Vec<(&'static str, Open)> {
    let (memory, config) = (Arc::new(MemoryStore::new()), place.config());
    let mut layouts = place.layouts();
    layouts.push(("memory", Box::new(move || Layout::with_clock(config.clone(), memory.clone(), Clock::system()))));
    layouts
}

#[tokio::test]
async fn every_store_keeps_id_and_type_of_every_object_with_its_first_change() {
    let place = Scratch::new();
    for (store, layout) in layouts(&place) {
        {
            let layout = layout();
            let machine = layout.add(Machine::new("m")).unwrap();
            machine.as_any().plan().await.unwrap();
            assert!(layout.store().objects().await.unwrap().is_empty(), "{store}: a plan writes nothing");
            machine.run_setup_tasks().stop_after(Machine::FIRST).await.unwrap();
        }
        let objects = layout().store().objects().await.unwrap();
        assert_eq!(objects, [StoredObject::new("machines/m").identified("m", "Machine")], "{store}");
        {
            let layout = layout();
            let machine = layout.object_builder(Machine::new("m")).id("other").add().unwrap();
            machine.clear_stamps_and_cache().await.unwrap();
        }
        let objects = layout().store().objects().await.unwrap();
        assert_eq!(objects, [StoredObject::new("machines/m").identified("other", "Machine")], "{store}");
    }
}

#[tokio::test]
async fn a_run_with_nothing_to_do_does_not_write_id_and_type() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        layout().add(Machine::new("m")).unwrap().run_setup_tasks().await.unwrap();
        let before = place.tree();
        let layout = layout();
        let machine = layout.object_builder(Machine::new("m")).id("other").add().unwrap();
        assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date(), "{store}");
        drop((machine, layout));
        assert_eq!(place.tree(), before, "{store}");
    }
}

#[tokio::test]
async fn a_retired_object_is_forgotten_and_an_identified_one_is_not() {
    let place = Scratch::new();
    let entry = Entry::changed_at(Timestamp(1_795_554_000_000_000_000));
    for (store, layout) in layouts(&place) {
        let layout = layout();
        let write = |object, changes| layout.store().write(object, None, changes);
        let identify = |id: &str| Change::Identify { id: id.to_owned(), type_name: "T".to_owned() };
        let carry = Change::Carry { task: "check".to_owned(), entry: entry.clone() };
        write("a", vec![identify("a"), carry.clone()]).await.unwrap();
        write("b", vec![identify("b"), carry]).await.unwrap();
        write("b", vec![identify("c")]).await.unwrap();
        assert_eq!(layout.store().load("b").await.unwrap().get("check"), Some(&entry), "{store}");
        write("b", vec![Change::Clear]).await.unwrap();
        write("a", vec![Change::Retire]).await.unwrap();
        assert!(layout.store().load("a").await.unwrap().is_empty(), "{store}");
        let known = layout.store().objects().await.unwrap();
        assert_eq!(known, [StoredObject::new("b").identified("c", "T")], "{store}");
    }
}

#[tokio::test]
async fn objects_that_left_the_layout_are_known_until_they_are_pruned() {
    let place = Scratch::new();
    for (store, layout) in layouts(&place) {
        move_in(&layout(), &["hosts/a", "hosts/b", "hosts/c"]).await;
        let layout = layout();
        layout.add(Tenant { subdir: "hosts/b" }).unwrap();
        let both = [("hosts/a".to_owned(), true, true), ("hosts/c".to_owned(), true, true)];
        assert_eq!(orphans(&layout).await, both, "{store}");
        let a = orphan(&layout, "hosts/a").await;
        assert_eq!((a.type_name(), a.stamp_subdir()), (Some("Tenant"), "hosts/a"), "{store}");
        a.prune_with_state().await.unwrap();
        assert_eq!(orphans(&layout).await, both[1..], "{store}");
        let config = layout.config();
        assert_eq!(existing(config, "hosts/a"), [false; 3], "{store}");
        assert_eq!(existing(config, "hosts/b"), [true; 3], "{store}");
        assert_eq!(existing(config, "hosts/c"), [true; 3], "{store}");
        assert!(layout.add(Tenant { subdir: "hosts/a" }).unwrap().check_stamp("move_in").await.unwrap().is_none());
        let history = layout.history(&HistoryFilter::new().object("hosts/a")).await.unwrap();
        assert_eq!(history.len(), 1, "{store}: pruning keeps the history");
        std::fs::remove_dir_all(place.path()).unwrap();
        std::fs::create_dir(place.path()).unwrap();
    }
}

#[tokio::test]
async fn state_is_kept_and_can_be_pruned_later() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        move_in(&layout(), &["a"]).await;
        let layout = layout();
        orphan(&layout, "a").await.prune().await.unwrap();
        assert_eq!(existing(layout.config(), "a"), [false, true, false], "{store}");
        assert_eq!(orphans(&layout).await, [("a".to_owned(), false, true)], "{store}");
        orphan(&layout, "a").await.prune_with_state().await.unwrap();
        assert_eq!(existing(layout.config(), "a"), [false; 3], "{store}");
        assert!(layout.store().objects().await.unwrap().is_empty(), "{store}");
    }
}

#[tokio::test]
async fn pruning_leaves_the_directories_of_other_objects() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        move_in(&layout(), &["out", "out/in", "out/in/most", "out/gone"]).await;
        let layout = layout();
        let [inner] = &move_in(&layout, &["out/in"]).await[..] else { unreachable!() };
        orphan(&layout, "out").await.prune_with_state().await.unwrap();
        for (subdir, file) in [("out/in", "furniture"), ("out/in/most", "furniture"), ("out/gone", "furniture")] {
            let [cache, state, logs] = directories(layout.config(), subdir);
            assert!(cache.join(file).exists() && state.join("key").exists() && logs.exists(), "{store}: {subdir}");
        }
        let [cache, state, _] = directories(layout.config(), "out");
        assert!(!cache.join("furniture").exists() && !state.join("key").exists(), "{store}");
        // The present object contains this one.
        orphan(&layout, "out/in/most").await.prune_with_state().await.unwrap();
        assert_eq!(existing(layout.config(), "out/in/most"), [false; 3], "{store}");
        assert_eq!(existing(layout.config(), "out/in"), [true; 3], "{store}");
        assert!(inner.run_setup_tasks().await.unwrap().is_up_to_date(), "{store}");
        orphan(&layout, "out/gone").await.prune_with_state().await.unwrap();
        assert_eq!(existing(layout.config(), "out"), [true; 3], "{store}");
        assert!(orphans(&layout).await.is_empty(), "{store}");
    }
}

#[tokio::test]
async fn an_object_that_another_run_holds_stays_and_the_holder_is_named() {
    let place = Scratch::new();
    let other = place.layout();
    let machine = other.add(Machine::new("m")).unwrap();
    let gate = machine.knobs.gate("second");
    let run = tokio::spawn(machine.run_setup_tasks().into_future());
    gate.arrived().await;
    let layout = place.layout();
    let error = orphan(&layout, "m").await.prune_with_state().await.unwrap_err();
    assert!(matches!(&error, PruneError::Held { object, .. } if object == "m"));
    let text = chain(error);
    assert!(text.contains("`m` stays: it is held by process") && text.contains("help: wait for it"), "{text}");
    gate.open();
    run.await.unwrap().unwrap();
    orphan(&layout, "m").await.prune_with_state().await.unwrap();
    assert!(orphans(&layout).await.is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn pruning_follows_no_link() {
    let place = Scratch::new();
    let outside = tempfile::tempdir().unwrap();
    std::fs::write(outside.path().join("precious"), "").unwrap();
    move_in(&place.layout(), &["a", "b"]).await;
    let layout = place.layout();
    let [cache, _, logs] = directories(layout.config(), "a");
    std::os::unix::fs::symlink(outside.path(), cache.join("link")).unwrap();
    orphan(&layout, "a").await.prune_with_state().await.unwrap();
    assert!(!cache.exists() && !logs.exists());

    let [cache, ..] = directories(layout.config(), "b");
    std::fs::rename(&cache, place.file("aside")).unwrap();
    std::os::unix::fs::symlink(outside.path(), &cache).unwrap();
    let error = chain(orphan(&layout, "b").await.prune_with_state().await.unwrap_err());
    assert!(error.contains("is a symbolic link, which is not followed"), "{error}");
    assert!(outside.path().join("precious").exists());
    assert_eq!(orphans(&layout).await, [("b".to_owned(), true, true)], "it is known until it can be pruned");
}

#[tokio::test]
async fn a_prune_that_was_interrupted_is_finished_by_the_next() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        for removed in 0..=3 {
            move_in(&layout(), &["a"]).await;
            let layout = layout();
            // These are the first steps of a prune, in its order.
            layout.store().write("a", None, vec![Change::Clear]).await.unwrap();
            let [cache, state, logs] = directories(layout.config(), "a");
            for directory in [logs, cache, state].into_iter().take(removed) {
                std::fs::remove_dir_all(directory).unwrap();
            }
            for orphan in layout.orphans().await.unwrap() {
                orphan.prune_with_state().await.unwrap();
            }
            assert_eq!(existing(layout.config(), "a"), [false; 3], "{store} {removed}");
            assert!(layout.orphans().await.unwrap().is_empty(), "{store} {removed}");
        }
    }
}

#[tokio::test]
async fn an_object_that_is_in_the_layout_again_is_not_pruned() {
    let place = Scratch::new();
    move_in(&place.layout(), &["a"]).await;
    let layout = place.layout();
    let gone = orphan(&layout, "a").await;
    let [object] = &move_in(&layout, &["a"]).await[..] else { unreachable!() };
    let error = gone.prune_with_state().await.unwrap_err().to_string();
    assert!(error.contains("`a` stays: the layout has an object with the subdir `a`"), "{error}");
    assert!(object.run_setup_tasks().await.unwrap().is_up_to_date());
    let error = chain(layout.orphans_named(&["a".to_owned()]).await.unwrap_err());
    assert!(error.contains("it is in the layout"), "{error}");
}

#[tokio::test]
async fn a_dry_run_prunes_nothing() {
    let place = Scratch::new();
    move_in(&place.layout(), &["a"]).await;
    let before = place.tree();
    let layout = place.layout_with(|config| config.dry_run = true);
    let error = orphan(&layout, "a").await.prune_with_state().await.unwrap_err().to_string();
    assert!(error.contains("this is a dry run"), "{error}");
    assert_eq!(place.tree(), before);
}
