//! Prefetch of the records of all objects of a fleet with one scan instead of one look-up per
//! object. This saves almost half of a run with nothing to do; the figure is under "Measured
//! changes" in `docs/src/internals/performance.md`. The run of an object decodes its own records.

use foldhash::{HashMap, HashMapExt};

use crate::object::AnyObject;
use crate::stamp::StampStore;
use crate::work::RequestId;

/// The smallest number of objects for which one scan is faster than one read per object.
const MANY: usize = 64;

/// Reads the records of all objects if there are at least [`MANY`], and stores the range of its
/// records in each object. After a failure, each run reads its own records and reports the error.
pub(super) async fn prefetch_stamps(store: &dyn StampStore, objects: &[AnyObject], request: RequestId) -> Vec<u8> {
    let mut bytes = Vec::new();
    if objects.len() < MANY {
        return bytes;
    }
    let subdirs: Vec<_> = objects.iter().map(AnyObject::stamp_subdir).collect();
    let mut by_subdir = HashMap::with_capacity(subdirs.len());
    by_subdir.extend(subdirs.iter().enumerate().map(|(i, &subdir)| (subdir, i)));
    let mut found = vec![false; objects.len()];
    let mut keep = |subdir: &str, records: &[u8]| {
        if let Some(&i) = by_subdir.get(subdir) {
            let begin = bytes.len();
            bytes.extend_from_slice(records);
            objects[i].0.core().prefetch(Some((request, begin..bytes.len())));
            found[i] = true;
        }
    };
    let read = store.load_many(&subdirs, &mut keep).await;
    match read {
        // The store has no records of the objects that the scan did not visit.
        Ok(true) => {
            let others = objects.iter().zip(found).filter(|(_, found)| !found);
            others.for_each(|(object, _)| object.0.core().prefetch(Some((request, 0..0))));
        }
        Ok(false) => {}
        Err(error) => {
            tracing::debug!("stamps cannot be read ahead: {error}");
            objects.iter().for_each(|object| object.0.core().prefetch(None));
        }
    }
    bytes
}
