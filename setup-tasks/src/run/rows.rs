//! The rows of a walk, as one flat list in run order. A customization stands in the list as one row.
//! When the walk reaches that row, the rows of the customization's model are spliced in after it.
//!
//! The list is not stored. It is a cursor per open frame, so a run with nothing to do allocates
//! nothing for it.

use std::sync::Arc;

use super::scope::RunScope;
use crate::object::{DynObject, Order, RowId};
use crate::task::category::TaskCategory;

/// A frame of a walk: the rows of the host itself, or those of a customization. The stamps of both
/// belong to the host.
pub(super) struct Frame {
    pub(super) object: Arc<dyn DynObject>,
    pub(super) kind: FrameKind,
    pub(super) forcing: Forcing,
    pub(super) selection: Selection,
}

/// The kind of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FrameKind {
    Host,
    Customization,
}

/// The tasks of a frame that run even if they are up to date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Forcing {
    /// No task. This saves a check per task.
    Nothing,
    /// The tasks that the options of the run or the fleet force.
    ByOptions,
    /// All tasks, because the customization itself is forced.
    All,
}

/// The tasks of a frame that the run considers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Selection {
    /// All tasks. This saves a check per task.
    All,
    /// The tasks with one of the fleet's tags.
    ByTags,
}

impl Frame {
    pub(super) fn is_host(&self) -> bool {
        self.kind == FrameKind::Host
    }

    /// Returns whether a row is the task with this stamp name, or the customization that contains
    /// it.
    pub(super) fn leads_to(&self, row: RowId, task: &str) -> bool {
        let rest = task.strip_prefix(self.object.stamp_name(row));
        rest.is_some_and(|rest| {
            rest.is_empty() || (rest.starts_with('.') && self.object.category(row) == TaskCategory::Customization)
        })
    }
}

/// The cursor of a walk over the flat list of rows.
pub(super) struct Rows {
    host: FrameRows,
    /// The customizations that the walk has entered and not left, the innermost last.
    spliced: Vec<FrameRows>,
}

/// The cursor within one frame.
pub(super) struct FrameRows {
    pub(super) frame: Frame,
    pub(super) order: Order,
    /// The position of the next row in the order.
    pub(super) next: usize,
    /// The position after the last row that the run considers.
    pub(super) end: usize,
    /// The last row that the walk considered separately.
    current: Option<RowId>,
}

impl FrameRows {
    fn new(frame: Frame, scope: &RunScope<'_>) -> Self {
        let order = frame.object.order();
        Self { end: scope.end(&frame, &order), frame, order, next: 0, current: None }
    }

    fn refresh(&mut self, scope: &RunScope<'_>) {
        let order = self.frame.object.order();
        if order.len() == self.order.len() {
            return;
        }
        if let Some(at) = order.iter().position(|row| Some(row) == self.current) {
            self.next = at + 1;
        }
        self.end = scope.end(&self.frame, &order);
        self.order = order;
    }
}

impl Rows {
    /// Returns a cursor at the first row of the host.
    pub(super) fn new(scope: &RunScope<'_>) -> Self {
        Self { host: FrameRows::new(scope.host_frame(), scope), spliced: Vec::new() }
    }

    /// Returns the cursor within the innermost frame.
    pub(super) fn innermost(&mut self) -> &mut FrameRows {
        self.spliced.last_mut().unwrap_or(&mut self.host)
    }

    /// Returns the innermost frame.
    pub(super) fn frame(&self) -> &Frame {
        &self.spliced.last().unwrap_or(&self.host).frame
    }

    /// Moves past the next row, which the caller considers.
    pub(super) fn advance(&mut self) {
        let rows = self.innermost();
        rows.current = Some(rows.order.row(rows.next));
        rows.next += 1;
    }

    /// Returns the row after the considered one, if it is in the same frame.
    pub(super) fn follower(&self) -> Option<RowId> {
        let rows = self.spliced.last().unwrap_or(&self.host);
        (rows.next < rows.end).then(|| rows.order.row(rows.next))
    }

    /// Splices the rows of a customization in before the next row.
    pub(super) fn enter(&mut self, frame: Frame, scope: &RunScope<'_>) {
        self.spliced.push(FrameRows::new(frame, scope));
    }

    /// Leaves the innermost customization. Returns its row in the frame that is innermost now, or
    /// `None` if the walk is in no customization.
    pub(super) fn leave(&mut self) -> Option<RowId> {
        self.spliced.pop()?;
        self.innermost().current
    }

    /// Goes on after the considered row if a task has added further tasks to the frame.
    pub(super) fn refresh(&mut self, scope: &RunScope<'_>) {
        self.innermost().refresh(scope);
    }

    /// Returns to the first row of the host, from another row of the host.
    pub(super) fn restart(&mut self) {
        self.host.next = 0;
    }
}

#[cfg(test)]
#[path = "rows_tests.rs"]
mod tests;
