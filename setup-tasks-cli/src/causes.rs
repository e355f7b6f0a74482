//! The chain of causes of a task's run, down to the root.

use std::collections::HashSet;

use setup_tasks::decide::Tense;
use setup_tasks::fleet::FleetReport;
use setup_tasks::inspect::ObjectTaskInspector;
use setup_tasks::run::TaskReport;
use setup_tasks::run::TaskStatus;
use setup_tasks::stamp::{AttemptEnd, HistoryFilter, Timestamp};
use setup_tasks::{AnyObject, Layout, Reason, Result};

use crate::output::{ago, clock};

/// A link of the chain: a task, when it ran or would run, and its reason.
#[derive(Clone, Debug, PartialEq)]
pub struct Cause {
    /// `object/task`.
    pub task: String,
    /// The description of the task.
    pub description: String,
    /// The time of its run.
    pub when: When,
    /// The reason as a clause that follows `because`. `None` if it is not known.
    pub reason: Option<String>,
}

/// The time of a run, or its place in a plan.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// It would run.
    WouldRun,
    /// It runs if an earlier task changes something. The reason is a condition.
    MayRun,
    /// A plan cannot decide about it.
    Undecided,
    /// It ran at this time.
    Ran(Timestamp),
    /// It ran at this time and changed nothing.
    Unchanged(Timestamp),
    /// It was marked as done at this time.
    Marked(Timestamp),
}

/// The certainty of a run whose causes are searched.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Certainty {
    /// It is certain.
    Certain,
    /// The run depends on a change that a plan expects perhaps.
    Possible,
}

/// A search for causes in a plan and in the history. If the plan has a task that would run, its run is the cause. Otherwise the
/// history has it.
#[derive(Debug)]
pub struct Causes<'a> {
    /// The layout of the tasks.
    pub layout: &'a Layout,
    /// The plan, if there is one.
    pub plan: Option<&'a FleetReport>,
}

impl Causes<'_> {
    /// Returns the chain of causes behind a reason, the nearest first. The chain is empty if the reason is the root.
    pub async fn behind(&self, object: &AnyObject, reason: &Reason, mut certainty: Certainty) -> Result<Vec<Cause>> {
        let (mut chain, mut reasons) = (Vec::<Cause>::new(), Vec::new());
        let mut seen = HashSet::new();
        let (mut object, mut reason) = (object.clone(), Some(reason.clone()));
        while let Some(Reason::DependencyNewer { which }) = &reason {
            let Some((other, task)) = self.resolve(&object, which) else { break };
            if !seen.insert((other.id().to_owned(), task.clone())) {
                break;
            }
            let Some((cause, next)) = self.cause(&other, &task, certainty).await? else { break };
            certainty = if cause.when == When::MayRun { Certainty::Possible } else { Certainty::Certain };
            chain.push(cause);
            reasons.push(next.clone());
            (object, reason) = (other, next);
        }
        for at in 0..chain.len() {
            if let Some(reason) = reasons[at].as_ref().filter(|_| chain[at].when != When::MayRun) {
                let tense = if chain[at].when == When::WouldRun { Tense::Present } else { Tense::Past };
                chain[at].reason = Some(clause(reason, chain.get(at + 1), tense));
            }
        }
        Ok(chain)
    }

    /// Returns the last run or mark of a task, followed by its causes. A run that changed nothing counts, too.
    pub async fn last(&self, object: &AnyObject, task: &str) -> Result<Vec<Cause>> {
        let is_run = |ended| matches!(ended, AttemptEnd::Ran | AttemptEnd::Unchanged | AttemptEnd::Marked);
        let Some((cause, reason)) = self.recorded(object, task, is_run).await? else { return Ok(Vec::new()) };
        let behind = match reason {
            Some(reason) => self.behind(object, &reason, Certainty::Certain).await?,
            None => Vec::new(),
        };
        Ok(std::iter::once(cause).chain(behind).collect())
    }

    /// Resolves `object/task`, or the name of a task of the same object.
    fn resolve(&self, object: &AnyObject, which: &str) -> Option<(AnyObject, String)> {
        match which.rsplit_once('/') {
            None => Some((object.clone(), which.to_owned())),
            Some((id, task)) => Some((self.layout.get(id)?, task.to_owned())),
        }
    }

    async fn cause(
        &self,
        object: &AnyObject,
        task: &str,
        certainty: Certainty,
    ) -> Result<Option<(Cause, Option<Reason>)>> {
        let planned = self.plan.and_then(|plan| find(&plan.object(object.id())?.tasks, task));
        let when = planned.and_then(|planned| match (planned.status, certainty) {
            // Something may have changed before, and will change again only perhaps.
            (_, Certainty::Certain) if !planned.is_certain_change() => None,
            (TaskStatus::WouldRun, _) => Some(When::WouldRun),
            (TaskStatus::MayRun, _) => Some(When::MayRun),
            (TaskStatus::Undecided, _) => Some(When::Undecided),
            _ => None,
        });
        match planned.zip(when) {
            Some((planned, when)) => {
                let reason = planned.reason.clone();
                let because = reason.as_ref().map(|reason| match when {
                    When::MayRun => reason.condition(),
                    _ => clause(reason, None, Tense::Present),
                });
                Ok(Some((Cause::new(object, task, when, because), reason)))
            }
            // A run that changed nothing makes no other task run.
            None => self.recorded(object, task, |ended| matches!(ended, AttemptEnd::Ran | AttemptEnd::Marked)).await,
        }
    }

    /// Returns the last attempt of a task in the history that ended in a certain way.
    async fn recorded(
        &self,
        object: &AnyObject,
        task: &str,
        has_ended: impl Fn(AttemptEnd) -> bool,
    ) -> Result<Option<(Cause, Option<Reason>)>> {
        let (subdir, task_name) = (object.stamp_subdir().to_owned(), task.to_owned());
        let filter = HistoryFilter::new().object(subdir).task(task_name);
        let entries = self.layout.history(&filter).await?;
        let done = entries.into_iter().find(|entry| has_ended(entry.ended));
        Ok(done.map(|entry| {
            let when = match entry.ended {
                AttemptEnd::Marked => When::Marked(entry.time),
                AttemptEnd::Unchanged => When::Unchanged(entry.time),
                _ => When::Ran(entry.time),
            };
            let reason = entry.why.as_ref().map_or(entry.reason, |why| clause(why, None, Tense::Past));
            (Cause::new(object, task, when, Some(reason)), entry.why)
        }))
    }
}

/// Returns a reason as text. A dependency that has not run yet would run first.
pub fn words(reason: &Reason, behind: Option<&Cause>) -> String {
    match (reason, behind) {
        (Reason::DependencyNewer { which }, Some(Cause { when: When::WouldRun, .. })) => {
            format!("{which} would run first")
        }
        (Reason::Drifted { what }, _) if is_several(reason) => format!("{} differences", what.len()),
        _ => reason.to_string(),
    }
}

/// Returns whether a reason is a list of differences, which follow it on lines of their own.
pub fn is_several(reason: &Reason) -> bool {
    matches!(reason, Reason::Drifted { what } if what.len() > 1)
}

/// Returns a reason as a clause that follows `because`. A dependency that has not run yet would run first.
pub fn clause(reason: &Reason, behind: Option<&Cause>, tense: Tense) -> String {
    match reason {
        Reason::DependencyNewer { .. } => words(reason, behind),
        Reason::Drifted { .. } if is_several(reason) => format!("of {}", words(reason, behind)),
        _ => reason.clause(tense),
    }
}

fn find<'r>(tasks: &'r [TaskReport], name: &str) -> Option<&'r TaskReport> {
    tasks.iter().find_map(|task| if task.task == name { Some(task) } else { find(&task.subtasks, name) })
}

impl Cause {
    fn new(object: &AnyObject, task: &str, when: When, reason: Option<String>) -> Self {
        let mut tasks = object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves);
        let found = tasks.find(|inspected| inspected.stamp_name() == task);
        let description = found.map(|task| task.description().to_owned()).unwrap_or_default();
        Self { task: format!("{}/{task}", object.id()), description, when, reason }
    }

    /// Returns the cause as a sentence: `files/publish (Publish the share) ran 2026-11-25 00:20:42 UTC, 5 min ago, because its hash
    /// changed from a to b`.
    pub fn sentence(&self) -> String {
        let Self { task, description, when, reason } = self;
        let did = match when {
            When::WouldRun => "would run".to_owned(),
            When::MayRun => "may run".to_owned(),
            When::Undecided => "is undecided".to_owned(),
            When::Ran(at) => format!("ran {}, {}", clock(*at), ago(*at)),
            When::Unchanged(at) => format!("ran {}, {}, and changed nothing", clock(*at), ago(*at)),
            When::Marked(at) => format!("was marked as done {}, {}", clock(*at), ago(*at)),
        };
        let reason = reason.as_ref().filter(|_| !matches!(when, When::Marked(_)));
        let because = if *when == When::MayRun { "" } else { "because " };
        let reason = reason.map(|reason| format!(", {because}{reason}")).unwrap_or_default();
        format!("{task} ({description}) {did}{reason}")
    }
}
