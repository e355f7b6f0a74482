//! Nudges of the server: something may have changed. Everything is also found by looking.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use futures_util::stream::poll_fn;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_postgres::{AsyncMessage, Connection};

/// The channel of all schemas. The text of a nudge is its kind and the schema.
pub(crate) const LISTEN: &str = "SET synchronous_commit = off; LISTEN setup_tasks; ";

/// The counters of nudges.
pub(crate) struct Nudges {
    /// The text of a nudge about the queues of runs.
    pub(crate) about_queue: String,
    /// The text of a nudge about runs, events and questions.
    pub(crate) about_news: String,
    /// The text of a nudge about an object for which a process waits.
    about_waits: String,
    queue: watch::Sender<u64>,
    news: watch::Sender<u64>,
    waits: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
}

impl Nudges {
    pub(crate) fn new(schema: &str) -> Self {
        let (about_queue, about_news) = (format!("q {schema}"), format!("n {schema}"));
        let (queue, news, about_waits) = (watch::Sender::new(0), watch::Sender::new(0), format!("w {schema}"));
        Self { about_queue, about_news, about_waits, queue, news, waits: Mutex::default() }
    }

    /// Returns a receiver of nudges about queues.
    pub(crate) fn queue(&self) -> watch::Receiver<u64> {
        self.queue.subscribe()
    }

    /// Returns a receiver of nudges about runs, events and questions.
    pub(crate) fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Calls a function at each nudge about an object for which a process waits.
    pub(crate) fn add(&self, nudge: Box<dyn Fn() + Send + Sync>) {
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).push(nudge);
    }

    fn receive(&self, text: &str) {
        let counter = match text {
            _ if text == self.about_queue => &self.queue,
            _ if text == self.about_news => &self.news,
            _ if text == self.about_waits => {
                self.waits.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|nudge| nudge());
                return;
            }
            _ => return,
        };
        counter.send_modify(|count| *count += 1);
    }
}

/// Drives a connection until it is closed, and passes nudges on.
pub(crate) async fn drive<S, T>(mut connection: Connection<S, T>, nudges: Option<Arc<Nudges>>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    let mut messages = poll_fn(move |cx| connection.poll_message(cx));
    while let Some(message) = messages.next().await {
        match message {
            Ok(AsyncMessage::Notification(nudge)) => {
                nudges.iter().for_each(|nudges| nudges.receive(nudge.payload()));
            }
            Ok(_) => {}
            // The statements that wait for an answer return the error, too.
            Err(error) => return tracing::debug!("a connection to the database has ended: {error}"),
        }
    }
}
