//! The events of a run as JSON, which workers publish and the process with the run shows.

use serde::{Deserialize, Serialize};

use super::wire::interned;
use crate::event::{Event, EventKind};
use crate::layout::Layout;
use crate::secret::redact_json;

/// The version of the format.
const VERSION: u32 = 1;

/// An event of a task of a worker.
#[derive(Serialize, Deserialize)]
struct WireEvent {
    version: u32,
    object: String,
    task: String,
    description: String,
    #[serde(flatten)]
    kind: EventKind,
}

/// Returns an event as JSON, or `None` for an event that other processes do not show: the output of tasks is in the logs.
pub(super) fn encode(event: &Event) -> Option<String> {
    // An event of another worker is shown here, and was published there.
    let is_shown = event.worker.is_none()
        && !matches!(
            event.kind,
            EventKind::TaskAlreadyRun
                | EventKind::LogLine { .. }
                | EventKind::CommandStart { .. }
                | EventKind::CommandEnd { .. }
                | EventKind::ObjectReady
        );
    let wire = || WireEvent {
        version: VERSION,
        object: event.object.to_string(),
        task: event.task.to_owned(),
        description: event.description.clone().into_owned(),
        kind: event.kind.clone(),
    };
    let json = is_shown.then(|| serde_json::to_string(&wire()).ok()).flatten()?;
    Some(redact_json(&json).into_owned())
}

/// Emits an event of a worker to the listeners of the layout.
pub(super) fn emit(layout: &Layout, worker: &str, json: &str) {
    let wire = match serde_json::from_str::<WireEvent>(json) {
        Ok(wire) if wire.version == VERSION => wire,
        Ok(_) => return,
        Err(error) => return tracing::debug!("an event of {worker} cannot be read: {error}"),
    };
    let Some(object) = layout.get(&wire.object) else { return };
    let event = Event::new(wire.object, interned(&wire.task), wire.description, wire.kind).of_worker(worker);
    object.0.core().emit_event(event);
}
