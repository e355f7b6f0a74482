//! The store and the leases keep all laws.

use std::sync::Arc;

use setup_tasks::conformance::{check_leases, check_store};
use setup_tasks_postgres::Postgres;

use crate::server::{address_in, shared};

/// Returns a function that opens a new place again and again.
fn place() -> impl Fn() -> Arc<Postgres> {
    let address = address_in(shared().unwrap());
    move || Arc::new(Postgres::open(&address).unwrap())
}

#[tokio::test]
async fn the_store_keeps_all_laws() {
    if shared().is_some() {
        check_store(place).await.unwrap_or_else(|broken| panic!("{broken}"));
    }
}

#[tokio::test]
async fn the_leases_keep_all_laws() {
    if shared().is_some() {
        check_leases(place).await.unwrap_or_else(|broken| panic!("{broken}"));
    }
}
