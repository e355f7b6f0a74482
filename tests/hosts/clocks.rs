//! Hosts whose clocks differ by hours.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use setup_tasks::prelude::*;
use setup_tasks::stamp::{Clock, HistoryFilter};
use setup_tasks::{Config, Layout};
use setup_tasks_postgres::Postgres;
use tempfile::TempDir;

use crate::server::{address_in, shared};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/web")]
struct Web;

#[setup_tasks]
impl Web {
    #[setup_task("Do the first")]
    fn first(&self) {}

    #[setup_task("Do the second")]
    fn second(&self) {}
}

#[tokio::test]
async fn stamps_are_in_the_order_of_their_writes_whatever_the_clocks_show() {
    let Some(server) = shared() else { return };
    let (address, directory) = (address_in(server), TempDir::new().unwrap());
    let host = |name: &str, clock: Clock| {
        let store = Arc::new(Postgres::open(&address).unwrap());
        let layout = Layout::with_clock(Config::new(directory.path().join(name)), store, clock);
        (layout.add(Web).unwrap(), layout)
    };
    let hours = |number: u64| Duration::from_hours(number);
    let (ahead, layout) = host("ahead", Clock::over(move || SystemTime::now() + hours(5)));
    let (behind, _of_behind) = host("behind", Clock::over(move || SystemTime::now() - hours(5)));
    for round in 0..10 {
        for web in [&ahead, &behind] {
            web.run_setup_tasks().force(Web::FIRST).await.unwrap();
            let plan = web.as_any().plan().await.unwrap();
            assert!(plan.is_up_to_date(), "round {round}");
        }
    }
    let times: Vec<_> = layout.history(&HistoryFilter::new()).await.unwrap().iter().map(|line| line.time).collect();
    // Each forced task makes the later one run.
    assert_eq!(times.len(), 40);
    assert!(times.is_sorted_by(|later, earlier| later > earlier), "{times:?}");
}
