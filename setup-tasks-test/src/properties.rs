//! Properties that every layout should have.

use std::fmt::Write as _;

use setup_tasks::fleet::{FleetError, FleetReport};
use setup_tasks::run::TaskStatus;
use setup_tasks::{Layout, Reason};

use crate::claims::TasksOfReport;

/// A property that a layout does not have.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PropertyError {
    /// A run cannot begin.
    #[error(transparent)]
    Fleet(#[from] FleetError),
    /// A run failed.
    #[error("the {run} run failed:{problems}")]
    Failed {
        /// `first`, `second` or `last`.
        run: &'static str,
        /// The errors, one line per object.
        problems: String,
    },
    /// The second run changed something.
    #[error("the second run, which verified, changed something:{tasks}")]
    Changed {
        /// The tasks with the reasons for which they ran, one line per task.
        tasks: String,
    },
    /// Tasks failed alone.
    #[error("these tasks failed alone:{problems}")]
    NotAlone {
        /// The errors, one line per task.
        problems: String,
    },
}

/// Runs a layout twice, and checks that the second run changes nothing. The second run verifies: it also asks machines and other slow
/// observers, and calls slow invalidators. A task that is marked `always` may run again, if it reports that it changed nothing.
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks_test::second_run_changes_nothing;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door;
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self) {}
///
///     #[setup_task("Hang it", invalidator = hangs)]
///     fn hang(&self) {}
///
///     fn hangs(&self) -> bool {
///         false
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Door)?;
/// let error = second_run_changes_nothing(&layout).await.unwrap_err().to_string();
/// assert_eq!(error, "the second run, which verified, changed something:\n  door/hang: its invalidator reports that it is no longer valid");
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`PropertyError`] with each task that ran and changed something, or with the errors of a run that failed.
pub async fn second_run_changes_nothing(layout: &Layout) -> Result<(), PropertyError> {
    succeeded("first", &layout.run().await?)?;
    let second = layout.run().verify().await?;
    succeeded("second", &second)?;
    let mut tasks = String::new();
    for result in &second.objects {
        for task in result.leaves().filter(|task| task.status == TaskStatus::Ran) {
            let reason = task.reason.as_ref().map(Reason::to_string).unwrap_or_default();
            let _ = write!(tasks, "\n  {}/{}: {reason}", result.object, task.task);
        }
    }
    if tasks.is_empty() { Ok(()) } else { Err(PropertyError::Changed { tasks }) }
}

pub(crate) fn succeeded(run: &'static str, report: &FleetReport) -> Result<(), PropertyError> {
    if report.is_success() {
        return Ok(());
    }
    let problems = report.failures().iter().map(|failure| format!("\n  {failure}")).collect();
    Err(PropertyError::Failed { run, problems })
}
