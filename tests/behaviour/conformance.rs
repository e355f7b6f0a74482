//! Tests of the laws of stores and leases: every implementation of the workspace keeps them, and
//! for each law, an implementation that breaks it is noticed.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use setup_tasks::BoxFuture;
use setup_tasks::conformance::{LeaseLaw, StoreLaw, check_leases, check_store};
use setup_tasks::lease::{self, Acquired, FileLeases, Holder, Lease, LeaseBreak, LeaseError, Leases};
use setup_tasks::stamp::{
    Answer, Change, Fence, FilesStore, HistoryEntry, HistoryFilter, MaybeReady, MemoryStore, Records, SqliteStore,
    StampError, StampStore, StoredObject, Timestamp,
};
use tempfile::TempDir;

#[path = "../../examples/own-store/store.rs"]
#[expect(dead_code, reason = "the example alone cuts a host off")]
mod own_store;

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns a function that opens one place in a directory of its own again and again.
fn on_disk<T>(open: fn(&TempDir) -> T) -> impl Fn() -> Arc<T> {
    let place = TempDir::new().unwrap();
    move || Arc::new(open(&place))
}

#[tokio::test]
async fn every_store_of_the_runtime_keeps_all_laws() {
    let memory = || {
        let store = Arc::new(MemoryStore::new());
        move || store.clone()
    };
    check_store(memory).await.unwrap_or_else(|broken| panic!("memory: {broken}"));
    let files = || on_disk(|place| FilesStore::new(place.path()));
    check_store(files).await.unwrap_or_else(|broken| panic!("files: {broken}"));
    let sqlite = || on_disk(|place| SqliteStore::new(place.path().join("stamps.sqlite")));
    check_store(sqlite).await.unwrap_or_else(|broken| panic!("SQLite: {broken}"));
    let durable = || on_disk(|place| SqliteStore::new(place.path().join("stamps.sqlite")).durable());
    check_store(durable).await.unwrap_or_else(|broken| panic!("durable SQLite: {broken}"));
}

#[tokio::test]
async fn the_leases_of_the_runtime_keep_all_laws() {
    let files = || on_disk(|place| FileLeases::new(place.path()));
    check_leases(files).await.unwrap_or_else(|broken| panic!("{broken}"));
}

#[tokio::test]
async fn the_example_of_another_store_keeps_all_laws() {
    let place = || {
        let tables = Arc::default();
        move || Arc::new(own_store::Connection::new("north", &tables))
    };
    check_store(place).await.unwrap_or_else(|broken| panic!("{broken}"));
    check_leases(place).await.unwrap_or_else(|broken| panic!("{broken}"));
}

/// A store in memory that breaks one law.
struct WrongStore {
    breaks: StoreLaw,
    store: Arc<MemoryStore>,
    /// The first records that this opening read of each object.
    first_read: Mutex<HashMap<String, Records>>,
    emptied: Mutex<HashSet<String>>,
    identified: Mutex<Vec<StoredObject>>,
    last: Mutex<Option<Timestamp>>,
}

impl WrongStore {
    fn new(breaks: StoreLaw, store: &Arc<MemoryStore>) -> Self {
        let (first_read, emptied, identified, last) = Default::default();
        Self { breaks, store: store.clone(), first_read, emptied, identified, last }
    }

    fn name(&self, object: &str) -> String {
        if self.breaks == StoreLaw::SeparatesObjects { object.to_lowercase() } else { object.to_owned() }
    }

    /// Notes facts about changes that a correct store would not need.
    fn note(&self, object: &str, changes: &[Change]) {
        for change in changes {
            if let Some(stamp) = change.entry().and_then(|entry| entry.stamp.as_ref()) {
                *locked(&self.last) = Some(stamp.time);
            }
            match change {
                Change::Clear | Change::Retire => drop(locked(&self.emptied).insert(object.to_owned())),
                Change::Identify { id, type_name } => {
                    let named = StoredObject::new(object).identified(id, type_name);
                    locked(&self.identified).retain(|other| other.subdir != object);
                    locked(&self.identified).push(named);
                }
                _ => {}
            }
        }
    }

    fn fence(&self, object: &str, fence: Option<Fence>) -> Option<Fence> {
        match self.breaks {
            StoreLaw::RefusesLateWrites => None,
            StoreLaw::AcceptsCurrentWrites => fence.or(Some(Fence(0))),
            StoreLaw::KeepsFences if locked(&self.emptied).contains(object) => None,
            _ => fence,
        }
    }

    async fn write_wrongly(
        &self,
        object: &str,
        fence: Option<Fence>,
        mut changes: Vec<Change>,
    ) -> Result<(), StampError> {
        match self.breaks {
            StoreLaw::KeepsEntries => changes.iter_mut().for_each(forget_kept),
            StoreLaw::AppliesInOrder => changes.reverse(),
            StoreLaw::LosesNoWrite => {
                let old = self.store.load(object).await?;
                tokio::task::yield_now().await;
                let entries = old.iter().map(|(task, entry)| (task.to_owned(), entry.clone()));
                let kept = entries.map(|(task, entry)| Change::Carry { task, entry });
                changes = std::iter::once(Change::Clear).chain(kept).chain(changes).collect();
            }
            StoreLaw::SurvivesCancellation => {
                let last = changes.pop().into_iter().collect();
                self.store.write(object, fence, last).await?;
                tokio::task::yield_now().await;
            }
            _ => {}
        }
        self.store.write(object, fence, changes).await
    }
}

fn forget_kept(change: &mut Change) {
    if let Change::Retime { entry, .. } = change
        && let Some(stamp) = &mut entry.stamp
    {
        stamp.kept.clear();
    }
}

impl StampStore for WrongStore {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records> {
        MaybeReady::pending(async move {
            let records = self.store.load(&self.name(object)).await?;
            Ok(match self.breaks {
                StoreLaw::ShowsWrites => locked(&self.first_read).entry(object.to_owned()).or_insert(records).clone(),
                _ => records,
            })
        })
    }

    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move {
            let (object, fence) = (self.name(object), self.fence(object, fence));
            self.note(&object, &changes);
            self.write_wrongly(&object, fence, changes).await
        })
    }

    fn latest(&self) -> Answer<'_, Option<Timestamp>> {
        match self.breaks {
            StoreLaw::BeginsEmpty => MaybeReady::ready(Ok(Some(Timestamp(u64::MAX)))),
            StoreLaw::BoundsTimes => MaybeReady::ready(Ok(*locked(&self.last))),
            _ => self.store.latest(),
        }
    }

    fn load_many<'a>(
        &'a self,
        objects: &'a [&'a str],
        each: &'a mut (dyn FnMut(&str, &[u8]) + Send),
    ) -> Answer<'a, bool> {
        if self.breaks != StoreLaw::ReadsManyAlike {
            return self.store.load_many(objects, each);
        }
        MaybeReady::pending(async move {
            let records = self.store.load(objects[0]).await?;
            each(objects[0], &records.encode(objects[0]).unwrap());
            Ok(true)
        })
    }

    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {
        match self.breaks {
            StoreLaw::ListsObjects => MaybeReady::ready(Ok(locked(&self.identified).clone())),
            _ => self.store.objects(),
        }
    }

    fn without_trace(&self) -> Option<&dyn StampStore> {
        match self.breaks {
            StoreLaw::ReadsWithoutTrace => Some(&*self.store),
            _ => None,
        }
    }

    fn check_place(&self) -> Result<(), StampError> {
        match self.breaks {
            StoreLaw::StaysInPlace => Err(StampError::Moved { path: "elsewhere".into() }),
            _ => Ok(()),
        }
    }

    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>> {
        MaybeReady::pending(async move {
            let mut lines = self.store.history(filter).await?;
            if self.breaks == StoreLaw::KeepsHistory {
                lines.reverse();
            }
            Ok(lines)
        })
    }
}

#[tokio::test]
async fn a_store_that_breaks_a_law_is_noticed_for_every_law() {
    for law in StoreLaw::ALL {
        let place = || {
            let store = Arc::new(MemoryStore::new());
            move || Arc::new(WrongStore::new(law, &store))
        };
        let broken = check_store(place).await.expect_err("a broken law is not noticed");
        let text = broken.to_string();
        assert!(broken.iter().any(|(other, _)| other == law), "{law:?}: {text}");
        assert!(text.starts_with("broken laws:\n- ") && text.contains(&law.to_string()), "{text}");
    }
}

/// The lease of one object.
#[derive(Default)]
struct Row {
    fence: u64,
    /// The opening that holds the lease, with its task.
    held: Option<(usize, Option<String>)>,
}

type Rows = Arc<Mutex<HashMap<String, Row>>>;

/// Leases in memory, which break a law if one is given.
struct OwnLeases {
    rows: Rows,
    number: usize,
    breaks: Option<LeaseLaw>,
}

struct OwnLease {
    rows: Rows,
    object: String,
    fence: u64,
    breaks: Option<LeaseLaw>,
}

impl OwnLeases {
    fn name(&self, object: &str) -> String {
        if self.breaks == Some(LeaseLaw::SeparatesObjects) { object.to_lowercase() } else { object.to_owned() }
    }

    fn holder_of(&self, row: &Row) -> Option<Holder> {
        let (number, task) = row.held.as_ref()?;
        let is_nameless = self.breaks == Some(LeaseLaw::ShowsHolder);
        let holder = Holder::new(if is_nameless { String::new() } else { format!("opening {number}") });
        Some(task.iter().fold(holder, |holder, task| holder.doing(format!("runs `{task}`"))))
    }
}

impl Leases for OwnLeases {
    fn acquire<'a>(&'a self, object: &'a str) -> lease::Answer<'a, Acquired> {
        MaybeReady::pending(async move {
            let object = self.name(object);
            let held = locked(&self.rows).get(&object).and_then(|row| self.holder_of(row).zip(row.held.clone()));
            if self.breaks == Some(LeaseLaw::HasOneWinner) {
                tokio::task::yield_now().await;
            }
            let is_own = |number| self.breaks == Some(LeaseLaw::HasOneHolder) && number == self.number;
            if let Some((holder, (number, _))) = held
                && !is_own(number)
            {
                return Ok(Acquired::Held(holder));
            }
            let mut rows = locked(&self.rows);
            let row = rows.entry(object.clone()).or_default();
            row.held = Some((self.number, None));
            row.fence += u64::from(row.fence == 0 || self.breaks != Some(LeaseLaw::RaisesFences));
            let (rows, fence, breaks) = (self.rows.clone(), row.fence, self.breaks);
            Ok(Acquired::Lease(Box::new(OwnLease { rows, object, fence, breaks })))
        })
    }

    fn holder<'a>(&'a self, object: &'a str) -> lease::Answer<'a, Option<Holder>> {
        let rows = locked(&self.rows);
        MaybeReady::ready(Ok(rows.get(&self.name(object)).and_then(|row| self.holder_of(row))))
    }

    fn break_lease<'a>(&'a self, object: &'a str, gone: Option<&'a str>) -> lease::Answer<'a, LeaseBreak> {
        let mut rows = locked(&self.rows);
        let row = rows.entry(self.name(object)).or_default();
        let Some(Holder { name, .. }) = self.holder_of(row) else {
            let is_wrong = self.breaks == Some(LeaseLaw::BeginsFree);
            return MaybeReady::ready(Ok(if is_wrong {
                LeaseBreak::Broken("nobody".to_owned())
            } else {
                LeaseBreak::NotHeld
            }));
        };
        if gone != Some(&*name) {
            return MaybeReady::ready(Err(LeaseError::Alive { object: object.to_owned(), holder: name }));
        }
        row.held = None;
        row.fence += 1;
        MaybeReady::ready(Ok(LeaseBreak::Broken(name)))
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(Duration::from_secs(1))
    }
}

impl Lease for OwnLease {
    fn fence(&self) -> Option<Fence> {
        (self.breaks != Some(LeaseLaw::FencesWhatExpires)).then_some(Fence(self.fence))
    }

    fn renew(&self) -> lease::Answer<'_, ()> {
        let is_current = locked(&self.rows)[&self.object].fence == self.fence;
        let is_renewed = match self.breaks {
            Some(LeaseLaw::RenewsHeldLeases) => false,
            Some(LeaseLaw::LosesBrokenLeases) => true,
            _ => is_current,
        };
        let lost = || LeaseError::Lost { object: self.object.clone(), detail: "it is too old".to_owned() };
        MaybeReady::ready(is_renewed.then_some(()).ok_or_else(lost))
    }

    fn note_task(&self, task: &str) {
        if let Some(row) = locked(&self.rows).get_mut(&self.object).filter(|row| row.fence == self.fence) {
            row.held = row.held.take().map(|(number, _)| (number, Some(task.to_owned())));
        }
    }

    fn release(&self) {
        let frees_all = self.breaks == Some(LeaseLaw::IgnoresLateRelease);
        let mut rows = locked(&self.rows);
        let row = rows.get_mut(&self.object).filter(|row| frees_all || row.fence == self.fence);
        if let Some(row) = row.filter(|_| self.breaks != Some(LeaseLaw::IsReleased)) {
            row.held = None;
        }
    }
}

fn own_leases(breaks: Option<LeaseLaw>) -> impl Fn() -> Arc<OwnLeases> {
    let (rows, opened) = (Rows::default(), Mutex::new(0));
    move || {
        *locked(&opened) += 1;
        Arc::new(OwnLeases { rows: rows.clone(), number: *locked(&opened), breaks })
    }
}

#[tokio::test]
async fn leases_that_break_a_law_are_noticed_for_every_law() {
    check_leases(|| own_leases(None)).await.unwrap_or_else(|broken| panic!("{broken}"));
    for law in LeaseLaw::ALL {
        let broken = check_leases(|| own_leases(Some(law))).await.expect_err("a broken law is not noticed");
        assert!(broken.iter().any(|(other, _)| other == law), "{law:?}: {broken}");
    }
}
