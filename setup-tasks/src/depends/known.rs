//! The answers of relationship methods, so that each is called once per request.

use std::sync::{Mutex, MutexGuard, PoisonError, Weak};

use crate::object::{AnyObject, DynObject};
use crate::work::RequestId;

/// The related objects that the methods of one object gave in its last run and its last dry run.
#[derive(Default)]
pub(crate) struct KnownRelatives(Mutex<Vec<Answer>>);

struct Answer {
    row: usize,
    is_plan: bool,
    /// The request that the method was called for.
    request: RequestId,
    /// Not kept alive: objects that name each other would keep each other.
    objects: Vec<Weak<dyn DynObject>>,
}

impl Answer {
    /// Returns the objects, or `None` if one of them is gone.
    fn objects(&self) -> Option<Vec<AnyObject>> {
        self.objects.iter().map(|object| object.upgrade().map(AnyObject)).collect()
    }
}

impl KnownRelatives {
    fn answers(&self) -> MutexGuard<'_, Vec<Answer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the answer that the method of a row gave in a request.
    pub(crate) fn of(&self, row: usize, is_plan: bool, request: RequestId) -> Option<Vec<AnyObject>> {
        let answers = self.answers();
        answers.iter().find(|known| (known.row, known.is_plan, known.request) == (row, is_plan, request))?.objects()
    }

    /// Returns the latest answer of the method of a row.
    pub(crate) fn latest(&self, row: usize) -> Option<Vec<AnyObject>> {
        let answers = self.answers();
        answers.iter().filter(|known| known.row == row).max_by_key(|known| known.request)?.objects()
    }

    /// Keeps an answer in the place of the one before.
    pub(crate) fn keep(&self, row: usize, is_plan: bool, request: RequestId, objects: &[AnyObject]) {
        let objects = objects.iter().map(|object| std::sync::Arc::downgrade(&object.0)).collect();
        let answer = Answer { row, is_plan, request, objects };
        let mut answers = self.answers();
        match answers.iter_mut().find(|known| (known.row, known.is_plan) == (row, is_plan)) {
            Some(known) => *known = answer,
            None => answers.push(answer),
        }
    }
}
