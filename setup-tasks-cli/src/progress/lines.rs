//! Progress as lines. Tasks that are up to date have none.

use anstyle::Style;
use setup_tasks::event::{Event, EventKind, Listening};
use setup_tasks::text;
use setup_tasks::{Layout, Reason};

use super::Columns;
use super::outputs::Outputs;
use crate::global::{Verbosity, verbosity};
use crate::output::{
    BAD, FAINT, GOOD, NAME, WOULD, diff, failure, hang, line, log_path, note, printable, report, terminal_width,
};

/// Starts to print one line per event.
pub(super) fn follow(layout: &Layout, columns: Columns) -> Listening {
    let outputs = (verbosity() >= Verbosity::Verbose).then(|| Outputs::begin(layout, columns));
    layout.on_event(move |event| {
        if let Some(outputs) = &outputs {
            // The output of a task stands before its result.
            outputs.record(event);
            print_details(event, columns);
        }
        print(event, columns, outputs.is_some());
    })
}

fn print(event: &Event, columns: Columns, has_output: bool) {
    let on = event.worker.as_ref().map(|worker| format!(" on {worker}")).unwrap_or_default();
    let say = |style: Style, what: &str, more: String| report(columns.line(event, style, what, &format!("{more}{on}")));
    match &event.kind {
        EventKind::TaskRan { duration } => say(GOOD, "done", format!("in {}", text::duration(*duration))),
        EventKind::TaskUnchanged { duration } => {
            say(GOOD, "unchanged", format!("in {}", text::duration(*duration)));
        }
        EventKind::TaskDrifted { what } => {
            say(WOULD, "drifted:", Reason::Drifted { what: what.clone() }.to_string());
        }
        EventKind::FileChanges { changes } => {
            line(columns.line(event, WOULD, "changes files:", ""));
            changes.iter().for_each(|change| diff(&change.unified()));
        }
        EventKind::TaskSkipped => say(FAINT, "skipped", String::new()),
        EventKind::TaskUndone { duration } => say(GOOD, "undone", format!("in {}", text::duration(*duration))),
        EventKind::TaskForgotten => say(FAINT, "has no undo", String::new()),
        EventKind::TaskFail { duration, log, .. } | EventKind::UndoFail { duration, log, .. } => {
            let what = if let EventKind::UndoFail { .. } = &event.kind { "undo failed" } else { "failed" };
            say(BAD, what, format!("after {}", text::duration(*duration)));
            match log {
                // The log is on the host of the worker.
                _ if event.worker.is_some() => {}
                Some(log) if has_output => log_path(log),
                Some(log) => failure(log),
                None => {}
            }
        }
        EventKind::TaskRetry { wait, attempt, error } => {
            let error = error.lines().next().unwrap_or_default();
            say(WOULD, "failed", format!("in attempt {attempt}, again in {}: {error}", text::duration(*wait)));
        }
        EventKind::ChangedWhileRunning => say(WOULD, "an input changed while it ran;", "it will run again".into()),
        EventKind::Waiting { holder } => {
            note(format!("{NAME}{}{NAME:#} is held by {}; waiting", printable(&event.object), printable(holder)));
        }
        EventKind::LeaseLost { reason } => {
            let (object, reason) = (printable(&event.object), printable(reason));
            note(format!("{NAME}{object}{NAME:#} was lost: {reason}; this run goes on with what is left to do"));
        }
        _ => {}
    }
}

/// Prints the events that `-v` adds.
fn print_details(event: &Event, columns: Columns) {
    match &event.kind {
        EventKind::TaskShouldRun { reason } => {
            line(columns.line(event, WOULD, "runs:", &reason.to_string()));
        }
        EventKind::TaskAlreadyRun => line(columns.line(event, FAINT, "up to date", "")),
        _ => {}
    }
}

impl Columns {
    fn line(self, event: &Event, style: Style, what: &str, more: &str) -> String {
        self.text(&event.object, &event.description, style, what, more)
    }

    /// Returns a line with an object, a description, a status and details.
    pub(crate) fn text(self, object: &str, description: &str, style: Style, what: &str, more: &str) -> String {
        let Self { object: wide, description: wider } = self;
        let (object, description, more) = (printable(object), printable(description), printable(more));
        let width = |text: &str| console::measure_text_width(text);
        let pad = |text: &str, wide: usize| wide.saturating_sub(width(text));
        let (pad, padding) = (pad(&object, wide), pad(&description, wider));
        let text = format!("{NAME}{object}{NAME:#}{:pad$}  {description}{:padding$}  {style}{what}{style:#}", "", "");
        if more.is_empty() {
            return text;
        }
        let column = width(&object) + pad + width(&description) + padding + width(what) + 5;
        format!("{text} {}", hang(&more, FAINT, column, terminal_width()))
    }
}
