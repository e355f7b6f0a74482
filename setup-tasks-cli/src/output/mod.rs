//! What a person sees: lines on the terminal, above whatever shows progress there.

mod error;
mod table;
mod text;

use std::fmt::Display;
use std::io::Write;
use std::sync::OnceLock;

use anstyle::{AnsiColor, Style};
use indicatif::MultiProgress;
use serde::Serialize;
use setup_tasks::text::printable_json;

pub(crate) use error::{error, failure};
pub(crate) use table::{Cell, table};
pub(crate) use text::{ago, clock, clock_time, length, near, printable, shown, time_of};

pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const WOULD: Style = AnsiColor::Yellow.on_default();
pub(crate) const FAINT: Style = Style::new().dimmed();
pub(crate) const NAME: Style = Style::new().bold();
pub(crate) const PLAIN: Style = Style::new();

/// The bars of this process: lines are printed above them.
pub(crate) fn bars() -> &'static MultiProgress {
    static BARS: OnceLock<MultiProgress> = OnceLock::new();
    BARS.get_or_init(MultiProgress::new)
}

/// A line on the standard output. Where nobody reads it any more, it is nobody's loss.
pub(crate) fn line(line: impl Display) {
    bars().suspend(|| {
        let _ = writeln!(anstream::stdout().lock(), "{line}");
    });
}

/// A line on the standard error.
pub(crate) fn note(line: impl Display) {
    bars().suspend(|| {
        let _ = writeln!(anstream::stderr().lock(), "{line}");
    });
}

/// A value as one line of JSON.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let line = serde_json::to_string(value)?;
    let line = printable_json(&line);
    bars().suspend(|| {
        let _ = writeln!(std::io::stdout().lock(), "{line}");
    });
    Ok(())
}

/// A text in a style.
pub(crate) fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}
