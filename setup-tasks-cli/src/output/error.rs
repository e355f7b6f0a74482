//! Errors with their causes.

use std::path::Path;

use setup_tasks::error::{Excerpt, help_of};
use setup_tasks::secret::redact;

use super::{BAD, FAINT, WOULD, note, printable, shown};

/// The number of lines of a log that are shown.
const LINES: usize = 10;

/// Prints an error with all its causes.
pub fn error(error: &anyhow::Error) {
    for line in lines(error) {
        note(line);
    }
}

/// Prints an error with all its causes as a warning.
pub(crate) fn warning(error: &anyhow::Error) {
    for line in lines_of(&format!("{WOULD}warning{WOULD:#}: "), error) {
        note(line);
    }
}

/// Returns `error: …`, then `because …` for each cause. Further lines of a message, the last output
/// of a command, and the help of an error stand below it.
pub(super) fn lines(error: &anyhow::Error) -> Vec<String> {
    lines_of(&format!("{BAD}error{BAD:#}: "), error)
}

/// Returns the lines of [`lines`] with another head.
fn lines_of(head: &str, error: &anyhow::Error) -> Vec<String> {
    let mut lines = Vec::new();
    for (i, cause) in error.chain().enumerate() {
        if i > 0 && cause.is::<Excerpt>() {
            continue;
        }
        let (head, indent) = if i == 0 { (head.to_owned(), "  ") } else { ("  because ".to_owned(), "          ") };
        push(&mut lines, &head, indent, &cause.to_string());
        if let Some(excerpt) = cause.source().and_then(|source| source.downcast_ref::<Excerpt>()) {
            let head = format!("{indent}{FAINT}|{FAINT:#} ");
            push(&mut lines, &head, &head, excerpt.as_str());
        }
        if let Some(help) = help_of(cause) {
            push(&mut lines, &format!("{indent}help: "), indent, &help);
        }
    }
    lines
}

/// Adds a text with `head` before its first line and `rest` before the others.
fn push(lines: &mut Vec<String>, head: &str, rest: &str, text: &str) {
    // Secrets may span lines, so they are replaced before the text is split.
    let text = redact(text);
    for (n, line) in text.trim_end().lines().enumerate() {
        lines.push(format!("{}{}", if n == 0 { head } else { rest }, printable(line)));
    }
}

/// Prints the last lines of the log of a failed task, and the path of the log.
pub(crate) fn failure(log: &Path) {
    let last = setup_tasks::log::last_lines(log, LINES).unwrap_or_default();
    for line in last {
        super::report(format!("  {FAINT}|{FAINT:#} {}", printable(&line)));
    }
    log_path(log);
}

/// Prints the path of a log.
pub(crate) fn log_path(log: &Path) {
    super::report(format!("  {FAINT}log: {}{FAINT:#}", shown(super::near(log))));
}

#[cfg(test)]
mod tests {
    use std::process::ExitStatus;

    use setup_tasks::command::CommandError;

    use super::*;
    use crate::exit::UsageError;

    #[test]
    fn every_cause_has_a_line_and_its_further_lines_stand_below() {
        let error = anyhow::anyhow!("no disk\nin slot 3").context("cannot write").context("task `a/b` failed");
        assert_eq!(
            plain(&error),
            ["error: task `a/b` failed", "  because cannot write", "  because no disk", "          in slot 3"]
        );
    }

    #[test]
    fn help_stands_below_its_error_and_the_output_of_a_command_in_between() {
        let error = || UsageError::new("it is full", "empty it");
        assert_eq!(plain(&error().into()), ["error: it is full", "  help: empty it"]);
        let error = anyhow::Error::new(error()).context("cannot write");
        assert_eq!(plain(&error), ["error: cannot write", "  because it is full", "          help: empty it"]);
        let (command, status) = ("ssh web".to_owned(), ExitStatus::default());
        let stderr = Excerpt::new("one\nHost key verification failed");
        let error = anyhow::Error::new(CommandError::Failed { command, status, stderr });
        let shown = plain(&error.context("cannot connect"));
        let expected = ["  because `ssh web` ended with exit status: 0", "          | one"];
        assert_eq!(shown[1..3], expected);
        assert!(
            shown[3].ends_with("| Host key verification failed") && shown[4].starts_with("          help: a task's")
        );
        assert_eq!(shown.len(), 5);
    }

    fn plain(error: &anyhow::Error) -> Vec<String> {
        lines(error).iter().map(|line| anstream::adapter::strip_str(line).to_string()).collect()
    }

    #[test]
    fn what_an_error_says_cannot_speak_to_the_terminal() {
        let shown = lines(&anyhow::anyhow!("it said \x1b]0;owned\x07")).join("");
        assert!(!shown.contains("\x1b]") && !shown.contains('\x07'), "{shown:?}");
    }
}
