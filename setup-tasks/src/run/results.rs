//! The results of a run so far.

use super::nested::NestedTask;
use crate::report::TaskReport;

/// The results of a run so far.
#[derive(Default)]
pub(super) struct RunResults {
    /// The reports on the tasks of the innermost frame.
    pub(super) tasks: Vec<TaskReport>,
    /// The reports of the frames around it, the host's first.
    outer: Vec<Vec<TaskReport>>,
    pub(super) up_to_date: usize,
    /// The tasks that other tasks ran through their handles. The walk does not consider them again.
    pub(super) nested: Vec<NestedTask>,
    /// The reports on the tasks in `nested`. They wait here until the walk is back at the host's own
    /// frame.
    pub(super) nested_reports: Vec<TaskReport>,
}

impl RunResults {
    /// Begins the reports of a customization.
    pub(super) fn enter(&mut self) {
        self.outer.push(std::mem::take(&mut self.tasks));
    }

    /// Ends the reports of the innermost customization, and returns them.
    pub(super) fn leave(&mut self) -> Vec<TaskReport> {
        std::mem::replace(&mut self.tasks, self.outer.pop().unwrap_or_default())
    }

    /// Forgets the tasks that the walk has considered, because it starts again.
    pub(super) fn restart(&mut self) {
        self.tasks.clear();
        self.up_to_date = 0;
    }
}
