//! Parts that several pages have.

use std::time::{Duration, SystemTime};

use maud::{Markup, html};
use setup_tasks::stamp::{AttemptEnd, Timestamp};
use setup_tasks::text::duration;
use setup_tasks_cli::__parts::{ago, clock, printable};

use crate::site::Site;
use crate::state::State;

/// Returns a text from another source without secrets and control characters, on one line.
pub(super) fn line(text: &str) -> String {
    // A name that nobody could see is in quotation marks.
    let is_blank = !text.is_empty() && text.trim().is_empty();
    if is_blank { format!("“{text}”") } else { printable(text).into_owned() }
}

/// Returns a text of several lines without secrets and control characters.
pub(super) fn text(text: &str) -> String {
    setup_tasks::text::printable(text).into_owned()
}

/// Returns a time as the time that has passed since, which the script keeps current.
pub(super) fn time(at: Timestamp) -> Markup {
    html! { time datetime=(iso(at)) title=(clock(at)) { (ago(at)) } }
}

/// Returns a time in the form that scripts read.
fn iso(at: Timestamp) -> String {
    jiff::Timestamp::try_from(SystemTime::from(at)).map(|at| at.to_string()).unwrap_or_default()
}

/// Returns a duration in microseconds as text.
pub(crate) fn took(micros: u64) -> String {
    duration(Duration::from_micros(micros))
}

/// Returns the mark and the name of a state.
pub(super) fn badge(state: State) -> Markup {
    html! { span class={ "badge " (state.class()) } { span aria-hidden="true" { (state.mark()) } " " (state.word()) } }
}

/// Returns the state that an end of an attempt stands for, and its name.
pub(crate) fn end(ended: AttemptEnd) -> (State, &'static str) {
    match ended {
        AttemptEnd::Ran => (State::UpToDate, "done"),
        AttemptEnd::Unchanged => (State::UpToDate, "unchanged"),
        AttemptEnd::Skipped => (State::Idle, "skipped"),
        AttemptEnd::Failed => (State::Failed, "failed"),
        AttemptEnd::Marked => (State::MayRun, "marked as done"),
        AttemptEnd::Undone => (State::WouldRun, "undone"),
        AttemptEnd::UndoFailed => (State::Failed, "undo failed"),
        AttemptEnd::Forgotten => (State::Idle, "forgotten"),
        _ => (State::Idle, "ended"),
    }
}

/// Returns the mark and the name of the end of an attempt.
pub(super) fn end_badge(ended: AttemptEnd) -> Markup {
    let (state, word) = end(ended);
    html! { span class={ "badge " (state.class()) } { span aria-hidden="true" { (state.mark()) } " " (word) } }
}

/// Returns a form with one button.
pub(super) fn button(site: &Site, action: &str, fields: &[(&str, &str)], class: &str, label: &str) -> Markup {
    html! {
        form method="post" action=(action) class="button" {
            input type="hidden" name="form_token" value=(site.gate.form_token());
            @for (name, value) in fields { input type="hidden" name=(name) value=(value); }
            button type="submit" class=(class) { (label) }
        }
    }
}

/// Returns a number with its noun.
pub(super) fn count(number: usize, one: &str, more: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { more })
}

/// Returns a unified diff with its lines marked.
pub(super) fn diff(unified: &str) -> Markup {
    let class = |line: &str| match line.as_bytes().first() {
        _ if line.starts_with("+++") || line.starts_with("---") => "file",
        Some(b'+') => "added",
        Some(b'-') => "removed",
        Some(b'@') => "place",
        _ => "same",
    };
    html! {
        pre class="diff" tabindex="0" role="region" aria-label="Changes" {
            @for line in text(unified).lines() { span class=(class(line)) { (line) "\n" } }
        }
    }
}
