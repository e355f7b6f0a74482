//! The permission to change state, which a dry run never has.

use super::ObjectCore;
use crate::report::RunError;
use crate::stamp::StampError;
use crate::work::{Mode, WorkContext};

/// The permission to run tasks of an object and to change its records. A dry run cannot create one.
#[derive(Clone)]
pub(crate) struct Permit(());

impl Permit {
    /// Returns the permit for work that is requested in `mode`, or `None` in a dry run. A run is also
    /// dry if its configuration or its layout requires it.
    pub(crate) fn of(core: &ObjectCore, mode: Mode) -> Option<Self> {
        (!core.mode_for(mode).is_plan()).then_some(Self(()))
    }

    /// Returns the permit for the caller. In a dry run, returns the error that `what` cannot be changed.
    pub(crate) fn to_change(core: &ObjectCore, what: &'static str) -> Result<Self, RunError> {
        Self::of(core, WorkContext::mode_now()).ok_or_else(|| RunError::DryRun { object: core.id.to_string(), what })
    }

    /// Returns the permit for the caller. In a dry run, returns the error that no stamp can be written.
    pub(crate) fn to_stamp(core: &ObjectCore) -> Result<Self, StampError> {
        Self::of(core, WorkContext::mode_now()).ok_or_else(|| StampError::DryRun { object: core.id.to_string() })
    }
}
