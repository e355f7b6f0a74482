//! The machine as an observer: the questions of all tasks and objects are one request.

use std::borrow::Cow;
use std::collections::HashMap;

use setup_tasks::observer::{Answer, Answers, Observer, QuestionData};
use setup_tasks::{BoxFuture, Result};
use setup_tasks_agent::protocol::{Call, Difference, Failure, ResourceData, ResourceId, ToController};

use crate::error::MachineError;
use crate::machine::Machine;

/// The data of a question: the resources to observe.
pub(super) type Asked = Vec<ResourceData>;
/// The data of an answer: the differences of all resources of the question.
pub(super) type Found = Vec<Difference>;

/// The observations of a call, by resource.
pub(super) type Observations = HashMap<ResourceId, Result<Found, Failure>>;

impl Observer for Machine {
    fn key(&self) -> Cow<'_, str> {
        self.key().into()
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move {
            let session = self.session().await?;
            let asked = resources_of(&questions)?;
            let ids = asked.iter().map(|resources| session.declare(*resources)).collect::<Result<Vec<_>, _>>()?;
            let mut call = session.call(Call::Observe { resources: unique(&ids) }).await?;
            let mut observations = Observations::new();
            loop {
                match call.next().await? {
                    ToController::Observed { resource, observation, .. } => {
                        observations.insert(resource, observation);
                    }
                    ToController::Answer { .. } => return Ok(answers(self.name(), &ids, &observations)),
                    _ => {}
                }
            }
        })
    }
}

/// Returns the resources of each question.
pub(super) fn resources_of(questions: &[QuestionData]) -> Result<Vec<&Asked>> {
    questions.iter().map(|data| Ok(data.get::<Asked>()?)).collect()
}

/// Returns each id once, in order.
pub(super) fn unique(ids: &[Vec<ResourceId>]) -> Vec<ResourceId> {
    let mut seen = std::collections::HashSet::new();
    ids.iter().flatten().copied().filter(|id| seen.insert(*id)).collect()
}

/// Returns the answers to questions about these resources.
pub(super) fn answers(machine: &str, ids: &[Vec<ResourceId>], observations: &Observations) -> Answers {
    ids.iter().map(|ids| answer(machine, ids, observations)).collect()
}

fn answer(machine: &str, ids: &[ResourceId], observations: &Observations) -> Result<Answer> {
    let mut found = Found::new();
    for id in ids {
        match observations.get(id) {
            Some(Ok(differences)) => found.extend(differences.iter().cloned()),
            Some(Err(failure)) => {
                let failure = Box::new(failure.clone());
                return Err(MachineError::Failed { machine: machine.to_owned(), failure }.into());
            }
            None => {
                let problem = "it left out an observation".to_owned();
                return Err(MachineError::Agent { machine: machine.to_owned(), problem, output: None }.into());
            }
        }
    }
    Ok(Answer::new(found))
}
