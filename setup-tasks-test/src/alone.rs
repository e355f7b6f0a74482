//! The property that each task can run alone.

use std::fmt::Write as _;

use setup_tasks::Layout;
use setup_tasks::inspect::TaskCategory;

use crate::PropertyError;
use crate::claims::TasksOfReport;
use crate::properties::succeeded;

/// Runs a layout, and then each task alone, as `up --force OBJECT/TASK` does. Checks that each task succeeds, so that none needs something that
/// an earlier task leaves only within its process. At last, checks that a run of the whole layout succeeds, too.
///
/// ```
/// use std::sync::atomic::{AtomicBool, Ordering};
///
/// use setup_tasks::prelude::*;
/// use setup_tasks_test::{TestLayout, each_task_alone};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door { has_key: AtomicBool }
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Fetch the key")]
///     fn fetch(&self) {
///         self.has_key.store(true, Ordering::Relaxed);
///     }
///
///     #[setup_task("Open it")]
///     fn open(&self) -> Result<()> {
///         if self.has_key.swap(false, Ordering::Relaxed) { Ok(()) } else { Err(anyhow::anyhow!("there is no key")) }
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let test = TestLayout::new();
/// test.add(Door { has_key: AtomicBool::new(false) })?;
/// let error = each_task_alone(&test).await.unwrap_err().to_string();
/// assert!(error.contains("\n  door/open: ") && error.contains("there is no key"), "{error}");
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// [`PropertyError`] with each task that failed alone.
pub async fn each_task_alone(layout: &Layout) -> Result<(), PropertyError> {
    succeeded("first", &layout.run().await?)?;
    let mut problems = String::new();
    for object in layout.all() {
        let tasks = object.inspect().into_iter().filter(|task| task.category() == TaskCategory::Task);
        for name in tasks.map(|task| format!("{}/{}", object.id(), task.stamp_name())) {
            let report = layout.run().force(&name).only_forced().await?;
            if !report.is_success() {
                let _ = write!(problems, "\n  {name}: {}", report.failures().join("; "));
            }
        }
    }
    if !problems.is_empty() {
        return Err(PropertyError::NotAlone { problems });
    }
    succeeded("last", &layout.run().await?)
}
