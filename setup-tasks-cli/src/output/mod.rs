//! Output for a person. Lines are printed above the progress bars.

mod diff;
mod error;
mod handover;
mod question;
mod screen;
mod table;
mod text;

use std::fmt::Display;
use std::io::{IsTerminal, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anstyle::{AnsiColor, Style};
use indicatif::{MultiProgress, ProgressDrawTarget};
use screen::Screen;
use serde::Serialize;
use setup_tasks::text::printable_json;

use crate::global::{Verbosity, verbosity};

pub(crate) use diff::diff;
pub use error::error;
pub(crate) use error::{failure, log_path, warning};
use handover::Held;
pub(crate) use handover::follow_terminal;
pub(crate) use question::{confirm, require_terminal};
pub(crate) use table::{Cell, hang, table, terminal_width};
pub use text::{ago, clock, printable};
pub(crate) use text::{clock_time, near, shown, time_of};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WOULD: Style = AnsiColor::Yellow.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const NAME: Style = Style::new().bold();
pub(crate) const PLAIN: Style = Style::new();

/// The maximum number of redraws per second.
const DRAWN_PER_SECOND: u8 = 20;

/// Returns the progress bars of this process.
pub(crate) fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(|| MultiProgress::with_draw_target(bar_target()))
}

/// Returns the terminal that bars are drawn on.
fn bar_target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::term_like_with_hz(Box::new(Screen::new()), DRAWN_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// Removes the bars until they are drawn again.
pub(crate) fn clear_bars() {
    // A terminal that is closed has nothing to clear.
    let _ = bars().clear();
}

/// The first stream that could not be written to.
static UNWRITTEN: OnceLock<&'static str> = OnceLock::new();
static HAS_NO_READER: AtomicBool = AtomicBool::new(false);

/// Prints a line on the standard output.
pub fn line(line: impl Display) {
    if let Some(line) = handover::unless_away(line.to_string(), Held::Line) {
        to_stdout(|| writeln!(anstream::stdout().lock(), "{line}"));
    }
}

/// Prints progress or the success of a command on the standard output, unless the user asked for quiet.
pub(crate) fn report(text: impl Display) {
    if verbosity() > Verbosity::Quiet {
        line(text);
    }
}

/// Prints a line on the standard error.
pub fn note(line: impl Display) {
    if let Some(line) = handover::unless_away(line.to_string(), Held::Note) {
        check(STDERR, bars().suspend(|| writeln!(anstream::stderr().lock(), "{line}")));
    }
}

/// Prints a line on the standard error without waiting for the bars. A panic needs this, because it may come while they are
/// drawn.
pub(crate) fn alarm(line: impl Display) {
    check(STDERR, writeln!(anstream::stderr().lock(), "{line}"));
}

/// Prints a value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(value)?;
    if let Some(line) = handover::unless_away(printable_json(&line).into_owned(), Held::Json) {
        json_line(&line);
    }
    Ok(())
}

fn json_line(line: &str) {
    to_stdout(|| writeln!(std::io::stdout().lock(), "{line}"));
}

/// Prints bytes unchanged.
pub(crate) fn write(bytes: &[u8]) {
    to_stdout(|| std::io::stdout().lock().write_all(bytes));
}

/// Prints a message of `clap`.
pub(crate) fn clap(error: &clap::Error) {
    check(if error.use_stderr() { STDERR } else { STDOUT }, error.print());
}

/// Returns whether the standard output has no reader or cannot be written to.
pub(crate) fn has_no_reader() -> bool {
    HAS_NO_READER.load(Ordering::Relaxed)
}

/// Writes all buffered output. Returns whether everything was written.
pub(crate) fn finish() -> bool {
    to_stdout(|| std::io::stdout().lock().flush());
    UNWRITTEN.get().is_none()
}

const STDOUT: &str = "standard output";
const STDERR: &str = "standard error";

fn to_stdout(write: impl FnOnce() -> std::io::Result<()>) {
    let written = bars().suspend(write);
    if written.is_err() {
        HAS_NO_READER.store(true, Ordering::Relaxed);
    }
    check(STDOUT, written);
}

/// Reports once that a stream cannot be written to. A closed pipe is not reported.
fn check(stream: &'static str, written: std::io::Result<()>) {
    let Err(error) = written else { return };
    if error.kind() != std::io::ErrorKind::BrokenPipe && UNWRITTEN.set(stream).is_ok() {
        for line in error::lines(&anyhow::Error::new(error).context(format!("cannot write to the {stream}"))) {
            // If the standard error is the stream that fails, only the exit code shows it.
            let _ = writeln!(anstream::stderr().lock(), "{line}");
        }
    }
}

/// Returns a text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
