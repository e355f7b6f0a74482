//! Benchmarks of the parts of a run with nothing to do:
//! `cargo bench -p setup-tasks --bench parts --features __bench`

use divan::{Bencher, black_box};
use futures_util::FutureExt;
use setup_tasks::decide::{Decision, Fact, Facts, Newest, decide};
use setup_tasks::event::EventKind;
use setup_tasks::stamp::{Change, Entry, SqliteStore, Stamp, StampStore, Timestamp};
use setup_tasks::task::TaskDef;
use setup_tasks::{AnyObject, Config, Layout, prelude::*};

fn main() {
    divan::main();
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "door")]
struct Door;

macro_rules! tasks {
    ($($name:ident),*) => {
        #[setup_tasks]
        impl Door {
            $(#[setup_task("Do something")]
            fn $name(&self) {})*
        }
    };
}

tasks!(t0, t1, t2, t3, t4, t5, t6, t7, t8, t9);

const HASH: &str = "rw,nodev,port=2049";
/// The number of objects in the store, with ten tasks each.
const OBJECTS: usize = 1000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

/// Returns a stamp in the form in which runs write it.
fn stamp() -> Stamp {
    let layout = Layout::in_memory().unwrap();
    let door = layout.add(Door).unwrap();
    runtime().block_on(door.create_stamp("t0", HASH)).unwrap()
}

fn set(stamp: &Stamp, task: usize) -> Vec<Change> {
    let entry = Entry::completed(stamp.clone());
    vec![Change::Retime { task: format!("t{task}"), entry }]
}

fn fill(store: &dyn StampStore) {
    let stamp = stamp();
    runtime().block_on(async {
        for object in 0..OBJECTS {
            let name = object.to_string();
            futures_util::future::try_join_all((0..10).map(|task| store.write(&name, None, set(&stamp, task))))
                .await
                .unwrap();
        }
    });
}

#[divan::bench(sample_size = 1000)]
fn table_the_task_at_a_place() -> Option<&'static str> {
    Door::setup_tasks().get(black_box(7)).map(TaskDef::name)
}

#[divan::bench(sample_size = 1000)]
fn table_the_place_of_a_name() -> Option<usize> {
    Door::setup_tasks().position(black_box("t7"))
}

/// Measures the decision for a task that is up to date.
fn decision(bencher: Bencher<'_, '_>, hash: Fact<String>) {
    let entry = Entry::completed(stamp());
    let newest = Newest { time: Timestamp(1), which: "t0".into() };
    let facts = Facts {
        forced: false,
        completion: Fact::Absent,
        entry: Some(&entry),
        newest: Some(&newest),
        possible: None,
        hash,
        source: Some(7),
        input_change: Fact::Absent,
        missing_output: Fact::Absent,
        differences: Fact::Absent,
        valid: Fact::Absent,
        always: false,
    };
    assert!(matches!(decide(&facts), Decision::UpToDate(Some(_))));
    bencher.bench_local(|| decide(black_box(&facts)));
}

#[divan::bench(sample_size = 1000)]
fn decision_by_the_stamp(bencher: Bencher<'_, '_>) {
    decision(bencher, Fact::Absent);
}

#[divan::bench(sample_size = 1000)]
fn decision_by_stamp_and_hash(bencher: Bencher<'_, '_>) {
    decision(bencher, Fact::Known(HASH.to_owned()));
}

#[divan::bench(sample_size = 100)]
fn stamps_of_an_object_read(bencher: Bencher<'_, '_>) {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("stamps.sqlite");
    fill(&SqliteStore::new(&path));
    let store = SqliteStore::new(&path);
    bencher.bench_local(|| store.load(black_box("700")).now_or_never().unwrap().unwrap());
}

#[divan::bench(sample_size = 100)]
fn stamps_of_an_object_decoded(bencher: Bencher<'_, '_>) {
    let place = tempfile::tempdir().unwrap();
    let store = SqliteStore::new(place.path().join("stamps.sqlite"));
    fill(&store);
    let mut bytes = Vec::new();
    let mut keep = |name: &str, of: &[u8]| {
        if name == "700" {
            bytes = of.to_vec();
        }
    };
    store.load_many(&["700"], &mut keep).now_or_never().unwrap().unwrap();
    assert!(store.decode("700", &bytes).unwrap().get("t7").is_some());
    bencher.bench_local(|| store.decode("700", black_box(&bytes)).unwrap());
}

/// Measures a write until it survives a kill of the process.
#[divan::bench(sample_size = 100, sample_count = 20)]
fn stamp_written(bencher: Bencher<'_, '_>) {
    let (place, runtime, stamp) = (tempfile::tempdir().unwrap(), runtime(), stamp());
    let store = SqliteStore::new(place.path().join("stamps.sqlite"));
    fill(&store);
    bencher.bench_local(|| runtime.block_on(store.write("700", None, set(&stamp, 7))).unwrap());
}

fn door() -> AnyObject {
    Layout::in_memory().unwrap().add(Door).unwrap().as_any().clone()
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "tree")]
struct Tree;

#[setup_tasks]
impl Tree {
    #[setup_task("Copy the site", inputs = ["site"])]
    fn copy(&self) {}
}

/// Measures a plan over a directory of input files. The cost per file is the same for each number of files.
#[divan::bench(args = [1_000, 10_000, 20_000], sample_size = 1, sample_count = 20)]
fn inputs_of_a_directory(bencher: Bencher<'_, '_>, files: usize) {
    let (place, runtime) = (tempfile::tempdir().unwrap(), runtime());
    for file in 0..files {
        let directory = place.path().join(format!("site/{}", file / 1000));
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(file.to_string()), "").unwrap();
    }
    let layout = Layout::new(Config::new(place.path()));
    let tree = layout.add(Tree).unwrap();
    runtime.block_on(tree.run_setup_tasks().into_future()).unwrap();
    bencher
        .counter(divan::counter::ItemsCount::new(files))
        .bench_local(|| runtime.block_on(tree.run_setup_tasks().dry_run().into_future()).unwrap());
}

#[divan::bench(sample_size = 1000)]
fn event_without_listeners(bencher: Bencher<'_, '_>) {
    let door = door();
    bencher.bench_local(|| setup_tasks::__bench::emit(black_box(&door), || EventKind::TaskAlreadyRun));
}

#[divan::bench(sample_size = 1000, sample_count = 20)]
fn event_with_a_listener(bencher: Bencher<'_, '_>) {
    let door = door();
    let _listening = door.injector().on_event(setup_tasks::event::EventKey::all(), |_| {});
    bencher.bench_local(|| setup_tasks::__bench::emit(black_box(&door), || EventKind::TaskAlreadyRun));
}
