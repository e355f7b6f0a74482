//! The machine as an observer: the questions of all tasks and objects are one request.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use setup_tasks::observer::{Answer, Answers, Observer, QuestionData};
use setup_tasks::{BoxFuture, Result};
use setup_tasks_agent::protocol::{Call, Difference, Failure, ResourceData, ResourceId, ToController};

use crate::connection::Joined;
use crate::error::MachineError;
use crate::machine::Machine;
use crate::session::Session;

/// The data of a question.
pub(crate) enum Asked {
    /// Resources, whose differences are the answer.
    Resources(Vec<ResourceData>),
    /// Files, whose states are the answer.
    #[cfg(feature = "templates")]
    Files(Vec<setup_tasks_templates::ExpectedFile>),
}

/// The data of an answer: the differences of all resources of the question.
pub(super) type Found = Vec<Difference>;

/// The greatest number of resources of one call. The agent accepts lists of twice this length.
pub(super) const RESOURCES_AT_ONCE: usize = 8 << 10;

/// The observations of a call, by resource.
pub(super) type Observations = HashMap<ResourceId, Result<Found, Failure>>;

impl Observer for Machine {
    fn key(&self) -> Cow<'_, str> {
        self.key().into()
    }

    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>> {
        Box::pin(async move {
            if !self.exists() {
                return Ok(questions.iter().map(|_| Ok(Answer::later())).collect());
            }
            let Joined { session, is_old } = self.join()?;
            let result = answers(self.name(), &session, &questions).await;
            // A machine that has booted again, or a dead connection, shows only now. A question changes nothing.
            if is_old && is_lost(&result) {
                return answers(self.name(), &self.session()?, &questions).await;
            }
            result
        })
    }
}

/// Returns whether the connection was lost.
fn is_lost<T>(result: &Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.downcast_ref().is_some_and(MachineError::is_lost))
}

/// Asks all questions at the same time.
async fn answers(machine: &str, session: &Session, questions: &[QuestionData]) -> Result<Answers> {
    let asking = Asking::declare(session, questions)?;
    let observe = async {
        match asking.resources() {
            resources if resources.is_empty() => Ok(Observations::new()),
            resources => observe(session, resources).await,
        }
    };
    let (observations, files) = tokio::join!(observe, asking.files(session));
    if files.iter().any(is_lost) {
        return files.into_iter().find(is_lost).unwrap_or_else(|| Ok(Answer::later())).map(|_| Vec::new());
    }
    Ok(asking.answers(machine, &observations?, files))
}

/// Observes resources.
pub(super) async fn observe(session: &Session, resources: Vec<ResourceId>) -> Result<Observations, MachineError> {
    let mut observations = Observations::new();
    for resources in resources.chunks(RESOURCES_AT_ONCE) {
        let mut call = session.call(Call::Observe { resources: resources.to_vec() }).await?;
        loop {
            match call.next().await? {
                ToController::Observed { resource, observation, .. } => {
                    observations.insert(resource, observation);
                }
                ToController::Answer { .. } => break,
                _ => {}
            }
        }
    }
    Ok(observations)
}

/// Questions whose resources the agent knows.
pub(super) struct Asking<'q> {
    questions: Vec<(&'q Asked, Vec<ResourceId>)>,
}

impl<'q> Asking<'q> {
    /// Declares the resources of questions.
    pub(super) fn declare(session: &Session, questions: &'q [QuestionData]) -> Result<Self> {
        let declared = |data: &'q QuestionData| {
            let asked = data.get::<Asked>()?;
            let ids = match asked {
                Asked::Resources(resources) => session.declare(resources)?,
                #[cfg(feature = "templates")]
                Asked::Files(_) => Vec::new(),
            };
            Ok((asked, ids))
        };
        Ok(Self { questions: questions.iter().map(declared).collect::<Result<_>>()? })
    }

    /// Returns each resource once.
    pub(super) fn resources(&self) -> Vec<ResourceId> {
        let mut seen = HashSet::new();
        self.questions.iter().flat_map(|(_, ids)| ids).copied().filter(|id| seen.insert(*id)).collect()
    }

    /// Examines the files of the questions, and returns the answers in their order.
    pub(super) async fn files(&self, session: &Session) -> Answers {
        let examined = self.questions.iter().filter_map(|(asked, _)| match asked {
            Asked::Resources(_) => None,
            #[cfg(feature = "templates")]
            Asked::Files(files) => Some(crate::filesystem::states(session, files)),
        });
        futures_util::future::join_all(examined).await
    }

    /// Returns the answers from the observations, and from the answers to questions about files.
    pub(super) fn answers(self, machine: &str, observations: &Observations, files: Answers) -> Answers {
        let mut files = files.into_iter();
        let answer = |(asked, ids): (&Asked, Vec<ResourceId>)| match asked {
            Asked::Resources(_) => answer(machine, &ids, observations),
            #[cfg(feature = "templates")]
            Asked::Files(_) => files.next().unwrap_or_else(|| Ok(Answer::later())),
        };
        self.questions.into_iter().map(answer).collect()
    }
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
