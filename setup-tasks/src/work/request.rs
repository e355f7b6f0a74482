//! The request that a run serves, passed explicitly within the engine.

use super::context::{RequestId, WorkContext};
use super::fleet_options::FleetOptions;
use super::stop::{Stop, Stops};

/// The mode of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Tasks are run.
    #[default]
    Apply,
    /// Nothing on disk changes. The report contains the tasks that would run.
    Plan,
}

impl Mode {
    pub(crate) fn is_plan(self) -> bool {
        self == Self::Plan
    }
}

/// The view of a run on the request that it serves.
#[derive(Clone, Copy)]
pub(crate) struct RequestCx<'c> {
    pub(crate) mode: Mode,
    pub(crate) request: RequestId,
    /// The work to which the run belongs.
    pub(crate) work: &'c WorkContext,
    /// The options of the fleet to which the run belongs.
    pub(crate) fleet: Option<&'c FleetOptions>,
}

impl<'c> RequestCx<'c> {
    /// Returns the request of some work.
    pub(crate) fn of(work: &'c WorkContext, mode: Mode) -> Self {
        Self { mode, request: work.request(), work, fleet: work.fleet() }
    }

    /// Returns whether the fleet considers all tasks, whatever their tags.
    pub(crate) fn selects_all(&self) -> bool {
        self.fleet.is_none_or(FleetOptions::selects_all)
    }

    /// Returns whether the fleet forces no task.
    pub(crate) fn forces_none(&self) -> bool {
        self.fleet.is_none_or(FleetOptions::forces_none)
    }

    /// Returns whether the fleet excludes an object, even as a dependency.
    pub(crate) fn excludes(&self, id: &str) -> bool {
        self.fleet.is_some_and(|fleet| fleet.excludes(id))
    }

    /// Returns the stops that the run obeys. `layout` is the stop of its layout.
    pub(crate) fn stops(&self, layout: &Stop) -> Stops {
        self.fleet.map_or_else(|| Stops::new(layout, None), |fleet| fleet.stop.clone())
    }

    /// Returns whether the run was asked to stop. `layout` is the stop of its layout.
    pub(crate) fn is_stop_requested(&self, layout: &Stop) -> bool {
        self.fleet.map_or_else(|| layout.is_requested(), |fleet| fleet.stop.is_requested())
    }
}
