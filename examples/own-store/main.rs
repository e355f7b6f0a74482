//! A store and leases that are implemented outside the runtime. Two hosts share a server and
//! contend for an object. One host loses its network while it runs a task. The other host breaks
//! the lease, and the fence refuses the late write of the first host. `cargo run --bin own-store`
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use setup_tasks::event::EventKind;
use setup_tasks::lease::{self, Acquired, Holder, Lease, LeaseError, Leases, LockBreak};
use setup_tasks::prelude::*;
use setup_tasks::run::RunError;
use setup_tasks::stamp::{
    Answer, Change, Fence, HistoryEntry, HistoryFilter, MaybeReady, Records, StampError, StampStore, StoredObject,
    Timestamp,
};
use setup_tasks::{BoxFuture, Config, Layout};
use tokio::sync::Semaphore;

/// The tables of the server: one row per object, and one per line of history.
#[derive(Default)]
struct Tables {
    objects: HashMap<String, Row>,
    history: Vec<HistoryEntry>,
    /// The hosts that cannot reach the server.
    cut_off: Vec<&'static str>,
}

#[derive(Default)]
struct Row {
    records: Records,
    /// The id and the type, by which the object is known once it has left the layout.
    identity: Option<(String, String)>,
    /// The fence of the latest lease.
    fence: u64,
    holder: Option<Holder>,
}

/// A host's connection to the server.
#[derive(Clone)]
struct Connection {
    host: &'static str,
    tables: Arc<Mutex<Tables>>,
}

impl Row {
    fn change(&mut self, change: &Change) {
        change.apply(&mut self.records);
        match change {
            Change::Identify { id, type_name } => self.identity = Some((id.clone(), type_name.clone())),
            // The fence stays, so that late writes of an earlier holder are still refused.
            Change::Retire => self.identity = None,
            _ => {}
        }
    }
}

impl Connection {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a request to the server, which takes a round trip.
    fn ask<'a, A: Send + 'a>(&'a self, query: impl FnOnce(&mut Tables) -> A + Send + 'a) -> MaybeReady<'a, A> {
        MaybeReady::pending(async move {
            tokio::task::yield_now().await;
            query(&mut self.tables())
        })
    }
}

impl StampStore for Connection {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records> {
        self.ask(|tables| Ok(tables.objects.get(object).map(|row| row.records.clone()).unwrap_or_default()))
    }

    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(self.ask(move |tables| {
            let row = tables.objects.entry(object.to_owned()).or_default();
            if let Some(fence) = fence.filter(|fence| fence.0 < row.fence) {
                return Err(StampError::Fenced { object: object.to_owned(), fence, seen: Fence(row.fence) });
            }
            changes.iter().for_each(|change| row.change(change));
            tables.history.extend(changes.iter().filter_map(Change::history).cloned());
            Ok(())
        }))
    }

    fn latest(&self) -> Answer<'_, Option<Timestamp>> {
        // Every stamp has a line of history.
        self.ask(|tables| Ok(tables.history.iter().map(|line| line.time).max()))
    }

    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {
        self.ask(|tables| {
            let known = tables.objects.iter().filter_map(|(subdir, row)| {
                let (id, type_name) = row.identity.clone()?;
                Some(StoredObject::new(subdir.clone()).identified(id, type_name))
            });
            Ok(known.collect())
        })
    }

    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>> {
        self.ask(|tables| {
            let lines = tables.history.iter().rev().filter(|line| filter.accepts(line));
            Ok(lines.take(filter.limit.unwrap_or(usize::MAX)).cloned().collect())
        })
    }
}

impl Leases for Connection {
    fn acquire<'a>(&'a self, object: &'a str) -> lease::Answer<'a, Acquired> {
        self.ask(|tables| {
            let row = tables.objects.entry(object.to_owned()).or_default();
            if let Some(holder) = &row.holder {
                return Ok(Acquired::Held(holder.clone()));
            }
            row.fence += 1;
            row.holder = Some(Holder::new(self.host));
            let (connection, object) = (self.clone(), object.to_owned());
            Ok(Acquired::Lease(Box::new(OwnLease { connection, object, fence: row.fence })))
        })
    }

    fn holder<'a>(&'a self, object: &'a str) -> lease::Answer<'a, Option<Holder>> {
        self.ask(|tables| Ok(tables.objects.get(object).and_then(|row| row.holder.clone())))
    }

    fn break_lease<'a>(&'a self, object: &'a str, gone: Option<&'a str>) -> lease::Answer<'a, LockBreak> {
        self.ask(move |tables| {
            let row = tables.objects.entry(object.to_owned()).or_default();
            let Some(Holder { name: holder, .. }) = row.holder.clone() else { return Ok(LockBreak::NotHeld) };
            if gone != Some(&*holder) {
                let help = format!("if {holder} is gone for good, break its lease by its name");
                return Err(LeaseError::Unknown { object: object.to_owned(), holder, help });
            }
            // From now on, late writes of the old holder are refused.
            row.fence += 1;
            row.holder = None;
            Ok(LockBreak::Broken(holder))
        })
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(Duration::from_millis(20))
    }
}

/// A lease that its host can lose without noticing.
struct OwnLease {
    connection: Connection,
    object: String,
    fence: u64,
}

impl OwnLease {
    /// Changes the row of the object, if the lease is still the latest one and the host reaches the server.
    fn change(&self, tables: &mut Tables, change: impl FnOnce(&mut Option<Holder>)) -> bool {
        let is_cut_off = tables.cut_off.contains(&self.connection.host);
        let row = tables.objects.get_mut(&self.object).filter(|row| row.fence == self.fence && !is_cut_off);
        row.map(|row| change(&mut row.holder)).is_some()
    }
}

impl Lease for OwnLease {
    fn fence(&self) -> Option<Fence> {
        Some(Fence(self.fence))
    }

    fn renew(&self) -> lease::Answer<'_, ()> {
        let lost = || LeaseError::Lost { object: self.object.clone(), detail: "it is too old".to_owned() };
        self.connection.ask(move |tables| self.change(tables, |_| {}).then_some(()).ok_or_else(lost))
    }

    fn note_task(&self, task: &str) {
        let doing = Holder::new(self.connection.host).doing(format!("runs `{task}`"));
        self.change(&mut self.connection.tables(), |holder| *holder = Some(doing));
    }

    fn release(&self) {
        self.change(&mut self.connection.tables(), |holder| *holder = None);
    }
}

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
    let tables = Arc::<Mutex<Tables>>::default();
    let base_dir = tempfile::tempdir()?;
    let host = |host| {
        let config = Config::new(base_dir.path().join(host));
        let connection = Connection { host, tables: tables.clone() };
        Layout::with_store_and_leases(config, connection.clone(), connection)
    };
    let (north, south) = (host("north"), host("south"));
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
    tables.lock().unwrap_or_else(PoisonError::into_inner).cut_off.push("north");
    if let Err(error) = on_south.break_lock().await {
        println!("south: {error}");
    }
    println!("south: {:?}", on_south.break_lock_of("north").await?);
    south_may_end.add_permits(1);
    println!("south: {}", south.run().await?.summary());

    north_may_end.add_permits(1);
    match late.await? {
        Err(RunError::Stamp(StampError::Fenced { object, .. })) => {
            println!("north: the late write to {object} was refused: a later lease has taken over");
        }
        other => println!("north: {other:?}"),
    }
    for StoredObject { id, type_name, .. } in south.store().objects().await? {
        println!("the server knows {}, a {}", id.unwrap_or_default(), type_name.unwrap_or_default());
    }
    Ok(())
}
