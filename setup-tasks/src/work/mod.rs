//! Work on behalf of a request: its context, shared results, and shared errors.

mod approved;
mod context;
mod fleet_names;
mod fleet_options;
mod own_task;
mod request;
mod requested_work;
mod shared_error;
mod shared_once;
#[cfg(all(test, feature = "__shuttle"))]
mod shuttle_tests;
mod slots;
mod stop;
mod verdicts;

pub(crate) use approved::Approved;
pub(crate) use context::{RequestId, WorkContext};
pub(crate) use fleet_names::{ObjectName, TaskName};
pub(crate) use fleet_options::{CachePadded, FleetOptions};
pub(crate) use request::{Mode, RequestCx};
pub(crate) use requested_work::RequestedWork;
pub use shared_error::SharedError;
pub(crate) use shared_error::panicked;
pub(crate) use shared_once::{OnceError, SharedOnce};
pub(crate) use slots::Slots;
pub use stop::Stop;
pub(crate) use stop::Stops;
pub(crate) use verdicts::{ObjectVerdict, TaskVerdict, Verdicts};
