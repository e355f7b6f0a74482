//! Attempts to take the lease of an object, if several workers share the queue of the run.

use std::sync::Arc;

use super::lease_wait::{LeasePurpose, changed_records};
use crate::dispatch::{Dispatch, Permission};
use crate::lease::{HeldLease, Holder, acquire};
use crate::object::DynObject;
use crate::report::RunError;

/// Tries once to take the lease of an object, as the queue of the run permits it. If only another host may run the object, its worker
/// counts as the holder.
///
/// # Errors
///
/// Returns an error if the object failed on another host in this run, or if no worker of its host will run it.
pub(super) async fn attempt(
    object: &Arc<dyn DynObject>,
    dispatch: Option<&Arc<dyn Dispatch>>,
    purpose: LeasePurpose<'_>,
) -> Result<Result<HeldLease, Holder>, RunError> {
    let core = object.core();
    let (leases, renewals) = core.layout.leases();
    let permission = match dispatch {
        Some(dispatch) => dispatch.permission(&core.subdir).await.map_err(RunError::Dispatch)?,
        None => Permission::Here,
    };
    let named = || core.id.to_string();
    match permission {
        Permission::Here => Ok(acquire(leases, renewals, (&core.id, &core.subdir)).await?),
        Permission::Failed { host } => Err(RunError::FailedElsewhere { object: named(), host }),
        Permission::Elsewhere { host, is_awaited } => {
            if !is_awaited && changed_records(object, purpose).await?.is_none() {
                return Err(RunError::Elsewhere { object: named(), host });
            }
            let holder = leases.holder(&core.subdir).await?;
            Ok(Err(holder.unwrap_or_else(|| Holder::new(format!("a worker on {host}")))))
        }
    }
}
