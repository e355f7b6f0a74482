//! A database that fails over to a replica, which has received each change before it counted.

use std::time::Instant;

use crate::operators::{Site, succeeded};
use crate::server::Server;

const COUNT: usize = 8;

#[tokio::test]
async fn a_failover_to_a_replica_fails_no_object_and_loses_nothing() {
    let Some(mut primary) = Server::start() else { return };
    let rounds = test_kit::setting("FAILOVERS", 1);
    let mut replica = primary.replica(None).await;
    let mut slowest = std::time::Duration::ZERO;
    for round in 0..rounds {
        let hosts = format!("127.0.0.1:{},127.0.0.1:{}", primary.port(), replica.port());
        let site =
            Site::at(&format!("postgres://site@{hosts}/postgres?target_session_attrs=read-write&schema=s{round}"));
        let settings = [("PAUSE_MS", "30"), ("COUNT", "8")];
        let operators = ["north", "south"].map(|host| site.start(host, &["up", "--jobs", "2"], &settings));
        test_kit::until("some tasks have ended", || site.ledger().len() > 8);
        let since = Instant::now();
        primary.down("immediate");
        replica.promote().await;
        slowest = slowest.max(since.elapsed());
        for operator in operators {
            succeeded(operator.wait_with_output().unwrap());
        }
        site.expect_each_once(COUNT);
        succeeded(site.operator("east", &["up"]).env("COUNT", "8").output().unwrap());
        site.expect_each_once(COUNT);
        if round + 1 < rounds {
            let port = primary.port();
            drop(primary);
            primary = replica;
            replica = primary.replica(Some(port)).await;
        }
    }
    test_kit::figure(&format!(
        "{rounds} failovers (database away for up to {slowest:?}): no object failed, each task ran once"
    ));
}
