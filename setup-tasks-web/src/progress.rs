//! The progress of runs, and the estimate of their remaining time.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use setup_tasks::activity::Snapshot;
use setup_tasks::stamp::Timestamp;

use crate::built::Built;
use crate::plan::Planned;
use crate::state::State;

/// The progress of a run.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RunProgress {
    pub(crate) pid: u32,
    /// Whether the page started the run.
    pub(crate) is_own: bool,
    pub(crate) since: Timestamp,
    pub(crate) objects: usize,
    pub(crate) ended: usize,
    /// The number of running tasks.
    pub(crate) running: usize,
    pub(crate) left: Option<Duration>,
}

/// The durations of tasks, by subdir and name.
pub(crate) type Durations = HashMap<(String, String), Duration>;

/// The tasks that runs have left to do.
#[derive(Debug, Default)]
pub(crate) struct Remaining {
    /// The times at which tasks last ended, by subdir and name.
    ended: HashMap<(String, String), Timestamp>,
    /// The greatest number of tasks that ran at once.
    jobs: usize,
}

impl Remaining {
    /// Records that a task has ended.
    pub(crate) fn end(&mut self, subdir: &str, task: &str, at: Timestamp) {
        self.ended.insert((subdir.to_owned(), task.to_owned()), at);
    }

    /// Returns the progress of the runs of a process.
    pub(crate) fn progress(&mut self, snapshot: &Snapshot, own_pid: u32, left: Option<Duration>) -> Vec<RunProgress> {
        let running = snapshot.activities.iter().filter(|activity| activity.reason.is_some()).count();
        self.jobs = self.jobs.max(running);
        let progress = snapshot.fleets.iter().map(|fleet| RunProgress {
            pid: snapshot.pid,
            is_own: snapshot.pid == own_pid,
            since: fleet.since,
            objects: fleet.objects,
            ended: fleet.ended.min(fleet.objects),
            running,
            left: left.filter(|_| fleet.ended < fleet.objects),
        });
        progress.collect()
    }

    /// Estimates the remaining time of a run that does what the last plan contains. Returns `None` if fewer than half of the pending
    /// tasks have run before. A task that has not run before counts with the average. Objects run in parallel.
    pub(crate) fn left(
        &self,
        built: &Built,
        plan: &Planned,
        took: &Durations,
        snapshots: &[Snapshot],
    ) -> Option<Duration> {
        let now = SystemTime::now();
        let began = snapshots.iter().flat_map(|snapshot| &snapshot.fleets).map(|fleet| fleet.since).min()?;
        let mut since = HashMap::new();
        for activity in snapshots.iter().flat_map(|snapshot| &snapshot.activities) {
            if let (Some(task), Some(_)) = (&activity.task, &activity.reason) {
                since.insert((activity.name.as_str(), task.as_str()), activity.since);
            }
        }
        let mut pending: Vec<Vec<(Option<Duration>, Duration)>> = Vec::new();
        for result in &plan.report.objects {
            let Some(at) = built.index(&result.object) else { continue };
            let subdir = built.objects[at].object.stamp_subdir();
            let would = result.leaves().filter(|task| crate::plan::task_state(task.status) == Some(State::WouldRun));
            let own = would.filter_map(|task| {
                let key = (subdir.to_owned(), task.task.to_owned());
                let spent = since.get(&(&*result.object, task.task)).map(|since| SystemTime::from(*since));
                let spent = spent.and_then(|since| now.duration_since(since).ok()).unwrap_or_default();
                self.ended.get(&key).is_none_or(|at| *at < began).then(|| (took.get(&key).copied(), spent))
            });
            pending.push(own.collect());
        }
        estimate(&pending, self.jobs)
    }
}

/// Returns the longest sum of one object, or the sum of all divided by the number of jobs, whichever is longer. A task is its
/// duration, if that is known, and the time that it has spent.
fn estimate(pending: &[Vec<(Option<Duration>, Duration)>], jobs: usize) -> Option<Duration> {
    let all = pending.iter().map(Vec::len).sum::<usize>();
    let known: Vec<_> = pending.iter().flatten().filter_map(|(took, _)| *took).collect();
    if known.is_empty() || known.len() * 2 < all {
        return None;
    }
    let average = known.iter().sum::<Duration>() / u32::try_from(known.len()).unwrap_or(u32::MAX);
    let left = |&(took, spent): &(Option<Duration>, Duration)| took.unwrap_or(average).saturating_sub(spent);
    let each: Vec<Duration> = pending.iter().map(|object| object.iter().map(left).sum()).collect();
    let jobs = u32::try_from(jobs.clamp(1, pending.len().max(1))).unwrap_or(u32::MAX);
    let longest = each.iter().max().copied().unwrap_or_default();
    Some(longest.max(each.iter().sum::<Duration>() / jobs))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(took: u64) -> (Option<Duration>, Duration) {
        (Some(Duration::from_secs(took)), Duration::ZERO)
    }

    #[test]
    fn objects_run_beside_each_other_and_tasks_one_after_another() {
        let pending = [vec![seconds(10), seconds(20)], vec![seconds(6)]];
        assert_eq!(estimate(&pending, 2), Some(Duration::from_secs(30)));
        assert_eq!(estimate(&pending, 1), Some(Duration::from_secs(36)));
    }

    #[test]
    fn a_running_task_has_less_left_and_an_unknown_one_counts_with_the_average() {
        let running = (Some(Duration::from_secs(10)), Duration::from_secs(4));
        assert_eq!(estimate(&[vec![running]], 1), Some(Duration::from_secs(6)));
        let late = (Some(Duration::from_secs(10)), Duration::from_secs(40));
        assert_eq!(estimate(&[vec![late]], 1), Some(Duration::ZERO));
        let unknown = (None, Duration::ZERO);
        assert_eq!(estimate(&[vec![seconds(10), unknown]], 1), Some(Duration::from_secs(20)));
        assert_eq!(estimate(&[vec![seconds(10), unknown, unknown]], 1), None, "most are unknown");
        assert_eq!(estimate(&[], 1), None);
    }
}
