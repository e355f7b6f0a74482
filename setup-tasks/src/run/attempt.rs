//! Calls of a task's method or of its undo. A panic or a timeout is a failure, and failures may be
//! retried.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use backon::{BackoffBuilder, ExponentialBuilder};
use futures_util::FutureExt;
use futures_util::future::{Either, select};
use tracing::Instrument;

use super::restat::OutputsBefore;
use super::session::Session;
use crate::Result;
use crate::error::explain;
use crate::error_help;
use crate::event::EventKind;
use crate::log::{LoggedWork, TaskLog};
use crate::object::{DynObject, RowId};
use crate::secret;
use crate::span::WorkSpan;
use crate::stamp::first_missing;
use crate::task::context::TaskContext;
use crate::task::outcome::Outcome;
use crate::task::outcome::SkipSetupTask;
use crate::work::panicked;

/// The last attempt of a task that failed.
#[derive(Debug)]
pub(crate) struct FailedAttempt {
    pub(crate) error: anyhow::Error,
    /// The log, if the attempt wrote one.
    pub(crate) log: Option<PathBuf>,
}

/// The called method of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// The method that does the work.
    Task,
    Undo,
}

/// Calls the method of a task until it succeeds or has no retries left.
pub(crate) async fn run_task(
    session: &Session,
    object: &Arc<dyn DynObject>,
    row: RowId,
    cx: &TaskContext,
) -> Result<Outcome, FailedAttempt> {
    call_method(Method::Task, session, object, row, cx).await
}

/// Calls the undo of a task until it succeeds or has no retries left. The timeout and the retries
/// are those of the task.
pub(crate) async fn undo_task(
    session: &Session,
    object: &Arc<dyn DynObject>,
    row: RowId,
    cx: &TaskContext,
) -> Result<(), FailedAttempt> {
    call_method(Method::Undo, session, object, row, cx).await.map(drop)
}

async fn call_method(
    method: Method,
    session: &Session,
    object: &Arc<dyn DynObject>,
    row: RowId,
    cx: &TaskContext,
) -> Result<Outcome, FailedAttempt> {
    let meta = object.meta(row);
    let mut waits = ExponentialBuilder::new()
        .with_min_delay(Duration::from_millis(100))
        .with_max_delay(Duration::from_mins(1))
        .with_jitter()
        .with_max_times(meta.retries as usize)
        .build();
    let outputs = if method == Method::Task { OutputsBefore::of(object, row) } else { None };
    let mut attempt = 1;
    loop {
        object.emit(row, || method.start(attempt));
        let began = Instant::now();
        let log = Arc::new(TaskLog::new(cx.object().clone(), cx.task(), attempt, method.logged(cx)));
        let cx = cx.for_attempt(attempt, log.clone());
        let ended = log.clone().scope(once(method, session, object, row, &cx, meta.timeout)).await;
        let error = match ended {
            Err(error) if method == Method::Task && error.is::<SkipSetupTask>() => return Ok(Outcome::Skipped),
            Err(error) => error,
            Ok(outcome) => match method.missing_output(object, row, outcome) {
                Some(error) => error,
                None => {
                    log.end(None, began.elapsed());
                    let outcome = outputs.as_ref().map_or(outcome, |before| before.outcome(object, row, outcome));
                    // Nobody knows what the failed attempts changed.
                    let may_have_changed = outcome == Outcome::Unchanged && attempt > 1;
                    return Ok(if may_have_changed { Outcome::Done } else { outcome });
                }
            },
        };
        log.end(Some(&error), began.elapsed());
        let stop = session.stops();
        let Some(wait) = waits.next().filter(|_| !stop.is_requested()) else {
            return Err(FailedAttempt { error, log: log.path() });
        };
        tracing::debug!(object = %object.core().id, task = cx.task(), attempt, "retrying in {wait:?}: {error:#}");
        object.emit(row, || EventKind::TaskRetry { error: explain(error.as_ref()), attempt, wait });
        // A stop request during the pause ends the task at once with its last error, as if it had
        // no retries left.
        if let Either::Right(_) = select(pin!(tokio::time::sleep(wait)), pin!(stop.requested())).await {
            return Err(FailedAttempt { error, log: log.path() });
        }
        attempt += 1;
    }
}

impl Method {
    /// Returns the event at the start of an attempt.
    fn start(self, attempt: u32) -> EventKind {
        match self {
            Self::Task => EventKind::TaskStart { attempt },
            Self::Undo => EventKind::UndoStart { attempt },
        }
    }

    fn logged(self, cx: &TaskContext) -> LoggedWork {
        match self {
            Self::Task => LoggedWork::Run(cx.reason().cloned()),
            Self::Undo => LoggedWork::Undo,
        }
    }

    fn missing_output(self, object: &Arc<dyn DynObject>, row: RowId, outcome: Outcome) -> Option<anyhow::Error> {
        if self == Self::Task { missing_output(object, row, outcome) } else { None }
    }
}

async fn once(
    method: Method,
    session: &Session,
    object: &Arc<dyn DynObject>,
    row: RowId,
    cx: &TaskContext,
    timeout: Option<Duration>,
) -> Result<Outcome> {
    let span = WorkSpan::of_attempt(&object.core().id, cx.task(), cx.attempt());
    // The method may also panic before it returns a future.
    let call = async {
        match method {
            Method::Task => object.run(session.permit(), row, cx).await,
            Method::Undo => object.undo(session.permit(), row, cx).await.map(|()| Outcome::Done),
        }
    };
    let call = AssertUnwindSafe(call).catch_unwind().instrument(span.span());
    let ended = match timeout {
        None => Ok(call.await),
        Some(limit) => within(limit, call).await,
    };
    let ended = ended.and_then(|ended| ended.unwrap_or_else(|panic| Err(panicked(&*panic))).map_err(secret::clean));
    match &ended {
        Ok(outcome) => span.ended(outcome.name()),
        Err(error) if error.is::<SkipSetupTask>() => span.ended(Outcome::Skipped.name()),
        Err(error) => span.failed(error.as_ref()),
    }
    ended
}

/// Returns the error of a task that succeeded without creating one of its declared outputs.
fn missing_output(object: &Arc<dyn DynObject>, row: RowId, outcome: Outcome) -> Option<anyhow::Error> {
    let outputs = if outcome == Outcome::Skipped { return None } else { object.outputs(row)? };
    match first_missing(&object.core().config().base_dir, &outputs) {
        Ok(None) => None,
        Ok(Some(output)) => Some(MissingOutput { output }.into()),
        Err(error) => Some(anyhow::Error::new(error).context("its declared outputs cannot be looked at")),
    }
}

/// The error of a task that succeeded without creating one of its declared outputs.
#[derive(Debug, thiserror::Error)]
#[error("its declared output `{output}` is missing after the task succeeded")]
struct MissingOutput {
    output: String,
}

error_help!(MissingOutput);

impl MissingOutput {
    fn help(_: &Self) -> &'static str {
        "make it in the task, below the layout's base directory, or correct `outputs`"
    }
}

/// Fails an attempt that takes longer than its timeout. An attempt that waits is dropped at that
/// time. An attempt that blocks its thread fails when it returns. If the attempt fails or panics
/// itself, its own error is kept.
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
