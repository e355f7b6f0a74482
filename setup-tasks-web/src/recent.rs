//! The latest runs, by the lines of the history.

use setup_tasks::stamp::{AttemptEnd, HistoryEntry, Timestamp};

/// The number of runs that are counted at once. Several processes can run different objects.
const MOST: usize = 16;

/// A run, as far as its lines were read.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RecentRun {
    pub(crate) id: String,
    /// The time of the last line.
    pub(crate) at: Timestamp,
    pub(crate) attempts: usize,
    pub(crate) failed: usize,
}

/// The latest runs. The last one has the latest line.
#[derive(Debug, Default)]
pub(crate) struct RecentRuns(Vec<RecentRun>);

impl RecentRuns {
    /// Counts a line, which is later than all lines before.
    pub(crate) fn add(&mut self, line: &HistoryEntry) {
        let known = self.0.iter().position(|run| run.id == line.run).map(|at| self.0.remove(at));
        let new = || RecentRun { id: line.run.clone(), at: line.time, attempts: 0, failed: 0 };
        let mut run = known.unwrap_or_else(new);
        run.at = line.time;
        run.attempts += 1;
        run.failed += usize::from(matches!(line.ended, AttemptEnd::Failed | AttemptEnd::UndoFailed));
        self.0.push(run);
        if self.0.len() > MOST {
            self.0.remove(0);
        }
    }

    /// Returns the run with the latest line.
    pub(crate) fn last(&self) -> Option<&RecentRun> {
        self.0.last()
    }
}
