//! A store and leases on a server, implemented outside the runtime.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use setup_tasks::BoxFuture;
use setup_tasks::lease::{self, Acquired, Holder, Lease, LeaseBreak, LeaseError, Leases};
use setup_tasks::stamp::{
    Answer, Change, Fence, HistoryEntry, HistoryFilter, MaybeReady, Records, StampError, StampStore, StoredObject,
    Timestamp,
};

/// The tables of the server: one row per object, and one per line of history.
#[derive(Default)]
pub struct Tables {
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
pub struct Connection {
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
    pub fn new(host: &'static str, tables: &Arc<Mutex<Tables>>) -> Self {
        Self { host, tables: tables.clone() }
    }

    /// Cuts the host off from the server.
    pub fn cut_off(&self) {
        self.tables().cut_off.push(self.host);
    }

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
            row.fence = fence.map_or(row.fence, |fence| fence.0);
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

    fn break_lease<'a>(&'a self, object: &'a str, gone: Option<&'a str>) -> lease::Answer<'a, LeaseBreak> {
        self.ask(move |tables| {
            let row = tables.objects.entry(object.to_owned()).or_default();
            let Some(Holder { name: holder, .. }) = row.holder.clone() else { return Ok(LeaseBreak::NotHeld) };
            if gone != Some(&*holder) {
                let help = format!("if {holder} is gone for good, break its lease by its name");
                return Err(LeaseError::Unknown { object: object.to_owned(), holder, help });
            }
            // From now on, late writes of the old holder are refused.
            row.fence += 1;
            row.holder = None;
            Ok(LeaseBreak::Broken(holder))
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
