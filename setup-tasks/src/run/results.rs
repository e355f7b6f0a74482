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

    /// Takes the reports on the tasks that the run has run, because its lease was lost and the walk
    /// starts again without it.
    pub(super) fn take_ran(&mut self) -> Vec<TaskReport> {
        self.nested.clear();
        self.nested_reports.clear();
        std::mem::take(&mut self.tasks).into_iter().filter(|task| !task.is_up_to_date()).collect()
    }

    /// Adds the reports on tasks that had run before the lease was lost, unless they ran again.
    pub(super) fn put_back(&mut self, ran: Vec<TaskReport>) {
        let (mut again, mut only_before) = (std::mem::take(&mut self.tasks), Vec::new());
        for report in ran {
            match again.iter_mut().find(|other| other.task == report.task) {
                Some(other) if other.is_up_to_date() => *other = report,
                Some(_) => {}
                None => only_before.push(report),
            }
        }
        self.up_to_date = self.up_to_date.saturating_sub(only_before.len());
        self.tasks = only_before;
        self.tasks.append(&mut again);
    }

    /// Forgets the tasks that the walk has considered, because it starts again.
    pub(super) fn restart(&mut self) {
        self.tasks.clear();
        self.up_to_date = 0;
    }
}
