//! The records of the object as its run knows them.

use std::ops::Deref;

use crate::stamp::{Entry, Records};

/// The records of an object, with the position of the walk in them.
pub(super) struct RunRecords {
    pub(super) all: Records,
    /// The position where the next search begins. Entries are in run order, so the walk looks at
    /// each of them once.
    cursor: usize,
    /// The task whose mark was written ahead, together with the stamp of the task before it.
    pub(super) marked_ahead: Option<&'static str>,
}

impl RunRecords {
    pub(super) fn new(all: Records) -> Self {
        Self { all, cursor: 0, marked_ahead: None }
    }

    /// Returns the entry of the next task. Unless the task is up to date, `cursor` goes back to
    /// [`position`](Self::position), since the task is looked up again.
    pub(super) fn next(&mut self, task: &str) -> Option<&Entry> {
        self.all.get_next(task, &mut self.cursor)
    }

    pub(super) fn position(&self) -> usize {
        self.cursor
    }

    pub(super) fn go_back(&mut self, position: usize) {
        self.cursor = position;
    }
}

impl Deref for RunRecords {
    type Target = Records;

    fn deref(&self) -> &Records {
        &self.all
    }
}
