//! Gathers the facts that a decision asks for, each at most once.

use std::sync::Arc;

use super::attempt::{ask, ask_now};
use crate::decide::{Decision, Fact, Facts, Newest, Question, Reason, decide};
use crate::object::{DynObject, Features};
use crate::report::RunError;
use crate::stamp::{Entry, InputError, InputStamp, Inputs, Timestamp, first_missing};
use crate::task::context::{LazyContext, Resources};

/// One task, while it is decided and run.
pub(crate) struct TaskProbe<'a> {
    pub(crate) object: &'a Arc<dyn DynObject>,
    pub(crate) i: usize,
    pub(crate) entry: Option<&'a Entry>,
    pub(crate) resources: Resources,
}

/// A decision that needs no further fact.
pub(crate) enum Verdict {
    Run(Reason),
    UpToDate(Option<Timestamp>),
}

/// A decision, with the facts that it was made on and that a stamp will need.
pub(crate) struct Decided {
    pub(crate) verdict: Verdict,
    pub(crate) hash: Option<String>,
}

impl TaskProbe<'_> {
    fn task(&self) -> &'static str {
        self.object.name(self.i)
    }

    fn context(&self) -> LazyContext<'_> {
        LazyContext::new(self.object, self.task(), self.entry, self.resources.clone())
    }

    fn failed(&self, what: &'static str, source: anyhow::Error) -> RunError {
        RunError::check(&self.object.core().id, self.task(), what, source)
    }

    /// Decides whether the task runs, asking its methods only as far as needed. `hash` is the text of its hash function, if that
    /// was asked before.
    pub(crate) async fn decide(
        &self,
        has: &Features,
        forced: bool,
        newest: Option<&Newest>,
        hash: Option<String>,
    ) -> Result<Decided, RunError> {
        let mut facts = unasked_facts(self.object, has, self.entry, forced, newest);
        facts.hash = hash.map_or(facts.hash, Fact::Known);
        loop {
            let verdict = match decide(&facts) {
                Decision::Ask(question) => {
                    self.answer(question, &mut facts).await?;
                    continue;
                }
                Decision::Run(reason) => Verdict::Run(reason),
                Decision::UpToDate(time) => Verdict::UpToDate(time),
            };
            let hash = if let Fact::Known(hash) = facts.hash { Some(hash) } else { None };
            return Ok(Decided { verdict, hash });
        }
    }

    async fn answer(&self, question: Question, facts: &mut Facts<'_>) -> Result<(), RunError> {
        match question {
            Question::Completion => {
                let cx = self.context();
                let answer = ask(|| self.object.completion(self.i, &cx)).await;
                facts.completion = known(answer.map_err(|error| self.failed("completion check", error))?);
            }
            Question::Hash => facts.hash = known(self.hash().await?),
            Question::Inputs => {
                let recorded = self.entry.and_then(|entry| entry.stamp.as_ref()).map(|stamp| &*stamp.inputs);
                let change = self.inputs()?.map(|inputs| inputs.first_change(recorded.unwrap_or_default()));
                facts.input_change = known(change.transpose().map_err(|error| self.unreadable(error))?);
            }
            Question::Outputs => {
                let missing = self.object.outputs(self.i).map(|paths| first_missing(&self.base_dir(), &paths));
                facts.missing_output =
                    known(missing.transpose().map_err(|error| self.failed("list of outputs", error.into()))?);
            }
            Question::Differences => {
                let cx = self.context();
                let answer = ask(|| self.object.differences(self.i, &cx)).await;
                facts.differences = known(answer.map_err(|error| self.failed("look at what it made", error))?);
            }
            Question::Invalidator => {
                let cx = self.context();
                let answer = ask(|| self.object.valid(self.i, &cx)).await;
                facts.valid = known(answer.map_err(|error| self.failed("invalidator", error))?);
            }
        }
        Ok(())
    }

    /// Returns the text of its hash function now.
    pub(crate) async fn hash(&self) -> Result<Option<String>, RunError> {
        let cx = self.context();
        self.keep_hash(ask(|| self.object.hash(self.i, &cx)).await)
    }

    /// As [`hash`](Self::hash), of a hash function that answers at once.
    pub(crate) fn hash_now(&self) -> Result<Option<String>, RunError> {
        let cx = self.context();
        self.keep_hash(ask_now(|| self.object.hash(self.i, &cx)))
    }

    fn keep_hash(&self, answer: crate::Result<Option<String>>) -> Result<Option<String>, RunError> {
        let Some(text) = answer.map_err(|error| self.failed("hash function", error))? else { return Ok(None) };
        let core = self.object.core();
        Ok(Some(core.layout.texts().keep(text, !core.is_dry_run())?))
    }

    /// Its input files as they are now.
    pub(crate) fn record_inputs(&self) -> Result<Vec<InputStamp>, RunError> {
        let recorded = self.inputs()?.map(|inputs| inputs.record());
        Ok(recorded.transpose().map_err(|error| self.unreadable(error))?.unwrap_or_default())
    }

    /// Whether its inputs are no longer what was recorded.
    pub(crate) fn inputs_changed(&self, recorded: &[InputStamp]) -> Result<bool, RunError> {
        let change = self.inputs()?.map(|inputs| inputs.first_change(recorded));
        Ok(change.transpose().map_err(|error| self.unreadable(error))?.flatten().is_some())
    }

    fn inputs(&self) -> Result<Option<Inputs>, RunError> {
        let patterns = self.object.inputs(self.i);
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

/// What is known of a task before its methods are asked.
pub(super) fn unasked_facts<'f>(
    object: &Arc<dyn DynObject>,
    has: &Features,
    entry: Option<&'f Entry>,
    forced: bool,
    newest: Option<&'f Newest>,
) -> Facts<'f> {
    let asks_invalidator = has.invalidator && (!has.slow_invalidator || object.core().config().slow_invalidators);
    Facts {
        forced,
        completion: unasked(has.completion),
        entry,
        newest,
        hash: unasked(has.hash),
        source: has.source,
        input_change: unasked(has.inputs),
        missing_output: unasked(has.outputs),
        differences: unasked(has.observed),
        valid: unasked(asks_invalidator),
    }
}

fn unasked<A>(has: bool) -> Fact<A> {
    if has { Fact::Unasked } else { Fact::Absent }
}

fn known<A>(answer: Option<A>) -> Fact<A> {
    answer.map_or(Fact::Absent, Fact::Known)
}
