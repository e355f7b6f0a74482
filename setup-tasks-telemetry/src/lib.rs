//! Telemetry of [setup-tasks](setup_tasks): what runs did, for programs that watch them.
//!
//! | module | sends or writes |
//! |---|---|
//! | [`prometheus`] | the state of a layout and the results of runs, as text that Prometheus reads |
//! | [`notify`] | a JSON value at the end of a run that failed or changed something, to commands and web addresses |
//! | `otel` | runs as spans and metrics to a collector of OpenTelemetry |
//!
//! A binary with `setup-tasks-cli` needs none of these calls. It has the option `--notify`, and the features `otel` and `webhooks` of that
//! crate are the features of this one.

#![warn(missing_docs, missing_debug_implementations)]

#[cfg(feature = "__client")]
mod client;
pub mod notify;
#[cfg(feature = "otel")]
pub mod otel;
pub mod prometheus;
mod results;
mod state;

pub use results::Results;
pub use state::{Failure, LayoutState, TaskState};
