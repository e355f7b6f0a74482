//! The messages to the controller, written by a thread of their own.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::protocol::{FrameError, ToController, encode};

/// The bytes that wait for the controller before senders wait, too.
const MAX_WAITING: usize = 2 << 20;

/// The messages that wait to be written. Senders wait while there are too many, so a controller that does not read makes the agent
/// wait and not grow.
#[derive(Clone)]
pub(super) struct Outbox(Arc<Shared>);

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Vec<u8>>,
    bytes: usize,
    /// The last ping. Its answer goes before all other messages except the first, and never waits.
    pong: Option<u64>,
    /// Whether the first message was taken. It contains the facts, by which the connection begins.
    has_begun: bool,
    writing: bool,
    closed: bool,
}

impl Outbox {
    /// Starts the thread that writes.
    pub(super) fn new(output: impl Write + Send + 'static) -> Self {
        let outbox = Self(Arc::new(Shared { state: Mutex::default(), changed: Condvar::new() }));
        let writer = outbox.clone();
        thread::spawn(move || writer.write_all(output));
        outbox
    }

    /// Sends a message. Waits while too much is waiting. After the connection has ended, it does nothing.
    ///
    /// # Errors
    ///
    /// The message is too long.
    pub(super) fn send(&self, message: &ToController) -> Result<(), FrameError> {
        let mut bytes = Vec::new();
        encode(message, &mut bytes)?;
        let mut state = self.state();
        while state.bytes > MAX_WAITING && !state.closed {
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        self.add(state, bytes);
        Ok(())
    }

    /// Sends a short message without waiting, for the thread that reads.
    pub(super) fn send_at_once(&self, message: &ToController) {
        let mut bytes = Vec::new();
        if encode(message, &mut bytes).is_ok() {
            self.add(self.state(), bytes);
        }
    }

    fn add(&self, mut state: MutexGuard<'_, State>, bytes: Vec<u8>) {
        if !state.closed {
            state.bytes += bytes.len();
            state.waiting.push_back(bytes);
            self.0.changed.notify_all();
        }
    }

    /// Answers a ping. It never waits.
    pub(super) fn pong(&self, number: u64) {
        self.state().pong = Some(number);
        self.0.changed.notify_all();
    }

    /// Ends the wait of all senders, and drops further messages.
    pub(super) fn close(&self) {
        self.state().closed = true;
        self.0.changed.notify_all();
    }

    /// Waits until all messages are written, for at most this time.
    pub(super) fn flush(&self, limit: Duration) {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        while !state.closed && (state.writing || !state.waiting.is_empty() || state.pong.is_some()) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.0.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn write_all(self, mut output: impl Write) {
        while let Some(bytes) = self.next() {
            if output.write_all(&bytes).and_then(|()| output.flush()).is_err() {
                // The controller is gone. The end of the input follows.
                self.close();
                return;
            }
        }
    }

    /// Waits for bytes to write. Small messages are joined.
    fn next(&self) -> Option<Vec<u8>> {
        let mut state = self.state();
        state.writing = false;
        self.0.changed.notify_all();
        while state.waiting.is_empty() && (state.pong.is_none() || !state.has_begun) {
            if state.closed {
                return None;
            }
            state = self.0.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let mut bytes = Vec::new();
        if state.has_begun
            && let Some(number) = state.pong.take()
        {
            let _ = encode(&ToController::Pong(number), &mut bytes);
        }
        while let Some(next) =
            state.waiting.pop_front_if(|next| bytes.is_empty() || bytes.len() + next.len() < 64 << 10)
        {
            state.bytes -= next.len();
            bytes.extend_from_slice(&next);
        }
        state.has_begun = true;
        state.writing = true;
        self.0.changed.notify_all();
        Some(bytes)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, pipe};

    use super::*;
    use crate::protocol::Decoder;

    #[test]
    fn the_first_message_goes_before_the_answer_to_a_ping() {
        let (mut output, written) = pipe().unwrap();
        let outbox = Outbox::new(written);
        outbox.pong(7);
        outbox.send(&ToController::Bye("first".into())).unwrap();
        outbox.flush(Duration::from_mins(1));
        outbox.close();
        drop(outbox);
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).unwrap();
        let (mut rest, mut decoder) = (&bytes[..], Decoder::<ToController>::new());
        assert_eq!(decoder.decode(&mut rest).unwrap(), Some(ToController::Bye("first".into())));
        assert_eq!(decoder.decode(&mut rest).unwrap(), Some(ToController::Pong(7)));
    }
}
