//! Tests of objects that have left the layout: how they are known, and how they are pruned.

use std::sync::Arc;

use setup_tasks::Layout;
use setup_tasks::stamp::{Change, Clock, Entry, MemoryStore, StoredObject, Timestamp};

use test_kit::{Machine, Open, Scratch};

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
