//! Tests of stamps in each store: their contents and their lifetime.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use setup_tasks::Layout;
use setup_tasks::stamp::{
    AttemptEnd, Change, Clock, Entry, Fence, HistoryFilter, MemoryStore, Stamp, StampError, Timestamp,
};

use test_kit::{Machine, Scratch, lines};

#[tokio::test]
async fn stamps_of_every_store_survive_the_process_unchanged() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        let kept = {
            let layout = layout();
            let machine = layout.add(Machine::new("m")).unwrap();
            machine.knobs.set("hash", "text");
            machine.run_setup_tasks().await.unwrap();
            machine.check_stamp("second").await.unwrap().unwrap()
        };
        let layout = layout();
        let machine = layout.add(Machine::new("m")).unwrap();
        machine.knobs.set("hash", "text");
        assert_eq!(machine.check_stamp("second").await.unwrap(), Some(kept.clone()), "{store}");
        assert_eq!(
            (kept.contents.as_str(), kept.source.is_some(), kept.run.to_string().is_empty()),
            ("text", true, false)
        );
        assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date(), "{store}");
        assert!(SystemTime::from(kept.time).elapsed().unwrap() < Duration::from_mins(1), "{store}");
    }
}

#[tokio::test]
async fn every_store_keeps_failures_and_interruptions_across_processes() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        {
            let layout = layout();
            let (failing, hanging) = (layout.add(Machine::new("f")).unwrap(), layout.add(Machine::new("h")).unwrap());
            failing.knobs.set("second", "fail");
            failing.run_setup_tasks().await.unwrap_err();
            hanging.run_setup_tasks().await.unwrap();
            hanging.knobs.set("first", "hang");
            let run = hanging.run_setup_tasks().force_all().into_future();
            assert!(tokio::time::timeout(Duration::from_millis(100), run).await.is_err());
        }
        let layout = layout();
        let plan = |name| layout.add(Machine::new(name)).unwrap();
        let failed = lines(&plan("f").as_any().plan().await.unwrap());
        assert_eq!(failed[1], "second would run: failed last time: cannot write: the disk is on fire", "{store}");
        let interrupted = lines(&plan("h").as_any().plan().await.unwrap());
        assert_eq!(interrupted[0], "first would run: interrupted last time", "{store}");
        assert_eq!(interrupted[1], "second would run: first changed something later", "{store}");
    }
}

#[tokio::test]
async fn stamps_can_be_made_looked_at_and_removed_by_hand() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        let layout = layout();
        let machine = layout.add(Machine::new("m")).unwrap();
        assert_eq!(machine.check_stamp("first").await.unwrap(), None, "{store}");
        machine.create_stamp("first", "by hand").await.unwrap();
        machine.create_stamp("not a task", &"x".repeat(100)).await.unwrap();
        assert_eq!(machine.check_stamp("first").await.unwrap().unwrap().contents, "by hand");
        assert_eq!(machine.check_stamp("not a task").await.unwrap().unwrap().contents, "x".repeat(100), "{store}");
        assert_eq!(lines(&machine.as_any().plan().await.unwrap())[0], "first up to date", "{store}");
        machine.delete_stamp("first").await.unwrap();
        machine.delete_stamp("first").await.unwrap();
        assert_eq!(machine.check_stamp("first").await.unwrap(), None, "{store}");
    }
}

#[tokio::test]
async fn every_store_keeps_when_a_task_without_a_stamp_last_changed_something() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        let entry = Entry::changed_at(Timestamp(1_795_554_000_000_000_000));
        {
            let layout = layout();
            let task = || "check".to_owned();
            let retime = || vec![Change::Retime { task: task(), entry: entry.clone() }];
            layout.store().write("m", None, retime()).await.unwrap();
            layout.store().write("n", None, retime()).await.unwrap();
            layout.store().write("n", None, vec![Change::Forget { task: task() }]).await.unwrap();
        }
        let layout = layout();
        assert_eq!(layout.store().load("m").await.unwrap().get("check"), Some(&entry), "{store}");
        assert!(layout.store().load("n").await.unwrap().is_empty(), "{store}");
    }
}

#[tokio::test]
async fn every_store_refuses_a_write_whose_fence_is_older_than_one_that_it_has_seen() {
    let place = Scratch::new();
    let change = |text: &str| {
        let stamp = Stamp::new(Timestamp(1_795_554_000_000_000_000), text);
        vec![Change::Retime { task: "t".to_owned(), entry: Entry::completed(stamp) }]
    };
    for (store, layout) in place.layouts() {
        for is_reopened in [false, true] {
            let layout = layout();
            let write = |object: &'static str, fence, text| {
                let (layout, changes) = (layout.clone(), change(text));
                async move { layout.store().write(object, fence, changes).await }
            };
            // The write is concurrent with a write to another object, which succeeds.
            let (late, other) = if is_reopened {
                tokio::join!(write("m", Some(Fence(1)), "late"), write("n", Some(Fence(1)), "other"))
            } else {
                write("m", Some(Fence(2)), "first").await.unwrap();
                write("m", Some(Fence(2)), "second").await.unwrap();
                tokio::join!(write("m", Some(Fence(1)), "late"), write("n", None, "other"))
            };
            other.unwrap();
            let error = late.unwrap_err();
            let expected =
                matches!(&error, StampError::Fenced { object, fence: Fence(1), seen: Fence(2) } if object == "m");
            assert!(expected, "{store}: {error}");
            let records = layout.store().load("m").await.unwrap();
            assert_eq!(records.get("t").unwrap().stamp.as_ref().unwrap().contents, "second", "{store}");
        }
        let layout = layout();
        layout.store().write("m", Some(Fence(3)), vec![Change::Clear]).await.unwrap();
        layout.store().write("m", Some(Fence(2)), change("late")).await.unwrap_err();
        assert!(layout.store().load("m").await.unwrap().is_empty(), "{store}");
    }
}

#[tokio::test]
async fn every_store_keeps_the_history() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        let layout = layout();
        let machine = layout.add(Machine::new("m")).unwrap();
        machine.knobs.set("second", "skip");
        machine.knobs.set("third", "fail");
        machine.run_setup_tasks().await.unwrap_err();
        machine.clear_stamps_and_cache().await.unwrap();
        let history = layout.history(&HistoryFilter::default()).await.unwrap();
        let told: Vec<_> =
            history.iter().map(|entry| (entry.task.as_str(), entry.ended, entry.reason.as_str())).collect();
        let expected = [
            ("third", AttemptEnd::Failed, "never ran"),
            ("second", AttemptEnd::Skipped, "never ran"),
            ("first", AttemptEnd::Ran, "never ran"),
        ];
        assert_eq!(told, expected, "{store}: clearing keeps the history");
        let one = HistoryFilter::new().task("first").limit(5);
        assert_eq!(layout.history(&one).await.unwrap().len(), 1, "{store}");
        let none = HistoryFilter::new().object("other");
        assert!(layout.history(&none).await.unwrap().is_empty(), "{store}");
    }
}

#[tokio::test]
async fn a_second_reader_sees_each_task_while_a_run_goes_on() {
    let place = Scratch::new();
    for (store, layout) in place.layouts() {
        let (writer, reader) = (layout(), layout());
        let machine = writer.add(Machine::new("m")).unwrap();
        let seen = reader.add(Machine::new("m")).unwrap();
        machine.knobs.set("second", "hang");
        let run = tokio::spawn(machine.run_setup_tasks().into_future());
        while machine.log.take().last().is_none_or(|last| last != "second") {
            tokio::task::yield_now().await;
        }
        assert!(seen.check_stamp("first").await.unwrap().is_some(), "{store}");
        assert_eq!(
            lines(&seen.as_any().plan().await.unwrap())[1],
            "second would run: interrupted last time",
            "{store}"
        );
        run.abort();
    }
}

#[tokio::test]
async fn times_go_on_when_the_wall_clock_is_set_back() {
    let store = Arc::new(MemoryStore::new());
    let place = Scratch::new();
    let layout = |seconds| {
        let clock = Clock::over(move || UNIX_EPOCH + Duration::from_secs(seconds));
        Layout::with_clock(place.config(), store.clone(), clock)
    };
    let before = layout(2_000_000);
    let machine = before.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();

    let after = layout(1_000_000);
    let machine = after.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().force(Machine::FIRST).await.unwrap();
    assert_eq!(machine.log.take(), ["first", "second", "third"], "later tasks see that it changed something later");
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
    assert!(machine.check_stamp("first").await.unwrap().unwrap().time.0 > 2_000_000_000_000_000);
}

#[tokio::test]
async fn plain_files_can_be_seen_touched_and_removed() {
    let place = Scratch::new();
    let (_, layout) = place.layouts().remove(1);
    let layout = layout();
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.knobs.set("hash", "text");
    machine.run_setup_tasks().await.unwrap();
    let stamp = |name: &str| machine.stamp_path().unwrap().join(format!(".stamp-{name}"));
    assert_eq!(std::fs::read_to_string(stamp("second")).unwrap(), "text");
    let time = machine.check_stamp("second").await.unwrap().unwrap().time;
    assert_eq!(SystemTime::from(time), stamp("second").metadata().unwrap().modified().unwrap());

    // As with `touch`, the task counts as done now, so the following tasks are older.
    let later = SystemTime::now() + Duration::from_secs(5);
    std::fs::File::options().write(true).open(stamp("second")).unwrap().set_modified(later).unwrap();
    assert_eq!(lines(&machine.as_any().plan().await.unwrap())[2], "third would run: second changed something later");
    std::fs::remove_file(stamp("first")).unwrap();
    assert_eq!(lines(&machine.as_any().plan().await.unwrap())[0], "first would run: never ran");
}
