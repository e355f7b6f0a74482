//! The state of a layout and the results of runs as [Prometheus](https://prometheus.io) text.
//!
//! | metric | type | labels | meaning |
//! |---|---|---|---|
//! | `setup_tasks_objects` | gauge | `type` | the number of objects |
//! | `setup_tasks_tasks` | gauge | `type`, `state` | the number of tasks in a state by their records: `done`, `due`, `failed`, `interrupted`, `unknown` |
//! | `setup_tasks_task_failing_since_timestamp_seconds` | gauge | `object`, `task` | for each task that failed and has not succeeded since, the time of the first failure |
//! | `setup_tasks_oldest_failure_age_seconds` | gauge | | the age of the oldest of these failures, or 0 |
//! | `setup_tasks_last_completion_timestamp_seconds` | gauge | | the time when a task last completed, absent if none did |
//! | `setup_tasks_task_last_duration_seconds` | gauge | `type`, `task` | the longest last duration of a task among the objects of a type |
//! | `setup_tasks_task_results_total` | counter | `type`, `outcome` | the results of tasks in the runs of this process |
//! | `setup_tasks_task_duration_seconds` | histogram | `type`, `task` | the durations of tasks in the runs of this process |
//!
//! No value contains the text of a [secret](setup_tasks::Secret).

use std::fmt::{Display, Write};
use std::time::SystemTime;

use setup_tasks::Layout;
use setup_tasks::secret::redact;
use setup_tasks::stamp::{StampError, Timestamp};

use crate::results::{BUCKETS, Counted};
use crate::{LayoutState, Results};

/// The media type of the text.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Returns the text for a layout and the results of the runs of this process.
///
/// # Errors
///
/// If the store cannot be read.
pub async fn render(layout: &Layout, results: &Results) -> Result<String, StampError> {
    let state = LayoutState::of(layout).await?;
    let mut page = Page::default();
    page.state(&state);
    page.results(&results.lock());
    Ok(page.0)
}

/// A page under construction.
#[derive(Default)]
struct Page(String);

impl Page {
    fn state(&mut self, state: &LayoutState) {
        self.head("objects", "gauge", "Number of objects.");
        for (of_type, count) in &state.objects {
            self.line("objects", &[("type", of_type)], count);
        }
        self.head("tasks", "gauge", "Number of tasks in a state by their records.");
        for ((of_type, state), count) in &state.tasks {
            self.line("tasks", &[("type", of_type), ("state", state.name())], count);
        }
        let name = "task_failing_since_timestamp_seconds";
        self.head(name, "gauge", "Time of the first failure of a task that has not succeeded since.");
        for failure in &state.failures {
            self.line(name, &[("object", &failure.object), ("task", &failure.task)], seconds(failure.since));
        }
        let name = "oldest_failure_age_seconds";
        self.head(name, "gauge", "Age of the oldest failure of a task that has not succeeded since, or 0.");
        self.line(name, &[], state.oldest_failure_age().as_secs_f64());
        if let Some(last) = state.last_completion {
            let name = "last_completion_timestamp_seconds";
            self.head(name, "gauge", "Time when a task last completed.");
            self.line(name, &[], seconds(last));
        }
        let name = "task_last_duration_seconds";
        self.head(name, "gauge", "Longest last duration of a task among the objects of a type.");
        for ((of_type, task), duration) in &state.durations {
            self.line(name, &[("type", of_type), ("task", task)], duration.as_secs_f64());
        }
    }

    fn results(&mut self, counted: &Counted) {
        let name = "task_results_total";
        self.head(name, "counter", "Results of tasks in the runs of this process.");
        for ((of_type, outcome), count) in &counted.outcomes {
            self.line(name, &[("type", of_type), ("outcome", outcome)], count);
        }
        self.head("task_duration_seconds", "histogram", "Durations of tasks in the runs of this process.");
        for ((of_type, task), durations) in &counted.durations {
            let labels = [("type", *of_type), ("task", *task)];
            let bucket = "task_duration_seconds_bucket";
            for (count, bound) in durations.buckets.iter().zip(BUCKETS) {
                self.line(bucket, &[labels[0], labels[1], ("le", &bound.to_string())], count);
            }
            self.line(bucket, &[labels[0], labels[1], ("le", "+Inf")], durations.count);
            self.line("task_duration_seconds_sum", &labels, durations.seconds);
            self.line("task_duration_seconds_count", &labels, durations.count);
        }
    }

    /// Writes the description of a metric.
    fn head(&mut self, name: &str, of_type: &str, help: &str) {
        // Writing to a string does not fail.
        let _ = write!(self.0, "# HELP setup_tasks_{name} {help}\n# TYPE setup_tasks_{name} {of_type}\n");
    }

    /// Writes a value with its labels.
    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> = labels.iter().map(|(label, value)| format!("{label}=\"{}\"", escape(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "setup_tasks_{name}{labels} {value}");
    }
}

/// Returns the value of a label, without secrets and escaped.
fn escape(value: &str) -> String {
    redact(value).replace('\\', "\\\\").replace('\n', "\\n").replace('"', "\\\"")
}

/// Returns the number of seconds from 1970 to a time.
fn seconds(time: Timestamp) -> f64 {
    SystemTime::from(time).duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
