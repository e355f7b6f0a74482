//! A connection that is lost in the middle of a statement loses nothing, whatever the statement is.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use setup_tasks::prelude::*;
use setup_tasks::stamp::{HistoryFilter, StampStore};
use setup_tasks::{Config, Layout};
use setup_tasks_postgres::Postgres;
use tempfile::TempDir;

use crate::proxy::{Lost, Proxy};
use crate::server::{Server, address_in, shared};

/// A model whose tasks last for longer than the interval of beats.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/web")]
struct Web;

#[setup_tasks]
impl Web {
    #[setup_task("Do the first")]
    async fn first(&self) {
        tokio::time::sleep(Duration::from_millis(1200)).await;
    }

    #[setup_task("Do the second")]
    async fn second(&self) {}
}

/// A text of each kind of statement that a run, a plan, and the commands about history and leases execute.
const STATEMENTS: [&str; 27] = [
    "SET statement_timeout",
    "SELECT version FROM setup",
    "pg_advisory_xact_lock",
    "CREATE TABLE setup",
    "INSERT INTO setup",
    "COMMIT",
    "UPDATE setup SET server_started",
    "INSERT INTO processes",
    "INSERT INTO writers",
    "INSERT INTO entries",
    "DELETE FROM entries",
    "INSERT INTO objects AS o (subdir, fence, holder)",
    "o.holder = $2",
    "SELECT object, entry FROM entries WHERE",
    "SELECT max(time)",
    "SET holder = NULL, task = NULL FROM mine",
    "SELECT line FROM history",
    "SELECT subdir, id, type_name",
    "SET beat = clock_timestamp() WHERE id = $1",
    "pg_backend_pid()",
    "LISTEN setup_tasks",
    "DELETE FROM processes",
    "DELETE FROM writers",
    "SET task = n.task",
    "CASE WHEN o.holder = $1 THEN o.fence",
    "INSERT INTO waits",
    "p.name, coalesce(o.id, o.subdir)",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_in_any_statement_loses_nothing() {
    let Some(server) = shared() else { return };
    let cuts = STATEMENTS.into_iter().flat_map(|text| [Lost::Request, Lost::Answer].map(|lost| (text, lost)));
    futures_util::stream::iter(cuts).for_each_concurrent(8, |(text, lost)| cut_once(server, text, lost)).await;
}

async fn cut_once(server: &'static Server, text: &'static str, lost: Lost) {
    let case = format!("{lost:?} of {text:?}");
    let direct = format!("{}&lease_secs=6", address_in(server));
    let proxy = Proxy::start(server.port(), text, lost).await;
    let through = direct.replace(&server.port().to_string(), &proxy.port.to_string());
    let directory = TempDir::new().unwrap();
    let open = |address: &str| {
        let store = Postgres::open(address).unwrap();
        let layout = Layout::with_store_and_leases(Config::new(directory.path()), store.clone(), store);
        (layout.add(Web).unwrap(), layout)
    };
    let (web, layout) = open(&through);
    web.run_setup_tasks().await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
    let lines = layout.history(&HistoryFilter::new()).await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert_eq!(lines.len(), 2, "{case}: {lines:?}");
    let objects = layout.store().objects().await.unwrap();
    assert_eq!(objects.len(), 1, "{case}: {objects:?}");
    web.clear_stamps_and_cache().await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
    layout.at_work_elsewhere().await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
    // This process waits for another one.
    let (of_other, _layout) = open(&direct);
    let other = tokio::spawn(of_other.run_setup_tasks().into_future());
    while of_other.as_any().holder().await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    web.run_setup_tasks().await.unwrap_or_else(|error| panic!("{case}: {error:?}"));
    other.await.unwrap().unwrap_or_else(|error| panic!("{case}: {error:?}"));
    assert_eq!(proxy.cuts(), 1, "{case}: the connection was not cut");
    // Another process sees the same.
    let (web, layout) = open(&direct);
    assert!(web.as_any().plan().await.unwrap().is_up_to_date(), "{case}");
    let lines = layout.history(&HistoryFilter::new()).await.unwrap();
    assert_eq!(lines.len(), 4, "{case}: {lines:?}");
    // A release waits for nothing, and for the end of the lease in particular.
    let since = Instant::now();
    while let Some(holder) = web.as_any().holder().await.unwrap() {
        assert!(since.elapsed() < Duration::from_mins(1), "{case}: {holder}");
    }
}

#[tokio::test]
async fn a_group_that_arrives_twice_is_written_once() {
    use setup_tasks::stamp::{AttemptEnd, Change};
    let Some(server) = shared() else { return };
    let direct = address_in(server);
    let proxy = Proxy::start(server.port(), "INSERT INTO history", Lost::Answer).await;
    let store = Postgres::open(&direct.replace(&server.port().to_string(), &proxy.port.to_string())).unwrap();
    let layout = Layout::in_memory().unwrap();
    layout.add(Web).unwrap().run_setup_tasks().await.unwrap();
    let line = layout.history(&HistoryFilter::new()).await.unwrap().remove(0);
    assert_eq!(line.ended, AttemptEnd::Ran);
    let change = Change::Skip { task: "second".to_owned(), entry: None, history: Box::new(line) };
    store.write("hosts/web", None, vec![change.clone(), change]).await.unwrap();
    assert_eq!(proxy.cuts(), 1);
    let lines = Postgres::open(&direct).unwrap().history(&HistoryFilter::new()).await.unwrap();
    assert_eq!(lines.len(), 2);
}
