//! Errors with their causes.

use std::path::Path;

use setup_tasks::secret::redact;

use super::{BAD, FAINT, note, printable, shown};

/// The number of lines of a log that are shown.
const LINES: usize = 10;

/// Prints an error with all its causes.
pub(crate) fn error(error: &anyhow::Error) {
    for line in lines(error) {
        note(line);
    }
}

/// Returns `error: …`, then `because …` for each cause. Further lines of a message stand below it.
pub(super) fn lines(error: &anyhow::Error) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, cause) in error.chain().enumerate() {
        let (head, indent) =
            if i == 0 { (format!("{BAD}error{BAD:#}: "), "  ") } else { ("  because ".into(), "          ") };
        // Secrets may span lines, so they are replaced before the text is split.
        let text = redact(&cause.to_string()).into_owned();
        for (n, line) in text.trim_end().lines().enumerate() {
            let line = printable(line);
            lines.push(if n == 0 { format!("{head}{line}") } else { format!("{indent}{line}") });
        }
    }
    lines
}

/// Prints the last lines of the log of a failed task, and the path of the log.
pub(crate) fn failure(log: &Path) {
    let last = setup_tasks::log::last_lines(log, LINES).unwrap_or_default();
    for line in last {
        super::report(format!("  {FAINT}|{FAINT:#} {}", printable(&line)));
    }
    super::report(format!("  {FAINT}log: {}{FAINT:#}", shown(super::near(log))));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cause_has_a_line_and_its_further_lines_stand_below() {
        let error = anyhow::anyhow!("no disk\nhelp: buy one").context("cannot write").context("task `a/b` failed");
        let plain = |line: &String| anstream::adapter::strip_str(line).to_string();
        assert_eq!(
            lines(&error).iter().map(plain).collect::<Vec<_>>(),
            ["error: task `a/b` failed", "  because cannot write", "  because no disk", "          help: buy one"]
        );
    }

    #[test]
    fn what_an_error_says_cannot_speak_to_the_terminal() {
        let shown = lines(&anyhow::anyhow!("it said \x1b]0;owned\x07")).join("");
        assert!(!shown.contains("\x1b]") && !shown.contains('\x07'), "{shown:?}");
    }
}
