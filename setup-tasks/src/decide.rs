//! Does a task run? One pure function answers, for the run, the plan and the inspectors alike. It knows nothing of
//! futures, stores or clocks: where it lacks a fact it asks for it, so that no fact is gathered that is not needed.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::drift::{Difference, summary};
use crate::stamp::{Attempt, Entry, Timestamp, contents};
use crate::task::answer::Completion;
use crate::text::escape::escape;

/// Why a task runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The caller forced it.
    Forced,
    /// Its completion check says that it is not complete.
    NotCompleted,
    /// There is no stamp.
    NeverRan,
    /// The last attempt failed.
    Failed {
        /// Its error.
        error: String,
    },
    /// The last attempt never ended.
    Interrupted,
    /// An earlier task of the object, or a dependency, ran later.
    DependencyNewer {
        /// The task that ran later; of another object as `object/task`.
        which: Cow<'static, str>,
    },
    /// Its hash function's text differs from the stamp's.
    HashChanged {
        /// The stamp's text.
        from: String,
        /// The text now.
        to: String,
        /// Whether it changed while the task last ran.
        during_last_run: bool,
    },
    /// The method, or one of its helpers, was edited.
    SourceChanged,
    /// An input file has another content, appeared or vanished.
    InputChanged {
        /// The file.
        path: String,
        /// Whether it, or another, changed while the task last ran.
        during_last_run: bool,
    },
    /// A declared output is missing.
    OutputMissing {
        /// The output as declared.
        path: String,
    },
    /// What the last run made is not as it was left.
    Drifted {
        /// The differences.
        what: Vec<Difference>,
    },
    /// The invalidator says that the last run no longer holds.
    Invalidated,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let while_running = |during: &bool| if *during { " while it last ran" } else { "" };
        match self {
            Self::Forced => f.write_str("forced"),
            Self::NotCompleted => f.write_str("its check says it is not complete"),
            Self::NeverRan => f.write_str("never ran"),
            Self::Failed { error } => {
                write!(f, "failed last time: {}", error.lines().next().unwrap_or_default())
            }
            Self::Interrupted => f.write_str("interrupted last time"),
            Self::DependencyNewer { which } => write!(f, "{which} ran later"),
            Self::HashChanged { from, to, during_last_run } if from.is_empty() => {
                write!(f, "its hash changed{} to {}", while_running(during_last_run), brief(to))
            }
            Self::HashChanged { from, to, during_last_run } => {
                write!(f, "its hash changed{} from {} to {}", while_running(during_last_run), brief(from), brief(to))
            }
            Self::SourceChanged => f.write_str("its source changed"),
            Self::InputChanged { path, during_last_run } => {
                write!(f, "input {path} changed{}", while_running(during_last_run))
            }
            Self::OutputMissing { path } => write!(f, "output {path} is missing"),
            Self::Drifted { what } => summary(what, f),
            Self::Invalidated => f.write_str("its invalidator says it no longer holds"),
        }
    }
}

/// Returns the first line of a text, or as much of a hash as tells two apart.
fn brief(text: &str) -> String {
    let hash = text.strip_prefix("blake3:").or_else(|| text.strip_prefix("blake3-keyed:"));
    if let Some(hash) = hash.and_then(|hash| hash.get(..12)) {
        return format!("{hash}…");
    }
    let (first, more) = text.split_once('\n').map_or((text, ""), |(first, _)| (first, "…"));
    escape(first).into_owned() + more
}

/// A fact that costs something to learn.
#[derive(Clone, Debug, PartialEq)]
pub enum Fact<A> {
    /// The task does not have it.
    Absent,
    /// It has not been asked for.
    Unasked,
    /// It is known.
    Known(A),
}

/// The latest among the earlier tasks and the dependencies.
#[derive(Clone, Debug, PartialEq)]
pub struct Newest {
    /// When it ran.
    pub time: Timestamp,
    /// What ran.
    pub which: Cow<'static, str>,
}

impl Newest {
    /// Keeps what ran at `time`, if that is later than what is kept; of equal times the first stays.
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

/// What is known about a task.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// Whether the caller forces it.
    pub forced: bool,
    /// What its completion check says.
    pub completion: Fact<Completion>,
    /// What is kept about it.
    pub entry: Option<&'a Entry>,
    /// The latest among the earlier tasks and the dependencies.
    pub newest: Option<&'a Newest>,
    /// Its hash text now, as stamps keep it.
    pub hash: Fact<String>,
    /// The fingerprint of its source now; `None` with `check_source = false`.
    pub source: Option<u64>,
    /// The first input that changed.
    pub input_change: Fact<Option<String>>,
    /// The first output that is missing.
    pub missing_output: Fact<Option<String>>,
    /// How what it made differs from what is there.
    pub differences: Fact<Vec<Difference>>,
    /// Whether its invalidator says that the last run holds.
    pub valid: Fact<bool>,
}

/// A fact to gather.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Question {
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

/// The answer of [`decide`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Decision {
    /// It runs.
    Run(Reason),
    /// It does not; later tasks are compared with its time, if it has one.
    UpToDate(Option<Timestamp>),
    /// A fact is missing.
    Ask(Question),
}

/// Decides by the first line of the table that holds.
///
/// | condition | reason |
/// |---|---|
/// | forced | `Forced` |
/// | has a completion check: incomplete | `NotCompleted` |
/// | … complete at a time older than the newest earlier task or dependency | `DependencyNewer` |
/// | … complete at a later time | up to date, with that time |
/// | … complete without a time | up to date, with the time when it last changed something in a run, if it did |
/// | the last attempt failed, or never ended; no stamp | `Failed`, `Interrupted`, `NeverRan` |
/// | an earlier task or a dependency is newer than the stamp | `DependencyNewer` |
/// | another hash text | `HashChanged` |
/// | another source | `SourceChanged` |
/// | an input changed; an output is missing | `InputChanged`, `OutputMissing` |
/// | what it made is not as it was left | `Drifted` |
/// | the invalidator says no | `Invalidated` |
/// | none of these | up to date, with the stamp's time |
pub fn decide(facts: &Facts<'_>) -> Decision {
    if facts.forced {
        return Decision::Run(Reason::Forced);
    }
    match facts.completion {
        Fact::Absent => by_stamp(facts),
        Fact::Unasked => Decision::Ask(Question::Completion),
        Fact::Known(Completion::Incomplete) => Decision::Run(Reason::NotCompleted),
        // The check alone decides. Later tasks are compared with the last attempt, which may have changed something.
        Fact::Known(Completion::Complete) => Decision::UpToDate(facts.entry.and_then(Entry::last_change)),
        Fact::Known(Completion::At(time)) => {
            newer_than(time, facts.newest).map_or(Decision::UpToDate(Some(time)), Decision::Run)
        }
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
    let Some(stamp) = facts.entry.and_then(|entry| entry.stamp.as_ref()) else {
        return Decision::Run(Reason::NeverRan);
    };
    if let Some(reason) = newer_than(stamp.time, facts.newest) {
        return Decision::Run(reason);
    }
    let during_last_run = stamp.changed_while_running;
    match &facts.hash {
        Fact::Unasked => return Decision::Ask(Question::Hash),
        Fact::Known(to) if !contents::is_same(&stamp.contents, to) => {
            let (from, to) = (contents::shown(&stamp.contents), contents::shown(to));
            return Decision::Run(Reason::HashChanged { from, to, during_last_run });
        }
        Fact::Known(_) | Fact::Absent => {}
    }
    if let (Some(now), Some(then)) = (facts.source, stamp.source)
        && now != then
    {
        return Decision::Run(Reason::SourceChanged);
    }
    match &facts.input_change {
        Fact::Unasked => return Decision::Ask(Question::Inputs),
        Fact::Known(Some(path)) => {
            return Decision::Run(Reason::InputChanged { path: path.clone(), during_last_run });
        }
        Fact::Known(None) | Fact::Absent => {}
    }
    match &facts.missing_output {
        Fact::Unasked => return Decision::Ask(Question::Outputs),
        Fact::Known(Some(path)) => return Decision::Run(Reason::OutputMissing { path: path.clone() }),
        Fact::Known(None) | Fact::Absent => {}
    }
    match &facts.differences {
        Fact::Unasked => return Decision::Ask(Question::Differences),
        Fact::Known(what) if !what.is_empty() => return Decision::Run(Reason::Drifted { what: what.clone() }),
        Fact::Known(_) | Fact::Absent => {}
    }
    match facts.valid {
        Fact::Unasked => Decision::Ask(Question::Invalidator),
        Fact::Known(false) => Decision::Run(Reason::Invalidated),
        Fact::Known(true) | Fact::Absent => Decision::UpToDate(Some(stamp.time)),
    }
}

#[cfg(test)]
#[path = "decide_tests.rs"]
mod tests;
