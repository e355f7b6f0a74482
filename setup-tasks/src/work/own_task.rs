//! Tokio tasks that end with their waiter.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::task::JoinHandle;

/// A tokio task that is aborted when this is dropped. Awaiting it returns the output of the work,
/// and resumes a panic.
pub(crate) struct OwnTask<T>(Option<JoinHandle<T>>);

impl<T: Send + 'static> OwnTask<T> {
    pub(crate) fn spawn(work: impl Future<Output = T> + Send + 'static) -> Self {
        Self(Some(tokio::spawn(work)))
    }
}

impl<T> Future for OwnTask<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let Some(handle) = &mut self.0 else { return Poll::Pending };
        match ready!(Pin::new(handle).poll(cx)) {
            Ok(output) => Poll::Ready(output),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // Only a runtime that shuts down aborts the task early, and it polls no task afterwards.
                Err(_) => {
                    self.0 = None;
                    Poll::Pending
                }
            },
        }
    }
}

impl<T> Drop for OwnTask<T> {
    fn drop(&mut self) {
        if let Some(handle) = &self.0 {
            handle.abort();
        }
    }
}
