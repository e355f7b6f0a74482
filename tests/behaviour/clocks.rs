//! Tests of wrong clocks. A later run gets a later time nevertheless, even in another process and
//! after a restart.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use setup_tasks::prelude::*;
use setup_tasks::stamp::{Clock, FilesStore, SqliteStore, StampStore};
use setup_tasks::{Config, Layout};

use test_kit::{Machine, Scratch, lines};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "client")]
struct Client {
    machine: Machine,
    #[depends_on(Machine::first, run_if_needed = false)]
    server: Object<Machine>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount")]
    fn mount(&self) {
        self.machine.log.say("mount");
    }
}

/// Returns the layout of a process whose clock shows this number of seconds.
fn process(config: &Config, kind: &str, seconds: u64) -> (Layout, Object<Machine>, Object<Client>) {
    let cache = config.cache_dir();
    let store: Arc<dyn StampStore> = match kind {
        "sqlite" => Arc::new(SqliteStore::new(cache.join(".setup-tasks/stamps.sqlite"))),
        _ => Arc::new(FilesStore::new(cache)),
    };
    let clock = Clock::over(move || UNIX_EPOCH + Duration::from_secs(seconds));
    let layout = Layout::with_clock(config.clone(), store, clock);
    let server = layout.add(Machine::new("server")).unwrap();
    let client = layout.add(Client { machine: Machine::new("client"), server: server.clone() }).unwrap();
    (layout, server, client)
}

#[tokio::test]
async fn a_later_run_counts_as_later_although_the_clock_was_set_back() {
    for kind in ["sqlite", "files"] {
        let place = Scratch::new();
        let config = place.config().with(|config| config.base_dir = place.path().join(kind));
        {
            let (_layout, _, client) = process(&config, kind, 2_000_000_000);
            client.run_setup_tasks().await.unwrap();
        }
        // The clock of this process is years behind, and the process has not read the client's stamp.
        {
            let (_layout, server, _) = process(&config, kind, 1_000_000_000);
            Machine::FIRST.run(&server).await.unwrap();
        }
        for (seconds, expected) in
            [(1_000_000_000, "mount ran: server/first changed something later"), (500_000_000, "mount up to date")]
        {
            let (_layout, _, client) = process(&config, kind, seconds);
            let report = client.run_setup_tasks().await.unwrap();
            assert_eq!(lines(&report).last().unwrap(), expected, "{kind}");
        }
        // The task is marked as done by hand, and the clock is set back once more.
        {
            let (_layout, server, _) = process(&config, kind, 1);
            server.create_stamp("first", "").await.unwrap();
        }
        let (_layout, _, client) = process(&config, kind, 2);
        assert_eq!(
            lines(&client.as_any().plan().await.unwrap()).last().unwrap(),
            "mount would run: server/first changed something later",
            "{kind}"
        );
    }
}

#[tokio::test]
async fn a_process_with_a_slow_clock_sees_the_stamps_of_one_with_a_fast_clock() {
    for kind in ["sqlite", "files"] {
        let place = Scratch::new();
        let config = place.config().with(|config| config.base_dir = place.path().join(kind));
        let (_behind, server, _) = process(&config, kind, 1_000_000_000);
        Machine::FIRST.run(&server).await.unwrap();
        let (_ahead, _, client) = process(&config, kind, 2_000_000_000);
        client.run_setup_tasks().await.unwrap();
        // The first process continues. The latest time that it has seen is its own.
        Machine::FIRST.run(&server).await.unwrap();
        let report = client.run_setup_tasks().await.unwrap();
        assert_eq!(lines(&report).last().unwrap(), "mount ran: server/first changed something later", "{kind}");
        assert!(client.run_setup_tasks().await.unwrap().is_up_to_date());
    }
}

#[tokio::test]
async fn a_clock_that_jumps_back_while_an_object_runs_keeps_its_tasks_in_order() {
    let place = Scratch::new();
    let seconds = Arc::new(std::sync::atomic::AtomicU64::new(2_000_000_000));
    let read = seconds.clone();
    let clock = Clock::over(move || {
        UNIX_EPOCH + Duration::from_secs(read.fetch_sub(1_000, std::sync::atomic::Ordering::Relaxed))
    });
    let store = Arc::new(SqliteStore::new(place.database()));
    let layout = Layout::with_clock(place.config(), store, clock);
    let machine = layout.add(Machine::new("m")).unwrap();
    machine.run_setup_tasks().await.unwrap();
    let times: Vec<_> = ["first", "second", "third"]
        .iter()
        .map(|task| machine.check_stamp(task).now_or_never().unwrap().unwrap().unwrap().time)
        .collect();
    assert!(times.is_sorted() && times[0] < times[2]);
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
    assert!(SystemTime::from(times[0]) > UNIX_EPOCH + Duration::from_secs(1_900_000_000));
}
