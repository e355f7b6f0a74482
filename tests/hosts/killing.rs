//! Operators that are killed at any moment.

use std::time::{Duration, Instant};

use crate::operators::{Site, succeeded};
use crate::server::{Server, shared};

/// The number of sites whose operators are killed at the same time.
const AT_ONCE: usize = 4;

/// The number of objects of a site, and of jobs of an operator.
const COUNT: usize = 6;
const JOBS: usize = 2;

#[test]
fn of_a_killed_operator_only_the_tasks_in_flight_run_again() {
    let Some(server) = shared() else { return };
    let kills = usize::try_from(test_kit::setting("KILLS", 16)).unwrap();
    let (mut again, mut slowest) = (0, Duration::ZERO);
    // Two of the three operators of a site are killed.
    for round in 0..kills.div_ceil(2 * AT_ONCE) {
        let sites: Vec<_> = std::thread::scope(|scope| {
            let sites: Vec<_> = (0..AT_ONCE)
                .map(|number| scope.spawn(move || kill_two_of_three(server, round * AT_ONCE + number)))
                .collect();
            sites.into_iter().map(|site| site.join().unwrap()).collect()
        });
        for (repeated, took) in sites {
            again += repeated;
            slowest = slowest.max(took);
        }
    }
    test_kit::figure(&format!(
        "{kills} killed operators on 3 hosts: {again} tasks in flight ran again, no wrong stamp; the rest was done within {slowest:?}"
    ));
}

/// Runs three operators and kills two of them. Returns the number of repeated tasks, and the time from the last kill to the end.
fn kill_two_of_three(server: &Server, number: usize) -> (usize, Duration) {
    let site = Site::new(server, 2);
    let settings = [("PAUSE_MS", "15"), ("COUNT", "6")];
    let mut operators = ["north", "south", "east"].map(|host| site.start(host, &["up", "--jobs", "2"], &settings));
    // The moments are spread evenly over the run.
    let moments = COUNT * 3 * 2;
    for (operator, at) in operators[..2].iter_mut().zip([number * 7 % moments, number * 11 % moments]) {
        test_kit::until("the moment comes", || site.ledger().len() >= at);
        std::thread::sleep(Duration::from_micros(u64::try_from(number * 777 % 15_000).unwrap()));
        operator.kill().unwrap();
        operator.wait().unwrap();
    }
    let since = Instant::now();
    let [_, _, east] = operators;
    succeeded(east.wait_with_output().unwrap());
    let took = since.elapsed();
    let mut repeated = 0;
    for task in (0..COUNT).flat_map(|number| ["first", "second", "third"].map(|task| format!("h{number}/{task}"))) {
        let (begun, ended) = (site.times(&format!("begin {task}")), site.times(&format!("end {task}")));
        // A stamp without work would be a task that never ended.
        assert!(ended >= 1, "{task}: {:?}", site.ledger());
        assert!(begun <= 3, "{task}: {:?}", site.ledger());
        repeated += begun - 1;
    }
    assert!(repeated <= 2 * JOBS, "{:?}", site.ledger());
    succeeded(site.operator("west", &["up"]).env("COUNT", "6").output().unwrap());
    assert_eq!(site.ledger().iter().filter(|line| line.starts_with("begin")).count(), COUNT * 3 + repeated);
    (repeated, took)
}
