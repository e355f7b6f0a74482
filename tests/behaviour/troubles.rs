//! Tests of faulty disks and files. Each fault causes an error with the path and with help. No
//! stamp is lost or invented.

use std::fs;
use std::path::Path;
use std::process::Command;

use setup_tasks::Layout;
use setup_tasks::stamp::StampError;

use test_kit::{Machine, Scratch, chain};

/// Returns a directory whose database contains the stamps of one machine. No process has the database open.
async fn written() -> Scratch {
    let place = Scratch::new();
    place.layout().add(Machine::new("m")).unwrap().run_setup_tasks().await.unwrap();
    assert!(place.database().exists());
    place
}

fn machine(layout: &Layout) -> setup_tasks::Object<Machine> {
    layout.add(Machine::new("m")).unwrap()
}

async fn refusal(place: &Scratch) -> String {
    let layout = place.layout();
    let machine = machine(&layout);
    let error = chain(machine.run_setup_tasks().await.unwrap_err());
    assert!(machine.log.take().is_empty(), "nothing runs");
    assert!(error.contains(place.database().to_str().unwrap()) && error.contains("help: "), "{error}");
    error
}

#[tokio::test]
async fn a_damaged_database_is_an_error_and_stays_as_it_is() {
    let whole = fs::read(written().await.database()).unwrap();
    let mut flipped = whole.clone();
    for byte in flipped.iter_mut().skip(100) {
        *byte ^= 0x5a;
    }
    let damages: [(&str, Vec<u8>); 4] = [
        ("other bytes", b"this is no database at all".repeat(100)),
        ("flipped", flipped),
        ("cut off", whole[..whole.len() / 2].to_vec()),
        ("empty", Vec::new()),
    ];
    for (damage, bytes) in damages {
        let place = written().await;
        fs::write(place.database(), &bytes).unwrap();
        let error = refusal(&place).await;
        assert!(error.contains("are damaged") && error.contains("move it away"), "{damage}: {error}");
        assert_eq!(fs::read(place.database()).unwrap(), bytes, "{damage}");
    }
}

#[tokio::test]
async fn one_changed_byte_in_a_record_is_noticed() {
    let place = written().await;
    {
        let db = rusqlite::Connection::open(place.database()).unwrap();
        let id = "machines/m";
        let mut bytes: Vec<u8> =
            db.query_row("SELECT records FROM objects WHERE id = ?1", [id], |row| row.get(0)).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        db.execute("UPDATE objects SET records = ?2 WHERE id = ?1", rusqlite::params![id, bytes]).unwrap();
    }
    assert!(refusal(&place).await.contains("does not match its checksum"));
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused_and_not_touched() {
    let place = written().await;
    rusqlite::Connection::open(place.database()).unwrap().pragma_update(None, "user_version", 5).unwrap();
    let before = fs::read(place.database()).unwrap();
    let error = refusal(&place).await;
    assert!(error.contains("format 5, newer than format 4") && error.contains("update this program"), "{error}");
    assert_eq!(fs::read(place.database()).unwrap(), before);
}

#[tokio::test]
async fn a_database_of_the_first_format_is_read_and_brought_up_to_date_by_the_first_write() {
    let place = written().await;
    let db = || rusqlite::Connection::open(place.database()).unwrap();
    let undo = "ALTER TABLE history DROP COLUMN why; DROP TABLE names; PRAGMA user_version = 1;
                PRAGMA journal_mode = DELETE";
    db().execute_batch(undo).unwrap();
    let layout = place.layout();
    let machine = machine(&layout);
    let all = setup_tasks::stamp::HistoryFilter::default();
    let history = layout.history(&all).await.unwrap();
    assert!(history.len() == 3 && history.iter().all(|entry| entry.why.is_none() && entry.reason.contains("ran")));
    assert!(machine.as_any().plan().await.unwrap().is_up_to_date());
    let object = setup_tasks::stamp::StoredObject::new("machines/m");
    assert_eq!(layout.store().objects().await.unwrap(), std::slice::from_ref(&object));
    assert_eq!(db().pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), 1);
    machine.run_setup_tasks().force(Machine::THIRD).await.unwrap();
    assert_eq!(layout.history(&all).await.unwrap()[0].why, Some(setup_tasks::Reason::Forced));
    assert_eq!(db().pragma_query_value(None, "user_version", |row| row.get::<_, i64>(0)).unwrap(), 4);
    assert_eq!(layout.store().objects().await.unwrap(), [object.identified("m", "Machine")]);
}

#[tokio::test]
async fn a_database_of_another_program_is_refused() {
    let place = written().await;
    rusqlite::Connection::open(place.database()).unwrap().pragma_update(None, "application_id", 7).unwrap();
    assert!(refusal(&place).await.contains("another program"));
}

#[tokio::test]
async fn plain_files_that_are_damaged_or_newer_are_refused() {
    let place = Scratch::new();
    let (_, layout) = place.layouts().remove(1);
    let layout = layout();
    let machine = machine(&layout);
    machine.run_setup_tasks().await.unwrap();
    let detail = machine.stamp_path().unwrap().join(".detail-second");
    fs::write(&detail, "{\"version\": 9}").unwrap();
    let error = chain(machine.run_setup_tasks().await.unwrap_err());
    assert!(error.contains(".detail-second") && error.contains("format 9, newer than format 1"), "{error}");
    fs::write(&detail, "{").unwrap();
    assert!(chain(machine.run_setup_tasks().await.unwrap_err()).contains("are damaged"));
}

#[tokio::test]
async fn a_directory_that_cannot_be_made_is_named() {
    let place = Scratch::new();
    fs::write(place.path().join(".setup-tasks"), "a file where a directory should be").unwrap();
    let layout = place.layout();
    let machine = machine(&layout);
    let error = chain(machine.run_setup_tasks().await.unwrap_err());
    assert!(error.contains(".setup-tasks/cache") && error.contains("help: "), "{error}");
    assert!(machine.log.take().is_empty());
    let error = chain(machine.stamp_path().unwrap_err());
    assert!(error.contains("cannot create the directory") && error.contains("machines/m"), "{error}");
}

const DISK: &str = "SETUP_TASKS_TEST_DISK";

/// Runs a test of this module in its own process with its own small disk.
fn with_a_small_disk(test: &str) {
    let disk = tempfile::tempdir().unwrap();
    let script = "mount -t tmpfs -o size=512k none \"$0\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c", script]).arg(disk.path());
    command.arg(std::env::current_exe().unwrap()).arg(format!("troubles::{test}")).args(["--exact", "--nocapture"]);
    let output = command.env(DISK, disk.path()).output();
    let refused = match &output {
        Ok(output) => !output.status.success() && !String::from_utf8_lossy(&output.stdout).contains("running 1 test"),
        Err(_) => true,
    };
    if refused {
        return test_kit::skip(&format!("{test}: `unshare` may not mount a disk here"));
    }
    let output = output.unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success() && out.contains("1 passed"), "{out}\n{err}");
}

fn small_disk() -> Option<(std::path::PathBuf, setup_tasks::Config)> {
    let disk = std::path::PathBuf::from(std::env::var_os(DISK)?);
    let config = setup_tasks::Config::new(disk.clone());
    Some((disk, config))
}

fn fill(disk: &Path) {
    let mut size = 64 * 1024;
    let mut text = Vec::new();
    while size > 0 {
        text.resize(text.len() + size, 0);
        if fs::write(disk.join("filler"), &text).is_err() {
            text.truncate(text.len() - size);
            size /= 2;
        }
    }
}

#[test]
fn a_full_disk_is_an_error_and_no_stamp_is_lost() {
    with_a_small_disk("on_a_full_disk");
}

#[tokio::test]
async fn on_a_full_disk() {
    let Some((disk, config)) = small_disk() else { return };
    let layout = Layout::new(config.clone());
    let machine = machine(&layout);
    machine.run_setup_tasks().await.unwrap();
    let stamp = machine.check_stamp("third").await.unwrap();
    machine.log.take();

    fill(&disk);
    let long = "x".repeat(3000);
    for _ in 0..200 {
        // The write-ahead log of the database may still have space.
        if machine.create_stamp(&long, "").await.is_err() {
            break;
        }
    }
    let error = chain(machine.run_setup_tasks().force_all().await.unwrap_err());
    assert!(error.contains("the disk is full") && error.contains("stamps.sqlite"), "{error}");
    assert!(machine.log.take().is_empty(), "a task that cannot be marked is not begun");
    assert_eq!(machine.check_stamp("third").await.unwrap(), stamp);

    fs::remove_file(disk.join("filler")).unwrap();
    drop((machine, layout));
    let layout = Layout::new(config);
    let machine = self::machine(&layout);
    assert_eq!(machine.check_stamp("third").await.unwrap(), stamp);
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date());
    machine.run_setup_tasks().force_all().await.unwrap();
}

#[test]
fn a_read_only_disk_is_an_error_and_existing_data_can_still_be_read() {
    with_a_small_disk("on_a_read_only_disk");
}

#[tokio::test]
async fn on_a_read_only_disk() {
    let Some((disk, config)) = small_disk() else { return };
    {
        let layout = Layout::new(config.clone());
        machine(&layout).run_setup_tasks().await.unwrap();
    }
    let mounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&disk).status().unwrap();
    assert!(mounted.success());
    let layout = Layout::new(config);
    let machine = machine(&layout);
    assert!(machine.run_setup_tasks().await.unwrap().is_up_to_date(), "nothing to do needs no writing");
    let error = chain(machine.run_setup_tasks().force_all().await.unwrap_err());
    assert!(error.contains(disk.to_str().unwrap()) && error.contains("help: "), "{error}");
    assert!(machine.log.take().is_empty());
}

#[tokio::test]
async fn errors_of_stamps_can_be_distinguished() {
    let place = Scratch::new();
    fs::create_dir_all(place.database().parent().unwrap()).unwrap();
    fs::write(place.database(), "x").unwrap();
    let layout = place.layout();
    assert!(matches!(machine(&layout).check_stamp("first").await.unwrap_err(), StampError::Damaged { .. }));
}

#[tokio::test]
async fn the_log_of_a_removed_database_is_not_used_for_a_new_one() {
    let place = written().await;
    let beside = |ending: &str| std::path::PathBuf::from(format!("{}{ending}", place.database().display()));
    {
        // The write-ahead log exists, as after a kill.
        let layout = place.layout();
        machine(&layout).run_setup_tasks().force(Machine::THIRD).await.unwrap();
        fs::copy(beside("-wal"), beside("-kept")).unwrap();
    }
    fs::remove_file(place.database()).unwrap();
    fs::rename(beside("-kept"), beside("-wal")).unwrap();
    let layout = place.layout();
    let machine = machine(&layout);
    machine.run_setup_tasks().await.unwrap();
    assert_eq!(machine.log.take(), ["first", "second", "third"], "all of it never ran");
    assert_eq!(layout.history(&setup_tasks::stamp::HistoryFilter::default()).await.unwrap().len(), 3);
}

/// Changes a file or directory while the second task runs, and returns the error of the run.
async fn changed_during_a_run(machine: &setup_tasks::Object<Machine>, change: impl FnOnce()) -> String {
    let gate = machine.knobs.gate("second");
    let run = tokio::spawn(machine.run_setup_tasks().into_future());
    gate.arrived().await;
    change();
    gate.open();
    let error = chain(run.await.unwrap().unwrap_err());
    machine.knobs.clear("second");
    error
}

/// Removes or moves a file or a directory, or replaces it by a copy of itself.
fn lose(path: &Path, how: &str) {
    let aside = path.with_file_name("aside");
    let system = |command: &str, args: &[&Path]| {
        assert!(
            Command::new(command)
                .args(if command == "mv" { &[][..] } else { &["-r"] })
                .args(args)
                .status()
                .unwrap()
                .success()
        );
    };
    match how {
        "removed" => system("rm", &[path]),
        "moved" => system("mv", &[path, &aside]),
        "replaced" => {
            system("cp", &[path, &aside]);
            system("rm", &[path]);
            system("mv", &[&aside, path]);
        }
        other => panic!("no such way: {other}"),
    }
}

#[tokio::test]
async fn a_store_that_is_removed_moved_or_replaced_while_a_run_is_under_way_fails_the_run() {
    for how in ["removed", "moved", "replaced"] {
        for (at, lost) in [
            (0, ".setup-tasks/cache/.setup-tasks/stamps.sqlite"),
            (0, ".setup-tasks/cache/.setup-tasks/stamps.sqlite-wal"),
            (0, ".setup-tasks/cache/.setup-tasks/stamps.sqlite-shm"),
            (0, ".setup-tasks/cache/.setup-tasks"),
            (0, ".setup-tasks/cache"),
            (0, ".setup-tasks"),
            (1, ".setup-tasks/cache/.setup-tasks"),
            (1, ".setup-tasks/cache"),
            (1, ".setup-tasks"),
        ] {
            let place = Scratch::new();
            let (store, layout) = place.layouts().remove(at);
            let base = place.path().join(store);
            let layout = layout();
            let machine = machine(&layout);
            let error = changed_during_a_run(&machine, || lose(&base.join(lost), how)).await;
            let cache = base.join(".setup-tasks/cache");
            let is_named =
                error.contains(&*cache.to_string_lossy()) && error.contains("were removed, moved or replaced");
            assert!(is_named && error.contains("help: "), "{store} {lost} {how}: {error}");
            // The next run of the same program reads the existing data, and runs the tasks without a stamp.
            if let Err(error) = machine.run_setup_tasks().await {
                panic!("{store} {lost} {how}: {}", chain(error));
            }
            assert!(machine.as_any().plan().await.unwrap().is_up_to_date(), "{store} {lost} {how}");
        }
    }
}

#[tokio::test]
async fn locks_and_directories_that_are_lost_while_a_run_is_under_way_fail_the_run() {
    for how in ["removed", "moved", "replaced"] {
        for lost in [".setup-tasks/cache/.setup-tasks/objects.lock", ".setup-tasks/log", ".setup-tasks/state"] {
            let place = Scratch::new();
            let layout = place.layout();
            let machine = machine(&layout);
            machine.log_path().unwrap();
            machine.state_path().unwrap();
            let error = changed_during_a_run(&machine, || lose(&place.path().join(lost), how)).await;
            let lost = place.path().join(lost);
            let is_named = error.contains(&*lost.to_string_lossy()) && error.contains("was removed, moved or replaced");
            assert!(is_named && error.contains("help: "), "{how}: {error}");
        }
    }
}

#[tokio::test]
async fn a_path_that_is_too_long_is_reported() {
    let place = Scratch::new();
    let long = (0..6).fold(place.path().to_owned(), |path, _| path.join("x".repeat(100)));
    let config = |base: &Path| setup_tasks::Config::new(base);
    let error = chain(machine(&Layout::new(config(&long))).run_setup_tasks().await.unwrap_err());
    assert!(error.contains("SQLite opens paths of at most 504") && error.contains("shorter path"), "{error}");
    assert!(!error.contains("disk"), "{error}");
    // The files store has no such limit.
    let store = setup_tasks::stamp::FilesStore::new(config(&long).cache_dir());
    machine(&Layout::with_store(config(&long), store)).run_setup_tasks().await.unwrap();
    let longer = (0..60).fold(place.path().to_owned(), |path, _| path.join("x".repeat(100)));
    for layout in [Layout::new(config(&longer)), {
        let store = setup_tasks::stamp::FilesStore::new(config(&longer).cache_dir());
        Layout::with_store(config(&longer), store)
    }] {
        let error = chain(machine(&layout).run_setup_tasks().await.unwrap_err());
        assert!(error.contains("too long") && error.contains("shorter path") && !error.contains("disk"), "{error}");
    }
}
