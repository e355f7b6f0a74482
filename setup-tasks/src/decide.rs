//! The decision whether a task runs: one pure function that runs, plans and inspectors share. It
//! does not depend on futures, stores or clocks. If it lacks a fact, it returns a question, so
//! callers gather only the facts that the decision needs.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::drift::{Difference, summary};
use crate::stamp::{Attempt, Entry, HashTexts, Timestamp, contents};
use crate::task::answer::Completion;
use crate::text::escape::escape;

/// The reason why a task runs. A task can take it as an argument, and reports contain it. `Display`
/// writes it as a short text.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door;
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it")]
///     fn paint(&self, reason: Reason) {
///         assert_eq!(reason, Reason::NeverRan);
///         assert_eq!(reason.to_string(), "never ran");
///     }
/// }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// # setup_tasks::Layout::in_memory()?.add(Door)?.run_setup_tasks().await?;
/// # Ok(()) }
/// ```
///
/// The first condition that holds decides:
///
/// | condition | reason |
/// |---|---|
/// | forced | `Forced` |
/// | completion check: incomplete | `NotCompleted` |
/// | completion check: complete at a time before an earlier task or a dependency last changed something | `DependencyNewer` |
/// | completion check: complete at a later time | up to date, with that time |
/// | completion check: complete without a time | up to date, with the time when a run last changed something, if one did |
/// | the last attempt failed, or never ended; no stamp | `Failed`, `Interrupted`, `NeverRan` |
/// | an earlier task or a dependency changed something later than the stamp | `DependencyNewer` |
/// | the hash text changed | `HashChanged` |
/// | the source changed | `SourceChanged` |
/// | an input changed; an output is missing | `InputChanged`, `OutputMissing` |
/// | the world differs from the state that the last run left | `Drifted` |
/// | the invalidator returns false | `Invalidated` |
/// | it runs in every run | `Always` |
/// | none of these | up to date, with the time when the task last changed something |
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The caller forced the task.
    Forced,
    /// The completion check reports that the task is not complete.
    NotCompleted,
    /// The task has no stamp.
    NeverRan,
    /// The last attempt failed.
    Failed {
        /// The error of the last attempt.
        error: String,
    },
    /// The last attempt never ended.
    Interrupted,
    /// An earlier task of the object, or a dependency, changed something after this task completed.
    DependencyNewer {
        /// The task that changed something, written as `object/task` if it belongs to another object.
        which: Cow<'static, str>,
    },
    /// The text of the hash function differs from the text in the stamp.
    HashChanged {
        /// The stamp's text.
        from: String,
        /// The current text.
        to: String,
        /// Whether the text changed while the task last ran.
        during_last_run: bool,
        /// The whole texts. `from` and `to` contain the hashes of long texts.
        #[serde(skip)]
        texts: HashTexts,
    },
    /// The method, or one of its helpers, was edited.
    SourceChanged,
    /// The content of an input file changed, or an input file appeared or disappeared.
    InputChanged {
        /// The file.
        path: String,
        /// Whether this or another input changed while the task last ran.
        during_last_run: bool,
    },
    /// A declared output is missing.
    OutputMissing {
        /// The output as declared.
        path: String,
    },
    /// The world differs from the state in which the last run left it.
    Drifted {
        /// The differences.
        what: Vec<Difference>,
    },
    /// The invalidator reports that the last run is no longer valid.
    Invalidated,
    /// The task is marked to run in every run.
    Always,
}

/// The time of the run that a reason explains.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tense {
    /// The task ran.
    Past,
    /// The task runs, or would run.
    Present,
}

impl Reason {
    /// Returns a unified diff of the texts of a changed hash function. Returns `None` for other reasons, for texts that the
    /// reason shows completely, and for texts of which only a hash is kept. Among the latter are texts with secrets.
    pub fn diff(&self) -> Option<String> {
        if let Self::HashChanged { texts, .. } = self { texts.diff() } else { None }
    }

    /// Returns the condition under which a task with this reason runs, if it may run.
    #[doc(hidden)]
    pub fn condition(&self) -> String {
        match self {
            Self::DependencyNewer { which } => format!("if {which} changes something"),
            _ => format!("because {}", self.clause(Tense::Present)),
        }
    }

    /// Returns the reason as a clause that follows `because`.
    #[doc(hidden)]
    pub fn clause(&self, tense: Tense) -> String {
        match (self, tense) {
            (Self::NeverRan, Tense::Past) => "it had never run".to_owned(),
            (Self::NeverRan, Tense::Present) => "it has never run".to_owned(),
            (Self::Forced, Tense::Past) => "it was forced".to_owned(),
            (Self::Forced, Tense::Present) => "it is forced".to_owned(),
            (Self::Failed { .. }, _) | (Self::Always, Tense::Present) => format!("it {self}"),
            (Self::Interrupted, _) => format!("it was {self}"),
            (Self::Always, Tense::Past) => "it ran in every run".to_owned(),
            _ => self.to_string(),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let while_running = |during: &bool| if *during { " while it last ran" } else { "" };
        match self {
            Self::Forced => f.write_str("forced"),
            Self::NotCompleted => f.write_str("its check reports that it is not complete"),
            Self::NeverRan => f.write_str("never ran"),
            Self::Failed { error } => {
                write!(f, "failed last time: {}", error.lines().next().unwrap_or_default())
            }
            Self::Interrupted => f.write_str("interrupted last time"),
            Self::DependencyNewer { which } => write!(f, "{which} changed something later"),
            Self::HashChanged { from, to, during_last_run, .. } if from.is_empty() => {
                write!(f, "its hash changed{} to {}", while_running(during_last_run), brief(to))
            }
            Self::HashChanged { from, to, during_last_run, .. } => {
                let (from, to) = (brief(from), brief(to));
                write!(f, "its hash changed{}", while_running(during_last_run))?;
                // Texts that differ in a later line have the same first line.
                if from == to { Ok(()) } else { write!(f, " from {from} to {to}") }
            }
            Self::SourceChanged => f.write_str("its source changed"),
            Self::InputChanged { path, during_last_run } => {
                write!(f, "input {path} changed{}", while_running(during_last_run))
            }
            Self::OutputMissing { path } => write!(f, "output {path} is missing"),
            Self::Drifted { what } => summary(what, f),
            Self::Always => f.write_str("runs in every run"),
            Self::Invalidated => f.write_str("its invalidator reports that it is no longer valid"),
        }
    }
}

/// Returns the first line of a text, or the first twelve digits of a hash, which suffice to
/// distinguish two hashes.
fn brief(text: &str) -> String {
    let hash = text.strip_prefix("blake3:").or_else(|| text.strip_prefix("blake3-keyed:"));
    if let Some(hash) = hash.and_then(|hash| hash.get(..12)) {
        return format!("{hash}…");
    }
    let (first, more) = text.split_once('\n').map_or((text, ""), |(first, _)| (first, "…"));
    escape(first).into_owned() + more
}

/// A fact whose gathering has a cost.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<A> {
    /// The task declares no source for this fact.
    Absent,
    /// The fact has not been gathered.
    Unasked,
    /// The fact is known.
    Known(A),
}

/// The most recent change among the earlier tasks and the dependencies.
#[derive(Clone, Debug, PartialEq)]
pub struct Newest {
    /// The time of the change.
    pub time: Timestamp,
    /// The name of the task that changed something.
    pub which: Cow<'static, str>,
}

impl Newest {
    /// Replaces `kept` by the task that changed something at `time` if that is later. Of two equal times, the first stays.
    pub(crate) fn keep_later(
        kept: &mut Option<Self>,
        time: Option<Timestamp>,
        which: impl FnOnce() -> Cow<'static, str>,
    ) {
        if let Some(time) = time
            && kept.as_ref().is_none_or(|kept| kept.time < time)
        {
            *kept = Some(Self { time, which: which() });
        }
    }
}

/// The facts about a task from which [`decide`] decides.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Whether the caller forces the task.
    pub forced: bool,
    /// The result of the completion check.
    pub completion: Fact<Completion>,
    /// The entry of the stamp store for the task.
    pub entry: Option<&'a Entry>,
    /// The most recent change among the earlier tasks and the dependencies.
    pub newest: Option<&'a Newest>,
    /// An earlier task or a dependency that may change something before this task is considered. Only
    /// plans know such tasks.
    pub possible: Option<&'a Cow<'static, str>>,
    /// The current text of the hash function, in the form in which stamps keep it.
    pub hash: Fact<String>,
    /// The current fingerprint of the source, or `None` with `check_source = false`.
    pub source: Option<u64>,
    /// The first input that changed, if any did.
    pub input_change: Fact<Option<String>>,
    /// The first output that is missing, if any is.
    pub missing_output: Fact<Option<String>>,
    /// The differences between the state that the last run left and the current state.
    pub differences: Fact<Vec<Difference>>,
    /// Whether the invalidator reports that the last run is still valid.
    pub valid: Fact<bool>,
    /// Whether the task runs in every run.
    pub always: bool,
}

/// A fact that a decision lacks: one of the fields of [`Facts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MissingFact {
    /// [`Facts::completion`]
    Completion,
    /// [`Facts::hash`]
    Hash,
    /// [`Facts::input_change`]
    Inputs,
    /// [`Facts::missing_output`]
    Outputs,
    /// [`Facts::differences`]
    Differences,
    /// [`Facts::valid`]
    Invalidator,
}

/// The decision whether a task runs, with its reason.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// The task runs.
    Run(Reason),
    /// The task is up to date. Later tasks are compared with the time when it last changed
    /// something, if it has one.
    UpToDate(Option<Timestamp>),
    /// The task runs if an earlier task changes something. A run never makes this decision because it
    /// knows the changes of the earlier tasks.
    MayRun {
        /// The reason for the run. It names the earlier task, or the first of several.
        reason: Reason,
        /// The time with which later tasks are compared if this one does not run.
        last_change: Option<Timestamp>,
    },
    /// The decision needs a further fact. Only [`decide`] returns this; snapshots and inspectors never do.
    #[doc(hidden)]
    Ask(MissingFact),
}

/// Decides whether a task runs, by the first condition of the table at [`Reason`] that holds.
pub fn decide(facts: &Facts<'_>) -> Decision {
    if facts.forced {
        return Decision::Run(Reason::Forced);
    }
    match facts.completion {
        Fact::Absent => by_stamp(facts),
        Fact::Unasked => Decision::Ask(MissingFact::Completion),
        Fact::Known(Completion::Incomplete) => Decision::Run(Reason::NotCompleted),
        // The check alone decides. Later tasks are compared with the last attempt because it may
        // have changed something.
        Fact::Known(Completion::Complete) => Decision::UpToDate(facts.entry.and_then(Entry::last_attempt)),
        Fact::Known(Completion::At(time)) => {
            newer_than(time, facts.newest).map_or_else(|| unless_changed(facts, Some(time)), Decision::Run)
        }
    }
}

/// Returns the decision about a task that is up to date unless an earlier task changes something.
fn unless_changed(facts: &Facts<'_>, last_change: Option<Timestamp>) -> Decision {
    match facts.possible {
        Some(which) => Decision::MayRun { reason: Reason::DependencyNewer { which: which.clone() }, last_change },
        None => Decision::UpToDate(last_change),
    }
}

fn newer_than(time: Timestamp, newest: Option<&Newest>) -> Option<Reason> {
    let newest = newest.filter(|newest| newest.time > time)?;
    Some(Reason::DependencyNewer { which: newest.which.clone() })
}

fn by_stamp(facts: &Facts<'_>) -> Decision {
    match facts.entry.and_then(|entry| entry.attempt.as_deref()) {
        Some(Attempt::Failed { error, .. }) => return Decision::Run(Reason::Failed { error: error.clone() }),
        Some(Attempt::Running { .. }) => return Decision::Run(Reason::Interrupted),
        None => {}
    }
    let Some((entry, stamp)) = facts.entry.and_then(|entry| Some((entry, entry.stamp.as_ref()?))) else {
        return Decision::Run(Reason::NeverRan);
    };
    if let Some(reason) = newer_than(stamp.time, facts.newest) {
        return Decision::Run(reason);
    }
    let during_last_run = stamp.changed_while_running;
    match &facts.hash {
        Fact::Unasked => return Decision::Ask(MissingFact::Hash),
        Fact::Known(to) if !contents::is_same(&stamp.contents, to) => {
            let texts = HashTexts::new(&stamp.contents, to);
            let (from, to) = (contents::shown(&stamp.contents), contents::shown(to));
            return Decision::Run(Reason::HashChanged { from, to, during_last_run, texts });
        }
        Fact::Known(_) | Fact::Absent => {}
    }
    if let (Some(now), Some(then)) = (facts.source, stamp.source)
        && now != then
    {
        return Decision::Run(Reason::SourceChanged);
    }
    match &facts.input_change {
        Fact::Unasked => return Decision::Ask(MissingFact::Inputs),
        Fact::Known(Some(path)) => {
            return Decision::Run(Reason::InputChanged { path: path.clone(), during_last_run });
        }
        Fact::Known(None) | Fact::Absent => {}
    }
    match &facts.missing_output {
        Fact::Unasked => return Decision::Ask(MissingFact::Outputs),
        Fact::Known(Some(path)) => return Decision::Run(Reason::OutputMissing { path: path.clone() }),
        Fact::Known(None) | Fact::Absent => {}
    }
    match &facts.differences {
        Fact::Unasked => return Decision::Ask(MissingFact::Differences),
        Fact::Known(what) if !what.is_empty() => return Decision::Run(Reason::Drifted { what: what.clone() }),
        Fact::Known(_) | Fact::Absent => {}
    }
    match facts.valid {
        Fact::Unasked => Decision::Ask(MissingFact::Invalidator),
        Fact::Known(false) => Decision::Run(Reason::Invalidated),
        Fact::Known(true) | Fact::Absent if facts.always => Decision::Run(Reason::Always),
        Fact::Known(true) | Fact::Absent => unless_changed(facts, Some(entry.changed_by(stamp))),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
