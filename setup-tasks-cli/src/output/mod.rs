//! What a person sees: lines on the terminal, above whatever shows progress there.

mod error;
mod handover;
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

pub(crate) use error::{error, failure};
use handover::Held;
pub(crate) use handover::follow_terminal;
pub(crate) use table::{Cell, table};
pub(crate) use text::{ago, clock, clock_time, near, printable, shown, time_of};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WOULD: Style = AnsiColor::Yellow.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const NAME: Style = Style::new().bold();
pub(crate) const PLAIN: Style = Style::new();

/// ExecArgs often bars are drawn at the most.
const DRAWN_PER_SECOND: u8 = 20;

/// The bars of this process: lines are printed above them.
pub(crate) fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(|| MultiProgress::with_draw_target(bar_target()))
}

/// Returns where bars are drawn.
fn bar_target() -> ProgressDrawTarget {
    if std::io::stderr().is_terminal() {
        ProgressDrawTarget::term_like_with_hz(Box::new(Screen::new()), DRAWN_PER_SECOND)
    } else {
        ProgressDrawTarget::hidden()
    }
}

/// Takes the bars away until they are drawn again.
pub(crate) fn clear_bars() {
    // Where there is no terminal any more, nothing is left to clear.
    let _ = bars().clear();
}

/// A stream that something could not be written to.
static UNWRITTEN: OnceLock<&'static str> = OnceLock::new();
static HAS_NO_READER: AtomicBool = AtomicBool::new(false);

/// Prints a line on the standard output.
pub(crate) fn line(line: impl Display) {
    if let Some(line) = handover::unless_away(line.to_string(), Held::Line) {
        to_stdout(|| writeln!(anstream::stdout().lock(), "{line}"));
    }
}

/// Prints a line on the standard error.
pub(crate) fn note(line: impl Display) {
    if let Some(line) = handover::unless_away(line.to_string(), Held::Note) {
        check(STDERR, bars().suspend(|| writeln!(anstream::stderr().lock(), "{line}")));
    }
}

/// Prints a line on the standard error whatever holds the bars just then: for a panic, which may come while they are drawn.
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

/// Prints bytes as they are.
pub(crate) fn write(bytes: &[u8]) {
    to_stdout(|| std::io::stdout().lock().write_all(bytes));
}

/// Prints what clap has to say.
pub(crate) fn clap(error: &clap::Error) {
    check(if error.use_stderr() { STDERR } else { STDOUT }, error.print());
}

/// Returns whether nobody reads the standard output any more, or nothing can be written to it.
pub(crate) fn has_no_reader() -> bool {
    HAS_NO_READER.load(Ordering::Relaxed)
}

/// Writes what is left. Returns whether all that was printed has been written.
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

/// Says once that a stream cannot be written to. Where nobody reads it any more, that is nobody's loss.
fn check(stream: &'static str, written: std::io::Result<()>) {
    let Err(error) = written else { return };
    if error.kind() != std::io::ErrorKind::BrokenPipe && UNWRITTEN.set(stream).is_ok() {
        for line in error::lines(&anyhow::Error::new(error).context(format!("cannot write to the {stream}"))) {
            // If it is the standard error, the exit code has to do.
            let _ = writeln!(anstream::stderr().lock(), "{line}");
        }
    }
}

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
