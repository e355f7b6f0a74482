//! A database that restarts during runs.

use std::time::{Duration, Instant};

use crate::operators::{Site, succeeded};
use crate::server::Server;

#[test]
fn a_database_that_restarts_during_runs_fails_no_object() {
    let Some(server) = Server::start() else { return };
    let restarts = test_kit::setting("RESTARTS", 3);
    for _ in 0..restarts.div_ceil(3) {
        restart_during_runs(&server, ["immediate", "fast", "immediate"]);
    }
    test_kit::figure(&format!("{restarts} restarts of the database: no object failed, each task ran once"));
}

fn restart_during_runs(server: &Server, modes: [&str; 3]) {
    let site = Site::new(server, 30);
    let settings = [("PAUSE_MS", "30"), ("COUNT", "12")];
    let operators = ["north", "south"].map(|host| site.start(host, &["up", "--jobs", "2"], &settings));
    for mode in modes {
        let before = site.ledger().len();
        test_kit::until("some tasks have ended", || site.ledger().len() > before + 4);
        server.down(mode);
        server.up();
    }
    for operator in operators {
        succeeded(operator.wait_with_output().unwrap());
    }
    site.expect_each_once(12);
    succeeded(site.operator("east", &["up"]).env("COUNT", "12").output().unwrap());
    site.expect_each_once(12);
}

#[test]
fn no_lease_is_taken_over_until_its_holder_had_time_to_return() {
    let Some(server) = Server::start() else { return };
    let (site, ttl) = (Site::new(&server, 3), Duration::from_secs(3));
    site.instruct("north", "h0/second", Some("hold"));
    let mut north = site.start("north", &["up"], &[("COUNT", "1")]);
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    north.kill().unwrap();
    north.wait().unwrap();
    // The lease would end during the restart.
    std::thread::sleep(ttl / 2);
    server.down("fast");
    server.up();
    let since = Instant::now();
    succeeded(site.operator("south", &["up"]).env("COUNT", "1").output().unwrap());
    assert!(since.elapsed() >= ttl, "{:?}", since.elapsed());
    site.expect_each_once(1);
}

#[test]
fn an_operator_without_the_database_stops_its_tasks_in_time_and_goes_on_later() {
    let Some(server) = Server::start() else { return };
    let site = Site::new(&server, 3);
    site.instruct("north", "h0/second", Some("hold"));
    let north = site.start("north", &["up"], &[("COUNT", "1")]);
    test_kit::until("the task begins", || site.times("begin h0/second") == 1);
    server.down("immediate");
    let since = Instant::now();
    test_kit::until("the task is stopped", || site.times("stop h0/second") == 1);
    // The last beat can be as old as the interval of beats.
    assert!(since.elapsed() < Duration::from_secs(25), "{:?}", since.elapsed());
    site.instruct("north", "h0/second", None);
    server.up();
    let text = succeeded(north.wait_with_output().unwrap());
    assert!(text.contains("was not reached for"), "{text}");
    site.expect_each_once(1);
    assert_eq!(site.times("begin h0/second"), 2);
}
