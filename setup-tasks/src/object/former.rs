//! Objects that had another name: `ObjectBuilder::formerly`. The first run under the new name moves
//! the directories and the records. A plan reads them in their old place.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::OnceCell;

use super::core::ObjectCore;
use super::moving::{self, Journal, has_own};
use crate::config::Config;
use crate::lease::{HeldLease, LeaseError, acquire};
use crate::paths::Paths;
use crate::private_dir::RESERVED;
use crate::stamp::{Change, Entry, Records, StampError, StampStore};
use crate::work::Mode;

/// The first pause between two attempts to take a lease. It doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// The former names of an object, and the state of the move.
#[derive(Debug)]
pub(crate) struct FormerObject {
    /// Subdirs or ids, in the normal form of subdirs.
    pub(crate) names: Vec<Arc<str>>,
    /// Whether everything is in its new place. Afterwards, the old names are not looked at again.
    settled: OnceCell<()>,
    /// The directories that a plan reads.
    planned: OnceLock<Box<Paths>>,
    has_warned: AtomicBool,
}

/// A move that a run has to begin or to finish.
pub(crate) struct PendingMove {
    /// The old subdir.
    pub(crate) from: Arc<str>,
    /// Whether an earlier run began the move.
    is_begun: bool,
}

impl FormerObject {
    pub(crate) fn new(names: Vec<Arc<str>>) -> Self {
        let (settled, planned, has_warned) = (OnceCell::new(), OnceLock::new(), AtomicBool::new(false));
        Self { names, settled, planned, has_warned }
    }

    /// Returns the directories that a plan reads, until they are moved.
    pub(crate) fn planned(&self) -> Option<&Paths> {
        if self.settled.initialized() { None } else { self.planned.get().map(|paths| &**paths) }
    }
}

impl ObjectCore {
    /// Loads the records that the object has in the store, under its old name if they are not moved
    /// yet.
    pub(super) async fn stored(&self, mode: Mode) -> Result<Records, StampError> {
        let store = self.layout.store_for(mode);
        if let Some(former) = self.former().filter(|former| !former.settled.initialized())
            && let Some(pending) = Box::pin(self.pending_move(former, store)).await?
        {
            if mode.is_plan() && former.planned.get().is_none() {
                let others = self.layout.other_subdirs(store).await?;
                let keep = moving::nested(&pending.from, others.iter().map(|other| &**other));
                let paths = Paths::before(self.config(), &self.subdir, &pending.from, &keep);
                former.planned.get_or_init(|| Box::new(paths));
            }
            let records = store.load(&pending.from).await?;
            if !records.is_empty() {
                return Ok(records);
            }
        }
        store.load(&self.subdir).await
    }

    /// Moves everything that the object has under an old name to its present one, unless this was
    /// done before. Nothing may hold the object's lease.
    pub(crate) async fn settle(&self) -> Result<(), StampError> {
        let Some(former) = self.former() else { return Ok(()) };
        if former.settled.initialized() {
            return Ok(());
        }
        let settle = || Box::pin(self.take_over(former));
        former.settled.get_or_try_init(settle).await?;
        Ok(())
    }

    /// Returns the old subdir whose records and directories belong to the object and are not moved
    /// yet.
    pub(crate) async fn pending_from(&self, mode: Mode) -> Result<Option<Arc<str>>, StampError> {
        let Some(former) = self.former().filter(|former| !former.settled.initialized()) else {
            return Ok(None);
        };
        let pending = self.pending_move(former, self.layout.store_for(mode)).await?;
        Ok(pending.map(|pending| pending.from))
    }

    async fn pending_move(
        &self,
        former: &FormerObject,
        store: &dyn StampStore,
    ) -> Result<Option<PendingMove>, StampError> {
        if let Some(from) = Journal::read(&self.journal_directory(), &self.subdir)? {
            return Ok(Some(PendingMove { from: from.into(), is_begun: true }));
        }
        let mut found = Vec::new();
        for name in &former.names {
            if self.has_anything(name, store).await? {
                found.push(name.clone());
            }
        }
        if found.is_empty() && store.load(&self.subdir).await?.is_empty() {
            found = self.with_former_id(former, store).await?;
        }
        let [from] = &found[..] else {
            if found.len() > 1 {
                self.warn_of_two_names(former, &found[0], &found[1]);
            }
            return Ok(None);
        };
        if self.has_anything(&self.subdir, store).await? {
            self.warn_of_two_names(former, from, &self.subdir);
            return Ok(None);
        }
        Ok(Some(PendingMove { from: from.clone(), is_begun: false }))
    }

    /// Returns the subdirs of objects of an earlier layout that had a former name as their id.
    async fn with_former_id(&self, former: &FormerObject, store: &dyn StampStore) -> Result<Vec<Arc<str>>, StampError> {
        let mut found = Vec::new();
        for object in store.objects().await? {
            let has_id = object.id.is_some_and(|id| former.names.iter().any(|name| **name == *id));
            let is_gone = *object.subdir != *self.subdir && !self.layout.has_subdir(&object.subdir);
            if has_id && is_gone && self.has_anything(&object.subdir, store).await? {
                found.push(object.subdir.into());
            }
        }
        Ok(found)
    }

    /// Returns whether there are records or own files under a subdir.
    async fn has_anything(&self, subdir: &str, store: &dyn StampStore) -> Result<bool, StampError> {
        if !store.load(subdir).await?.is_empty() {
            return Ok(true);
        }
        let roots = self.roots();
        if !roots.iter().any(|root| root.join(subdir).symlink_metadata().is_ok()) {
            return Ok(false);
        }
        let others = self.layout.other_subdirs(store).await?;
        let keep = moving::nested(subdir, others.iter().map(|other| &**other));
        Ok(roots.iter().any(|root| has_own(root, subdir, &keep)))
    }

    fn warn_of_two_names(&self, former: &FormerObject, one: &str, other: &str) {
        if !former.has_warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                object = %self.id,
                "`{one}` and `{other}` both have records or files, so nothing is moved to `{}`; `prune` removes those that are not needed, or remove `formerly`",
                self.id
            );
        }
    }

    /// The configured directories, in the order of the move. Stamps can be files in the cache, so
    /// it comes last.
    fn roots(&self) -> [PathBuf; 3] {
        let config = self.config();
        [config.state_dir(), config.log_dir(), config.cache_dir()]
    }

    fn journal_directory(&self) -> PathBuf {
        self.config().cache_dir().join(RESERVED)
    }

    /// Moves what the old name has, under the leases of both names.
    async fn take_over(&self, former: &FormerObject) -> Result<(), StampError> {
        let store = self.layout.store_for(Mode::Apply);
        let Some(seen) = self.pending_move(former, store).await? else { return Ok(()) };
        let from = seen.from;
        let error = |source| StampError::Rename { from: from.to_string(), object: self.id.to_string(), source };
        // Two processes take the leases in the same order.
        let mut names = [&*from, &*self.subdir];
        names.sort_unstable();
        let first = self.lease(names[0]).await.map_err(|lease| error(Arc::new(lease)))?;
        let second = self.lease(names[1]).await.map_err(|lease| error(Arc::new(lease)))?;
        // Another process may have moved everything meanwhile.
        let Some(pending) = self.pending_move(former, store).await? else { return Ok(()) };
        if pending.from != from {
            return Err(error(Arc::new(std::io::Error::other("another run moves it at the same time; run again"))));
        }
        let others = self.layout.other_subdirs(store).await?;
        let (mine, theirs) = if names[0] == &*from { (&second, &first) } else { (&first, &second) };
        let directory = self.journal_directory();
        if !pending.is_begun {
            Journal::begin(&directory, &from, &self.subdir).map_err(|source| error(Arc::new(source)))?;
        }
        for root in self.roots() {
            moving::move_directory(&root, &from, &self.subdir, &others).map_err(|source| error(Arc::new(source)))?;
        }
        self.move_records(store, &from, mine, theirs).await?;
        Journal::end(&directory, &self.subdir).map_err(|source| error(Arc::new(source)))?;
        for lease in [first, second] {
            lease.check().await.map_err(|lost| error(Arc::new(lost)))?;
        }
        tracing::info!(object = %self.id, "moved the records and directories of `{from}`");
        Ok(())
    }

    /// Writes the records under the present name, and then removes those of the old one. After an
    /// interruption in between, the journal shows that both are the same.
    async fn move_records(
        &self,
        store: &dyn StampStore,
        from: &str,
        mine: &HeldLease,
        theirs: &HeldLease,
    ) -> Result<(), StampError> {
        let mut changes = vec![self.identify()];
        let records = store.load(from).await?;
        let carry = |(task, entry): (&str, &Entry)| Change::Carry { task: task.to_owned(), entry: entry.clone() };
        changes.extend(records.iter().map(carry));
        let io = |source| StampError::io("move the records of", from, source);
        moving::step("write the records").map_err(io)?;
        store.write(&self.subdir, mine.fence(), changes).await?;
        moving::step("remove the former records").map_err(io)?;
        store.write(from, theirs.fence(), vec![Change::Retire]).await
    }

    /// Takes the lease of a subdir. Waits for another holder as a run does.
    async fn lease(&self, subdir: &str) -> Result<HeldLease, LeaseError> {
        let (leases, renewals) = self.layout.leases();
        let (since, timeout) = (Instant::now(), self.config().lease_timeout());
        let mut pause = FIRST_PAUSE;
        loop {
            let holder = match acquire(leases, renewals, (&self.id, subdir)).await? {
                Ok(lease) => return Ok(lease),
                Err(holder) => holder,
            };
            let waited = since.elapsed();
            if waited >= timeout {
                let doing = holder.doing.map(|doing| format!("; it {doing}")).unwrap_or_default();
                return Err(LeaseError::Held { object: subdir.to_owned(), holder: holder.name, waited, doing });
            }
            tokio::time::sleep(pause.min(timeout.saturating_sub(waited))).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Paths {
    /// Returns the directories of an object whose move from another subdir is not complete. Each is
    /// the old one if it still has files besides the directories `keep`.
    fn before(config: &Arc<Config>, subdir: &Arc<str>, from: &Arc<str>, keep: &[PathBuf]) -> Self {
        let place = |root: PathBuf| if has_own(&root, from, keep) { from.clone() } else { subdir.clone() };
        Self::at(config.clone(), [config.cache_dir(), config.state_dir(), config.log_dir()].map(place))
    }
}
