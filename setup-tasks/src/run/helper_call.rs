//! Calls of helper methods, such as hash functions and completion checks. A panic is an error.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;

use crate::Result;
use crate::object::HelperAnswer;
use crate::secret;
use crate::work::panicked;

/// Calls a helper method and waits for its answer. Returns `None` if the task has no such method.
pub(crate) async fn call_helper<'a, A>(call: impl FnOnce() -> HelperAnswer<'a, A>) -> Result<Option<A>> {
    match catch(call)? {
        HelperAnswer::Absent => Ok(None),
        HelperAnswer::Now(answer) => answer.map(Some).map_err(secret::clean),
        HelperAnswer::Later(future) => {
            let answer = AssertUnwindSafe(future).catch_unwind().await;
            answer.unwrap_or_else(|panic| Err(panicked(&*panic))).map(Some).map_err(secret::clean)
        }
    }
}

/// Calls a helper method as [`call_helper`] does, and returns `None` if its answer needs a future.
pub(crate) fn call_helper_now<'a, A>(call: impl FnOnce() -> HelperAnswer<'a, A>) -> Result<Option<A>> {
    match catch(call)? {
        HelperAnswer::Absent | HelperAnswer::Later(_) => Ok(None),
        HelperAnswer::Now(answer) => answer.map(Some).map_err(secret::clean),
    }
}

fn catch<'a, A>(call: impl FnOnce() -> HelperAnswer<'a, A>) -> Result<HelperAnswer<'a, A>> {
    std::panic::catch_unwind(AssertUnwindSafe(call)).map_err(|panic| panicked(&*panic))
}
