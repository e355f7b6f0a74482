//! The durations of attempts as bars.

use maud::{Markup, html};
use setup_tasks::stamp::HistoryEntry;
use setup_tasks_cli::__parts::clock;

use crate::pages::{end_of, took_of};

const WIDTH: usize = 14;
const HEIGHT: f64 = 56.0;

/// Returns one bar per attempt, the latest on the right. The table beside it has the same content, so the drawing is hidden from
/// screen readers.
pub(crate) fn section(entries: &[HistoryEntry]) -> Markup {
    let longest = entries.iter().map(|entry| entry.duration_us).max().unwrap_or_default().max(1);
    let width = entries.len() * WIDTH;
    html! {
        @if entries.len() > 1 {
            figure class="bars" aria-hidden="true" {
                svg viewBox={ "0 0 " (width) " 60" } width=(width) height="60" {
                    @for (at, entry) in entries.iter().rev().enumerate() {
                        @let height = height(entry.duration_us, longest);
                        rect class=(end_of(entry.ended).0.class()) x=(at * WIDTH + 2) width=(WIDTH - 4) rx="2"
                            y={ (format_args!("{:.1}", HEIGHT - height + 2.0)) } height={ (format_args!("{height:.1}")) } {
                            title { (clock(entry.time)) ": " (end_of(entry.ended).1) " in " (took_of(entry.duration_us)) }
                        }
                    }
                }
                figcaption { "longest: " (took_of(longest)) }
            }
        }
    }
}

/// Returns the height of a bar. The shortest one is still visible.
#[expect(clippy::cast_precision_loss, reason = "a drawing is not that exact")]
fn height(micros: u64, longest: u64) -> f64 {
    (micros as f64 / longest as f64 * HEIGHT).max(3.0)
}
