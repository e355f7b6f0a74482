//! The trait of the places where stamps are kept.

use super::{Change, Fence, HistoryEntry, HistoryFilter, MaybeReady, Records, StampError, Timestamp};
use crate::BoxFuture;

/// An object that a store knows, in the present layout or in an earlier one.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub struct StoredObject {
    /// The `stamp_subdir` of the object.
    pub subdir: String,
    /// The id of the object. It is `None` if an earlier version wrote the records.
    pub id: Option<String>,
    /// The name of the object's type. It is `None` if an earlier version wrote the records.
    pub type_name: Option<String>,
}

impl StoredObject {
    /// Returns an object whose id and type are unknown.
    pub fn new(subdir: impl Into<String>) -> Self {
        Self { subdir: subdir.into(), id: None, type_name: None }
    }

    /// Sets the id and the name of the type.
    #[must_use]
    pub fn identified(mut self, id: impl Into<String>, type_name: impl Into<String>) -> Self {
        (self.id, self.type_name) = (Some(id.into()), Some(type_name.into()));
        self
    }
}

/// The answer of a store, which may be ready at once.
pub type Answer<'a, T> = MaybeReady<'a, Result<T, StampError>>;

/// A place where stamps are kept. Objects are identified by their `stamp_subdir`.
///
/// [`Layout::with_store`](crate::Layout::with_store) takes a store. With the feature `conformance`,
/// the function `conformance::check_store` checks a store of your own, and `examples/own-store` of
/// the repository contains one.
///
/// Implementations: [`SqliteStore`](super::SqliteStore) (the default),
/// [`FilesStore`](super::FilesStore), [`MemoryStore`](super::MemoryStore).
pub trait StampStore: Send + Sync + 'static {
    /// Reads the records of an object, which are empty if the store has none. Creates nothing on
    /// disk. A write that has not returned yet is not visible.
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records>;

    /// Applies changes in order. Returns once every later [`load`](Self::load) of any process
    /// returns them, even if this process is killed at once. A crash before that leaves a prefix of
    /// the changes. Each store documents which changes survive a power loss.
    ///
    /// A write whose fence is lower than one that the store has seen for the object comes from a
    /// lease that was taken over. The store refuses it with [`StampError::Fenced`]. A write without
    /// a fence is not compared. Such a write is a manual change, or happens under a live lock of
    /// the operating system, which no other process can take over.
    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>>;

    /// Returns an upper bound on the time of every stamp in the store, or `None` if it is empty. The
    /// time of each stamp is that of a line of history, which the same write or an earlier one
    /// added. So the latest time of the history is such a bound. A run gives its stamps later times
    /// than this one, even if another process or another clock wrote the earlier stamps.
    fn latest(&self) -> Answer<'_, Option<Timestamp>>;

    /// Reads the data that a run needs before its first change: [`load`](Self::load) and
    /// [`latest`](Self::latest). A store that can answer both with one query should override this.
    fn load_and_latest<'a>(&'a self, object: &'a str) -> Answer<'a, (Records, Option<Timestamp>)> {
        MaybeReady::pending(async move { Ok((self.load(object).await?, self.latest().await?)) })
    }

    /// Passes the encoded records of many objects to `each`, and returns whether it did. A store
    /// whose cheapest way is one `load` per object returns `false`. The store may pass other
    /// objects than the requested ones. An object that is not passed has no records.
    fn load_many<'a>(
        &'a self,
        _objects: &'a [&'a str],
        _each: &'a mut (dyn FnMut(&str, &[u8]) + Send),
    ) -> Answer<'a, bool> {
        MaybeReady::ready(Ok(false))
    }

    /// Decodes records that [`load_many`](Self::load_many) passed. A store whose encoding differs
    /// from [`Records::encode`] must override this.
    ///
    /// # Errors
    ///
    /// Returns an error if the records are damaged.
    fn decode(&self, object: &str, bytes: &[u8]) -> Result<Records, StampError> {
        Records::decode(object, bytes).map_err(|detail| StampError::Damaged { path: object.into(), detail })
    }

    /// Returns the objects that identified themselves with [`Change::Identify`] and were not
    /// [retired](Change::Retire). Objects that are no longer in the layout are found in this way. A
    /// store that can list the objects of all records also returns those that have records and no
    /// identity. A store that does not keep the objects returns none, which is the default.
    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {
        MaybeReady::ready(Ok(Vec::new()))
    }

    /// Returns a store that reads the same records, refuses writes, and changes nothing on disk
    /// when it reads. Dry runs use it. `None` means that this store already reads in this way.
    fn without_trace(&self) -> Option<&dyn StampStore> {
        None
    }

    /// Returns an error if the place was removed, moved or replaced since this process wrote to it.
    /// The next process would not find the changes. The end of each run calls this.
    ///
    /// # Errors
    ///
    /// Returns [`StampError::Moved`] if the place is another one.
    fn check_place(&self) -> Result<(), StampError> {
        Ok(())
    }

    /// Returns the lines of history that the filter accepts, latest first.
    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>>;
}
