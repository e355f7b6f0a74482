//! A comparison of the stores in one run, with 2,000 objects of 10 stamps each:
//! `cargo bench -p setup-tasks --bench stamp_stores`
//!
//! Each number is the median of five rounds, per stamp. `load` reads every object from a store that
//! was just opened, as a run with nothing to do does. `write` writes one stamp after another.
//! `write 64` writes stamps of 64 objects at the same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use setup_tasks::stamp::{Change, Entry, FilesStore, MemoryStore, Records, SqliteStore, Stamp, StampStore};
use setup_tasks::{Layout, prelude::*};

const OBJECTS: usize = 2_000;
const TASKS: usize = 10;
const ROUNDS: usize = 5;
const WRITTEN: usize = 2_000;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "sample")]
struct Sample;

/// Returns a stamp in the form in which runs write it.
async fn sample() -> Stamp {
    let layout = Layout::in_memory().unwrap();
    layout.add(Sample).unwrap().create_stamp("task", "a hash text of a usual length").await.unwrap()
}

fn set(task: usize, stamp: &Stamp) -> Vec<Change> {
    let entry = Entry::completed(stamp.clone());
    vec![Change::Retime { task: format!("task_{task}"), entry }]
}

fn object(i: usize) -> String {
    format!("objects/{i}")
}

async fn fill(store: &Arc<dyn StampStore>, stamp: &Stamp) {
    let writers: Vec<_> = (0..64)
        .map(|w| {
            let (store, stamp) = (store.clone(), stamp.clone());
            tokio::spawn(async move {
                for i in (w..OBJECTS).step_by(64) {
                    for task in 0..TASKS {
                        store.write(&object(i), None, set(task, &stamp)).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

type Open = Box<dyn Fn(usize) -> Arc<dyn StampStore>>;

async fn measure(name: &str, open: Open) {
    let stamp = sample().await;
    let (mut load, mut one, mut many) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        let began = Instant::now();
        let store = open(round);
        fill(&store, &stamp).await;
        many.push(began.elapsed() / u32::try_from(OBJECTS * TASKS).unwrap());

        let began = Instant::now();
        for i in 0..WRITTEN {
            store.write(&object(i % OBJECTS), None, set(i % TASKS, &stamp)).await.unwrap();
        }
        one.push(began.elapsed() / u32::try_from(WRITTEN).unwrap());

        // A closed memory store loses its contents, so it stays open.
        let store = if name == "memory" {
            store
        } else {
            drop(store);
            open(round)
        };
        // The store does not trust the time of a file that was written a moment ago. The next run
        // begins after that period.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let began = Instant::now();
        for i in 0..OBJECTS {
            let records: Records = store.load(&object(i)).await.unwrap();
            assert_eq!(records.iter().count(), TASKS);
        }
        load.push(began.elapsed() / u32::try_from(OBJECTS * TASKS).unwrap());
    }
    report(name, [median(load), median(one), median(many)]);
}

#[expect(clippy::print_stdout, reason = "a benchmark prints its results")]
fn report(name: &str, [load, one, many]: [Duration; 3]) {
    let micros = |time: Duration| time.as_secs_f64() * 1e6;
    println!("{name:<8} {:>9.3} {:>9.1} {:>9.1}", micros(load), micros(one), micros(many));
}

#[tokio::main]
#[expect(clippy::print_stdout, reason = "a benchmark prints its results")]
async fn main() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().to_owned();
    println!("µs       load        write  write 64");
    measure("memory", Box::new(|_| Arc::new(MemoryStore::new()))).await;
    let sqlite = path.clone();
    measure("sqlite", Box::new(move |round| Arc::new(SqliteStore::new(sqlite.join(format!("{round}.sqlite")))))).await;
    let durable = path.clone();
    let open = move |round| -> Arc<dyn StampStore> {
        Arc::new(SqliteStore::new(durable.join(format!("durable{round}.sqlite"))).durable())
    };
    measure("durable", Box::new(open)).await;
    measure("files", Box::new(move |round| Arc::new(FilesStore::new(path.join(round.to_string()))))).await;
}
