//! The trait between the runtime and the places where stamps are kept.

use super::{Change, Fence, HistoryEntry, HistoryFilter, MaybeReady, Records, StampError, Timestamp};
use crate::BoxFuture;

/// The answer of a store.
pub type Answer<'a, T> = MaybeReady<'a, Result<T, StampError>>;

/// A place where stamps are kept. Objects are named by their `stamp_subdir`.
///
/// Implementations: [`SqliteStore`](super::SqliteStore) (the default), [`FilesStore`](super::FilesStore),
/// [`MemoryStore`](super::MemoryStore).
pub trait StampStore: Send + Sync + 'static {
    /// Reads the records of an object, which are empty if there are none. Creates nothing on disk. A write that has not returned yet
    /// is not seen.
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records>;

    /// Makes changes in their order, and returns once every later [`load`](Self::load) of any process sees them, even if this process
    /// is killed at once. A crash before that leaves a prefix of the changes. Each store says which changes survive a power loss.
    ///
    /// A write whose fence is lower than one that the store has seen for the object comes from a lease that was taken over, and is
    /// refused with [`StampError::Fenced`]. A write without a fence is not compared: it is made by hand, or under a live lock of the
    /// operating system, which no other process can take over.
    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>>;

    /// Returns an upper bound on the time of every stamp in the store, or `None` if it is empty. A clock that has observed it gives
    /// later times than those of all earlier stamps, whichever process and clock made them.
    fn latest(&self) -> Answer<'_, Option<Timestamp>>;

    /// Reads what a run needs before its first change: [`load`](Self::load) and [`latest`](Self::latest). A store that can answer
    /// both with one query should override this.
    fn load_and_latest<'a>(&'a self, object: &'a str) -> Answer<'a, (Records, Option<Timestamp>)> {
        MaybeReady::pending(async move { Ok((self.load(object).await?, self.latest().await?)) })
    }

    /// Passes the encoded records of many objects to `each`, and returns whether it did: a store without a cheaper way than one `load`
    /// per object returns `false`. It may also pass other objects than those that were asked for. An object that is not passed has no
    /// records.
    fn load_many<'a>(
        &'a self,
        _objects: &'a [&'a str],
        _each: &'a mut (dyn FnMut(&str, &[u8]) + Send),
    ) -> Answer<'a, bool> {
        MaybeReady::ready(Ok(false))
    }

    /// Decodes records that [`load_many`](Self::load_many) passed. A store that encodes them in another way than
    /// [`Records::encode`] must override this.
    ///
    /// # Errors
    ///
    /// If they are damaged.
    fn decode(&self, object: &str, bytes: &[u8]) -> Result<Records, StampError> {
        Records::decode(object, bytes).map_err(|detail| StampError::Damaged { path: object.into(), detail })
    }

    /// Returns a store that reads the same records, refuses writes, and changes nothing on disk by reading. Dry runs use it. `None`
    /// means that this store already reads like that.
    fn without_trace(&self) -> Option<&dyn StampStore> {
        None
    }

    /// Refuses a place that was removed, moved or replaced since this process wrote to it: the next process would not find the
    /// changes. The end of each run calls this.
    ///
    /// # Errors
    ///
    /// [`StampError::Moved`] if the place is another one.
    fn check_place(&self) -> Result<(), StampError> {
        Ok(())
    }

    /// Returns the lines of history that the filter accepts, latest first.
    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>>;
}
