//! The state of an object by its stamps alone. No method of a model is called.

use setup_tasks::inspect::{ObjectTaskInspector, TaskCategory};
use setup_tasks::run::Decision;
use setup_tasks::stamp::{Stamp, StampError, Timestamp};
use setup_tasks::{AnyObject, Reason};

use crate::state::State;

/// The state of one task by its stamp.
#[derive(Clone, Debug)]
pub(crate) struct PeekedTask {
    pub(crate) task: ObjectTaskInspector,
    pub(crate) state: State,
    pub(crate) reason: String,
    pub(crate) stamp: Option<Stamp>,
}

/// The state of an object by its stamps.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Peeked {
    pub(crate) state: State,
    /// The first task with the state, and its reason.
    pub(crate) task: Option<(String, String)>,
    /// The time of the latest stamp.
    pub(crate) last: Option<Timestamp>,
}

/// Returns the tasks of an object in run order, with those of customizations in their place.
///
/// # Errors
///
/// If the store cannot be read.
pub(crate) async fn tasks(object: &AnyObject) -> Result<Vec<PeekedTask>, StampError> {
    let leaves = object.inspect().into_iter().flat_map(ObjectTaskInspector::into_leaves);
    let mut peeked = Vec::new();
    for task in leaves.filter(|task| task.category() == TaskCategory::Task) {
        let (state, reason) = match task.peek().await? {
            Some(Decision::Run(Reason::Failed { error })) => (State::Failed, error),
            Some(Decision::Run(reason @ Reason::Interrupted)) => (State::Failed, reason.to_string()),
            Some(Decision::Run(reason)) => (State::WouldRun, reason.to_string()),
            Some(Decision::MayRun { reason, .. }) => (State::MayRun, reason.condition()),
            Some(_) => (State::UpToDate, String::new()),
            None => (State::Idle, "its completion check decides".to_owned()),
        };
        let stamp = task.last_run().await?;
        peeked.push(PeekedTask { task, state, reason, stamp });
    }
    Ok(peeked)
}

/// Returns the state of an object.
pub(crate) async fn peek(object: &AnyObject) -> Peeked {
    let tasks = match tasks(object).await {
        Ok(tasks) => tasks,
        Err(error) => {
            return Peeked { state: State::Failed, task: Some((String::new(), error.to_string())), last: None };
        }
    };
    let last = tasks.iter().filter_map(|task| task.stamp.as_ref()).map(|stamp| stamp.time).max();
    let worst = tasks.iter().filter(|task| task.state != State::Idle).min_by_key(|task| task.state);
    let Some(worst) = worst else { return Peeked { state: State::Idle, task: None, last } };
    let task = (worst.state != State::UpToDate).then(|| (worst.task.stamp_name().to_owned(), worst.reason.clone()));
    Peeked { state: worst.state, task, last }
}
