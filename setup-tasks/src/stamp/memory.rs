//! Stamps that end with the process; for tests.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Change, HistoryEntry, HistoryFilter, Records, StampError, StampStore, Timestamp};
use crate::BoxFuture;

/// Keeps stamps in memory.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    objects: HashMap<String, Records>,
    history: Vec<HistoryEntry>,
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StampStore for MemoryStore {
    fn load(&self, object: &str) -> Result<Records, StampError> {
        Ok(self.kept().objects.get(object).cloned().unwrap_or_default())
    }

    fn write<'a>(&'a self, object: &'a str, changes: Vec<Change>) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move {
            let mut kept = self.kept();
            for change in changes {
                change.apply(kept.objects.entry(object.to_owned()).or_default());
                kept.history.extend(change.history().cloned());
            }
            Ok(())
        })
    }

    fn latest(&self) -> Result<Option<Timestamp>, StampError> {
        Ok(self.kept().objects.values().filter_map(Records::latest).max())
    }

    fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        let kept = self.kept();
        let wanted = kept.history.iter().rev().filter(|entry| filter.takes(entry));
        Ok(wanted.take(filter.limit.unwrap_or(usize::MAX)).cloned().collect())
    }
}
