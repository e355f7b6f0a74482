//! Runs that workers on several hosts carry out.

mod begin;
mod error;
mod events;
mod follow;
mod options;
mod placement;
mod publisher;
mod questions;
mod version;
mod wire;
mod worker;

pub use error::WorkersError;
pub use follow::{MissingHost, SharedRun, describe_run};
pub(super) use placement::Places;
pub use questions::RemoteLog;
pub(super) use questions::verdicts;
pub(super) use wire::WireResult;
pub use worker::{Worker, WorkerNews};

use std::sync::Arc;

use crate::dispatch::Hosts;
use crate::layout::Layout;

/// Returns the directory of hosts, or an error if the store is not shared.
fn hosts_of(layout: &Layout) -> Result<Arc<dyn Hosts>, WorkersError> {
    layout.hosts().cloned().ok_or(WorkersError::NotShared)
}
