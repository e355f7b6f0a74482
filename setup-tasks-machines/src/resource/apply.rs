//! Changes of a machine, with fresh observations for later tasks.

use std::ops::Range;
use std::time::Duration;

use setup_tasks::{Outcome, Result, TaskContext};
use setup_tasks_agent::protocol::{self, Apply, Call, Cause, Change, Difference, Guard, ResourceId, ToController};
use setup_tasks_agent::resource::Resource;

use super::observer::{Asking, Observations, RESOURCES_AT_ONCE};
use super::{ResourceList, content, guard};
use crate::error::MachineError;
use crate::machine::Machine;
use crate::session::Session;

impl Machine {
    /// Brings resources into their state, as a part of a task. Returns [`Outcome::Unchanged`] if none of them differed.
    ///
    /// A task that only does this is better a constant of type [`Ensure`](crate::Ensure): runs that verify then observe it together
    /// with all others.
    pub async fn ensure<R: Resource>(
        &self,
        cx: &TaskContext,
        resources: impl IntoIterator<Item = R>,
    ) -> Result<Outcome> {
        let list = ResourceList::of(resources);
        self.apply(cx, &list, Change::Apply).await
    }

    /// Brings resources into their state, as [`ensure`](Self::ensure), but takes the change back unless a new connection to the machine
    /// succeeds within this time. See [`Ensure::guarded`](crate::Ensure::guarded).
    pub async fn ensure_guarded<R: Resource>(
        &self,
        cx: &TaskContext,
        within: Duration,
        resources: impl IntoIterator<Item = R>,
    ) -> Result<Outcome> {
        let list = ResourceList::of(resources);
        self.apply_guarded(cx, &list, Change::Apply, within).await
    }

    /// Applies resources, and answers the questions of later tasks with the same reply.
    pub(crate) async fn apply(&self, cx: &TaskContext, list: &ResourceList, change: Change) -> Result<Outcome> {
        let mut reply = Reply::new(cx, list);
        for part in list.parts(RESOURCES_AT_ONCE) {
            let is_last = part.end == list.all().len();
            self.apply_part(&mut reply, part, (change, None), is_last).await?;
        }
        Ok(reply.outcome())
    }

    /// Applies resources, and takes the change back unless a new connection confirms it in time.
    pub(crate) async fn apply_guarded(
        &self,
        cx: &TaskContext,
        list: &ResourceList,
        change: Change,
        within: Duration,
    ) -> Result<Outcome> {
        let mut reply = Reply::new(cx, list);
        let guard = guard::new(within);
        let applied = self.apply_part(&mut reply, 0..list.all().len(), (change, Some(guard.clone())), true).await;
        let is_lost = |error: &MachineError| error.is_lost();
        match applied {
            Ok(()) if reply.has_changed => self.confirm(cx, &guard).await?,
            Ok(()) => {}
            // The change itself can have cut the connection.
            Err(error) if error.downcast_ref().is_some_and(is_lost) => match self.confirm(cx, &guard).await {
                // It had not begun.
                Err(MachineError::Failed { failure, .. }) if !matches!(failure.cause, Cause::TakenBack(_)) => {
                    return Err(error);
                }
                Err(error) => return Err(error.into()),
                Ok(()) => return self.apply(cx, list, change).await.map(|_| Outcome::Done),
            },
            Err(error) => return Err(error),
        }
        Ok(reply.outcome())
    }

    /// Applies a part of the resources by one request. Later tasks receive the observations that come with the last part.
    async fn apply_part(
        &self,
        reply: &mut Reply<'_>,
        part: Range<usize>,
        (change, guard): (Change, Option<Guard>),
        is_last: bool,
    ) -> Result<()> {
        let session = self.session()?;
        let resources = &reply.list.all()[part.clone()];
        if change == Change::Apply {
            content::transfer(&session, resources).await?;
        }
        let restart = resources.last().and_then(|last| last.restart).filter(|_| change == Change::Apply);
        // The facts of a machine that restarts are needed before.
        let before = if restart.is_some() { Some(session.facts().await?) } else { None };
        let ids = session.declare(resources.iter().map(|listed| &listed.data))?;
        reply.begin(part, ids.clone());
        let later = reply.cx.later_questions(self);
        let questions = later.questions().to_vec();
        let asking = Asking::declare(&session, &questions)?;
        // There can be too many for one reply, and a machine that restarts has no time for them.
        let observable = Some(asking.resources()).filter(|resources| {
            is_last && restart.is_none() && resources.len() <= RESOURCES_AT_ONCE && !ids.is_empty()
        });
        let then_observe = observable.clone().unwrap_or_default();
        let ended = exchange(&session, Apply { resources: ids, change, then_observe, guard }, reply).await;
        match (restart, before) {
            (Some(limit), Some(before)) if reply.has_restarted(&ended) => {
                drop(session);
                return Ok(self.wait_for_boot(reply.cx, &before.boot_id, limit).await?);
            }
            _ => ended?,
        }
        if observable.is_some() {
            let files = asking.files(&session).await;
            later.answer(asking.answers(self.name(), &reply.observations, files))?;
        }
        Ok(())
    }
}

/// Makes a change, and passes its messages on.
async fn exchange(session: &Session, apply: Apply, reply: &mut Reply<'_>) -> Result<(), MachineError> {
    let mut call = session.call(Call::Apply(apply)).await?;
    loop {
        match call.next().await? {
            ToController::Answer { .. } => return Ok(()),
            message => {
                let consumed = reply.receive(message);
                call.consumed(consumed)?;
            }
        }
    }
}

/// The messages of a change.
struct Reply<'a> {
    cx: &'a TaskContext,
    list: &'a ResourceList,
    /// The position of the first resource of the current part.
    first: usize,
    /// The resources of the current part.
    ids: Vec<ResourceId>,
    observations: Observations,
    has_changed: bool,
    /// The last action that ran.
    done: Option<ResourceId>,
}

impl<'a> Reply<'a> {
    fn new(cx: &'a TaskContext, list: &'a ResourceList) -> Self {
        let observations = Observations::new();
        Self { cx, list, first: 0, ids: Vec::new(), observations, has_changed: false, done: None }
    }

    fn begin(&mut self, part: Range<usize>, ids: Vec<ResourceId>) {
        (self.first, self.ids, self.done) = (part.start, ids, None);
    }

    fn outcome(&self) -> Outcome {
        if self.has_changed { Outcome::Done } else { Outcome::Unchanged }
    }

    /// Returns whether the last resource of the part, which restarts the machine, has begun to do so. The connection can end before the
    /// message about it.
    fn has_restarted(&self, ended: &Result<(), MachineError>) -> bool {
        let is_done = self.done.is_some() && self.done == self.ids.last().copied();
        is_done || ended.as_ref().is_err_and(MachineError::is_lost)
    }

    /// Takes a message, and returns the number of bytes to give credit for.
    fn receive(&mut self, message: ToController) -> usize {
        match message {
            ToController::Output { bytes, .. } => {
                if let Some(log) = self.cx.task_log() {
                    log.write(&bytes);
                }
                return bytes.len();
            }
            ToController::Waiting { holder, .. } => {
                self.cx.log(format!("waits for {holder}, which changes the machine"));
            }
            ToController::Observed { resource, observation, .. } => {
                self.observations.insert(resource, observation);
            }
            ToController::Applied { resource, outcome: Ok(outcome), .. } => self.applied(resource, outcome),
            _ => {}
        }
        0
    }

    fn applied(&mut self, resource: ResourceId, outcome: protocol::Outcome) {
        match outcome {
            protocol::Outcome::Unchanged => {}
            protocol::Outcome::Changed(differences) => {
                self.has_changed = true;
                differences.iter().for_each(|difference| self.cx.log(was(difference)));
            }
            protocol::Outcome::Done => {
                self.has_changed = true;
                self.done = Some(resource);
                let position = self.ids.iter().position(|id| *id == resource);
                self.cx.log(self.list.name(position.map_or(usize::MAX, |at| self.first + at)));
            }
        }
    }
}

/// Returns the line for a difference that was removed.
fn was(difference: &Difference) -> String {
    match &difference.should_be {
        Some(should_be) => format!("{}: {should_be} instead of {}", difference.what, difference.is),
        None => format!("{}: was {}", difference.what, difference.is),
    }
}
