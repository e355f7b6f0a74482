//! The errors of runs.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::sync::Arc;

use crate::decide::{Reason, Tense};
use crate::dispatch::DispatchError;
use crate::error_help;
use crate::flat::Flat;
use crate::lease::LeaseError;
use crate::paths::PathError;
use crate::stamp::{DRY_RUN_HELP, StampError};
use crate::wait::Circle;
use crate::work::SharedError;

/// The reason why a run of an object failed. The source chain contains the user's own error.
/// Cloning is cheap because all dependents of a failed object receive the error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// A task failed, panicked or took too long.
    #[error("task `{object}/{task}` ({description}) failed; it ran because {}", reason.clause(Tense::Past))]
    Task {
        /// The object's id.
        object: String,
        /// The task's name.
        task: &'static str,
        /// The task's description.
        description: String,
        /// The reason why the task ran.
        reason: Box<Reason>,
        /// The task's error.
        source: SharedError,
    },
    /// The undo of a task failed, panicked or took too long. The tasks before it stay as they are.
    #[error("task `{object}/{task}` ({description}) cannot be undone")]
    Undo {
        /// The object's id.
        object: String,
        /// The task's name.
        task: &'static str,
        /// The task's description.
        description: String,
        /// The error of the undo.
        source: SharedError,
    },
    /// Only another host can run the object, and no worker of that host will do so in this run.
    #[error("`{object}` is placed on {host}, and this run has no worker for it there")]
    Elsewhere {
        /// The object's id.
        object: String,
        /// The name of the host.
        host: String,
    },
    /// The object failed on another host in the same run, so its tasks do not run again.
    #[error("`{object}` failed on {host}")]
    FailedElsewhere {
        /// The object's id.
        object: String,
        /// The name of the host.
        host: String,
    },
    /// The queue of the run cannot be used.
    #[error(transparent)]
    Dispatch(DispatchError),
    /// The object is [retired](crate::layout::ObjectBuilder::retired).
    #[error("`{object}` is retired: its tasks do not run")]
    Retired {
        /// The object's id.
        object: String,
    },
    /// The object depends on a [retired](crate::layout::ObjectBuilder::retired) one.
    #[error("`{object}` depends on task `{other}/{task}`, but `{other}` is retired")]
    DependsOnRetired {
        /// The object's id.
        object: String,
        /// The id of the retired object.
        other: String,
        /// The task that the object depends on.
        task: &'static str,
    },
    /// The object cannot be brought down, because another one depends on it and stays.
    #[error("`{object}` stays as it is, because `{dependent}` depends on it and {why}")]
    Needed {
        /// The object's id.
        object: String,
        /// The id of the object that depends on it.
        dependent: String,
        /// The reason why the dependent stays, as the rest of the sentence.
        why: &'static str,
    },
    /// A method that decides whether a task runs failed. The stamp is kept.
    #[error("the {what} of task `{object}/{task}` failed")]
    Check {
        /// The object's id.
        object: String,
        /// The task's name.
        task: &'static str,
        /// The failed method.
        what: &'static str,
        /// The method's error.
        source: SharedError,
    },
    /// A task of a related object failed.
    #[error("`{object}` depends on task `{other}/{task}`, which cannot be brought up to date")]
    Related {
        /// The object's id.
        object: String,
        /// The related object's id.
        other: String,
        /// The task that the object depends on.
        task: &'static str,
        /// The error of the related object.
        source: RelatedError,
    },
    /// The run's context could not be entered or left.
    #[error("the context of the run of `{object}` cannot be {what}")]
    Context {
        /// The object's id.
        object: String,
        /// `entered` or `left`.
        what: &'static str,
        /// The context's error.
        source: SharedError,
    },
    /// A system dependency could not be brought up.
    #[error("task `{object}/{task}` needs {dependency}, which cannot be brought up")]
    System {
        /// The object's id.
        object: String,
        /// The task's name.
        task: &'static str,
        /// The dependency's name.
        dependency: String,
        /// The dependency's error.
        source: SharedError,
    },
    /// The object has no such task.
    #[error("`{object}` has no setup task `{task}`; it has {known}")]
    UnknownTask {
        /// The object's id.
        object: String,
        /// The requested name.
        task: String,
        /// The existing names.
        known: String,
    },
    /// The object is readonly, so it was not cleared.
    #[error("`{object}` is readonly: nothing was cleared")]
    Readonly {
        /// The object's id.
        object: String,
    },
    /// The object must not change, because this is a dry run.
    #[error("{what} of `{object}` stays as it is: this is a dry run")]
    DryRun {
        /// The object's id.
        object: String,
        /// The part of the object that was to be changed.
        what: &'static str,
    },
    /// A plan cannot decide whether a task would run.
    #[error("task `{object}/{task}` is undecided: {undecided}")]
    Undecided {
        /// The object's id.
        object: String,
        /// The task's name.
        task: String,
        /// The reason.
        undecided: super::Undecided,
    },
    /// A fleet applies a plan that does not contain the task.
    #[error("task `{object}/{task}` must run now, and the plan does not contain it: {reason}")]
    NotPlanned {
        /// The object's id.
        object: String,
        /// The task's name.
        task: &'static str,
        /// The reason for which the task would run.
        reason: Box<Reason>,
    },
    /// A fleet applies a plan, and the records of the object have changed since it was made.
    #[error("the records of `{object}` have changed since the plan was made")]
    NotAsPlanned {
        /// The object's id.
        object: String,
    },
    /// A related object cannot be brought to ready.
    #[error(transparent)]
    Ready(#[from] crate::object::ReadyError),
    /// A stop of the fleet or the layout was requested before the object was completed.
    #[error("`{object}` was stopped before its end")]
    Stopped {
        /// The object's id.
        object: String,
    },
    /// The task has no stamp that could be written by hand.
    #[error("`{object}/{task}` cannot be marked as done: it is a {what}, which has no stamp")]
    NoStamp {
        /// The object's id.
        object: String,
        /// The task's name.
        task: String,
        /// The kind of the task.
        what: &'static str,
    },
    /// The run would wait for itself.
    #[error("`{object}` cannot be run")]
    Circle {
        /// The object's id.
        object: String,
        /// The circle.
        source: Circle,
    },
    /// The lease of the object cannot be taken, or was lost. Usually another process runs the object.
    #[error(transparent)]
    Lease(Arc<LeaseError>),
    /// The stamps cannot be read or written.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// A path of the object is not available.
    #[error(transparent)]
    Path(Arc<PathError>),
}

/// The reason why a related object's task is not up to date. Contains the [`RunError`] of that
/// object, which all of its dependents share.
#[derive(Clone)]
pub struct RelatedError(Flat<Arc<RunError>>);

impl RelatedError {
    /// Returns the error.
    pub fn get(&self) -> &RunError {
        &self.0
    }

    /// Returns the help of the error.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        self.get().help()
    }
}

error_help!(RunError, RelatedError);

impl From<RunError> for RelatedError {
    fn from(error: RunError) -> Self {
        Self(Flat::new(Arc::new(error)))
    }
}

impl Error for RelatedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.get().source()
    }
}

impl fmt::Display for RelatedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// Writes the text of `Display`, because the derived form of a long chain would overflow the stack.
impl fmt::Debug for RelatedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

impl RunError {
    /// Returns advice for the user. The cause of the error may have its own.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Readonly { .. } => Some("take the readonly flag or key away first".into()),
            Self::DryRun { .. } => Some(DRY_RUN_HELP.into()),
            Self::NotPlanned { .. } | Self::NotAsPlanned { .. } => {
                Some("something changed after the plan was made; make a new plan, and review it".into())
            }
            Self::Undo { .. } => Some("the tasks before it stay as they are; the next `down` continues here".into()),
            Self::Retired { .. } => Some("`layout.run()` brings it down; remove `retired` to bring it up again".into()),
            Self::DependsOnRetired { object, .. } => {
                Some(format!("retire `{object}` as well, or remove its dependency").into())
            }
            Self::Needed { dependent, .. } => {
                Some(format!("bring `{dependent}` down first, or remove its dependency").into())
            }
            Self::Elsewhere { host, .. } => {
                Some(format!("start `worker` on {host}; `up --here` runs the object on this host from now on").into())
            }
            Self::Dispatch(error) => error.help(),
            Self::Lease(error) => error.help(),
            Self::Stamp(error) => error.help(),
            Self::Path(error) => error.help(),
            Self::Task { .. }
            | Self::Check { .. }
            | Self::Related { .. }
            | Self::Context { .. }
            | Self::System { .. }
            | Self::UnknownTask { .. }
            | Self::Undecided { .. }
            | Self::Ready(_)
            | Self::Stopped { .. }
            | Self::FailedElsewhere { .. }
            | Self::NoStamp { .. }
            | Self::Circle { .. } => None,
        }
    }

    /// Returns the error of a task's method that failed.
    pub(crate) fn check(object: &str, task: &'static str, what: &'static str, source: anyhow::Error) -> Self {
        Self::Check { object: object.to_owned(), task, what, source: source.into() }
    }

    /// Returns the error of a run that would wait for itself.
    pub(crate) fn circle(object: &str, source: Circle) -> Self {
        Self::Circle { object: object.to_owned(), source }
    }
}

impl From<LeaseError> for RunError {
    fn from(error: LeaseError) -> Self {
        Self::Lease(Arc::new(error))
    }
}

impl From<PathError> for RunError {
    fn from(error: PathError) -> Self {
        Self::Path(Arc::new(error))
    }
}
