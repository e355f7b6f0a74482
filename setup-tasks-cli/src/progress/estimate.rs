//! The estimate of the remaining time, from the durations of earlier runs.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use setup_tasks::event::{Event, EventKind};
use setup_tasks::fleet::FleetReport;
use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::run::{Decision, TaskStatus};
use setup_tasks::stamp::{AttemptEnd, HistoryFilter};
use setup_tasks::{AnyObject, Layout};

/// The number of history entries that are read, the latest first.
const HISTORY: usize = 20_000;

/// The tasks of a run and their progress.
pub(super) struct Estimate {
    objects: HashMap<String, Vec<Todo>>,
    /// The number of objects that run at once.
    jobs: usize,
    pub(super) total: usize,
    pub(super) done: usize,
}

struct Todo {
    task: String,
    /// The duration of its last run.
    took: Option<Duration>,
    state: TodoState,
}

#[derive(Clone, Copy, PartialEq)]
enum TodoState {
    /// The run has not reached it. By its stamp, it is up to date.
    Perhaps,
    /// It is expected to run.
    Expected,
    Running(Instant),
    Done,
}

impl Estimate {
    /// Builds the estimate from stamps and history, without calling methods of models. Records that cannot be read are left out.
    pub(super) async fn new(layout: &Layout, objects: &[AnyObject], tags: &[String], jobs: usize) -> Self {
        let took = durations(layout, |ended| matches!(ended, AttemptEnd::Ran | AttemptEnd::Unchanged)).await;
        let mut estimate = Self { objects: HashMap::new(), jobs, total: 0, done: 0 };
        for object in objects.iter().filter(|object| !object.readonly() && !object.is_retired()) {
            let mut todo = Vec::new();
            for task in object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves) {
                let is_chosen =
                    tags.is_empty() || task.tags().iter().any(|tag| tags.iter().any(|chosen| chosen == tag));
                if task.category() != TaskCategory::Task || !is_chosen {
                    continue;
                }
                let runs = matches!(task.peek().await, Ok(Some(Decision::Run(_))));
                let state = if runs { TodoState::Expected } else { TodoState::Perhaps };
                let name = task.stamp_name().to_owned();
                let took = last_duration(&took, object, &name);
                todo.push(Todo { task: name, took, state });
            }
            estimate.total += todo.len();
            estimate.objects.insert(object.id().to_owned(), todo);
        }
        estimate
    }

    /// Builds the estimate of a run that brings objects down, from its plan and from the durations of earlier undos.
    pub(super) async fn of_plan(layout: &Layout, planned: &FleetReport, jobs: usize) -> Self {
        let took = durations(layout, |ended| ended == AttemptEnd::Undone).await;
        let mut estimate = Self { objects: HashMap::new(), jobs, total: 0, done: 0 };
        for result in &planned.objects {
            let Some(object) = layout.get(&result.object) else { continue };
            let undos = result.leaves().map(|task| {
                let took = match task.status {
                    TaskStatus::WouldForget => Some(Duration::ZERO),
                    _ => last_duration(&took, &object, task.task),
                };
                Todo { task: task.task.to_owned(), took, state: TodoState::Expected }
            });
            let undos: Vec<_> = undos.collect();
            estimate.total += undos.len();
            estimate.objects.insert(result.object.clone(), undos);
        }
        estimate
    }

    /// Updates the estimate with an event.
    pub(super) fn record(&mut self, event: &Event) {
        let Some(todo) = self.objects.get_mut(&*event.object) else { return };
        if matches!(event.kind, EventKind::ObjectReady | EventKind::ObjectDown | EventKind::ObjectFailed { .. }) {
            for task in todo.iter_mut().filter(|task| task.state != TodoState::Done) {
                (task.state, self.done) = (TodoState::Done, self.done + 1);
            }
            return;
        }
        let Some(at) = todo.iter().position(|task| task.task == event.task) else { return };
        match event.kind {
            EventKind::TaskStart { .. } | EventKind::UndoStart { .. } => {
                todo[at].state = TodoState::Running(Instant::now());
            }
            EventKind::TaskRan { .. } => {
                // Later tasks of the object run, too.
                todo[at + 1..].iter_mut().filter(|task| task.state == TodoState::Perhaps).for_each(|task| {
                    task.state = TodoState::Expected;
                });
                self.end(&event.object, at);
            }
            EventKind::TaskAlreadyRun
            | EventKind::TaskUnchanged { .. }
            | EventKind::TaskSkipped
            | EventKind::TaskFail { .. }
            | EventKind::TaskUndone { .. }
            | EventKind::TaskForgotten
            | EventKind::UndoFail { .. } => {
                self.end(&event.object, at);
            }
            _ => {}
        }
    }

    fn end(&mut self, object: &str, at: usize) {
        let task = self.objects.get_mut(object).and_then(|todo| todo.get_mut(at));
        if let Some(task) = task.filter(|task| task.state != TodoState::Done) {
            (task.state, self.done) = (TodoState::Done, self.done + 1);
        }
    }

    /// Estimates the remaining time, or returns `None` if fewer than half of the pending tasks have run before. A task without a
    /// duration counts with the average. Objects run in parallel, and the tasks of one object run one after another.
    pub(super) fn left(&self) -> Option<Duration> {
        let will_run = |task: &&Todo| matches!(task.state, TodoState::Expected | TodoState::Running(_));
        let all: Vec<_> = self.objects.values().flatten().filter(will_run).collect();
        let known: Vec<_> = all.iter().filter_map(|task| task.took).collect();
        if known.is_empty() || known.len() * 2 < all.len() {
            return None;
        }
        let average = known.iter().sum::<Duration>() / u32::try_from(known.len()).unwrap_or(u32::MAX);
        let left = |task: &Todo| {
            let took = task.took.unwrap_or(average);
            if let TodoState::Running(since) = task.state { took.saturating_sub(since.elapsed()) } else { took }
        };
        let of_object = |todo: &Vec<Todo>| todo.iter().filter(will_run).map(left).sum::<Duration>();
        let each: Vec<_> = self.objects.values().map(of_object).filter(|left| !left.is_zero()).collect();
        let longest = each.iter().max().copied().unwrap_or_default();
        let beside = u32::try_from(self.jobs.min(each.len()).max(1)).unwrap_or(u32::MAX);
        Some(longest.max(each.iter().sum::<Duration>() / beside))
    }
}

/// Returns the duration of a task, also if the history has it under a former name of the task or the object.
fn last_duration(took: &HashMap<(String, String), Duration>, object: &AnyObject, task: &str) -> Option<Duration> {
    object.history_names(task).iter().find_map(|names| took.get(names)).copied()
}

/// Returns the duration of each task's last attempt with an end that counts, by subdir and name.
async fn durations(layout: &Layout, counts: fn(AttemptEnd) -> bool) -> HashMap<(String, String), Duration> {
    let filter = HistoryFilter::new().limit(HISTORY);
    let mut took = HashMap::new();
    for entry in layout.history(&filter).await.unwrap_or_default() {
        if counts(entry.ended) {
            took.entry((entry.object, entry.task)).or_insert(Duration::from_micros(entry.duration_us));
        }
    }
    took
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a str, Option<u64>, TodoState);

    fn estimate(objects: &[(&str, &[Row<'_>])], jobs: usize) -> Estimate {
        let todo = |&(task, took, state): &Row<'_>| {
            let took = took.map(Duration::from_secs);
            Todo { task: task.to_owned(), took, state }
        };
        let objects: HashMap<_, Vec<_>> =
            objects.iter().map(|(id, tasks)| ((*id).to_owned(), tasks.iter().map(todo).collect())).collect();
        Estimate { total: objects.values().map(Vec::len).sum(), objects, jobs, done: 0 }
    }

    fn event(object: &str, task: &'static str, kind: EventKind) -> Event {
        Event::new(object, task, "", kind)
    }

    #[test]
    fn objects_run_beside_each_other_and_their_tasks_after_each_other() {
        let long: &[_] = &[("a", Some(10), TodoState::Expected), ("b", Some(20), TodoState::Expected)];
        let short: &[_] = &[("a", Some(6), TodoState::Expected)];
        assert_eq!(estimate(&[("x", long), ("y", short)], 2).left(), Some(Duration::from_secs(30)));
        assert_eq!(estimate(&[("x", long), ("y", short)], 1).left(), Some(Duration::from_secs(36)));
    }

    #[test]
    fn what_comes_after_a_task_that_ran_will_run() {
        let tasks: &[_] = &[
            ("a", Some(1), TodoState::Expected),
            ("b", Some(7), TodoState::Perhaps),
            ("c", Some(9), TodoState::Perhaps),
        ];
        let mut estimate = estimate(&[("x", tasks)], 4);
        assert_eq!(estimate.left(), Some(Duration::from_secs(1)));
        estimate.record(&event("x", "a", EventKind::TaskRan { duration: Duration::ZERO }));
        assert_eq!((estimate.left(), estimate.done), (Some(Duration::from_secs(16)), 1));
        estimate.record(&event("x", "b", EventKind::TaskUnchanged { duration: Duration::ZERO }));
        assert_eq!((estimate.left(), estimate.done), (Some(Duration::from_secs(9)), 2));
        estimate.record(&event("x", "", EventKind::ObjectReady));
        assert_eq!((estimate.done, estimate.total), (3, 3));
    }

    #[test]
    fn where_little_is_known_nothing_is_promised() {
        let tasks: &[_] =
            &[("a", Some(5), TodoState::Expected), ("b", None, TodoState::Expected), ("c", None, TodoState::Expected)];
        assert_eq!(estimate(&[("x", tasks)], 1).left(), None);
        assert_eq!(estimate(&[("x", &tasks[..2])], 1).left(), Some(Duration::from_secs(10)));
    }
}
