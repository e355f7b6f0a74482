//! The hosts that share a store: their workers, the runs that the workers carry out, and the places of objects.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::{Answer, Dispatch, EndState, Version};

/// The directory of the hosts that share a store.
///
/// A worker is a process that takes objects of runs which other processes begin. All communication between workers and the
/// processes with runs goes through this trait: a run with the queue of its objects, its events, its results, the request to stop it, and
/// the places of objects. The stamps and the leases stay where they are. Nothing here makes a stamp true.
///
/// Texts that the runtime encodes (options, events, results, questions, answers) are JSON with a version of their own. They contain no
/// secrets. An implementation keeps them as they are.
///
/// Implementation: `setup_tasks_postgres::Postgres`. [`SharedStore::hosts`](crate::stamp::SharedStore::hosts) takes one.
pub trait Hosts: fmt::Debug + Send + Sync + 'static {
    /// Returns the name of this host.
    fn here(&self) -> String;

    /// Returns the workers that give signs of life.
    fn workers(&self) -> Answer<'_, Vec<WorkerEntry>>;

    /// Enters this process as a worker with a number of job slots, which all its runs share. The implementation sends signs of life
    /// until [`leave`](Self::leave), also while tasks block the threads of the runtime.
    fn join<'a>(&'a self, version: &'a Version, jobs: usize) -> Answer<'a, ()>;

    /// Removes this process from the workers.
    fn leave(&self) -> Answer<'_, ()>;

    /// Enters a run with the queue of its objects, and returns its number.
    fn begin(&self, run: NewRun) -> Answer<'_, u64>;

    /// Returns the runs under way and the latest ones that have ended, the latest first.
    fn runs(&self) -> Answer<'_, Vec<RunEntry>>;

    /// Returns the queue of a run. A worker takes its objects from it, and `subdirs` are their names in the order of the positions.
    /// The queue hands out only objects that are placed here or nowhere. With `only_here`, it leaves those alone that are placed
    /// nowhere.
    fn queue(&self, run: u64, subdirs: Vec<String>, only_here: bool) -> Answer<'_, Arc<dyn Dispatch>>;

    /// Asks the workers of a run to stop: after their running tasks, or at once.
    fn stop(&self, run: u64, at_once: bool) -> Answer<'_, ()>;

    /// Adds events to a run.
    fn publish(&self, run: u64, events: Vec<String>) -> Answer<'_, ()>;

    /// Returns the state of a run, with the events after a number. Returns `None` for a run that is not known.
    fn progress(&self, run: u64, after: u64) -> Answer<'_, Option<RunProgress>>;

    /// Returns the results of the objects of a run.
    fn results(&self, run: u64) -> Answer<'_, Vec<RunResult>>;

    /// Returns the subdirs of all objects that are bound to a host by their files, each with the host.
    fn bindings(&self) -> Answer<'_, HashMap<String, String>>;

    /// Binds an object to this host, because files of it are here.
    fn bind<'a>(&'a self, subdir: &'a str) -> Answer<'a, ()>;

    /// Asks the worker of a host a question, and waits for the answer. Returns `None` if the host has no worker, or if it does not
    /// answer in time.
    fn ask<'a>(&'a self, host: &'a str, question: String) -> Answer<'a, Option<String>>;

    /// Takes the questions that no worker of this host has taken yet.
    fn questions(&self) -> Answer<'_, Vec<Question>>;

    /// Answers a question.
    fn answer(&self, question: u64, answer: String) -> Answer<'_, ()>;

    /// Waits until something may have changed: for a nudge, or for a moment.
    fn changed(&self) -> Answer<'_, ()>;
}

/// A worker.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct WorkerEntry {
    /// The name of its host.
    pub host: String,
    /// The name of the process, such as `process 4711 on north`.
    pub process: String,
    /// The version of its program and its layout.
    pub version: Version,
    /// The number of objects that it runs at the same time.
    pub jobs: usize,
    /// The time at which it entered, by the clock of the store.
    pub since: Option<SystemTime>,
    /// The objects that it runs.
    pub runs: Vec<RunningObject>,
}

/// An object that a worker runs.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunningObject {
    /// The number of the run.
    pub run: u64,
    /// The id of the object.
    pub object: String,
    /// The task that has begun last, if the worker has reported it.
    pub task: Option<String>,
    /// The process for which the object waits.
    pub waits_for: Option<String>,
}

/// A run that begins.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct NewRun {
    /// The version of the program and the layout of the process that begins it.
    pub version: Version,
    /// The options, as JSON.
    pub options: String,
    /// The objects, in the order of their positions.
    pub objects: Vec<QueuedObject>,
    /// Whether the process that begins it takes the objects of its host, because no worker runs there.
    pub takes_part: bool,
    /// Whether no further object begins after a failure.
    pub fail_fast: bool,
    /// The size of a batch and the number of failures with which another batch begins.
    pub batch: Option<(usize, usize)>,
}

/// An object of a run that begins.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct QueuedObject {
    /// The id of the object.
    pub id: String,
    /// Its subdir, which identifies it in the store.
    pub subdir: String,
    /// The number of objects that have to end before it begins.
    pub waits_for: usize,
    /// The positions of the objects that begin after it.
    pub dependents: Vec<usize>,
    /// The host to which it is bound.
    pub host: Option<String>,
}

/// A run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunEntry {
    /// The number.
    pub number: u64,
    /// The time of its beginning, by the clock of the store.
    pub began: Option<SystemTime>,
    /// The time of its end.
    pub ended: Option<SystemTime>,
    /// The process that began it, such as `process 4711 on north`.
    pub starter: String,
    /// The version of the program and the layout of that process.
    pub version: Version,
    /// The options, as JSON.
    pub options: String,
    /// The number of objects.
    pub objects: usize,
    /// The number of objects that have ended.
    pub finished: usize,
    /// The number of objects that have ended with a failure.
    pub failed: usize,
    /// The number of objects that workers run.
    pub running: usize,
    /// The request to stop it.
    pub stop: StopRequest,
}

/// A request to stop a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum StopRequest {
    /// Nobody has asked to stop it.
    #[default]
    None,
    /// Running tasks finish, and no further task begins.
    AfterTasks,
    /// Running tasks are cancelled.
    AtOnce,
}

/// The state of a run, and its latest events.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunProgress {
    /// The state.
    pub run: RunEntry,
    /// The events, each with its number and the host of its worker.
    pub events: Vec<RunEvent>,
}

/// An event of a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunEvent {
    /// The number of the event. Later events have greater numbers.
    pub number: u64,
    /// The host of the worker.
    pub worker: String,
    /// The event, as JSON.
    pub event: String,
}

/// The result of an object in a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct RunResult {
    /// The id of the object.
    pub object: String,
    /// The state in which it ended, or `None` if it did not begin.
    pub state: Option<EndState>,
    /// The host to which it is bound.
    pub host: Option<String>,
    /// The host of the worker that ran it.
    pub worker: Option<String>,
    /// The result as JSON.
    pub result: Option<String>,
}

/// A question of another process to the worker of this host.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Question {
    /// The number, by which it is answered.
    pub number: u64,
    /// The question, as JSON.
    pub question: String,
}
