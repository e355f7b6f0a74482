//! The classification of a task by its stamp, its source and the tasks before it. No method of the
//! task is called. This saves a future for each task that is up to date; the figure is under
//! "Measured changes" in `docs/src/internals/performance.md`.

use std::borrow::Cow;

use crate::decide::{Decision, Fact, Facts, Newest, Reason, decide};
use crate::earlier::Changes;
use crate::object::Features;
use crate::observer::Observed;
use crate::stamp::{Entry, Timestamp};
use crate::task::category::TaskCategory;

/// The class of a task.
#[derive(Debug, PartialEq)]
pub(super) enum Class {
    /// The task is up to date. Later tasks are compared with its time, if it has one.
    UpToDate(Option<Timestamp>),
    /// The task runs, regardless of its helper methods.
    Run(Reason),
    /// The task runs if an earlier task changes something.
    MayRun { reason: Reason, last_change: Option<Timestamp> },
    /// A helper method, a file or another object decides.
    NeedsProbe,
}

/// The facts of a task that are known without a call.
#[derive(Clone, Copy, Default)]
pub(super) struct KnownFacts<'a> {
    pub(super) forced: bool,
    pub(super) entry: Option<&'a Entry>,
    pub(super) newest: Option<&'a Newest>,
    pub(super) possible: Option<&'a Cow<'static, str>>,
    /// Whether the run verifies: whether it calls slow invalidators, and asks observers that are not cheap.
    pub(super) verify: bool,
}

impl<'a> KnownFacts<'a> {
    /// Returns the facts with the changes of the earlier tasks and the dependencies.
    pub(super) fn after(self, changes: &'a Changes) -> Self {
        Self { newest: changes.newest.as_ref(), possible: changes.possible.as_ref(), ..self }
    }

    /// Returns all facts of the task. The unknown ones are unasked.
    pub(super) fn facts(&self, has: &Features) -> Facts<'a> {
        Facts {
            forced: self.forced,
            completion: unasked(has.completion),
            entry: self.entry,
            newest: self.newest,
            possible: self.possible,
            hash: unasked(has.hash),
            source: has.source,
            input_change: unasked(has.inputs),
            missing_output: unasked(has.outputs),
            differences: unasked(match has.observed {
                Observed::Never => false,
                Observed::WhenVerified => self.verify,
                Observed::EveryRun => true,
            }),
            valid: unasked(has.invalidator && (!has.slow_invalidator || self.verify)),
            always: has.always,
        }
    }
}

fn unasked<A>(has: bool) -> Fact<A> {
    if has { Fact::Unasked } else { Fact::Absent }
}

/// Returns the class of a task.
#[inline]
pub(super) fn classify(has: &Features, known: &KnownFacts<'_>) -> Class {
    if has.category != TaskCategory::Task || has.dependencies || has.dependencies_always {
        return Class::NeedsProbe;
    }
    class_of(decide(&known.facts(has)))
}

/// Returns the class of a task whose hash function was called before.
pub(super) fn classify_hashed(has: &Features, known: &KnownFacts<'_>, hash: Option<&String>) -> Class {
    let mut facts = known.facts(has);
    facts.hash = hash.map_or(Fact::Absent, |hash| Fact::Known(hash.clone()));
    class_of(decide(&facts))
}

fn class_of(decision: Decision) -> Class {
    match decision {
        Decision::UpToDate(time) => Class::UpToDate(time),
        Decision::Run(reason) => Class::Run(reason),
        Decision::MayRun { reason, last_change } => Class::MayRun { reason, last_change },
        Decision::Ask(_) => Class::NeedsProbe,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stamp::{Attempt, RunId, Stamp};

    const STAMPED: Timestamp = Timestamp(5);

    fn plain() -> Features {
        Features::plain("mount", TaskCategory::Task, Some(1))
    }

    fn stamped() -> Entry {
        Entry::completed(Stamp { time: STAMPED, source: Some(1), ..Stamp::default() })
    }

    #[test]
    fn a_stamp_alone_makes_a_plain_task_up_to_date() {
        let entry = stamped();
        let known = KnownFacts { entry: Some(&entry), ..KnownFacts::default() };
        assert_eq!(classify(&plain(), &known), Class::UpToDate(Some(STAMPED)));
    }

    #[test]
    fn a_task_without_a_stamp_runs_whatever_its_helpers_say() {
        let has = Features { hash: true, inputs: true, invalidator: true, ..plain() };
        assert_eq!(classify(&has, &KnownFacts::default()), Class::Run(Reason::NeverRan));
    }

    #[test]
    fn a_forced_task_and_an_interrupted_one_run_without_a_probe() {
        let entry = stamped();
        let has = Features { hash: true, ..plain() };
        let forced = KnownFacts { forced: true, entry: Some(&entry), ..KnownFacts::default() };
        assert_eq!(classify(&has, &forced), Class::Run(Reason::Forced));
        let running = Attempt::Running { since: STAMPED, run: RunId::default() };
        let entry = Entry { attempt: Some(Box::new(running)), ..stamped() };
        let interrupted = KnownFacts { entry: Some(&entry), ..KnownFacts::default() };
        assert_eq!(classify(&has, &interrupted), Class::Run(Reason::Interrupted));
    }

    #[test]
    fn an_earlier_task_that_ran_later_makes_a_task_run() {
        let (entry, newest) = (stamped(), Newest { time: Timestamp(6), which: "fetch".into() });
        let known = KnownFacts { entry: Some(&entry), newest: Some(&newest), ..KnownFacts::default() };
        assert_eq!(classify(&plain(), &known), Class::Run(Reason::DependencyNewer { which: "fetch".into() }));
    }

    #[test]
    fn each_helper_of_a_stamped_task_needs_a_probe() {
        let entry = stamped();
        let known = KnownFacts { entry: Some(&entry), ..KnownFacts::default() };
        for has in [
            Features { hash: true, ..plain() },
            Features { inputs: true, ..plain() },
            Features { outputs: true, ..plain() },
            Features { observed: Observed::EveryRun, ..plain() },
            Features { invalidator: true, ..plain() },
            Features { completion: true, ..plain() },
        ] {
            assert_eq!(classify(&has, &known), Class::NeedsProbe, "{has:?}");
        }
    }

    #[test]
    fn what_is_slow_to_observe_needs_a_probe_only_in_a_run_that_verifies() {
        let entry = stamped();
        let known = KnownFacts { entry: Some(&entry), ..KnownFacts::default() };
        let slow_invalidator = Features { invalidator: true, slow_invalidator: true, ..plain() };
        let slow_observer = Features { observed: Observed::WhenVerified, ..plain() };
        for has in [slow_invalidator, slow_observer] {
            assert_eq!(classify(&has, &known), Class::UpToDate(Some(STAMPED)), "{has:?}");
            assert_eq!(classify(&has, &KnownFacts { verify: true, ..known }), Class::NeedsProbe, "{has:?}");
        }
    }

    #[test]
    fn what_depends_on_other_objects_needs_a_probe_even_if_it_is_forced() {
        let known = KnownFacts { forced: true, ..KnownFacts::default() };
        for has in [
            Features { category: TaskCategory::Relationship, ..plain() },
            Features { category: TaskCategory::Customization, ..plain() },
            Features { dependencies: true, ..plain() },
            Features { dependencies_always: true, ..plain() },
        ] {
            assert_eq!(classify(&has, &known), Class::NeedsProbe, "{has:?}");
        }
    }
}
