//! Several operators force the same tasks.

use crate::operators::{Site, succeeded};
use crate::server::{Server, shared};

/// The number of operators that force at the same time.
const OPERATORS: usize = 10;

const COUNT: usize = 3;

#[tokio::test]
async fn ten_operators_that_force_at_the_same_time_run_each_task_once() {
    let Some(server) = shared() else { return };
    let rounds = test_kit::setting("FORCED", 2);
    for round in 0..rounds {
        force_with_ten(server, round).await;
    }
    test_kit::figure(&format!("{rounds} rounds of {OPERATORS} operators with --force: each task ran once"));
}

async fn force_with_ten(server: &Server, round: u64) {
    let (site, client) = (Site::new(server, 30), server.client().await);
    let settings = [("COUNT", "3")];
    succeeded(site.start("north", &["up"], &settings).wait_with_output().unwrap());
    let hosts: Vec<_> = (0..OPERATORS).map(|number| format!("host{number}")).collect();
    let tasks: Vec<_> = (0..COUNT).map(|number| format!("h{number}/first")).collect();
    for (host, task) in hosts.iter().flat_map(|host| tasks.iter().map(move |task| (host, task))) {
        site.instruct(host, task, Some("hold"));
    }
    let operators: Vec<_> = hosts.iter().map(|host| site.start(host, &["up", "--force"], &settings)).collect();
    // A process registers when it takes its first lease, which is after the beginning of its run.
    let registered = format!("SELECT count(*) FROM {}.processes", site.schema());
    let all = i64::try_from(1 + OPERATORS).unwrap();
    while client.query_one(&registered, &[]).await.unwrap().get::<_, i64>(0) < all {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    for (host, task) in hosts.iter().flat_map(|host| tasks.iter().map(move |task| (host, task))) {
        site.instruct(host, task, None);
    }
    for operator in operators {
        succeeded(operator.wait_with_output().unwrap());
    }
    for task in (0..COUNT).flat_map(|number| ["first", "second", "third"].map(|task| format!("h{number}/{task}"))) {
        assert_eq!(site.times(&format!("end {task}")), 2, "round {round}: {task}");
    }
}

#[test]
fn an_operator_that_forces_later_runs_each_task_again() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    site.run("north", &["up", "--force"]);
    site.expect_each_once(2);
    site.run("south", &["up", "--force"]);
    assert_eq!(site.times("end h0/first") + site.times("end h1/third"), 4, "{:?}", site.ledger());
}
