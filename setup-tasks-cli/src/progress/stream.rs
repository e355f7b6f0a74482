//! Progress as JSON with one value per line. `docs/src/formats.md` describes the format.

use std::time::SystemTime;

use serde::Serialize;
use setup_tasks::event::{Event, Listening};
use setup_tasks::fleet::FleetReport;
use setup_tasks::stamp::Timestamp;
use setup_tasks::{Layout, Result};

use crate::output::json;

/// The version of the format.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonLine<T> {
    version: u32,
    #[serde(flatten)]
    value: T,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Frame<'r> {
    RunBegan {
        at: Timestamp,
        run: String,
        objects: usize,
    },
    RunEnded {
        at: Timestamp,
        /// The number of events that were dropped because they came too fast.
        missed: u64,
        /// The report, or `None` if the run was cut off.
        report: Option<&'r FleetReport>,
    },
}

/// Writes that the run begins, and starts to write its events.
pub(super) fn begin(layout: &Layout, objects: usize) -> Result<Listening> {
    tell(Frame::RunBegan { at: now(), run: layout.run_id().to_string(), objects })?;
    Ok(layout.on_event(|event: &Event| {
        if let Err(error) = tell(event) {
            tracing::warn!("an event cannot be written as JSON: {error}");
        }
    }))
}

/// Writes how the run ended.
pub(super) fn end(report: Option<&FleetReport>, missed: u64) -> Result<()> {
    tell(Frame::RunEnded { at: now(), missed, report })
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

fn tell(value: impl Serialize) -> Result<()> {
    json(&JsonLine { version: VERSION, value })
}
