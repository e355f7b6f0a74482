//! Several operators share stamps, history and leases.

use std::fs::{self, File};
use std::time::{Duration, Instant};

use crate::operators::{Site, failed, succeeded};
use crate::server::{Server, shared};

#[test]
fn what_one_operator_has_done_is_up_to_date_for_another() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    site.run("north", &["up"]);
    site.run("south", &["up"]);
    site.expect_each_once(2);
    let history = site.run("south", &["history"]);
    assert_eq!(history.matches("h1").count(), 3, "{history}");
    assert!(site.run("south", &["plan"]).contains("nothing"), "{}", site.run("south", &["plan"]));
    let why = site.run("south", &["why", "h0/second"]);
    assert!(why.contains("up to date"), "{why}");
    assert!(!site.base("south").join(".setup-tasks/cache/.setup-tasks/stamps.sqlite").exists());
}

#[test]
fn the_option_on_chooses_the_store() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    let mut command = site.operator("north", &["up", "--on", &site.address]);
    succeeded(command.env("OPERATOR_STORE", "").output().unwrap());
    site.run("south", &["up"]);
    site.expect_each_once(2);
}

#[test]
fn commands_that_change_stamps_work_for_all_operators() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    site.run("north", &["mark-done", "h0/first"]);
    site.run("south", &["up"]);
    assert_eq!(site.times("end h0/first"), 0, "{:?}", site.ledger());
    site.run("south", &["clear", "h1", "--yes"]);
    site.run("north", &["up"]);
    assert_eq!(site.times("end h1/third"), 2, "{:?}", site.ledger());
    // An object that has left the layout is known to all.
    let one = |args: &[&str]| succeeded(site.operator("south", args).env("COUNT", "1").output().unwrap());
    let plan = one(&["plan"]);
    assert!(plan.contains("h1"), "{plan}");
    one(&["prune", "--yes"]);
    let plan = one(&["plan"]);
    assert!(!plan.contains("h1"), "{plan}");
}

#[test]
fn an_object_is_run_by_one_operator_at_a_time() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    let pause = [("PAUSE_MS", "20"), ("COUNT", "6")];
    let operators = ["north", "south", "east", "west"].map(|host| site.start(host, &["up"], &pause));
    for operator in operators {
        succeeded(operator.wait_with_output().unwrap());
    }
    site.expect_each_once(6);
}

#[test]
fn a_waiting_operator_names_the_holder_and_its_task() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 6);
    site.instruct("north", "h0/second", Some("hold"));
    let north = site.start("north", &["up"], &[]);
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    let text = failed(site.operator("south", &["up"]).env("OPERATOR_LEASE_TIMEOUT_SECS", "3").output().unwrap());
    assert!(text.contains("held by process") && text.contains("on north"), "{text}");
    assert!(text.contains("it runs `second`"), "{text}");
    let status = site.run("south", &["status"]);
    assert!(status.contains("on north"), "{status}");
    let text = failed(site.operator("south", &["unlock", "h0"]).output().unwrap());
    assert!(text.contains("unlock --gone north"), "{text}");
    site.instruct("north", "h0/second", None);
    succeeded(north.wait_with_output().unwrap());
    site.run("south", &["up"]);
    site.expect_each_once(2);
}

#[test]
fn ps_lists_the_operators_of_all_hosts_with_their_objects_and_tasks() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    assert!(site.run("west", &["ps"]).contains("nothing is running"));
    let held = [("north", "h0/first", "h0"), ("south", "h1/second", "h1")];
    let operators = held.map(|(host, task, object)| {
        site.instruct(host, task, Some("hold"));
        site.start(host, &["up", object], &[])
    });
    // A task is known with the next beat, and at the latest when it is asked for.
    test_kit::until("all work is listed", || {
        let text = site.run("west", &["ps"]);
        let has = |host: &str, line: &str| {
            let rest = text.split_once(&format!("on {host}\n")).map(|(_, rest)| rest.to_owned());
            rest.is_some_and(|rest| rest.starts_with(line))
        };
        has("north", "  h0 runs `first`\n") && has("south", "  h1 runs `second`\n")
    });
    let json = site.run("west", &["ps", "--json"]);
    assert!(json.contains("\"at_work\"") && json.contains("\"task\":\"second\""), "{json}");
    for (host, task, _) in held {
        site.instruct(host, task, None);
    }
    for operator in operators {
        succeeded(operator.wait_with_output().unwrap());
    }
    assert!(site.run("west", &["ps"]).contains("nothing is running"));
}

#[test]
fn a_waiting_operator_goes_on_at_once_when_the_lease_is_free() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    site.instruct("north", "h0/third", Some("hold"));
    let north = site.start("north", &["up", "h0"], &[]);
    test_kit::until("the task begins", || site.times("begin h0/third") == 1);
    let south = site.start("south", &["up", "h0"], &[]);
    test_kit::until("the other waits", || site.run("west", &["ps"]).contains("h0"));
    std::thread::sleep(Duration::from_millis(500));
    site.instruct("north", "h0/third", None);
    let since = Instant::now();
    succeeded(south.wait_with_output().unwrap());
    let took = since.elapsed();
    succeeded(north.wait_with_output().unwrap());
    test_kit::figure(&format!("a waiting operator ended {took:?} after the task it waited for was let go"));
    assert!(took < Duration::from_secs(10), "{took:?}");
    site.expect_each_once(1);
}

#[test]
fn the_work_of_a_killed_operator_goes_on_within_the_time_of_its_lease() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 3);
    site.instruct("north", "h0/second", Some("hold"));
    let mut north = site.start("north", &["up", "h0"], &[]);
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    north.kill().unwrap();
    let since = Instant::now();
    north.wait().unwrap();
    site.run("south", &["up", "h0"]);
    assert!(since.elapsed() < Duration::from_secs((3 + 1) * 10), "{:?}", since.elapsed());
    site.expect_each_once(1);
    assert_eq!(site.times("begin h0/second"), 2);
}

#[test]
fn the_work_of_a_killed_operator_on_the_same_host_goes_on_at_once() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 600);
    site.instruct("north", "h0/second", Some("hold"));
    let mut here = site.operator_at(&site.address, "north", &["up", "h0"]);
    let mut north = here.spawn().unwrap();
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    north.kill().unwrap();
    north.wait().unwrap();
    let since = Instant::now();
    succeeded(site.operator_at(&site.address, "south", &["up", "h0"]).output().unwrap());
    // The lease would last for ten minutes.
    assert!(since.elapsed() < Duration::from_mins(1), "{:?}", since.elapsed());
    site.expect_each_once(1);
}

#[test]
fn an_operator_that_was_stopped_for_too_long_finds_its_work_done_by_another() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 2);
    site.instruct("north", "h0/second", Some("hold"));
    let north = site.start("north", &["up"], &[("COUNT", "1")]);
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    signal("STOP", north.id());
    succeeded(site.operator("south", &["up"]).env("COUNT", "1").output().unwrap());
    // The stamps are now those of the other operator.
    let before = site.run("south", &["history"]);
    site.instruct("north", "h0/second", None);
    signal("CONT", north.id());
    let text = succeeded(north.wait_with_output().unwrap());
    assert!(text.contains("h0 was lost") && text.contains("goes on with what is left"), "{text}");
    assert_eq!(site.run("south", &["history"]), before);
}

#[test]
fn a_circle_over_two_hosts_is_found_soon() {
    let Some(server) = shared() else { return };
    let rounds = test_kit::setting("CIRCLES", 3);
    let mut times: Vec<_> = (0..rounds).map(|_| time_until_a_circle_is_found(server)).collect();
    times.sort();
    let last = times[times.len() - 1];
    let median = times[times.len() / 2];
    test_kit::figure(&format!("{rounds} circles over two hosts: found within {median:?} (median), {last:?} (slowest)"));
    assert!(last < Duration::from_secs(10), "{times:?}");
}

fn time_until_a_circle_is_found(server: &Server) -> Duration {
    let site = Site::new(server, 30);
    site.instruct("north", "h0/second", Some("hold"));
    site.instruct("south", "h1/second", Some("hold"));
    let output = site.base("north").join("output");
    let file = File::options().create(true).append(true).open(&output).unwrap();
    let operators = [("north", "h0"), ("south", "h1")].map(|(host, object)| {
        let mut operator = site.operator(host, &["up", object]);
        let operator = operator.stdout(file.try_clone().unwrap()).stderr(file.try_clone().unwrap()).spawn().unwrap();
        test_kit::guard(&operator);
        operator
    });
    let begun = || site.times("begin h0/second") + site.times("begin h1/second") == 2;
    test_kit::until("both tasks begin", begun);
    site.instruct("north", "h0/second", Some("ready h1"));
    site.instruct("south", "h1/second", Some("ready h0"));
    let since = Instant::now();
    let text = || fs::read_to_string(&output).unwrap();
    test_kit::until("the circle is reported", || text().contains("waiting would never end"));
    let took = since.elapsed();
    // The other operator goes on when the first has given up, so only one fails for certain.
    let succeeded =
        operators.into_iter().filter_map(|mut operator| operator.wait().unwrap().success().then_some(())).count();
    assert!(succeeded < 2, "{}", text());
    let names_both = |text: &str| text.contains("`h0`") && text.contains("on north") || text.contains("on south");
    assert!(names_both(&text()), "{}", text());
    took
}

pub fn signal(name: &str, pid: u32) {
    let sent = std::process::Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status();
    assert!(sent.unwrap().success());
}
