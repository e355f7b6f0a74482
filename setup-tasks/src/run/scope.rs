//! The parts of a run that stay the same from its start to its end.

use std::sync::Arc;

use super::nested::RunningTask;
use super::rows::{Forcing, Frame, FrameKind, Selection};
use super::{Options, RunRole};
use crate::earlier::EarlierTasks;
use crate::object::{DynObject, ObjectProgress, Order, ResumePoint, RowId};
use crate::stamp::Entry;
use crate::work::{FleetOptions, RequestCx};

/// The scope of a run: its object, its options and the request that it serves.
pub(super) struct RunScope<'r> {
    pub(super) object: &'r Arc<dyn DynObject>,
    pub(super) options: &'r Options,
    /// The progress that records the results, or `None` if the run is for a single task.
    pub(super) progress: Option<&'r ObjectProgress>,
    /// The state in which the run begins, and from which it starts again.
    pub(super) resume: ResumePoint,
    /// The request that the run serves.
    pub(super) cx: RequestCx<'r>,
    /// The task whose method runs these tasks through a handle.
    pub(super) caller: Option<Arc<RunningTask>>,
}

impl RunScope<'_> {
    /// Returns the tasks before the first row that the run considers.
    pub(super) fn earlier(&self) -> EarlierTasks {
        self.resume.earlier.clone().with_rows(self.object.subscribes())
    }

    /// Returns the frame of the host's own rows.
    pub(super) fn host_frame(&self) -> Frame {
        let selects_all = self.options.single_task.is_some() || self.cx.selects_all();
        let forces_nothing = self.options.forces_none(&self.cx);
        Frame {
            object: self.object.clone(),
            kind: FrameKind::Host,
            forcing: if forces_nothing { Forcing::Nothing } else { Forcing::ByOptions },
            selection: if selects_all { Selection::All } else { Selection::ByTags },
        }
    }

    /// Returns the frame of a customization. It is forced or selected entirely if its row is.
    pub(super) fn customization_frame(&self, outer: &Frame, row: RowId, object: Arc<dyn DynObject>) -> Frame {
        let is_forced = self.is_forced(outer, outer.object.stamp_name(row), None);
        let is_selected = self.is_selected(outer, row);
        Frame {
            object,
            kind: FrameKind::Customization,
            forcing: if is_forced { Forcing::All } else { outer.forcing },
            selection: if is_selected { Selection::All } else { outer.selection },
        }
    }

    /// Returns whether the fleet's tags select the task.
    pub(super) fn is_selected(&self, frame: &Frame, row: RowId) -> bool {
        match frame.selection {
            Selection::All => true,
            Selection::ByTags => self.cx.fleet.is_none_or(|fleet| fleet.selects(|| frame.object.tags(row))),
        }
    }

    /// Returns whether the task runs even if it is up to date.
    pub(super) fn is_forced(&self, frame: &Frame, name: &str, entry: Option<&Entry>) -> bool {
        match frame.forcing {
            Forcing::Nothing => false,
            Forcing::ByOptions => self.options.forces(&self.cx, self.object, name, entry),
            Forcing::All => self.options.forces_within(&self.cx, entry),
        }
    }

    /// Returns whether this run passes over a row, because an earlier run of the request considered
    /// it or because the run is for one other task.
    pub(super) fn is_passed_over(&self, frame: &Frame, row: RowId) -> bool {
        let is_other = |only: &str| frame.forcing != Forcing::All && !frame.leads_to(row, only);
        (frame.is_host() && self.resume.has(row)) || self.options.single_task.as_deref().is_some_and(is_other)
    }

    /// Returns the position after the last task of a frame that this run considers.
    pub(super) fn end(&self, frame: &Frame, order: &Order) -> usize {
        let last = self.options.stop_after.as_deref().filter(|_| frame.is_host());
        let last = last.and_then(|last| order.iter().position(|row| frame.object.name(row) == last));
        last.map_or(order.len(), |last| last + 1)
    }

    /// Returns whether the run is for a single task, called by its handle.
    pub(super) fn is_single_task(&self) -> bool {
        self.options.single_task.is_some()
    }

    /// Returns whether the run verifies the tasks of an object: whether it calls slow invalidators, and
    /// asks observers that are not cheap.
    pub(super) fn verifies(&self, object: &Arc<dyn DynObject>) -> bool {
        let of_fleet =
            || self.options.role == RunRole::PartOfRequest && self.cx.fleet.is_some_and(FleetOptions::verifies);
        self.options.verify || object.core().config().verify || of_fleet()
    }

    pub(super) fn is_plan(&self) -> bool {
        self.cx.mode.is_plan()
    }

    /// Returns whether the run was asked to stop.
    pub(super) fn is_stop_requested(&self) -> bool {
        self.cx.is_stop_requested(self.object.core().layout.stop())
    }

    /// Returns whether another process has considered the task that the run is for.
    pub(super) fn is_considered_elsewhere(&self) -> bool {
        let queried = self.options.query.zip(self.progress);
        queried.is_some_and(|((query, row), progress)| progress.result(query, row).is_some())
    }
}
