//! The results of relationship methods, kept so that each method is called once per request.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::object::{AnyObject, DynObject, RowId};
use crate::work::{Mode, RequestId};

/// The related objects that the methods of one object returned in its last run and its last dry
/// run.
#[derive(Default)]
pub(crate) struct KnownRelatives(Mutex<Vec<Answer>>);

struct Answer {
    row: RowId,
    mode: Mode,
    /// The request for which the method was called.
    request: RequestId,
    /// The related objects. The references are weak, because objects that refer to each other would
    /// keep each other alive.
    objects: Vec<Weak<dyn DynObject>>,
}

impl Answer {
    /// Returns the objects, or `None` if one of them has been dropped.
    fn objects(&self) -> Option<Vec<AnyObject>> {
        self.objects.iter().map(|object| object.upgrade().map(AnyObject)).collect()
    }
}

impl KnownRelatives {
    fn answers(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the result of a row's method within a request.
    pub(crate) fn of(&self, row: RowId, mode: Mode, request: RequestId) -> Option<Vec<AnyObject>> {
        let answers = self.answers();
        answers.iter().find(|known| (known.row, known.mode, known.request) == (row, mode, request))?.objects()
    }

    /// Returns the latest result of a row's method.
    pub(crate) fn latest(&self, row: RowId) -> Option<Vec<AnyObject>> {
        let answers = self.answers();
        answers.iter().filter(|known| known.row == row).max_by_key(|known| known.request)?.objects()
    }

    /// Stores a result in place of the previous one.
    pub(crate) fn keep(&self, row: RowId, mode: Mode, request: RequestId, objects: &[AnyObject]) {
        let objects = objects.iter().map(|object| std::sync::Arc::downgrade(&object.0)).collect();
        let answer = Answer { row, mode, request, objects };
        let mut answers = self.answers();
        match answers.iter_mut().find(|known| (known.row, known.mode) == (row, mode)) {
            Some(known) => *known = answer,
            None => answers.push(answer),
        }
    }
}
