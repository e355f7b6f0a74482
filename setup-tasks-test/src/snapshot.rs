//! Texts for snapshots, without what differs from run to run.

use std::fmt::{Display, Write};
use std::sync::LazyLock;

use regex_lite::Regex;
use serde_json::Value;
use setup_tasks::event::Event;

/// The texts that differ from run to run, each with its replacement.
static VARYING: LazyLock<[(Regex, &str); 5]> = LazyLock::new(|| {
    let regex = |pattern| Regex::new(pattern).expect("the pattern is valid");
    [
        (regex(r"[^\s'`\x22(]*/setup-tasks-test-[A-Za-z0-9]+"), "[directory]"),
        (regex(r"\b\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z|[+-]\d\d:?\d\d)?"), "[time]"),
        (regex(r"\b1\d{18}\b"), "[time]"),
        (regex(r"\b\d+(\.\d+)? ?(ns|µs|ms|s|min|h)\b( ago)?"), "[duration]"),
        (regex(r"\b[0-9a-f]{12,16}-\d+\b"), "[run]"),
    ]
});

/// Returns a text without times, durations, ids of runs and the directories of tests, for a comparison with a snapshot. It works with
/// `insta::assert_snapshot!` and with `expect_test`, because it is a text.
///
/// ```
/// use setup_tasks_test::snapshot;
///
/// assert_eq!(snapshot("ran at 2026-11-29 01:02:03 UTC in 12.5 ms"), "ran at [time] in [duration]");
/// ```
pub fn snapshot(text: impl Display) -> String {
    VARYING.iter().fold(text.to_string(), |text, (regex, with)| regex.replace_all(&text, *with).into_owned())
}

/// Returns an event on one line: the task, the kind and the details.
pub(crate) fn event_line(event: &Event) -> String {
    let place =
        if event.task.is_empty() { event.object.to_string() } else { format!("{}/{}", event.object, event.task) };
    let value = serde_json::to_value(event).unwrap_or_default();
    let fields = value.as_object().into_iter().flatten();
    let mut details = String::new();
    let mut kind = "";
    for (field, value) in fields {
        match field.as_str() {
            "event" => kind = value.as_str().unwrap_or_default(),
            "at" | "object" | "task" | "description" | "log" => {}
            field if field.ends_with("_us") => {}
            field => {
                let text = if let Value::String(text) = value { text.clone() } else { value.to_string() };
                // Writing to a string does not fail.
                let _ = write!(details, " {field}={text}");
            }
        }
    }
    snapshot(format!("{place} {kind}{details}").replace('\n', "; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_from_run_to_run_is_replaced() {
        for (text, expected) in [
            ("done in 3 s, 12ms and 1.5 µs", "done in [duration], [duration] and [duration]"),
            ("`/tmp/setup-tasks-test-aB3/state/key`", "`[directory]/state/key`"),
            ("at 1795554000000000000 by 18eb1f36a7b40000-4711", "at [time] by [run]"),
            ("2026-11-29T01:02:03.5Z", "[time]"),
            ("3 objects, 14 tasks", "3 objects, 14 tasks"),
        ] {
            assert_eq!(snapshot(text), expected);
        }
    }
}
