//! The walk over the steps of objects, from the end.

use super::super::helper_call::call_helper;
use super::super::plan::recording;
use super::super::session::Session;
use super::DownResult;
use super::member::{COULD_NOT, Member, needed};
use super::steps::{Step, StepKind};
use crate::error::explain;
use crate::event::EventKind;
use crate::report::{RunError, TaskStatus, Undecided};
use crate::task::answer::Completion;
use crate::task::context::LazyContext;
use crate::task::run_context::ContextExit;
use crate::work::RequestCx;

/// A walk over the steps of one or several objects.
pub(super) struct Walk<'c> {
    pub(super) members: Vec<Member>,
    pub(super) cx: RequestCx<'c>,
}

/// The result of a step.
enum Stepped {
    Next,
    /// Another process changed the records, so the walk starts again.
    Restart,
}

/// The answer to the question whether a task is undone.
enum Taken {
    Yes,
    No,
    /// A plan cannot decide.
    Undecided(Undecided),
}

impl Walk<'_> {
    /// Walks to the first step of each object, and returns the results.
    pub(super) async fn run(mut self) -> Vec<DownResult> {
        let failed = self.walk().await.err();
        let by = failed.as_ref().map(|(at, _)| self.members[*at].id().clone());
        let mut results = Vec::with_capacity(self.members.len());
        for (at, mut member) in std::mem::take(&mut self.members).into_iter().enumerate() {
            let error = match (&failed, &by) {
                (Some((failed, error)), _) if *failed == at => Some(error.clone()),
                (Some(_), Some(by)) if member.remaining > 0 => Some(needed(member.id(), by, COULD_NOT)),
                _ => None,
            };
            let ended = member.end(error.as_ref()).await;
            let error = error.or(ended.err());
            member.publish(error.as_ref());
            results.push(member.into_result(error));
        }
        results
    }

    /// Walks until an object fails. Returns its index and its error.
    async fn walk(&mut self) -> Result<(), (usize, RunError)> {
        loop {
            while let Some(at) = self.next_member() {
                match self.step(at).await.map_err(|error| (at, error))? {
                    Stepped::Next => self.members[at].remaining -= 1,
                    Stepped::Restart => {}
                }
            }
            if let Stepped::Next = self.finish_all().await? {
                return Ok(());
            }
        }
    }

    async fn finish_all(&mut self) -> Result<Stepped, (usize, RunError)> {
        for at in 0..self.members.len() {
            if let Stepped::Restart = self.finish(at).await.map_err(|error| (at, error))? {
                return Ok(Stepped::Restart);
            }
        }
        Ok(Stepped::Next)
    }

    /// Returns the first member whose next step waits for no other member. If tasks depend on each
    /// other in a circle, the first remaining member goes on.
    fn next_member(&self) -> Option<usize> {
        let is_free = |(_, waits): (&Step, &[(usize, usize)])| {
            waits.iter().all(|&(dependent, at)| self.members[dependent].remaining <= at + 1)
        };
        let free = self.members.iter().position(|member| member.next().is_some_and(is_free));
        free.or_else(|| self.members.iter().position(|member| member.remaining > 0))
    }

    async fn step(&mut self, at: usize) -> Result<Stepped, RunError> {
        let member = &mut self.members[at];
        let Some((step, _)) = member.next() else { return Ok(Stepped::Next) };
        let step = step.clone();
        match &step.kind {
            StepKind::Broken(error) if member.has_records_within(step.name()) => Err(error.clone()),
            StepKind::Relation | StepKind::LeftAlone | StepKind::Broken(_) => Ok(Stepped::Next),
            StepKind::End(context) => {
                member.contexts.push(context.clone());
                Ok(Stepped::Next)
            }
            StepKind::Begin => {
                let (object, work) = (member.object.clone(), member.work.clone());
                member.contexts.pop(&object.core().id, ContextExit::Done, &work).await?;
                Ok(Stepped::Next)
            }
            StepKind::Task => self.task(at, &step).await,
        }
    }

    /// Undoes a task if it has a record, or if its completion check reports it as complete.
    async fn task(&mut self, at: usize, step: &Step) -> Result<Stepped, RunError> {
        let member = &mut self.members[at];
        member.object.core().set_current_row(member.object.row(step.name()));
        match is_taken(member, step).await? {
            Taken::No => return Ok(Stepped::Next),
            Taken::Undecided(undecided) => {
                step.frame.emit(step.row, || EventKind::TaskUndecided { undecided: undecided.clone() });
                member.report(step.name(), Some(step), TaskStatus::Undecided);
                member.tasks.last_mut().into_iter().for_each(|report| report.undecided = Some(undecided.clone()));
                return Ok(Stepped::Next);
            }
            Taken::Yes => {}
        }
        let has_undo = step.frame.has_undo(step.row);
        if member.permit.is_none() {
            let (status, event) = if has_undo {
                (TaskStatus::WouldUndo, EventKind::TaskWouldBeUndone)
            } else {
                (TaskStatus::WouldForget, EventKind::TaskWouldBeForgotten)
            };
            step.frame.emit(step.row, || event);
            member.report(step.name(), Some(step), status);
            return Ok(Stepped::Next);
        }
        self.check_stop(at)?;
        if let Stepped::Restart = self.begin_sessions().await? {
            return Ok(Stepped::Restart);
        }
        let member = &mut self.members[at];
        let work = member.work.clone();
        if has_undo {
            Box::pin(work.scope(member.undo(step))).await?;
        } else {
            member.forget(step.name(), Some(step)).await?;
        }
        Ok(Stepped::Next)
    }

    /// Removes what is left of an object after its last step: records that no task has, and the cache
    /// of a retired object.
    async fn finish(&mut self, at: usize) -> Result<Stepped, RunError> {
        let member = &self.members[at];
        let remnants = member.remnants();
        let prunes = member.object.core().is_retired() && member.has_cache()?;
        if remnants.is_empty() && !prunes {
            return Ok(Stepped::Next);
        }
        if member.permit.is_some() {
            self.check_stop(at)?;
            if let Stepped::Restart = self.begin_sessions().await? {
                return Ok(Stepped::Restart);
            }
        }
        let member = &mut self.members[at];
        for task in remnants {
            if member.permit.is_some() {
                member.forget(task, None).await?;
            } else {
                member.report(task, None, TaskStatus::WouldForget);
            }
        }
        if prunes && member.permit.is_some() {
            member.prune_cache()?;
        }
        member.prunes = prunes;
        Ok(Stepped::Next)
    }

    fn check_stop(&self, at: usize) -> Result<(), RunError> {
        let core = self.members[at].object.core();
        let object = || core.id.to_string();
        if self.cx.is_stop_requested(core.layout.stop()) { Err(RunError::Stopped { object: object() }) } else { Ok(()) }
    }

    /// Begins the sessions of all members, unless they have begun. If another process has changed
    /// the records since they were read, the walk starts again.
    async fn begin_sessions(&mut self) -> Result<Stepped, RunError> {
        let mut order: Vec<_> = (0..self.members.len()).filter(|&at| self.members[at].session.is_none()).collect();
        order.sort_by(|&a, &b| self.members[a].object.core().subdir.cmp(&self.members[b].object.core().subdir));
        let mut restarts = false;
        let mut fresh = Vec::new();
        for at in order {
            let member = &mut self.members[at];
            let Some(permit) = &member.permit else { continue };
            let cx = RequestCx { work: &member.work, ..self.cx };
            let (session, records) = Session::begin(&member.object, permit, &cx).await?;
            restarts |= records != member.records;
            member.session = Some(std::sync::Arc::new(session));
            fresh.push((at, records));
        }
        if !restarts {
            return Ok(Stepped::Next);
        }
        fresh.into_iter().for_each(|(at, records)| self.members[at].restart(records));
        Ok(Stepped::Restart)
    }
}

/// Returns whether a task is undone.
async fn is_taken(member: &Member, step: &Step) -> Result<Taken, RunError> {
    let (frame, name) = (&step.frame, step.name());
    let entry = member.records.get(name);
    if entry.is_some() {
        return Ok(Taken::Yes);
    }
    // Without an undo, the task would only lose its record.
    if !frame.features(step.row).completion || !frame.has_undo(step.row) {
        return Ok(Taken::No);
    }
    let cx = LazyContext::new(frame, name, None, member.contexts.resources());
    // Requests of the check are only planned, so that they bring nothing up.
    let requested = std::sync::Arc::default();
    let answer = recording(&member.work, Some(&requested), call_helper(|| frame.completion(step.row, &cx))).await;
    match answer.map_err(|error| RunError::check(member.id(), name, "completion check", error)) {
        Ok(None | Some(Completion::Incomplete)) => Ok(Taken::No),
        Ok(Some(Completion::At(_) | Completion::Complete)) => Ok(Taken::Yes),
        Err(error) => match member.tasks.last() {
            Some(last) if member.permit.is_none() => {
                let until = format!("the undo of {}", last.task);
                Ok(Taken::Undecided(Undecided { until, error: explain(&error) }))
            }
            _ => Err(error),
        },
    }
}
