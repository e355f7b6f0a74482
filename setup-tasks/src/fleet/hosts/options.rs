//! The options of a run on workers as JSON.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::fleet::FleetRun;
use crate::fleet::plan::Selection;
use crate::layout::Layout;
use crate::stamp::Timestamp;

/// The version of the format.
const VERSION: u32 = 1;

/// The options of a run, as each of its workers needs them.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct RunOptions {
    version: u32,
    selection: Selection,
    /// Whether changes of files are events.
    diff: bool,
    /// The greatest number of objects that a worker runs at the same time, or `None` for that of the worker.
    jobs: Option<usize>,
    /// The time of the beginning. A forced task whose stamp is later has run.
    pub(super) since: Timestamp,
}

impl RunOptions {
    pub(super) fn of(fleet: &FleetRun, since: Timestamp) -> Self {
        Self { version: VERSION, selection: Selection::of(fleet), diff: fleet.diff, jobs: fleet.jobs, since }
    }

    /// Parses options. Returns `None` for another version.
    pub(super) fn parse(json: &str) -> Option<Self> {
        serde_json::from_str(json).ok().filter(|options: &Self| options.version == VERSION)
    }

    /// Returns the fleet of a worker with this number of slots.
    pub(super) fn fleet(&self, layout: &Layout, jobs: usize) -> FleetRun {
        FleetRun {
            diff: self.diff,
            jobs: Some(self.jobs.map_or(jobs, |limit| limit.min(jobs))),
            forced_before: Some(self.since),
            ..self.selection.fleet(layout)
        }
    }

    /// Returns a text for people about the selection.
    pub(super) fn describe(&self) -> String {
        self.selection.describe()
    }
}

impl Selection {
    /// Returns a text for people, as the command line would have it.
    fn describe(&self) -> String {
        let mut words = BTreeSet::new();
        words.extend(self.include.iter().cloned());
        words.extend(self.types.iter().map(|name| format!("--type {name}")));
        words.extend(self.groups.iter().map(|name| format!("--group {name}")));
        words.extend(self.tags.iter().map(|name| format!("--tag {name}")));
        words.extend(self.exclude.iter().map(|name| format!("--exclude {name}")));
        if self.force_all || !self.force.is_empty() {
            words.insert("--force".to_owned());
        }
        if words.is_empty() { "all objects".to_owned() } else { words.into_iter().collect::<Vec<_>>().join(" ") }
    }
}
