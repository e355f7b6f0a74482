//! The questions of later tasks, for a task that can answer them together with its own work.

use std::sync::Arc;

use super::board::{Asking, Board, Place};
use super::{Answer, Answers, ObserveError, QuestionData};
use crate::stamp::Timestamp;

/// The questions of later tasks for one observer.
/// [`TaskContext::later_questions`](crate::TaskContext::later_questions) returns them.
///
/// A task that changes a machine makes all earlier observations of it stale. If the reply to the
/// change contains fresh observations, [`answer`](Self::answer) saves one further request.
#[derive(Debug)]
#[must_use = "the questions are open until they are answered"]
pub struct LaterQuestions {
    /// The observer with its questions, and the task that can answer them.
    asking: Option<(Arc<Asking>, Place)>,
    places: Vec<Place>,
    questions: Vec<QuestionData>,
    at: Timestamp,
}

impl LaterQuestions {
    /// Returns no questions.
    pub(crate) fn none() -> Self {
        Self { asking: None, places: Vec::new(), questions: Vec::new(), at: Timestamp::default() }
    }

    pub(super) fn new(asking: Arc<Asking>, by: Place, open: Vec<(Place, QuestionData)>, at: Timestamp) -> Self {
        let (places, questions) = open.into_iter().unzip();
        Self { asking: Some((asking, by)), places, questions, at }
    }

    /// Returns the data of the questions.
    pub fn questions(&self) -> &[QuestionData] {
        &self.questions
    }

    /// Answers the questions, in their order. The answers must be observations from after the
    /// change.
    ///
    /// # Errors
    ///
    /// Returns [`ObserveError::Count`] if there are more or fewer answers than questions.
    pub fn answer(self, answers: Answers) -> Result<(), ObserveError> {
        let Self { asking, places, questions, at } = self;
        if questions.len() != answers.len() {
            return Err(ObserveError::Count { questions: questions.len(), answers: answers.len() });
        }
        if let Some((asking, by)) = asking {
            asking.put_back(by, places, answers, at);
        }
        Ok(())
    }
}

/// The observation of a task whose method runs, or would run.
#[derive(Clone)]
pub(crate) struct ObservedTask {
    /// The answer to the task's question, if the run has one that is fresh.
    pub(crate) answer: Option<Answer>,
    /// The questions of the tasks after it.
    pub(crate) board: Arc<Board>,
    pub(crate) place: Place,
}
