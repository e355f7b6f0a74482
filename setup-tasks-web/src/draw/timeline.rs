//! Runs on a time line.

use std::collections::HashMap;

use maud::{Markup, html};
use setup_tasks::stamp::{HistoryEntry, Timestamp};
use setup_tasks_cli::__parts::{clock, printable};

use crate::link;
use crate::pages::history::{Run, began};
use crate::pages::{end_of, took_of};
use crate::view::View;

/// The number of objects that a time line shows.
const ROWS: usize = 60;
const ROW: usize = 20;
/// The width of the names.
const NAMES: f64 = 190.0;
const WIDTH: f64 = 900.0;

/// Returns the tasks of a run: one row per object, in the order in which the objects began.
pub(crate) fn section(view: &View, run: &Run<'_>) -> Markup {
    let (from, to) = run.span();
    let mut rows: Vec<(&str, Vec<&HistoryEntry>)> = Vec::new();
    let mut places = HashMap::new();
    for entry in run.entries.iter().rev() {
        let at = *places.entry(&*entry.object).or_insert_with(|| {
            rows.push((&entry.object, Vec::new()));
            rows.len() - 1
        });
        rows[at].1.push(entry);
    }
    rows.sort_by_key(|(_, entries)| entries.iter().map(|entry| began(entry)).min());
    let hidden = rows.len().saturating_sub(ROWS);
    rows.truncate(ROWS);
    let scale = Scale { from, to, left: NAMES, right: WIDTH };
    let height = rows.len() * ROW + 4;
    html! {
        figure class="timeline" {
            div class="scroll" { svg viewBox={ "0 0 " (WIDTH) " " (height) } width=(WIDTH) height=(height) role="img" aria-label="The attempts of the run over time" {
                @for (at, (subdir, entries)) in rows.iter().enumerate() {
                    @let id = view.built.id_of(subdir);
                    @let y = at * ROW;
                    a href=(link::object(id)) { text x="0" y=(y + 14) { (cut(&printable(id), 26)) title { (printable(id)) } } }
                    line x1=(NAMES) x2=(WIDTH) y1=(y + ROW) y2=(y + ROW) {}
                    @for entry in entries { (bar(id, entry, &scale, y)) }
                }
            } }
            figcaption { (clock(from)) " to " (clock(to)) @if hidden > 0 { ", without " (hidden) " objects that began later" } }
        }
    }
}

fn bar(id: &str, entry: &HistoryEntry, scale: &Scale, y: usize) -> Markup {
    let (left, right) = (scale.x(began(entry)), scale.x(entry.time));
    let (state, word) = end_of(entry.ended);
    let width = (right - left).max(3.0);
    html! {
        a href=(link::task(id, &entry.task)) {
            rect class=(state.class()) x=(format_args!("{left:.1}")) y=(y + 3) height=(ROW - 6) width=(format_args!("{width:.1}")) rx="2" {
                title { (printable(&entry.task)) ": " (word) " in " (took_of(entry.duration_us)) ", " (printable(&entry.reason)) }
            }
        }
    }
}

/// Returns the runs on one line. Runs that are close together stand beside each other.
pub(crate) fn overview(runs: &[Run<'_>]) -> Markup {
    /// The least width of a run.
    const LEAST: f64 = 6.0;
    let from = runs.iter().map(|run| run.span().0).min().unwrap_or_default();
    let to = runs.iter().map(|run| run.span().1).max().unwrap_or_default();
    let scale = Scale { from, to, left: 4.0, right: WIDTH - 4.0 - LEAST };
    html! {
        figure class="timeline line" {
            svg viewBox={ "0 0 " (WIDTH) " 40" } preserveAspectRatio="none" role="img" aria-label="Runs over time" {
                line x1="0" x2=(WIDTH) y1="38" y2="38" {}
                @for run in runs.iter().rev() {
                    @let (begin, end) = run.span();
                    @let left = scale.x(begin);
                    @let width = (scale.x(end) - left).max(LEAST);
                    @let worst = run.counts().worst().class();
                    a href=(link::run(run.id)) {
                        rect class=(worst) x=(format_args!("{left:.1}")) y="6" height="30" width=(format_args!("{width:.1}")) rx="2" {
                            title { (clock(begin)) ", " (run.entries.len()) " attempts" }
                        }
                    }
                }
            }
            figcaption { span { (clock(from)) } span { (clock(to)) } }
        }
    }
}

/// Returns the ends of the attempts of a run as shares of a bar.
pub(crate) fn share(run: &Run<'_>, longest: usize) -> Markup {
    let counts = run.counts();
    let mut left = 0;
    let parts: Vec<_> = counts
        .present()
        .map(|(state, number)| {
            let part = (state, left, number);
            left += number;
            part
        })
        .collect();
    html! {
        svg class="share" viewBox={ "0 0 " (longest) " 1" } preserveAspectRatio="none" aria-hidden="true" {
            @for (state, left, number) in parts { rect class=(state.class()) x=(left) y="0" width=(number) height="1" {} }
        }
    }
}

/// Returns a text of at most a number of characters.
pub(super) fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most { text.to_owned() } else { text.chars().take(most - 1).collect::<String>() + "…" }
}

/// The scale of a time line.
struct Scale {
    from: Timestamp,
    to: Timestamp,
    left: f64,
    right: f64,
}

impl Scale {
    #[expect(clippy::cast_precision_loss, reason = "a drawing is not that exact")]
    fn x(&self, at: Timestamp) -> f64 {
        let whole = self.to.0.saturating_sub(self.from.0).max(1) as f64;
        self.left + at.0.saturating_sub(self.from.0) as f64 / whole * (self.right - self.left)
    }
}
