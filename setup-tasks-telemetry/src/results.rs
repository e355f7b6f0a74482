//! The results of the runs of this process, counted from events.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use setup_tasks::Layout;
use setup_tasks::event::{Event, EventKind, Listening};

/// The upper bounds of the buckets of durations, in seconds.
pub(crate) const BUCKETS: [f64; 8] = [0.1, 0.5, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0];

/// The type of an object that was added to the layout later.
const UNKNOWN: &str = "unknown";

/// A result of a task.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TaskResult {
    /// The name of the type of the object.
    pub(crate) type_name: &'static str,
    pub(crate) task: &'static str,
    pub(crate) outcome: &'static str,
    /// The duration of the task's method, or `None` if it was not called.
    pub(crate) duration: Option<Duration>,
}

/// The number of results of each type of objects and each outcome, and the durations of tasks.
///
/// A clone counts into the same numbers.
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks_telemetry::{Results, prometheus};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Door)?;
/// let results = Results::default();
/// let counting = results.count(&layout);
/// layout.run().await?;
/// counting.flush().await;
/// let text = prometheus::render(&layout, &results).await?;
/// assert!(text.contains("setup_tasks_task_results_total{type=\"Door\",outcome=\"ran\"} 1\n"));
/// # Ok(()) }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Results(Arc<Mutex<Counted>>);

/// The counted results.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// The number of results by type and outcome.
    pub(crate) outcomes: BTreeMap<(&'static str, &'static str), u64>,
    /// The durations by type and task.
    pub(crate) durations: BTreeMap<(&'static str, &'static str), Durations>,
}

/// The distribution of durations.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Durations {
    /// The number of durations up to each bound.
    pub(crate) buckets: [u64; BUCKETS.len()],
    pub(crate) count: u64,
    pub(crate) seconds: f64,
}

impl Durations {
    fn add(&mut self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        for (bucket, _) in self.buckets.iter_mut().zip(BUCKETS).filter(|(_, bound)| seconds <= *bound) {
            *bucket += 1;
        }
        self.count += 1;
        self.seconds += seconds;
    }
}

impl Results {
    /// Counts the results of later runs of a layout. Results count until the layout is dropped.
    pub fn count(&self, layout: &Layout) -> Listening {
        let counted = self.clone();
        listen(layout, move |result| counted.lock().add(&result))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Counted> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counted {
    fn add(&mut self, result: &TaskResult) {
        *self.outcomes.entry((result.type_name, result.outcome)).or_default() += 1;
        if let Some(duration) = result.duration {
            self.durations.entry((result.type_name, result.task)).or_default().add(duration);
        }
    }
}

/// Calls a function with each later result of a task.
pub(crate) fn listen(layout: &Layout, listener: impl Fn(TaskResult) + Send + 'static) -> Listening {
    let types: HashMap<_, _> =
        layout.all().into_iter().map(|object| (object.id().to_owned(), object.type_name())).collect();
    layout.on_event(move |event| {
        if let Some((outcome, duration)) = outcome(event) {
            let type_name = types.get(&*event.object).copied().unwrap_or(UNKNOWN);
            listener(TaskResult { type_name, task: event.task, outcome, duration });
        }
    })
}

/// Returns the outcome and the duration of the task that an event ends, or `None` for other events.
fn outcome(event: &Event) -> Option<(&'static str, Option<Duration>)> {
    Some(match &event.kind {
        EventKind::TaskRan { duration } => ("ran", Some(*duration)),
        EventKind::TaskUnchanged { duration } => ("unchanged", Some(*duration)),
        EventKind::TaskFail { duration, .. } => ("failed", Some(*duration)),
        EventKind::TaskAlreadyRun => ("up_to_date", None),
        EventKind::TaskSkipped => ("skipped", None),
        EventKind::TaskDrifted { .. } => ("drifted", None),
        EventKind::TaskUndone { duration } => ("undone", Some(*duration)),
        EventKind::TaskForgotten => ("forgotten", None),
        EventKind::UndoFail { duration, .. } => ("undo_failed", Some(*duration)),
        _ => return None,
    })
}
