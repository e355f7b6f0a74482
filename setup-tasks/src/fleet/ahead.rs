//! What is kept about the objects of a fleet, read with one scan when it begins, and decoded by whoever runs an object.

use foldhash::{HashMap, HashMapExt};

use crate::object::AnyObject;
use crate::ready::Epoch;
use crate::stamp::StampStore;

/// As many objects as make it worth to read all at once.
const MANY: usize = 64;

/// Reads what is kept about the objects, if they are many, and tells each where its part begins and ends. Where that fails, each
/// run reads for itself, and says so.
pub(super) fn read_ahead(store: &dyn StampStore, objects: &[AnyObject], epoch: Epoch) -> Vec<u8> {
    let mut bytes = Vec::new();
    if objects.len() < MANY {
        return bytes;
    }
    let mut by_subdir = HashMap::with_capacity(objects.len());
    by_subdir.extend(objects.iter().enumerate().map(|(i, object)| (object.stamp_subdir(), i)));
    let mut found = vec![false; objects.len()];
    let read = store.load_all(&mut |subdir, records| {
        if let Some(&i) = by_subdir.get(subdir) {
            let begin = bytes.len();
            bytes.extend_from_slice(records);
            objects[i].0.core().prefetch(Some((epoch, begin..bytes.len())));
            found[i] = true;
        }
    });
    match read {
        // Of what is not handed over, nothing is kept.
        Ok(true) => {
            let others = objects.iter().zip(found).filter(|(_, found)| !found);
            others.for_each(|(object, _)| object.0.core().prefetch(Some((epoch, 0..0))));
        }
        Ok(false) => {}
        // Each run then reads for itself, and says what is wrong.
        Err(error) => {
            tracing::debug!("stamps cannot be read ahead: {error}");
            objects.iter().for_each(|object| object.0.core().prefetch(None));
        }
    }
    bytes
}
