//! The leases.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use setup_tasks::lease::{
    Acquired, Answer, Holder, Lease, LeaseBreak, LeaseError, Leases, Life, ObjectAtWork, ProcessRecord, ProcessWaits,
};
use setup_tasks::secret::redact_json;
use setup_tasks::stamp::{Fence, MaybeReady, Records, Timestamp};
use tokio::sync::oneshot;
use tokio_postgres::Row;

use crate::beat::{Renewal, Renewed, exchange};
use crate::core::Core;
use crate::error::PostgresError;
use crate::link::{Connected, Purpose};
use crate::store::read;
use crate::writer::{Acquire, Job, Other, Release, Taken};
use crate::{CurrentTask, Postgres};

/// Reads the holders of leases that have not expired.
const ALIVE: &str = "SELECT o.subdir, p.name, o.task FROM objects o JOIN processes p ON p.id = o.holder
    WHERE o.subdir = ANY ($1::text[]) AND p.beat + p.ttl > clock_timestamp()";

/// Reads the holder of a lease, also of one that has expired.
const HOLDER: &str =
    "SELECT o.subdir, o.fence, coalesce(p.beat + p.ttl > clock_timestamp(), false), p.name, o.task, p.process,
        o.holder
    FROM objects o LEFT JOIN processes p ON p.id = o.holder WHERE o.subdir = $1 AND o.holder IS NOT NULL";

/// Reads the leases of other processes that have not expired.
const AT_WORK: &str =
    "SELECT p.name, coalesce(o.id, o.subdir), o.task FROM objects o JOIN processes p ON p.id = o.holder
    WHERE p.id <> $1 AND p.beat + p.ttl > clock_timestamp() ORDER BY p.name, p.id, o.subdir";

/// Breaks one lease. Late writes of its holder are refused from now on.
const BREAK: &str = "UPDATE objects SET holder = NULL, task = NULL, fence = fence + 1
    WHERE subdir = $1 AND holder = $2 AND fence = $3";

impl Leases for Postgres {
    fn acquire<'a>(&'a self, object: &'a str) -> Answer<'a, Acquired> {
        MaybeReady::pending(async move {
            let Some(reserved) = self.reserve(object) else {
                return Ok(Acquired::Held(self.own_holder(object)));
            };
            loop {
                let (answer, answered) = oneshot::channel();
                self.service()?.send(Job::Acquire(Acquire { object: object.to_owned(), answer }));
                match answered.await.unwrap_or_else(|_| Err(self.ended()))? {
                    Taken::Lease { fence, records, latest } => {
                        let read = Mutex::new(records.ok().map(|records| (records, latest)));
                        return Ok(Acquired::Lease(Box::new(PostgresLease { reserved, fence, read })));
                    }
                    // A process of this machine that has ended does not return.
                    Taken::Held(other) if other.life() == Life::Dead => {
                        self.break_one(object, &other).await?;
                    }
                    Taken::Held(other) => return Ok(Acquired::Held(other.holder())),
                }
            }
        })
    }

    fn holder<'a>(&'a self, object: &'a str) -> Answer<'a, Option<Holder>> {
        MaybeReady::pending(async move { Ok(self.holders(&[object]).await?.pop().flatten()) })
    }

    fn holders<'a>(&'a self, objects: &'a [&'a str]) -> Answer<'a, Vec<Option<Holder>>> {
        let objects: Vec<String> = objects.iter().map(|object| (*object).to_owned()).collect();
        self.on_service(|core| async move {
            let rows = read(&core, "read the holders of leases", ALIVE, &[&objects]).await?;
            let holder = |object: &String| {
                let row = rows.iter().find(|row| row.get::<_, &str>(0) == object)?;
                Some(with_task(row.get::<_, String>(1), row.get(2)))
            };
            Ok(objects.iter().map(holder).collect())
        })
    }

    fn at_work(&self) -> Answer<'_, Vec<ObjectAtWork>> {
        self.on_service(|core| async move {
            let process = core.process.id;
            let rows = read(&core, "read the leases", AT_WORK, &[&process]).await?;
            let at_work = |row: &Row| ObjectAtWork::new(row.get::<_, String>(0), row.get::<_, String>(1), row.get(2));
            Ok(rows.iter().map(at_work).collect())
        })
    }

    fn break_lease<'a>(&'a self, object: &'a str, gone: Option<&'a str>) -> Answer<'a, LeaseBreak> {
        MaybeReady::pending(async move {
            let wanted = object.to_owned();
            let rows = self.on_service::<_, PostgresError, _>(|core| async move {
                read(&core, "read the holder of a lease", HOLDER, &[&wanted]).await
            });
            let rows = rows.await?;
            let Some(row) = rows.first() else { return Ok(LeaseBreak::NotHeld) };
            let (is_fresh, other) = (row.get::<_, bool>(2), Other::of(row));
            let (named, holder) = (object.to_owned(), other.name.clone());
            if is_fresh {
                let record = other.record();
                match other.life() {
                    Life::Dead => {}
                    Life::Alive => return Err(LeaseError::Alive { object: named, holder }),
                    _ if gone.is_some_and(|host| record.is_elsewhere_on(host)) => {}
                    _ => {
                        let help = self.help_about(&record);
                        return Err(LeaseError::Unknown { object: named, holder, help });
                    }
                }
            }
            self.break_one(object, &other).await?;
            Ok(LeaseBreak::Broken(holder))
        })
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(self.0.core.address.ttl / 6)
    }

    fn exchange<'a>(&'a self, own: &ProcessWaits) -> Option<Answer<'a, Vec<ProcessWaits>>> {
        // The other process does not know the secrets of this one. A statement consists of texts and numbers.
        let wanted = own.wanted().to_vec();
        let own = redact_json(&serde_json::to_string(own).unwrap_or_default()).into_owned();
        Some(self.on_service(|core| async move { Ok(exchange(core, own, wanted).await?) }))
    }

    fn on_nudge(&self, nudge: Box<dyn Fn() + Send + Sync>) {
        self.0.core.nudges.add(nudge);
    }
}

impl Postgres {
    /// Reserves an object within this process. Returns `None` if this process has it already.
    fn reserve(&self, object: &str) -> Option<Reserved> {
        let mut held = self.held();
        if held.contains_key(object) {
            return None;
        }
        let task = CurrentTask::default();
        held.insert(object.to_owned(), task.clone());
        Some(Reserved { store: self.clone(), object: object.to_owned(), task })
    }

    fn own_holder(&self, object: &str) -> Holder {
        let task = self.held().get(object).and_then(|task| locked(task).clone());
        with_task(self.0.core.process.name.clone(), task)
    }

    async fn break_one(&self, object: &str, other: &Other) -> Result<(), PostgresError> {
        let (object, id, fence) = (object.to_owned(), other.id, other.fence);
        self.on_service(move |core| async move { break_lease(&core, &object, id, fence).await }).await
    }

    fn help_about(&self, record: &ProcessRecord) -> String {
        let ends =
            format!("its lease ends by itself {} s after its last sign of life", self.0.core.address.ttl.as_secs());
        match record.host().filter(|host| record.is_elsewhere_on(host)) {
            Some(host) => {
                format!("{ends}; if you know that {host} is gone for good, say so with `unlock --gone {host}`")
            }
            None => ends,
        }
    }
}

async fn break_lease(core: &Core, object: &str, id: i64, fence: i64) -> Result<(), PostgresError> {
    let broken = |connected: Arc<Connected>| async move { connected.query(BREAK, &[&object, &id, &fence]).await };
    core.work.ask((Purpose::Write, "break a lease"), broken).await.map(drop)
}

impl Other {
    fn record(&self) -> ProcessRecord {
        ProcessRecord::parse(self.record.as_deref().unwrap_or_default().as_bytes())
    }

    fn life(&self) -> Life {
        self.record().life()
    }

    fn holder(&self) -> Holder {
        with_task(self.name.clone(), self.task.clone())
    }
}

fn with_task(name: String, task: Option<String>) -> Holder {
    let holder = Holder::new(name);
    match task {
        Some(task) => holder.doing(format!("runs `{task}`")),
        None => holder,
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The right of one session within this process to take the lease of an object.
struct Reserved {
    store: Postgres,
    object: String,
    task: CurrentTask,
}

impl Reserved {
    /// Ends the reservation. Returns whether this call has ended it.
    fn end(&self) -> bool {
        let mut held = self.store.held();
        let is_own = held.get(&self.object).is_some_and(|task| Arc::ptr_eq(task, &self.task));
        if is_own {
            held.remove(&self.object);
        }
        is_own
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.end();
    }
}

/// A lease in the database.
struct PostgresLease {
    reserved: Reserved,
    fence: Fence,
    /// The records that the acquisition has read.
    read: Mutex<Option<(Records, Option<Timestamp>)>>,
}

impl PostgresLease {
    fn lost(&self, detail: String) -> LeaseError {
        LeaseError::Lost { object: self.reserved.object.clone(), detail }
    }

    fn lost_by_silence(&self) -> LeaseError {
        let core = &self.reserved.store.0.core;
        let seconds = core.last_beat().elapsed().as_secs();
        self.lost(format!("{} was not reached for {seconds} s", core.address.place))
    }
}

impl Lease for PostgresLease {
    fn fence(&self) -> Option<Fence> {
        Some(self.fence)
    }

    fn take_records(&self) -> Option<(Records, Option<Timestamp>)> {
        locked(&self.read).take()
    }

    fn renew(&self) -> Answer<'_, ()> {
        let Reserved { store, object, task } = &self.reserved;
        MaybeReady::pending(async move {
            let (answer, answered) = oneshot::channel();
            let (task, object) = (locked(task).clone(), object.clone());
            let renewal = Renewal { object, fence: self.fence, task, answer };
            // The service ends only with this lease.
            let _ = store.service()?.renewals.send(renewal);
            // The wait ends when the process must stop its tasks.
            let silence = store.0.core.deadline();
            let answered = store.on_service(move |_| async move {
                let answered = tokio::time::timeout_at(silence.into(), answered).await;
                Ok::<_, PostgresError>(answered)
            });
            match answered.await? {
                Ok(Ok(Ok(Renewed::Held))) => Ok(()),
                Ok(Ok(Ok(Renewed::Lost(Some(holder))))) => Err(self.lost(format!("{holder} has taken it over"))),
                Ok(Ok(Ok(Renewed::Lost(None)))) => {
                    Err(self
                        .lost("another process has taken it over and released it, or a user has broken it".to_owned()))
                }
                Ok(Ok(Err(error))) => Err(error.into()),
                Ok(Err(_)) => Err(store.ended().into()),
                Err(_) => Err(self.lost_by_silence()),
            }
        })
    }

    fn note_task(&self, task: &str) {
        *locked(&self.reserved.task) = Some(crate::process::plain(task));
    }

    fn release(&self) {
        let Reserved { store, object, .. } = &self.reserved;
        if self.reserved.end()
            && let Ok(service) = store.service()
        {
            service.send(Job::Release(Release { object: object.clone(), fence: Some(self.fence) }));
        }
    }
}

impl Drop for PostgresLease {
    fn drop(&mut self) {
        self.release();
    }
}
