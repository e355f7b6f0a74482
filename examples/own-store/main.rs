//! A store and leases that are implemented outside the runtime. Two hosts share a server and
//! contend for an object. One host loses its network while it runs a task. The other host breaks
//! the lease, and the run of the first host stops. `cargo run --bin own-store`
#![expect(clippy::print_stdout, reason = "an example prints")]

mod store;

use std::sync::Arc;

use setup_tasks::error::explain;
use setup_tasks::event::EventKind;
use setup_tasks::prelude::*;
use setup_tasks::run::RunError;
use setup_tasks::stamp::StoredObject;
use setup_tasks::{Config, Layout};
use tokio::sync::Semaphore;

use store::Connection;

/// A model whose task reports that it has begun, and waits for permission to end.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "db")]
struct Database {
    begun: Arc<Semaphore>,
    may_end: Arc<Semaphore>,
}

#[setup_tasks]
impl Database {
    #[setup_task("Migrate the tables")]
    async fn migrate(&self) -> Result<()> {
        self.begun.add_permits(1);
        self.may_end.acquire().await?.forget();
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let (tables, base_dir) = (Arc::default(), tempfile::tempdir()?);
    let (to_north, to_south) = (Connection::new("north", &tables), Connection::new("south", &tables));
    let host = |name, connection: &Connection| {
        let config = Config::new(base_dir.path().join(name));
        Layout::with_store_and_leases(config, connection.clone(), connection.clone())
    };
    let (north, south) = (host("north", &to_north), host("south", &to_south));
    let [begun, north_may_end, south_may_end] = [(); 3].map(|()| Arc::new(Semaphore::new(0)));
    let on_north = north.add(Database { begun: begun.clone(), may_end: north_may_end.clone() })?.as_any().clone();
    let on_south = south.add(Database { begun: begun.clone(), may_end: south_may_end.clone() })?.as_any().clone();

    let first = tokio::spawn(north.run().into_future());
    begun.acquire().await?.forget();
    let mut events = south.events();
    let second = tokio::spawn(south.run().into_future());
    while let Some(event) = events.next().await {
        if let EventKind::Waiting { holder } = &event.kind {
            let doing = on_south.holder().await?.and_then(|holder| holder.doing).unwrap_or_default();
            println!("south waits for {holder}, which {doing}");
            break;
        }
    }
    north_may_end.add_permits(1);
    println!("north: {}", first.await??.summary());
    println!("south: {}", second.await??.summary());

    println!("north runs the task again, and is cut off from the server");
    let late = tokio::spawn(on_north.run_setup_tasks().force("migrate").into_future());
    begun.acquire().await?.forget();
    to_north.cut_off();
    if let Err(error) = on_south.break_lease().await {
        println!("south: {}", explain(&error));
    }
    println!("south: {:?}", on_south.break_lease_of("north").await?);
    south_may_end.add_permits(1);
    println!("south: {}", south.run().await?.summary());

    // North has noticed the loss, has stopped its task, and has found the work done.
    match late.await? {
        Err(error @ RunError::Lease(_)) => println!("north: {}", explain(&error)),
        Err(error) => println!("north: {error}"),
        Ok(report) => println!("north: south did the work; {} task is up to date", report.up_to_date),
    }
    for StoredObject { id, type_name, .. } in south.store().objects().await? {
        println!("the server knows {}, a {}", id.unwrap_or_default(), type_name.unwrap_or_default());
    }
    Ok(())
}
