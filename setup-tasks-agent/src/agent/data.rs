//! The data of a call in both directions, with credit.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::protocol::{Allowance, Credit, CreditExceeded};

/// The data that the controller sent for a call, and its credit for output.
#[derive(Default)]
pub(super) struct CallData {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Vec<u8>>,
    allowance: Allowance,
    input: InputEnd,
    credit: Credit,
    stopped: bool,
    /// Whether the call has its answer, after which nothing is sent.
    closed: bool,
    /// The number of chunks between their credit and the outbox.
    sending: u32,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum InputEnd {
    /// More can follow.
    #[default]
    Open,
    /// The controller sent the end.
    Ended,
    /// The receiver needs no more.
    Unwanted,
}

/// A chunk of the input, and the credit to give back for it.
pub(super) struct Chunk {
    pub(super) bytes: Vec<u8>,
    pub(super) credit: Option<u32>,
}

/// The end of the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InputStop {
    /// The controller sent the end.
    Ended,
    /// The call was cancelled before.
    Cancelled,
}

impl CallData {
    /// Adds data that arrived. Returns credit to give back if nobody wants the data.
    pub(super) fn push(&self, bytes: Vec<u8>) -> Result<Option<u32>, CreditExceeded> {
        let mut state = self.state();
        state.allowance.receive(bytes.len())?;
        if state.input == InputEnd::Open && !state.stopped {
            state.chunks.push_back(bytes);
            self.changed.notify_all();
            return Ok(None);
        }
        Ok(state.allowance.consume(bytes.len()))
    }

    /// Marks the end of the input.
    pub(super) fn end_input(&self) {
        let mut state = self.state();
        if state.input == InputEnd::Open {
            state.input = InputEnd::Ended;
        }
        self.changed.notify_all();
    }

    /// Drops the input that is still to come.
    pub(super) fn refuse_input(&self) -> Option<u32> {
        let mut state = self.state();
        state.input = InputEnd::Unwanted;
        self.changed.notify_all();
        let dropped = state.chunks.drain(..).map(|chunk| chunk.len()).sum();
        state.allowance.consume(dropped)
    }

    /// Waits for a chunk of the input.
    pub(super) fn next(&self) -> Result<Chunk, InputStop> {
        let mut state = self.state();
        loop {
            if state.stopped {
                return Err(InputStop::Cancelled);
            }
            if let Some(bytes) = state.chunks.pop_front() {
                let credit = state.allowance.consume(bytes.len());
                return Ok(Chunk { bytes, credit });
            }
            if state.input != InputEnd::Open {
                return Err(InputStop::Ended);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Adds credit for output.
    pub(super) fn add_credit(&self, bytes: u32) {
        self.state().credit.add(bytes);
        self.changed.notify_all();
    }

    /// Waits for credit for up to `bytes` of output. Returns 0 if the call was cancelled and has no credit, or has ended. Otherwise,
    /// [`sent`](Self::sent) follows.
    pub(super) fn spend(&self, bytes: usize) -> usize {
        let mut state = self.state();
        loop {
            if state.closed {
                return 0;
            }
            let spent = state.credit.spend(bytes);
            if spent > 0 || state.stopped {
                state.sending += u32::from(spent > 0);
                return spent;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Notes that a chunk is in the outbox.
    pub(super) fn sent(&self) {
        self.state().sending -= 1;
        self.changed.notify_all();
    }

    /// Lets nothing be sent from now on, since the answer follows. Waits for chunks that are on their way to the outbox.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.closed = true;
        self.changed.notify_all();
        while state.sending > 0 {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Ends all waits, since the call was cancelled.
    pub(super) fn stop(&self) {
        self.state().stopped = true;
        self.changed.notify_all();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
