//! The state of a layout by its records.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::run::Decision;
use setup_tasks::stamp::{AttemptEnd, HistoryFilter, StampError, Timestamp};
use setup_tasks::{AnyObject, Layout, Reason};

/// The state of a task by its record. No hash, input or invalidator is consulted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum TaskState {
    /// The task is up to date as far as its record shows.
    Done,
    /// The task runs in the next run.
    Due,
    /// The last attempt failed.
    Failed,
    /// The last attempt never ended.
    Interrupted,
    /// The completion check of the task decides.
    Unknown,
}

impl TaskState {
    /// Returns the name of the state in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Due => "due",
            Self::Failed => "failed",
            Self::Interrupted => "interrupted",
            Self::Unknown => "unknown",
        }
    }

    fn of(decision: Option<&Decision>) -> Self {
        match decision {
            Some(Decision::Run(Reason::Failed { .. })) => Self::Failed,
            Some(Decision::Run(Reason::Interrupted)) => Self::Interrupted,
            Some(Decision::Run(_)) => Self::Due,
            Some(_) => Self::Done,
            None => Self::Unknown,
        }
    }
}

/// A task that failed and has not succeeded since.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The id of the object.
    pub object: String,
    /// The name of the task in its records.
    pub task: String,
    /// The time of the first failure after the last success.
    pub since: Timestamp,
}

/// The state of a layout by its records.
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks_telemetry::LayoutState;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door;
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self) -> Result<()> {
///         Err(std::io::Error::other("the paint is dry").into())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Door)?;
/// layout.run().await?;
/// let state = LayoutState::of(&layout).await?;
/// assert_eq!(state.oldest_failure().unwrap().task, "paint");
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct LayoutState {
    /// The number of objects of each type.
    pub objects: BTreeMap<&'static str, u64>,
    /// The number of tasks of each type of objects in each state.
    pub tasks: BTreeMap<(&'static str, TaskState), u64>,
    /// The longest last duration of each task of each type of objects.
    pub durations: BTreeMap<(&'static str, String), Duration>,
    /// The tasks that failed and have not succeeded since.
    pub failures: Vec<Failure>,
    /// The time when a task last completed.
    pub last_completion: Option<Timestamp>,
}

impl LayoutState {
    /// Reads the state of a layout. No method of a model is called.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn of(layout: &Layout) -> Result<Self, StampError> {
        let mut state = Self::default();
        for object in layout.all() {
            state.add(layout, &object).await?;
        }
        Ok(state)
    }

    async fn add(&mut self, layout: &Layout, object: &AnyObject) -> Result<(), StampError> {
        let of_type = object.type_name();
        *self.objects.entry(of_type).or_default() += 1;
        let leaves = object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves);
        for task in leaves.filter(|task| task.category() == TaskCategory::Task) {
            let state = TaskState::of(task.peek().await?.as_ref());
            *self.tasks.entry((of_type, state)).or_default() += 1;
            if let Some(stamp) = task.last_run().await? {
                self.last_completion = self.last_completion.max(Some(stamp.time));
                let longest = self.durations.entry((of_type, task.stamp_name().to_owned())).or_default();
                *longest = (*longest).max(Duration::from_micros(stamp.duration_us));
            }
            if state == TaskState::Failed
                && let Some(since) = failing_since(layout, object, task.stamp_name()).await?
            {
                self.failures.push(Failure {
                    object: object.id().to_owned(),
                    task: task.stamp_name().to_owned(),
                    since,
                });
            }
        }
        Ok(())
    }

    /// Returns the failure that has lasted for the longest time.
    pub fn oldest_failure(&self) -> Option<&Failure> {
        self.failures.iter().min_by_key(|failure| failure.since)
    }

    /// Returns how long the oldest failure has lasted, or zero without a failure.
    pub fn oldest_failure_age(&self) -> Duration {
        let since = self.oldest_failure().map(|failure| SystemTime::from(failure.since));
        since.and_then(|since| since.elapsed().ok()).unwrap_or_default()
    }
}

/// Returns the time of the first failure of a task after its last success.
async fn failing_since(layout: &Layout, object: &AnyObject, task: &str) -> Result<Option<Timestamp>, StampError> {
    let filter = HistoryFilter::new().object(object.stamp_subdir()).task(task);
    let history = layout.history(&filter).await?;
    let is_failure = |end| matches!(end, AttemptEnd::Failed | AttemptEnd::UndoFailed);
    // The latest entry is the first one.
    let failed = history.iter().take_while(|entry| is_failure(entry.ended) || entry.ended == AttemptEnd::Skipped);
    Ok(failed.filter(|entry| is_failure(entry.ended)).last().map(|entry| entry.time))
}
