//! The one trait between the runtime and the places where stamps are kept.

use super::{Change, HistoryEntry, HistoryFilter, Records, StampError, Timestamp};
use crate::BoxFuture;

/// Where stamps are kept. Objects are named by their `stamp_subdir`.
///
/// Implementations: [`SqliteStore`](super::SqliteStore) (the default), [`FilesStore`](super::FilesStore),
/// [`MemoryStore`](super::MemoryStore).
pub trait StampStore: Send + Sync + 'static {
    /// All that is kept about an object, nothing if nothing is. Creates nothing on disk. Does not see writes that have
    /// not returned yet.
    fn load(&self, object: &str) -> Result<Records, StampError>;

    /// Makes changes, one after the other. Once this returns, every later `load`, in this process and in others, sees them, also
    /// when this process is killed at once; killed before, it has made none of them or the first ones. What survives a loss of
    /// power is the store's to say.
    fn write<'a>(&'a self, object: &'a str, changes: Vec<Change>) -> BoxFuture<'a, Result<(), StampError>>;

    /// A time that is not before that of any stamp of any object; nothing if there is none. A clock that was shown it makes
    /// later times than all that was stamped before, by whatever process and clock.
    fn latest(&self) -> Result<Option<Timestamp>, StampError>;

    /// [`load`](Self::load) and [`latest`](Self::latest) together: what a run asks before it changes something. A store that can
    /// answer both with one look does.
    fn load_and_latest(&self, object: &str) -> Result<(Records, Option<Timestamp>), StampError> {
        Ok((self.load(object)?, self.latest()?))
    }

    /// Hands over what is kept about every object, not yet decoded, for runs of many: reading all at once costs less than one after
    /// another. Whether it did: a store that has no better way does not.
    fn load_all(&self, _each: &mut dyn FnMut(&str, &[u8])) -> Result<bool, StampError> {
        Ok(false)
    }

    /// Decodes what [`load_all`](Self::load_all) handed over.
    fn decode(&self, object: &str, _bytes: &[u8]) -> Result<Records, StampError> {
        self.load(object)
    }

    /// Returns a store that reads the same, cannot write, and changes nothing on disk by reading: dry runs use it. `None` if that
    /// is true of how this one reads.
    fn without_trace(&self) -> Option<&dyn StampStore> {
        None
    }

    /// Returns an error if changes of this process can no longer be found where the next process looks for them: the store was
    /// removed, moved or replaced. A run asks at its end.
    fn check_place(&self) -> Result<(), StampError> {
        Ok(())
    }

    /// What happened, latest first.
    fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError>;
}
