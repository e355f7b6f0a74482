//! Objects run where their files are, or where they are placed.

use std::fs;

use crate::operators::{Site, failed, succeeded};
use crate::server::shared;
use crate::working::Worker;

/// A setting of the operator: its objects declare inputs and outputs, or use their state directory.
const FILES: [(&str, &str); 2] = [("COUNT", "1"), ("KIND", "files")];
const STATE: [(&str, &str); 2] = [("COUNT", "1"), ("KIND", "state")];

fn up(site: &Site, host: &str, args: &[&str], settings: &[(&str, &str)]) -> std::process::Output {
    site.operator(host, &[&["up"], args].concat()).envs(settings.iter().copied()).output().unwrap()
}

#[test]
fn an_object_with_files_runs_where_it_ran_last() {
    let Some(server) = shared() else { return };
    for settings in [FILES, STATE] {
        let site = Site::new(server, 6);
        for host in ["north", "south", "west"] {
            fs::create_dir_all(site.base(host)).unwrap();
            fs::write(site.base(host).join("input"), "1").unwrap();
        }
        let north = Worker::start(&site, "north", &settings);
        succeeded(up(&site, "west", &[], &settings));
        let south = Worker::start(&site, "south", &settings);
        for _ in 0..3 {
            let text = succeeded(up(&site, "west", &["--force"], &settings));
            assert!(text.contains("on north") && !text.contains("on south"), "{text}");
        }
        // Without its worker, the object is named at once.
        north.interrupt();
        let text = failed(up(&site, "west", &["--force"], &settings));
        assert!(text.contains("placed on north") && text.contains("where no worker runs"), "{text}");
        assert!(text.contains("`up --here` runs the object on this host"), "{text}");
        south.interrupt();
        let text = failed(up(&site, "west", &["--force"], &settings));
        assert!(text.contains("`h0` is placed on north"), "{text}");
        // It is taken over, and then runs here, without a worker.
        let text = succeeded(up(&site, "west", &["--here", "--force"], &settings));
        assert!(text.contains("done: 1 object"), "{text}");
        succeeded(up(&site, "west", &["--force"], &settings));
        let _south = Worker::start(&site, "south", &settings);
        let text = succeeded(up(&site, "west", &["--force"], &settings));
        assert!(!text.contains("on south"), "{text}");
    }
}

#[test]
fn hosts_that_share_files_take_any_object() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let settings = [STATE[0], STATE[1], ("OPERATOR_SHARED_FILES", "true")];
    let north = Worker::start(&site, "north", &settings);
    succeeded(up(&site, "west", &[], &settings));
    north.interrupt();
    let _south = Worker::start(&site, "south", &settings);
    let text = succeeded(up(&site, "west", &["--force"], &settings));
    assert!(text.contains("on south"), "{text}");
}

#[test]
fn code_and_configuration_place_objects() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let settings = [("COUNT", "4"), ("PLACED", "h0=south;h[12]=north")];
    let _workers = ["north", "south"].map(|host| Worker::start(&site, host, &settings));
    let text = succeeded(up(&site, "west", &[], &settings));
    let on = |object: &str, host: &str| text.lines().any(|line| line.starts_with(object) && line.ends_with(host));
    assert!(on("h0", "on south") && !on("h0", "on north"), "{text}");
    assert!(on("h1", "on north") && on("h2", "on north") && !on("h1", "on south"), "{text}");
    let settings = [("COUNT", "4"), ("PLACED", "h0=nowhere")];
    let site = Site::new(server, 6);
    let _worker = Worker::start(&site, "north", &settings);
    let text = failed(up(&site, "west", &[], &settings));
    assert!(text.contains("h0 is placed on nowhere, where no worker runs"), "{text}");
    assert!(text.contains("failed: 1 of 4 objects"), "{text}");
}

#[test]
fn a_plan_asks_the_host_of_the_files() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    for host in ["north", "west"] {
        fs::create_dir_all(site.base(host)).unwrap();
    }
    fs::write(site.base("north").join("input"), "1").unwrap();
    let north = Worker::start(&site, "north", &FILES);
    succeeded(up(&site, "west", &[], &FILES));
    let look = |args: &[&str]| succeeded(site.operator("west", args).envs(FILES).output().unwrap());
    // The input is missing here, and that does not matter.
    let text = look(&["plan"]);
    assert!(text.contains("nothing to do"), "{text}");
    fs::write(site.base("north").join("input"), "22").unwrap();
    let text = look(&["plan"]);
    assert!(text.contains("would run") && text.contains("input"), "{text}");
    let text = look(&["why", "h0/first"]);
    assert!(text.contains("would run") && text.contains("input"), "{text}");
    north.interrupt();
    let text = look(&["plan"]);
    assert!(text.contains("a worker on north"), "{text}");
}

#[test]
fn the_log_of_an_attempt_is_fetched_from_its_host() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let settings = [("COUNT", "1"), ("KIND", "log")];
    let _north = Worker::start(&site, "north", &settings);
    succeeded(up(&site, "west", &[], &settings));
    let logs = |args: &[&str]| succeeded(site.operator("west", args).envs(settings).output().unwrap());
    let text = logs(&["logs", "h0/second"]);
    assert!(text.contains("north:") && text.contains("a line of second"), "{text}");
    assert!(!text.contains("a line of first"), "{text}");
    let text = logs(&["logs", "h0"]);
    assert!(text.contains("a line of first") && text.contains("a line of third"), "{text}");
    // A long log is cut at its beginning.
    succeeded(site.operator("west", &["up", "--force"]).envs(settings).output().unwrap());
    assert!(text.len() < 2 * 1024 * 1024);
}

#[test]
fn another_layout_or_program_is_refused_with_both_versions() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let old = Worker::start(&site, "north", &[("COUNT", "1")]);
    let text = failed(site.operator("west", &["up"]).output().unwrap());
    assert!(text.contains("the worker on north has another version: operator (binary "), "{text}");
    assert!(text.contains("; this is operator (binary "), "{text}");
    // With a worker of its own version, the run begins, and the other one takes nothing of it.
    let _new = Worker::start(&site, "south", &[]);
    let text = succeeded(site.operator("west", &["up"]).output().unwrap());
    assert!(text.contains("on south") && !text.contains("on north"), "{text}");
    test_kit::until("the other worker says so", || old.output().contains("refused: run 1 has another version"));
    site.expect_each_once(2);
}

#[tokio::test]
async fn no_row_about_a_run_contains_a_secret() {
    const SECRET: &str = "correct horse battery";
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    let settings = [("COUNT", "1"), ("KIND", "secret")];
    let _north = Worker::start(&site, "north", &settings);
    let text = failed(up(&site, "west", &[], &settings));
    assert!(text.contains("no: [secret]") && !text.contains(SECRET), "{text}");
    let logs = succeeded(site.operator("west", &["logs", "h0"]).envs(settings).output().unwrap());
    assert!(logs.contains("it is [secret]"), "{logs}");
    let client = server.client().await;
    for table in ["runs", "run_objects", "run_events", "questions", "workers"] {
        let rows = client.query(&format!("SELECT t::text FROM {}.{table} t", site.schema()), &[]).await.unwrap();
        assert!(table == "questions" || !rows.is_empty(), "{table}");
        let found = rows.iter().map(|row| row.get::<_, String>(0)).find(|row| row.contains(SECRET));
        assert_eq!(found, None, "{table}");
    }
}
