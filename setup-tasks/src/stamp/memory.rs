//! A store in memory, for tests. Its stamps end with the process.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{
    Answer, Change, Fence, HistoryEntry, HistoryFilter, MaybeReady, Records, StampError, StampStore, StoredObject,
    Timestamp,
};
use crate::BoxFuture;

/// A store that keeps stamps in memory, for tests. Its stamps end with the process.
/// [`Layout::in_memory`](crate::Layout::in_memory) uses it.
#[derive(Debug, Default)]
pub struct MemoryStore(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    objects: HashMap<String, Row>,
    history: Vec<HistoryEntry>,
    /// The highest fence of each object.
    fences: HashMap<String, Fence>,
}

/// The records of an object, with its id and the name of its type.
#[derive(Debug, Default)]
struct Row {
    records: Records,
    identity: Option<(String, String)>,
}

impl MemoryStore {
    /// Returns an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Records the fence of a write, and refuses a late write.
    fn note_fence(&mut self, object: &str, fence: Fence) -> Result<(), StampError> {
        let seen = self.fences.entry(object.to_owned()).or_insert(fence);
        if *seen > fence {
            return Err(StampError::Fenced { object: object.to_owned(), fence, seen: *seen });
        }
        *seen = fence;
        Ok(())
    }

    fn change(&mut self, object: &str, change: Change) {
        self.history.extend(change.history().cloned());
        if let Change::Retire = change {
            self.objects.remove(object);
            return;
        }
        let row = self.objects.entry(object.to_owned()).or_default();
        change.apply(&mut row.records);
        if let Change::Identify { id, type_name } = change {
            row.identity = Some((id, type_name));
        }
    }
}

impl StampStore for MemoryStore {
    fn load<'a>(&'a self, object: &'a str) -> Answer<'a, Records> {
        MaybeReady::ready(Ok(self.kept().objects.get(object).map(|row| row.records.clone()).unwrap_or_default()))
    }

    fn write<'a>(
        &'a self,
        object: &'a str,
        fence: Option<Fence>,
        changes: Vec<Change>,
    ) -> BoxFuture<'a, Result<(), StampError>> {
        Box::pin(async move {
            let mut kept = self.kept();
            fence.map_or(Ok(()), |fence| kept.note_fence(object, fence))?;
            changes.into_iter().for_each(|change| kept.change(object, change));
            Ok(())
        })
    }

    fn latest(&self) -> Answer<'_, Option<Timestamp>> {
        MaybeReady::ready(Ok(self.kept().objects.values().filter_map(|row| row.records.latest()).max()))
    }

    fn objects(&self) -> Answer<'_, Vec<StoredObject>> {
        let stored = |(subdir, row): (&String, &Row)| {
            let object = StoredObject::new(subdir.clone());
            match &row.identity {
                Some((id, type_name)) => object.identified(id.clone(), type_name.clone()),
                None => object,
            }
        };
        MaybeReady::ready(Ok(self.kept().objects.iter().map(stored).collect()))
    }

    fn history<'a>(&'a self, filter: &'a HistoryFilter) -> Answer<'a, Vec<HistoryEntry>> {
        let kept = self.kept();
        let wanted = kept.history.iter().rev().filter(|entry| filter.accepts(entry));
        MaybeReady::ready(Ok(wanted.take(filter.limit.unwrap_or(usize::MAX)).cloned().collect()))
    }
}
