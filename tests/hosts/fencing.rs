//! Hosts that are cut off from the database.

use std::time::{Duration, Instant};

use crate::operators::{Site, succeeded};
use crate::proxy::Wire;
use crate::server::{Server, shared};

/// The time to live of a lease.
const TTL: Duration = Duration::from_secs(2);

/// The number of hosts that are cut off at the same time.
const AT_ONCE: u64 = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_cut_off_stops_its_task_before_another_begins_it() {
    let Some(server) = shared() else { return };
    let cuts = test_kit::setting("CUTS", 4);
    let mut slowest = Duration::ZERO;
    for _ in 0..cuts.div_ceil(AT_ONCE) {
        let together = (0..AT_ONCE).map(|_| tokio::spawn(cut_off(server)));
        for took in futures_util::future::join_all(together).await {
            slowest = slowest.max(took.unwrap());
        }
    }
    test_kit::figure(&format!(
        "{cuts} hosts cut off: no two attempts at once, no wrong stamp; taken over within {slowest:?} with leases of {TTL:?}"
    ));
}

/// Cuts off a host whose task runs. Returns the time until another host begins the task.
async fn cut_off(server: &Server) -> Duration {
    let site = Site::new(server, 2);
    let wire = Wire::to(server.port()).await;
    let through = site.address.replace(&server.port().to_string(), &wire.port.to_string());
    site.instruct("north", "h0/second", Some("hold"));
    let mut north = site.operator_at(&format!("{through}&host_name=north"), "north", &["up", "h0"]);
    let north = north.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    test_kit::guard(&north);
    until("the task begins", || site.times("begin h0/second") == 1).await;
    wire.cut(true);
    let since = Instant::now();
    let south = site.start("south", &["up", "h0"], &[]);
    until("another host begins the task", || site.times("begin h0/second") == 2).await;
    let took = since.elapsed();
    let order: Vec<_> = site.ledger().into_iter().filter(|line| line.ends_with("h0/second")).collect();
    assert_eq!(order[..3], ["begin h0/second", "stop h0/second", "begin h0/second"]);
    tokio::task::spawn_blocking(move || succeeded(south.wait_with_output().unwrap())).await.unwrap();
    site.instruct("north", "h0/second", None);
    wire.cut(false);
    let text = tokio::task::spawn_blocking(move || succeeded(north.wait_with_output().unwrap())).await.unwrap();
    assert!(text.contains("h0 was lost"), "{text}");
    site.expect_each_once(1);
    let client = server.client().await;
    let lines = format!("SELECT count(*) FROM {}.history", site.schema());
    assert_eq!(client.query_one(&lines, &[]).await.unwrap().get::<_, i64>(0), 3, "{:?}", site.ledger());
    took
}

async fn until(what: &str, happens: impl Fn() -> bool) {
    let since = Instant::now();
    while !happens() {
        assert!(since.elapsed() < Duration::from_mins(1), "{what} never happens");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
