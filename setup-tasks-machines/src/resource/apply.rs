//! Changes of a machine, with fresh observations for later tasks.

use setup_tasks::{Outcome, Result, TaskContext};
use setup_tasks_agent::protocol::{self, Apply, Call, Change, Difference, ResourceId, ToController};
use setup_tasks_agent::resource::Resource;

use super::observer::{Asking, Observations, RESOURCES_AT_ONCE};
use super::{ResourceList, content};
use crate::machine::Machine;

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

    /// Applies resources, and answers the questions of later tasks with the same reply.
    pub(crate) async fn apply(&self, cx: &TaskContext, list: &ResourceList, change: Change) -> Result<Outcome> {
        let session = self.session().await?;
        if change == Change::Apply {
            content::transfer(&session, list.all()).await?;
        }
        let ids = session.declare(list.all().iter().map(|listed| &listed.data))?;
        let later = cx.later_questions(self);
        let questions = later.questions().to_vec();
        let asking = Asking::declare(&session, &questions)?;
        let mut reply = Reply { cx, list, ids: ids.clone(), observations: Observations::new(), has_changed: false };
        let mut parts = ids.chunks(RESOURCES_AT_ONCE).peekable();
        // The observations come with the last part, unless there are too many for one reply.
        let observable = Some(asking.resources()).filter(|resources| resources.len() <= RESOURCES_AT_ONCE);
        while let Some(part) = parts.next() {
            let then_observe = observable.clone().filter(|_| parts.peek().is_none()).unwrap_or_default();
            let apply = Apply { resources: part.to_vec(), change, then_observe, guard: None };
            let mut call = session.call(Call::Apply(apply)).await?;
            loop {
                match call.next().await? {
                    ToController::Answer { .. } => break,
                    message => {
                        let consumed = reply.receive(message);
                        call.consumed(consumed)?;
                    }
                }
            }
        }
        if observable.is_some() && !ids.is_empty() {
            let files = asking.files(&session).await;
            later.answer(asking.answers(self.name(), &reply.observations, files))?;
        }
        Ok(if reply.has_changed { Outcome::Done } else { Outcome::Unchanged })
    }
}

/// The messages of a change.
struct Reply<'a> {
    cx: &'a TaskContext,
    list: &'a ResourceList,
    ids: Vec<ResourceId>,
    observations: Observations,
    has_changed: bool,
}

impl Reply<'_> {
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
        let position = self.ids.iter().position(|id| *id == resource).unwrap_or(usize::MAX);
        match outcome {
            protocol::Outcome::Unchanged => {}
            protocol::Outcome::Changed(differences) => {
                self.has_changed = true;
                differences.iter().for_each(|difference| self.cx.log(was(difference)));
            }
            protocol::Outcome::Done => {
                self.has_changed = true;
                self.cx.log(self.list.name(position));
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
