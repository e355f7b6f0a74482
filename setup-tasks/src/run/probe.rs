//! The probe of a task. It calls helper methods and examines files for the facts that a decision
//! needs, each at most once.

use std::sync::Arc;

use super::classify::KnownFacts;
use super::helper_call::{call_helper, call_helper_now};
use super::observe::{Observation, observe_cheaply};
use crate::decide::{Decision, Fact, Facts, MissingFact, Reason, decide};
use crate::drift::Difference;
use crate::object::{DynObject, Features, HelperAnswer, RowId};
use crate::report::RunError;
use crate::stamp::{Entry, InputError, InputStamp, Inputs, Timestamp, first_missing};
use crate::task::context::{LazyContext, Resources};
use crate::work::{Mode, SharedError};

/// The probe of one task.
pub(crate) struct TaskProbe<'a> {
    pub(crate) object: &'a Arc<dyn DynObject>,
    pub(crate) row: RowId,
    pub(crate) entry: Option<&'a Entry>,
    pub(crate) resources: Resources,
    /// The observation of the task, if the run verifies.
    pub(super) observation: Option<&'a Observation>,
    /// The mode of the run. Only a real run keeps long hash texts.
    pub(crate) mode: Mode,
}

/// A decision that needs no further fact.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    Run(Reason),
    MayRun { reason: Reason, last_change: Option<Timestamp> },
    UpToDate(Option<Timestamp>),
}

/// The result of a probe, with the hash text that a stamp needs.
#[derive(Debug)]
pub(crate) struct Probed {
    pub(crate) verdict: Verdict,
    pub(crate) hash: Option<String>,
}

impl TaskProbe<'_> {
    fn task(&self) -> &'static str {
        self.object.name(self.row)
    }

    fn context(&self) -> LazyContext<'_> {
        LazyContext::new(self.object, self.task(), self.entry, self.resources.clone())
    }

    fn failed(&self, what: &'static str, source: anyhow::Error) -> RunError {
        RunError::check(&self.object.core().id, self.task(), what, source)
    }

    /// Decides whether the task runs, and calls its methods only as far as needed. `hash` is the
    /// hash text, if the hash function was called before.
    pub(super) async fn probe(
        &self,
        has: &Features,
        known: &KnownFacts<'_>,
        hash: Option<String>,
    ) -> Result<Probed, RunError> {
        let mut facts = known.facts(has);
        facts.hash = hash.map_or(facts.hash, Fact::Known);
        loop {
            let verdict = match decide(&facts) {
                Decision::Ask(question) => {
                    self.answer(question, &mut facts).await?;
                    continue;
                }
                Decision::Run(reason) => Verdict::Run(reason),
                Decision::MayRun { reason, last_change } => Verdict::MayRun { reason, last_change },
                Decision::UpToDate(time) => Verdict::UpToDate(time),
            };
            let hash = if let Fact::Known(hash) = facts.hash { Some(hash) } else { None };
            return Ok(Probed { verdict, hash });
        }
    }

    async fn answer(&self, question: MissingFact, facts: &mut Facts<'_>) -> Result<(), RunError> {
        match question {
            MissingFact::Completion => {
                let cx = self.context();
                let answer = call_helper(|| self.object.completion(self.row, &cx)).await;
                facts.completion = fact(answer.map_err(|error| self.failed("completion check", error))?);
            }
            MissingFact::Hash => facts.hash = fact(self.hash().await?),
            MissingFact::Inputs => {
                let recorded = self.entry.and_then(|entry| entry.stamp.as_ref()).map(|stamp| &*stamp.inputs);
                let change = self.inputs()?.map(|inputs| inputs.first_change(recorded.unwrap_or_default()));
                facts.input_change = fact(change.transpose().map_err(|error| self.unreadable(error))?);
            }
            MissingFact::Outputs => {
                let missing = self.object.outputs(self.row).map(|paths| first_missing(&self.base_dir(), &paths));
                facts.missing_output =
                    fact(missing.transpose().map_err(|error| self.failed("list of outputs", error.into()))?);
            }
            MissingFact::Differences => {
                facts.differences = Fact::Known(Box::pin(self.differences()).await?);
            }
            MissingFact::Invalidator => {
                let cx = self.context();
                let answer = call_helper(|| self.object.valid(self.row, &cx)).await;
                facts.valid = fact(answer.map_err(|error| self.failed("invalidator", error))?);
            }
        }
        Ok(())
    }

    /// Observes the task, and compares the answer with the desired state.
    pub(super) async fn differences(&self) -> Result<Vec<Difference>, RunError> {
        let cx = self.context();
        let answer = match self.observation {
            Some(observation) => observation.answer(self.object.core().layout.clock()).await,
            None => observe_cheaply(self.object, self.row, &cx).await.map_err(SharedError::from),
        };
        let failed = |source| {
            let (object, task) = (self.object.core().id.to_string(), self.task());
            RunError::Check { object, task, what: "observation", source }
        };
        let Some(answer) = answer.map_err(failed)? else { return Ok(Vec::new()) };
        let differences = call_helper_now(|| HelperAnswer::Now(self.object.differences(self.row, cx.get(), &answer)));
        let differences = differences.map_err(|error| failed(error.into()))?.unwrap_or_default();
        Ok(differences.into_iter().map(Difference::redacted).collect())
    }

    /// Calls the hash function, and returns its text.
    pub(crate) async fn hash(&self) -> Result<Option<String>, RunError> {
        let cx = self.context();
        self.keep_hash(call_helper(|| self.object.hash(self.row, &cx)).await)
    }

    /// Calls a hash function that needs no future, and returns its text.
    pub(crate) fn hash_now(&self) -> Result<Option<String>, RunError> {
        let cx = self.context();
        self.keep_hash(call_helper_now(|| self.object.hash(self.row, &cx)))
    }

    fn keep_hash(&self, answer: crate::Result<Option<String>>) -> Result<Option<String>, RunError> {
        let Some(text) = answer.map_err(|error| self.failed("hash function", error))? else { return Ok(None) };
        let core = self.object.core();
        Ok(Some(core.layout.texts().keep(text, !core.mode_for(self.mode).is_plan())?))
    }

    /// Returns a record of the current input files.
    pub(crate) fn record_inputs(&self) -> Result<Vec<InputStamp>, RunError> {
        let recorded = self.inputs()?.map(|inputs| inputs.record());
        Ok(recorded.transpose().map_err(|error| self.unreadable(error))?.unwrap_or_default())
    }

    /// Returns whether the input files differ from a record.
    pub(crate) fn inputs_changed(&self, recorded: &[InputStamp]) -> Result<bool, RunError> {
        let change = self.inputs()?.map(|inputs| inputs.first_change(recorded));
        Ok(change.transpose().map_err(|error| self.unreadable(error))?.flatten().is_some())
    }

    fn inputs(&self) -> Result<Option<Inputs>, RunError> {
        let patterns = self.object.inputs(self.row);
        let config = self.object.core().config();
        let found = patterns.map(|patterns| Inputs::find(&config.base_dir, &patterns, &config.own_directories()));
        found.transpose().map_err(|error| self.unreadable(error))
    }

    fn unreadable(&self, error: InputError) -> RunError {
        self.failed("list of inputs", error.into())
    }

    fn base_dir(&self) -> std::path::PathBuf {
        self.object.core().config().base_dir.clone()
    }
}

fn fact<A>(answer: Option<A>) -> Fact<A> {
    answer.map_or(Fact::Absent, Fact::Known)
}

#[cfg(test)]
#[path = "probe_tests.rs"]
mod tests;
