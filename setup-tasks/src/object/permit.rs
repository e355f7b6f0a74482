//! The right to change things, which no dry run has.

use super::ObjectCore;
use crate::run::RunError;
use crate::stamp::StampError;

/// The right to run tasks of an object and to change what is kept about it. A dry run has none, and cannot make one.
#[derive(Clone, Copy)]
pub(crate) struct Permit(());

impl Permit {
    /// Returns the right, unless the caller is in a dry run of any kind: by its configuration, because its layout only plans, or
    /// because a plan called it.
    pub(crate) fn of(core: &ObjectCore) -> Option<Self> {
        (!core.is_dry_run()).then_some(Self(()))
    }

    /// Returns the right, or an error that says that `what` does not change in a dry run.
    pub(crate) fn to_change(core: &ObjectCore, what: &'static str) -> Result<Self, RunError> {
        Self::of(core).ok_or_else(|| RunError::DryRun { object: core.id.to_string(), what })
    }

    /// Returns the right, or an error that says that no stamp is written in a dry run.
    pub(crate) fn to_stamp(core: &ObjectCore) -> Result<Self, StampError> {
        Self::of(core).ok_or_else(|| StampError::DryRun { object: core.id.to_string() })
    }
}
