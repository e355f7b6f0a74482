//! Progress of a running fleet: lines, with bars below them on a terminal, or JSON.

mod bars;
mod estimate;
mod lines;
mod outputs;
mod stream;

use std::collections::HashSet;
use std::io::IsTerminal;

use console::measure_text_width;
use setup_tasks::event::Listening;
use setup_tasks::fleet::{FleetReport, FleetRun};
use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::{AnyObject, Layout, Result};

use crate::args::RunArgs;
use crate::global::{Verbosity, verbosity};
use crate::output::{self, terminal_width};

/// A report of progress that lasts until [`end`](Self::end).
pub(crate) struct Progress {
    listeners: Vec<Listening>,
    bars: Option<bars::Bars>,
    json: bool,
}

impl Progress {
    /// Starts to report the progress of a fleet.
    pub(crate) async fn begin(layout: &Layout, fleet: &FleetRun, args: &RunArgs) -> Result<Self> {
        let objects = fleet.objects()?;
        let bars = if has_bars(layout, args) { Some(bars::Bars::new(layout, &objects, args).await) } else { None };
        Self::with_bars(layout, &objects, bars, args)
    }

    /// Starts to report the progress of a run that brings objects down.
    pub(crate) async fn begin_down(layout: &Layout, planned: &FleetReport, args: &RunArgs) -> Result<Self> {
        let objects: Vec<_> = planned.objects.iter().filter_map(|result| layout.get(&result.object)).collect();
        let bars = if has_bars(layout, args) { Some(bars::Bars::of_plan(layout, planned, args).await) } else { None };
        Self::with_bars(layout, &objects, bars, args)
    }

    /// Starts to report the progress of the runs of a worker.
    pub(crate) fn begin_worker(layout: &Layout) -> Self {
        Self { listeners: vec![lines::follow(layout, Columns::of(&layout.all()))], bars: None, json: false }
    }

    fn with_bars(layout: &Layout, objects: &[AnyObject], bars: Option<bars::Bars>, args: &RunArgs) -> Result<Self> {
        if args.exec.json {
            return Ok(Self { listeners: vec![stream::begin(layout, objects.len())?], bars: None, json: true });
        }
        let mut listeners = vec![lines::follow(layout, Columns::of(objects))];
        listeners.extend(bars.as_ref().map(|bars| bars.follow(layout)));
        Ok(Self { listeners, bars, json: false })
    }

    /// Waits until every event is reported, and removes the bars.
    pub(crate) async fn end(self, report: Option<&FleetReport>) -> Result<()> {
        for listeners in &self.listeners {
            listeners.flush().await;
        }
        if let Some(bars) = &self.bars {
            bars.clear();
        }
        let missed = self.listeners.iter().map(Listening::missed).max().unwrap_or_default();
        if self.json {
            return stream::end(report, missed);
        }
        if missed > 0 {
            output::note(format!("{missed} events came too fast to be printed; the report has all results"));
        }
        Ok(())
    }
}

/// Returns whether a run has bars.
fn has_bars(layout: &Layout, args: &RunArgs) -> bool {
    let is_silent = args.exec.json || args.dry_run || layout.is_dry_run();
    !is_silent && verbosity() != Verbosity::Quiet && is_terminal()
}

/// Returns whether the standard error can show bars.
fn is_terminal() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// The widths of the columns of progress lines.
#[derive(Clone, Copy)]
pub(crate) struct Columns {
    pub(crate) object: usize,
    pub(crate) description: usize,
}

impl Columns {
    /// Returns widths that fit most objects and descriptions.
    pub(crate) fn of(objects: &[AnyObject]) -> Self {
        /// A wider text overflows its column.
        const WIDEST: (usize, usize) = (24, 44);
        /// The width that the result of a task takes mostly.
        const RESULT: usize = 20;
        let object = objects.iter().map(|object| measure_text_width(object.id())).max().unwrap_or_default();
        // Objects of one type mostly have the same tasks, and inspecting every object would take long.
        let mut seen = HashSet::new();
        let types = objects.iter().filter(|object| seen.insert(object.type_name()));
        let tasks = types.flat_map(AnyObject::inspect);
        let leaves =
            tasks.flat_map(ObjectTaskInspector::into_leaves).filter(|task| task.category() == TaskCategory::Task);
        let description = leaves.map(|task| measure_text_width(task.description())).max().unwrap_or_default();
        let object = object.min(WIDEST.0);
        let space = terminal_width().map_or(usize::MAX, |width| width.saturating_sub(object + RESULT));
        Self { object, description: description.min(WIDEST.1).min(space) }
    }
}
