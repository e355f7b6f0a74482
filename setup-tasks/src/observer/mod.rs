//! Observers of the current state of things: the files of this machine, another machine, a service.
//!
//! A [kind of task](crate::task::TaskKind) can be observed. Its method
//! [`question`](crate::task::TaskKind::question) returns a [`Question`] for an [`Observer`], and its
//! method [`differences`](crate::task::TaskKind::differences) compares the [`Answer`] with the
//! desired state. Both change nothing, and neither asks the observer: the run does that, once per
//! observer for all questions that it knows.
//!
//! ```
//! use std::borrow::Cow;
//! use std::sync::Arc;
//!
//! use setup_tasks::observer::{Answer, Answers, Observed, Observer, Question, QuestionData};
//! use setup_tasks::prelude::*;
//! use setup_tasks::task::{Difference, TaskKind};
//!
//! /// The packages of a machine. One request answers all questions.
//! struct Packages;
//!
//! impl Observer for Packages {
//!     fn key(&self) -> Cow<'_, str> {
//!         "packages of web1".into()
//!     }
//!
//!     fn ask(&self, questions: Vec<QuestionData>) -> setup_tasks::BoxFuture<'_, Result<Answers>> {
//!         Box::pin(async move {
//!             let version = |data: &QuestionData| Ok(Answer::new(format!("{} 1.22", data.get::<&str>()?)));
//!             Ok(questions.iter().map(version).collect())
//!         })
//!     }
//! }
//!
//! /// A package with its version.
//! struct Package(&'static str, &'static str);
//!
//! impl<T: Sync> TaskKind<T> for Package {
//!     const OBSERVED: Observed = Observed::WhenVerified;
//!
//!     async fn run(&self, _model: &T, _cx: &TaskContext) -> Result<Outcome> {
//!         Ok(Outcome::Done)
//!     }
//!
//!     async fn question(&self, _model: &T, _cx: &TaskContext) -> Result<Option<Question>> {
//!         Ok(Some(Question::new(Arc::new(Packages), self.0)))
//!     }
//!
//!     fn differences(&self, _model: &T, _cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
//!         let is = answer.get::<String>()?;
//!         let should_be = format!("{} {}", self.0, self.1);
//!         Ok(if *is == should_be { Vec::new() } else { vec![Difference::new(self.0, is).instead_of(should_be)] })
//!     }
//! }
//!
//! #[derive(SetupTasks)]
//! #[setup_tasks(subdir = "web1")]
//! struct Web;
//!
//! #[setup_tasks]
//! impl Web {
//!     /// Install nginx
//!     #[setup_task]
//!     const NGINX: Package = Package("nginx", "1.24");
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! let layout = setup_tasks::Layout::in_memory()?;
//! let web = layout.add(Web)?;
//! web.run_setup_tasks().await?;
//! assert!(web.run_setup_tasks().dry_run().await?.is_up_to_date()); // by its stamp
//! let plan = web.run_setup_tasks().dry_run().verify().await?;
//! let reason = plan.task("nginx").unwrap().reason.as_ref().unwrap();
//! assert_eq!(reason.to_string(), "nginx: nginx 1.22 instead of nginx 1.24");
//! # Ok(()) }
//! ```

mod board;
mod later;

use std::any::{Any, type_name};
use std::borrow::Cow;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use anyhow::Context;
use futures_util::FutureExt;

pub(crate) use board::{Board, Gathered, Place, TaskEnd};
pub use later::LaterQuestions;
pub(crate) use later::ObservedTask;

use crate::error_help;
use crate::work::panicked;
use crate::{BoxFuture, Result};

/// A source of observations, such as a machine.
///
/// A run asks an observer for the answers to many questions at once: those of all tasks of an
/// object, and in a fleet those of all its objects. Asking must change nothing.
pub trait Observer: Send + Sync + 'static {
    /// Returns the key of the observer. Questions for observers with equal keys are asked together,
    /// through any of these observers.
    fn key(&self) -> Cow<'_, str>;

    /// Returns whether asking costs about as much as a few system calls. A cheap observer is asked in
    /// every run, one question at a time, when the run reaches the task. Any other observer is asked
    /// only by runs that verify.
    fn is_cheap(&self) -> bool {
        false
    }

    /// Answers questions, in their order. The data is that of [`Question::new`].
    ///
    /// # Errors
    ///
    /// Returns an error if no question can be answered, for example because a machine cannot be
    /// reached. It fails the objects of all questions. An error within the answers fails only the
    /// object of its question.
    fn ask(&self, questions: Vec<QuestionData>) -> BoxFuture<'_, Result<Answers>>;
}

/// Asks an observer. A panic is an error.
///
/// # Errors
///
/// Returns an error if the observer fails, or if the number of answers is not that of the questions.
pub(crate) async fn ask(observer: &Arc<dyn Observer>, questions: Vec<QuestionData>) -> Result<Answers> {
    let expected = questions.len();
    let asked = std::panic::catch_unwind(AssertUnwindSafe(|| observer.ask(questions)));
    let asked = match asked {
        Ok(asked) => AssertUnwindSafe(asked).catch_unwind().await.unwrap_or_else(|panic| Err(panicked(&*panic))),
        Err(panic) => Err(panicked(&*panic)),
    };
    let answers = asked.and_then(|answers| match answers.len() {
        given if given == expected => Ok(answers),
        given => Err(ObserveError::Count { questions: expected, answers: given }.into()),
    });
    answers.with_context(|| format!("cannot ask {}", observer.key()))
}

/// The answers of an observer, in the order of the questions.
pub type Answers = Vec<Result<Answer>>;

/// The runs that observe tasks of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Observed {
    /// No run. The kind has no question.
    #[default]
    Never,
    /// Runs that verify.
    WhenVerified,
    /// Every run, if the observer of the question is [cheap](Observer::is_cheap). Otherwise runs that
    /// verify.
    EveryRun,
}

/// A question about the current state of a task's result.
#[derive(Clone, Debug)]
pub struct Question(Kind);

#[derive(Clone)]
enum Kind {
    Ask { observer: Arc<dyn Observer>, data: QuestionData },
    Later,
}

impl Question {
    /// Creates a question. Only the observer reads the data.
    pub fn new(observer: Arc<dyn Observer>, data: impl Any + Send + Sync) -> Self {
        Self(Kind::Ask { observer, data: QuestionData(Arc::new(data)) })
    }

    /// Creates the question of a task that cannot be observed yet, since an earlier task creates what
    /// it needs. A run asks for the question again when it reaches the task. A plan reports the task
    /// as undecided if an earlier task would run.
    pub fn later() -> Self {
        Self(Kind::Later)
    }

    /// Returns the observer and the data, or `None` if the question cannot be asked yet.
    pub fn parts(&self) -> Option<(&Arc<dyn Observer>, &QuestionData)> {
        match &self.0 {
            Kind::Ask { observer, data } => Some((observer, data)),
            Kind::Later => None,
        }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ask { observer, .. } => f.debug_tuple("Ask").field(&observer.key()).finish(),
            Self::Later => f.write_str("Later"),
        }
    }
}

/// The data of a question, which only its observer reads. Cloning is cheap.
#[derive(Clone)]
pub struct QuestionData(Arc<dyn Any + Send + Sync>);

impl QuestionData {
    /// Returns the data as its type.
    ///
    /// # Errors
    ///
    /// Returns [`ObserveError::Type`] if it has another type.
    pub fn get<T: Any>(&self) -> Result<&T, ObserveError> {
        self.0.downcast_ref().ok_or(ObserveError::Type { what: "the data of a question", expected: type_name::<T>() })
    }
}

impl fmt::Debug for QuestionData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QuestionData").finish_non_exhaustive()
    }
}

/// The answer of an observer to one question. Cloning is cheap.
#[derive(Clone)]
pub struct Answer(Option<Arc<dyn Any + Send + Sync>>);

impl Answer {
    /// Creates an answer. Only the kind that asked the question reads the value.
    pub fn new(value: impl Any + Send + Sync) -> Self {
        Self(Some(Arc::new(value)))
    }

    /// Creates the answer to a question that cannot be answered yet, for example because an earlier
    /// task creates the machine. The effect is that of [`Question::later`].
    pub fn later() -> Self {
        Self(None)
    }

    /// Returns whether the question could not be answered yet.
    pub fn is_later(&self) -> bool {
        self.0.is_none()
    }

    /// Returns the value as its type.
    ///
    /// # Errors
    ///
    /// Returns [`ObserveError::Type`] if it has another type, and [`ObserveError::TooEarly`] if the
    /// question could not be answered yet.
    pub fn get<T: Any>(&self) -> Result<&T, ObserveError> {
        let value = self.0.as_ref().ok_or(ObserveError::TooEarly)?;
        value.downcast_ref().ok_or(ObserveError::Type { what: "an answer", expected: type_name::<T>() })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("is_later", &self.is_later()).finish_non_exhaustive()
    }
}

/// The reason why a task cannot be observed, apart from errors of its observer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObserveError {
    /// The task needs something that an earlier task creates.
    #[error("the state cannot be observed yet")]
    TooEarly,
    /// The kind and its observer use different types.
    #[error("{what} has another type than `{expected}`")]
    Type {
        /// `the data of a question` or `an answer`.
        what: &'static str,
        /// The requested type.
        expected: &'static str,
    },
    /// The observer returned too few or too many answers.
    #[error("{answers} answers were given to {questions} questions")]
    Count {
        /// The number of questions.
        questions: usize,
        /// The number of answers.
        answers: usize,
    },
}

error_help!(ObserveError);

impl ObserveError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::TooEarly => Some("see whether an earlier task creates what the task needs".into()),
            Self::Type { .. } | Self::Count { .. } => None,
        }
    }
}
