//! The command `history`, which lists the attempts of tasks.

use std::collections::HashMap;
use std::time::Duration;

use serde::Serialize;
use setup_tasks::secret::redact;
use setup_tasks::stamp::{AttemptEnd, HistoryEntry, HistoryFilter};
use setup_tasks::text::duration;
use setup_tasks::{Layout, Result};

use super::target;
use crate::args::HistoryArgs;
use crate::exit::Exit;
use crate::output::{self, BAD, Cell, FAINT, GOOD, NAME, WOULD, clock, table};

/// The version of the JSON format.
const VERSION: u32 = 1;

#[derive(Serialize)]
struct JsonEntry<'e> {
    version: u32,
    /// The object's id if the layout has the object. `object` is its name in the store.
    id: Option<&'e str>,
    #[serde(flatten)]
    entry: &'e HistoryEntry,
}

pub(crate) async fn history(layout: &Layout, what: &HistoryArgs) -> Result<Exit> {
    let target = what.target.as_deref().map(|name| target::find(layout, name)).transpose()?;
    let mut filter = HistoryFilter::new().limit(what.limit.get());
    filter.object = target.as_ref().map(|target| target.object.stamp_subdir().to_owned());
    filter.task = target.and_then(|target| target.task);
    let entries = layout.history(&filter).await?;
    let ids: HashMap<_, _> =
        layout.all().into_iter().map(|object| (object.stamp_subdir().to_owned(), object.id().to_owned())).collect();
    let id = |entry: &HistoryEntry| ids.get(&entry.object).cloned();
    if what.json {
        for entry in &entries {
            output::json(&JsonEntry { version: VERSION, id: id(entry).as_deref(), entry })?;
        }
        return Ok(Exit::Done);
    }
    // The latest entry stands last, next to the prompt.
    let rows: Vec<_> =
        entries.iter().rev().map(|entry| row(entry, &id(entry).unwrap_or_else(|| entry.object.clone()))).collect();
    table(&rows);
    if rows.is_empty() {
        output::line("nothing has run yet");
    }
    Ok(Exit::Done)
}

fn row(entry: &HistoryEntry, object: &str) -> [Cell; 5] {
    let (style, ended) = match entry.ended {
        AttemptEnd::Ran => (GOOD, "done"),
        AttemptEnd::Unchanged => (GOOD, "unchanged"),
        AttemptEnd::Skipped => (FAINT, "skipped"),
        AttemptEnd::Failed => (BAD, "failed"),
        AttemptEnd::Marked => (WOULD, "marked"),
        AttemptEnd::Undone => (WOULD, "undone"),
        AttemptEnd::UndoFailed => (BAD, "undo failed"),
        AttemptEnd::Forgotten => (FAINT, "forgotten"),
        _ => (FAINT, "ended"),
    };
    let error = entry.error.as_ref().map(|error| redact(error));
    let error = error.as_ref().and_then(|error| error.lines().next());
    let why = error.map_or_else(|| entry.reason.clone(), |error| format!("{}; {error}", entry.reason));
    [
        Cell::styled(FAINT, clock(entry.time)),
        Cell::styled(NAME, format!("{object}/{}", entry.task)),
        Cell::styled(style, ended),
        Cell::styled(FAINT, duration(Duration::from_micros(entry.duration_us))),
        Cell::new(why),
    ]
}
