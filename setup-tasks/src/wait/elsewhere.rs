//! Waits that lead through other processes, as data. Each process states which objects it has
//! locked, which of their tasks it has considered, and which waits their runs have entered.

use serde::{Deserialize, Serialize};

use super::circle::Circle;
use crate::stamp::Timestamp;

/// The statement of one process about the leases that it holds and the leases that it waits for.
/// Processes [exchange](crate::lease::Leases::exchange) it in serialized form.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProcessWaits {
    /// The version of the format.
    pub(crate) version: u32,
    /// The name of the process in errors, such as `process 4711 on web`.
    pub(crate) process: String,
    /// The identity of this run of the process.
    pub(crate) run: String,
    /// The identity of the clock of [`PassedTask::at`], which the processes of one machine share.
    #[serde(default)]
    pub(crate) clock: String,
    /// The number of the statement. The process makes the next one when this one was received.
    #[serde(default)]
    pub(crate) number: u64,
    /// The subdirs of the objects whose leases its runs wait for.
    #[serde(default)]
    pub(crate) wanted: Vec<String>,
    /// The objects whose leases it holds.
    pub(crate) held: Vec<HeldObject>,
}

/// An object whose lease a process holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct HeldObject {
    pub(crate) subdir: String,
    /// The object's id.
    pub(crate) object: String,
    /// The identity of this lease. It differs from that of earlier leases of the same process.
    pub(crate) session: u64,
    /// The current activity of the process on the object, as the rest of a sentence: "runs `mount`
    /// (Mount the share), for 3.0 s".
    pub(crate) doing: String,
    /// The tasks that were considered since the run began.
    pub(crate) passed: Vec<PassedTask>,
    /// The waits of the object's run for other processes, directly or through other work.
    pub(crate) waits: Vec<WaitElsewhere>,
}

/// A task that a run has considered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct PassedTask {
    pub(crate) task: String,
    /// The time when the task last completed.
    pub(crate) time: Option<Timestamp>,
    /// The time when the task was considered, by the clock that all processes of a host share; 0 if
    /// that was before the lease was acquired.
    pub(crate) at: u64,
}

/// A wait for an object whose lease another process holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct WaitElsewhere {
    pub(crate) subdir: String,
    /// The awaited task, or `None` if the wait is for the object's lease.
    pub(crate) task: Option<String>,
    /// The path to the wait: the held object first, then the objects and factories of the same
    /// process through which it leads.
    pub(crate) through: Vec<String>,
    /// The identities of the waits on that path. The process gives each of them to one wait only.
    #[serde(default)]
    pub(crate) path: Vec<u64>,
}

/// A circle that the statements of several processes show. They may be of different times, so one
/// of its waits may have ended before another one began.
#[derive(Clone, Debug)]
pub(crate) struct StatedCircle {
    pub(crate) circle: Circle,
    waits: Vec<StatedWait>,
}

/// A wait on a circle, as a process has stated it.
#[derive(Clone, Debug)]
struct StatedWait {
    run: String,
    session: u64,
    path: Vec<u64>,
    /// The number of the statement.
    number: u64,
}

impl StatedCircle {
    /// Returns whether the circle consists of the same waits as another one.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let identity = |wait: &StatedWait| (wait.run.clone(), wait.session, wait.path.clone());
        self.waits.iter().map(identity).eq(other.waits.iter().map(identity))
    }

    /// Returns whether all waits were in progress when the statements of an earlier circle had been
    /// read. Each process must have stated the same wait in two statements since: the first one may
    /// have been under way, and the second one was made later.
    pub(crate) fn is_proven_by(&self, earlier: &Self) -> bool {
        let pairs = || self.waits.iter().zip(&earlier.waits);
        self.is_same(earlier) && pairs().all(|(now, before)| now.number >= before.number + 2)
    }
}

impl HeldObject {
    pub(crate) fn passed(&self, task: &str) -> Option<&PassedTask> {
        self.passed.iter().find(|passed| passed.task == task)
    }
}

impl ProcessWaits {
    /// The version of the format.
    pub(crate) const VERSION: u32 = 1;

    /// Returns the statement of a process that holds nothing.
    pub(crate) fn none() -> Self {
        Self {
            version: Self::VERSION,
            process: String::new(),
            run: String::new(),
            clock: String::new(),
            number: 0,
            wanted: Vec::new(),
            held: Vec::new(),
        }
    }

    /// Returns the subdirs of the objects whose leases the process waits for.
    pub fn wanted(&self) -> &[String] {
        &self.wanted
    }

    pub(crate) fn holds(&self, subdir: &str) -> Option<&HeldObject> {
        self.held.iter().find(|held| held.subdir == subdir)
    }
}

/// Returns the circle that a wait of an object of `own` closes, if it closes one.
///
/// The first wait counts as in progress; the caller checks whether it is over. A later wait is over
/// if its task was considered.
pub(crate) fn find_circle(
    own: &ProcessWaits,
    from: &HeldObject,
    wait: &WaitElsewhere,
    others: &[ProcessWaits],
) -> Option<StatedCircle> {
    let stated = |process: &ProcessWaits, from: &HeldObject, wait: &WaitElsewhere| StatedWait {
        run: process.run.clone(),
        session: from.session,
        path: wait.path.clone(),
        number: process.number,
    };
    let mut seen: Vec<&str> = Vec::new();
    let mut open = vec![(wait, wait.through.clone(), vec![stated(own, from, wait)])];
    while let Some((wait, path, waits)) = open.pop() {
        for process in others.iter().chain([own]) {
            let is_other = !std::ptr::eq(process, own);
            let Some(target) = process.holds(&wait.subdir) else { continue };
            let is_over = wait.task.as_deref().is_some_and(|task| target.passed(task).is_some());
            if is_over && waits.len() > 1 {
                continue;
            }
            if !is_other && target.subdir == from.subdir {
                return Some(StatedCircle { circle: Circle::of_names(path), waits });
            }
            if seen.contains(&target.subdir.as_str()) {
                continue;
            }
            seen.push(&target.subdir);
            for next in &target.waits {
                let mut names = next.through.clone();
                if let Some(name) = names.first_mut().filter(|_| is_other) {
                    *name = format!("{name} (in {})", process.process);
                }
                let waits = waits.iter().cloned().chain([stated(process, target, next)]).collect();
                open.push((next, path.iter().cloned().chain(names).collect(), waits));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wait(subdir: &str, task: &str, through: &[&str]) -> WaitElsewhere {
        let task = (!task.is_empty()).then(|| task.to_owned());
        let through = through.iter().map(ToString::to_string).collect();
        WaitElsewhere { subdir: subdir.to_owned(), task, through, path: vec![1] }
    }

    fn held(subdir: &str, passed: &[&str], waits: &[WaitElsewhere]) -> HeldObject {
        let passed = passed.iter().map(|task| PassedTask { task: (*task).to_owned(), time: None, at: 0 }).collect();
        let (subdir, object) = (subdir.to_owned(), subdir.to_owned());
        HeldObject { subdir, object, session: 1, doing: String::new(), passed, waits: waits.to_vec() }
    }

    fn process(number: u32, held: &[HeldObject]) -> ProcessWaits {
        let (process, run) = (format!("process {number}"), number.to_string());
        ProcessWaits { process, run, number: 1, held: held.to_vec(), ..ProcessWaits::none() }
    }

    fn circle_of(own: &ProcessWaits, others: &[ProcessWaits]) -> Option<StatedCircle> {
        find_circle(own, &own.held[0], &own.held[0].waits[0], others)
    }

    /// Returns the circle that the first wait of the first object of the first process closes.
    fn found(processes: &[ProcessWaits]) -> Option<String> {
        let [own, others @ ..] = processes else { return None };
        circle_of(own, others).map(|found| found.circle.to_string())
    }

    #[test]
    fn two_objects_that_wait_for_each_others_tasks_are_a_circle() {
        let a = process(1, &[held("a", &[], &[wait("b", "t", &["`a`", "`c`"])])]);
        let b = process(2, &[held("b", &["r"], &[wait("a", "s", &["`b`"])])]);
        let text = "waiting would never end: `a` -> `c` -> `b` (in process 2) -> `a`";
        assert_eq!(found(&[a, b]).as_deref(), Some(text));
    }

    #[test]
    fn a_wait_for_a_task_that_was_considered_is_over() {
        let a = process(1, &[held("a", &["s"], &[wait("b", "t", &["`a`"])])]);
        let b = process(2, &[held("b", &[], &[wait("a", "s", &["`b`"])])]);
        assert_eq!(found(&[a.clone(), b]), None);
        // A wait for the lease is not over.
        let b = process(2, &[held("b", &[], &[wait("a", "", &["`b`"])])]);
        assert!(found(&[a, b]).is_some());
    }

    #[test]
    fn the_first_wait_counts_even_if_its_task_was_considered() {
        let a = process(1, &[held("a", &[], &[wait("b", "t", &["`a`"])])]);
        let b = process(2, &[held("b", &["t"], &[wait("a", "s", &["`b`"])])]);
        assert!(found(&[a, b]).is_some());
    }

    #[test]
    fn a_circle_is_proven_if_each_process_has_stated_its_wait_twice_more() {
        let a = process(1, &[held("a", &[], &[wait("b", "t", &["`a`"])])]);
        let b = process(2, &[held("b", &[], &[wait("a", "s", &["`b`"])])]);
        let later = |process: &ProcessWaits, number| ProcessWaits { number, ..process.clone() };
        let first = circle_of(&a, std::slice::from_ref(&b)).unwrap();
        let proven = |own: &ProcessWaits, other: &ProcessWaits| {
            circle_of(own, std::slice::from_ref(other)).unwrap().is_proven_by(&first)
        };
        assert!(proven(&later(&a, 3), &later(&b, 3)));
        assert!(!proven(&later(&a, 3), &later(&b, 2)) && !proven(&later(&a, 2), &later(&b, 3)));
        assert!(!proven(&a, &b));
        // The same task is awaited again, and the first wait for it has ended.
        let mut other = later(&b, 9);
        other.held[0].waits[0].path = vec![2];
        assert!(!proven(&later(&a, 9), &other));
        let mut other = later(&b, 9);
        other.held[0].session = 2;
        assert!(!proven(&later(&a, 9), &other));
        let other = ProcessWaits { run: "new".to_owned(), ..later(&b, 9) };
        assert!(!proven(&later(&a, 9), &other));
    }

    #[test]
    fn a_circle_leads_through_any_number_of_processes_and_branches() {
        let a = process(1, &[held("a", &[], &[wait("b", "t", &["`a`"])])]);
        let waits = [wait("x", "t", &["`b`"]), wait("c", "t", &["`b`"])];
        let b = process(2, &[held("x", &[], &[wait("b", "t", &["`x`"])]), held("b", &[], &waits)]);
        let c = process(3, &[held("c", &[], &[wait("a", "t", &["`c`"])])]);
        let text = "waiting would never end: `a` -> `b` (in process 2) -> `c` (in process 3) -> `a`";
        assert_eq!(found(&[a.clone(), b.clone(), c]).as_deref(), Some(text));
        // A process that is not on the circle does not report it.
        let c = process(3, &[held("c", &[], &[wait("b", "t", &["`c`"])])]);
        assert_eq!(found(&[a, b, c]), None);
    }
}
