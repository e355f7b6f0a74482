//! Assertions about runs and plans.

use std::collections::BTreeMap;
use std::fmt::Write;

use setup_tasks::fleet::{FleetReport, ObjectResult};
use setup_tasks::run::{ObjectReport, TaskReport, TaskStatus};
use setup_tasks::{Layout, Reason};

/// A report of a run, for the assertions.
#[doc(hidden)]
pub trait TasksOfReport {
    /// Returns all tasks that are not up to date, each with its object.
    fn tasks(&self) -> Vec<(&str, &TaskReport)>;

    /// Returns the failures, one per line.
    fn failures(&self) -> Vec<String>;
}

impl TasksOfReport for FleetReport {
    fn tasks(&self) -> Vec<(&str, &TaskReport)> {
        self.objects.iter().flat_map(|result| result.leaves().map(|task| (&*result.object, task))).collect()
    }

    fn failures(&self) -> Vec<String> {
        self.objects.iter().filter(|result| result.is_failure()).map(failure).collect()
    }
}

fn failure(result: &ObjectResult) -> String {
    match &result.error {
        Some(error) => format!("{}: {}", result.object, setup_tasks::error::explain(error.get().as_ref())),
        None => format!("{}: {:?}", result.object, result.outcome),
    }
}

impl TasksOfReport for ObjectReport {
    fn tasks(&self) -> Vec<(&str, &TaskReport)> {
        fn leaves<'r>(object: &'r str, tasks: &'r [TaskReport], all: &mut Vec<(&'r str, &'r TaskReport)>) {
            for task in tasks {
                if task.subtasks.is_empty() { all.push((object, task)) } else { leaves(object, &task.subtasks, all) }
            }
        }
        let mut all = Vec::new();
        leaves(&self.object, &self.tasks, &mut all);
        all
    }

    fn failures(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Checks that exactly these tasks ran.
#[doc(hidden)]
#[track_caller]
pub fn check_ran(report: &dyn TasksOfReport, expected: &[&str]) {
    let ran =
        report.tasks().into_iter().filter(|(_, task)| matches!(task.status, TaskStatus::Ran | TaskStatus::Unchanged));
    let actual = ran.map(|(object, task)| line(object, task)).collect();
    if let Some(text) = difference("ran", actual, expected, &report.failures()) {
        panic!("{text}");
    }
}

/// Checks that a plan of the layout contains exactly these tasks.
#[doc(hidden)]
pub async fn planned(layout: &Layout, expected: &[&str]) -> Result<(), String> {
    let report = layout.run().dry_run().await.map_err(|error| format!("the plan failed: {error}"))?;
    let is_work = |task: &TaskReport| !matches!(task.status, TaskStatus::UpToDate | TaskStatus::Skipped);
    let work = report.tasks().into_iter().filter(|(_, task)| is_work(task));
    let actual = work.map(|(object, task)| line(object, task)).collect();
    difference("would run", actual, expected, &report.failures()).map_or(Ok(()), Err)
}

/// Returns the name of a task and its reason.
fn line(object: &str, task: &TaskReport) -> (String, String) {
    let reason = match (task.status, &task.undecided) {
        (TaskStatus::Undecided, Some(undecided)) => format!("undecided: {undecided}"),
        (TaskStatus::MayRun, _) => {
            format!("may run, {}", task.reason.as_ref().map(Reason::condition).unwrap_or_default())
        }
        _ => task.reason.as_ref().map(Reason::to_string).unwrap_or_default(),
    };
    (format!("{object}/{}", task.task), reason)
}

/// Returns a text about the difference between tasks and the expected ones, which are names, with or without a reason.
fn difference(verb: &str, actual: Vec<(String, String)>, expected: &[&str], failures: &[String]) -> Option<String> {
    let mut actual: BTreeMap<_, _> = actual.into_iter().collect();
    let mut text = String::new();
    // Writing to a string does not fail.
    for expected in expected {
        // A name contains no colon, unless that of its object does.
        let whole = actual.remove(*expected);
        let found = whole.map(|_| None).or_else(|| {
            let (name, wanted) = expected.split_once(": ")?;
            actual.remove(name).map(|reason| (reason != wanted).then_some((name, reason)))
        });
        let _ = match found {
            None => writeln!(text, "  - {expected}"),
            Some(Some((name, reason))) => writeln!(text, "  - {expected}\n  + {name}: {reason}"),
            Some(None) => Ok(()),
        };
    }
    for (name, reason) in actual {
        let _ = writeln!(text, "  + {name}: {reason}");
    }
    if text.is_empty() {
        return None;
    }
    let mut text = format!("other tasks {verb} than expected (- expected, + {verb}):\n{text}");
    for failure in failures {
        let _ = writeln!(text, "failed: {failure}");
    }
    Some(text.trim_end().to_owned())
}

/// Asserts that exactly these tasks ran, in any order. A report is that of a fleet or of an object. A name can be followed by the reason:
/// `"ada/mount: never ran"`.
///
/// ```
/// # use setup_tasks::prelude::*;
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// use setup_tasks_test::{TestLayout, assert_ran};
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let test = TestLayout::new();
/// test.add(Door)?;
/// assert_ran!(test.run().await?, ["door/paint: never ran"]);
/// assert_ran!(test.run().await?, []);
/// # Ok(()) }
/// ```
#[macro_export]
macro_rules! assert_ran {
    ($report:expr, [$($task:expr),* $(,)?] $(,)?) => {
        $crate::__private::check_ran(&$report, &[$($task),*])
    };
}

/// Asserts that a plan of the layout contains exactly these tasks, in any order. A name can be followed by the reason:
/// `"ada/mount: never ran"`. It awaits the plan.
#[macro_export]
macro_rules! assert_plan {
    ($layout:expr, [$($task:expr),* $(,)?] $(,)?) => {
        if let Err(text) = $crate::__private::planned(&$layout, &[$($task),*]).await {
            panic!("{text}");
        }
    };
}

/// Asserts that a plan of the layout contains no task. It awaits the plan.
#[macro_export]
macro_rules! assert_up_to_date {
    ($layout:expr $(,)?) => {
        $crate::assert_plan!($layout, [])
    };
}
