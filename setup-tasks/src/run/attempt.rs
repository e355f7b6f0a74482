//! Calls a task's method: a panic is a failure, a timeout too, and failures may be retried.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tracing::Instrument;

use super::session::Session;
use crate::Result;
use crate::event::EventKind;
use crate::log::TaskLog;
use crate::object::{Asked, DynObject};
use crate::secret;
use crate::stamp::first_missing;
use crate::task::context::TaskContext;
use crate::task::outcome::Outcome;
use crate::task::outcome::SkipSetupTask;
use crate::work::Stops;
use crate::work::panicked;

/// The last attempt of a task that failed.
pub(crate) struct FailedAttempt {
    pub(crate) error: anyhow::Error,
    /// Its log, if it wrote one.
    pub(crate) log: Option<PathBuf>,
}

/// Calls the method of task `i` until it succeeds or has no retries left.
pub(crate) async fn run_task(
    session: &Session,
    object: &Arc<dyn DynObject>,
    i: usize,
    cx: &TaskContext,
) -> Result<Outcome, FailedAttempt> {
    let meta = object.meta(i);
    let mut waits = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_mins(1))
        .with_jitter()
        .with_max_times(meta.retries as usize)
        .build();
    let mut attempt = 1;
    loop {
        object.emit(i, || EventKind::TaskStart { attempt });
        let began = Instant::now();
        let log = Arc::new(TaskLog::new(cx.object().clone(), cx.task(), attempt, cx.reason().cloned()));
        let cx = cx.for_attempt(attempt, log.clone());
        let ended = log.clone().scope(once(session, object, i, &cx, meta.timeout)).await;
        let error = match ended {
            Err(error) if error.is::<SkipSetupTask>() => return Ok(Outcome::Skipped),
            Err(error) => error,
            Ok(outcome) => match missing_output(object, i, outcome) {
                Some(error) => error,
                None => {
                    log.end(None, began.elapsed());
                    return Ok(outcome);
                }
            },
        };
        log.end(Some(&error), began.elapsed());
        let stop = Stops::now(object.core().layout.stop());
        let Some(wait) = waits.next().filter(|_| !stop.is_asked()) else {
            return Err(FailedAttempt { error, log: log.path() });
        };
        tracing::warn!(object = %object.core().id, task = cx.task(), attempt, "retrying in {wait:?}: {error:#}");
        object.emit(i, || EventKind::TaskRetry { error: format!("{error:#}"), attempt, wait });
        // One that is asked to stop meanwhile fails at once, as it would without further attempts.
        if let Either::Right(_) = select(pin!(tokio::time::sleep(wait)), pin!(stop.asked())).await {
            return Err(FailedAttempt { error, log: log.path() });
        }
        attempt += 1;
    }
}

async fn once(
    session: &Session,
    object: &Arc<dyn DynObject>,
    i: usize,
    cx: &TaskContext,
    timeout: Option<Duration>,
) -> Result<Outcome> {
    let span = tracing::info_span!("setup_task", object = %object.core().id, task = cx.task(), attempt = cx.attempt());
    // The method may panic before it returns a future, too.
    let call = async { object.run(session.permit(), i, cx).await };
    let call = AssertUnwindSafe(call).catch_unwind().instrument(span);
    let ended = match timeout {
        None => call.await,
        Some(limit) => within(limit, call).await?,
    };
    ended.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(secret::clean)
}

/// Returns the error of a task that succeeded without making one of its declared outputs.
fn missing_output(object: &Arc<dyn DynObject>, i: usize, outcome: Outcome) -> Option<anyhow::Error> {
    let outputs = if let Outcome::Done = outcome { object.outputs(i)? } else { return None };
    match first_missing(&object.core().config().base_dir, &outputs) {
        Ok(None) => None,
        Ok(Some(output)) => Some(anyhow::anyhow!(
            "its declared output `{output}` is missing after the task succeeded\n\
             help: make it in the task, below the layout's base directory, or correct `outputs`"
        )),
        Err(error) => Some(anyhow::Error::new(error).context("its declared outputs cannot be looked at")),
    }
}

/// Fails an attempt that takes longer than its timeout. An attempt that waits is dropped then. An attempt that blocks its thread
/// fails when it returns. An error or a panic of its own stays its error.
async fn within<E>(
    limit: Duration,
    call: impl Future<Output = Result<Result<Outcome>, E>>,
) -> Result<Result<Result<Outcome>, E>> {
    let began = Instant::now();
    let too_long = || anyhow::anyhow!("took longer than its timeout of {limit:?}");
    let ended = tokio::time::timeout(limit, call).await.map_err(|_| too_long())?;
    let took = began.elapsed();
    let is_success = match &ended {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => error.is::<SkipSetupTask>(),
        Err(_) => false,
    };
    if is_success && took > limit {
        return Err(too_long().context(format!("returned after {took:.1?}")));
    }
    Ok(ended)
}

/// Calls a helper method and waits for its answer. A panic is an error, too. The closure is called at most once.
pub(crate) async fn ask<'a, A>(asked: impl FnOnce() -> Asked<'a, A>) -> Result<Option<A>> {
    match call(asked)? {
        Asked::Absent => Ok(None),
        Asked::Now(answer) => answer.map(Some).map_err(secret::clean),
        Asked::Later(future) => {
            let answer = AssertUnwindSafe(future).catch_unwind().await;
            answer.unwrap_or_else(|panic| Err(panicked(&*panic))).map(Some).map_err(secret::clean)
        }
    }
}

/// As [`ask`], for a helper method that answers without a future.
pub(crate) fn ask_now<'a, A>(asked: impl FnOnce() -> Asked<'a, A>) -> Result<Option<A>> {
    match call(asked)? {
        Asked::Absent | Asked::Later(_) => Ok(None),
        Asked::Now(answer) => answer.map(Some).map_err(secret::clean),
    }
}

fn call<'a, A>(asked: impl FnOnce() -> Asked<'a, A>) -> Result<Asked<'a, A>> {
    std::panic::catch_unwind(AssertUnwindSafe(asked)).map_err(|panic| panicked(&*panic))
}
