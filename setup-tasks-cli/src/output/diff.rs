//! Unified diffs below the lines of their tasks.

use super::{BAD, FAINT, GOOD, line, printable};

/// Prints a unified diff below its task.
pub(crate) fn diff(unified: &str) {
    for text in unified.lines() {
        let style = match text.as_bytes().first() {
            Some(b'+') => GOOD,
            Some(b'-') => BAD,
            _ => FAINT,
        };
        line(format!("    {style}{}{style:#}", printable(text)));
    }
}
