//! A future that may be ready at once.

use std::fmt;
use std::future::Ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::Either;

use crate::BoxFuture;

/// A future whose value may be known when it is created. A local store returns a ready value without
/// an allocation, and a remote store returns a boxed future.
///
/// ```
/// use setup_tasks::stamp::MaybeReady;
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() {
/// assert_eq!(MaybeReady::ready(7).await, 7);
/// assert_eq!(MaybeReady::pending(async { 7 }).await, 7);
/// # }
/// ```
#[must_use = "it does nothing before it is awaited"]
pub struct MaybeReady<'a, T>(Either<Ready<T>, BoxFuture<'a, T>>);

impl<'a, T> MaybeReady<'a, T> {
    /// Creates a future from a value that is known.
    pub fn ready(value: T) -> Self {
        Self(Either::Left(std::future::ready(value)))
    }

    /// Creates a future that waits for another future.
    pub fn pending(future: impl Future<Output = T> + Send + 'a) -> Self {
        Self(Either::Right(Box::pin(future)))
    }
}

impl<T> Future for MaybeReady<'_, T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        Pin::new(&mut self.0).poll(cx)
    }
}

impl<T> fmt::Debug for MaybeReady<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if matches!(self.0, Either::Left(_)) { "MaybeReady(ready)" } else { "MaybeReady(pending)" })
    }
}
