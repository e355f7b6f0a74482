//! An open call of a connection.

use std::io::{self, Read};
use std::sync::Arc;

use serde_bytes::ByteBuf;
use setup_tasks_agent::protocol::{Allowance, Answer, CHUNK, Call, CallId, Credit, ToAgent, ToController};
use tokio::sync::mpsc;

use super::reports::{Reports, Waiting};
use super::{Receiver, Wire};
use crate::error::MachineError;

/// An open call. Dropping it before its answer cancels it.
pub(crate) struct OpenCall {
    id: CallId,
    wire: Arc<Wire>,
    messages: mpsc::UnboundedReceiver<ToController>,
    waiting: Waiting,
    credit: Credit,
    is_answered: bool,
}

impl OpenCall {
    pub(super) async fn begin(wire: &Arc<Wire>, call: Call) -> Result<Self, MachineError> {
        let permit = wire.permits.clone().acquire_owned().await.expect("the permits are never closed");
        let (sender, messages) = mpsc::unbounded_channel();
        let id = wire.next_id();
        let reports = Reports::default();
        let waiting = reports.waiting();
        let receiver = Receiver { messages: sender, allowance: Allowance::default(), reports, _permit: permit };
        wire.calls.open().insert(id, receiver);
        let open = Self { id, wire: wire.clone(), messages, waiting, credit: Credit::default(), is_answered: false };
        // After the insertion, since the end of the connection drops all receivers once.
        if wire.calls.end.get().is_some() {
            wire.calls.open().remove(&id);
            return Err(wire.calls.error(&wire.machine));
        }
        tracing::debug!(target: "setup_tasks_machines::calls", machine = wire.machine, call = kind(&call));
        wire.send(&ToAgent::Call { id, call })?;
        Ok(open)
    }

    /// Waits for the next message of the call. The answer is the last one.
    pub(crate) async fn next(&mut self) -> Result<ToController, MachineError> {
        let Some(message) = self.messages.recv().await else {
            self.is_answered = true;
            return Err(self.wire.calls.error(&self.wire.machine));
        };
        self.waiting.received();
        match &message {
            ToController::Credit { bytes, .. } => self.credit.add(*bytes),
            ToController::Answer { .. } => self.is_answered = true,
            _ => {}
        }
        match message {
            ToController::Answer { answer: Answer::Failed(failure), .. } => {
                Err(MachineError::Failed { machine: self.wire.machine.clone(), failure: Box::new(failure) })
            }
            message => Ok(message),
        }
    }

    /// Waits for the answer, and leaves out all other messages.
    pub(crate) async fn answer(&mut self) -> Result<Answer, MachineError> {
        loop {
            if let ToController::Answer { answer, .. } = self.next().await? {
                return Ok(answer);
            }
        }
    }

    /// Receives data up to the answer.
    pub(crate) async fn receive(
        &mut self,
        mut put: impl FnMut(&[u8]) -> Result<(), MachineError>,
    ) -> Result<Answer, MachineError> {
        loop {
            match self.next().await? {
                ToController::Data { bytes, .. } => {
                    put(&bytes)?;
                    self.consumed(bytes.len())?;
                }
                ToController::Answer { answer, .. } => return Ok(answer),
                _ => {}
            }
        }
    }

    /// Sends data within the credit, and waits for the answer. The agent can answer before it has all data.
    pub(crate) async fn transfer(&mut self, data: &mut (dyn Read + Send)) -> Result<Answer, MachineError> {
        let mut part = vec![0; CHUNK];
        let (mut from, mut to, mut has_ended) = (0, 0, false);
        loop {
            while !has_ended {
                if from == to {
                    (from, to) = (0, data.read(&mut part).map_err(|source| self.unread(source))?);
                    has_ended = to == 0;
                    if has_ended {
                        self.send_end()?;
                        break;
                    }
                }
                let sendable = self.sendable(to - from);
                if sendable == 0 {
                    break;
                }
                self.send(&part[from..from + sendable])?;
                from += sendable;
            }
            if let ToController::Answer { answer, .. } = self.next().await? {
                return Ok(answer);
            }
        }
    }

    fn unread(&self, source: io::Error) -> MachineError {
        MachineError::ReadFile { machine: self.wire.machine.clone(), source: Arc::new(source) }
    }

    /// Returns the number of bytes that can be sent now, at most one chunk.
    pub(crate) fn sendable(&mut self, bytes: usize) -> usize {
        self.credit.spend(bytes.min(CHUNK))
    }

    /// Sends data, for which [`sendable`](Self::sendable) returned the credit.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), MachineError> {
        self.wire.send(&ToAgent::Data { id: self.id, bytes: ByteBuf::from(bytes) })
    }

    /// Requests the end of the call. Its answer still comes.
    pub(crate) fn cancel(&self) -> Result<(), MachineError> {
        self.wire.send(&ToAgent::Cancel { id: self.id })
    }

    /// Sends the end of the data.
    pub(crate) fn send_end(&self) -> Result<(), MachineError> {
        self.wire.send(&ToAgent::End { id: self.id })
    }

    /// Counts output or data that was consumed, and gives credit for more.
    pub(crate) fn consumed(&self, bytes: usize) -> Result<(), MachineError> {
        let credit = self.wire.calls.open().get_mut(&self.id).and_then(|receiver| receiver.allowance.consume(bytes));
        match credit {
            Some(bytes) => self.wire.send(&ToAgent::Credit { id: self.id, bytes }),
            None => Ok(()),
        }
    }
}

impl Drop for OpenCall {
    fn drop(&mut self) {
        if !self.is_answered {
            // The place of the call stays taken until the agent has ended it.
            let _ = self.wire.send(&ToAgent::Cancel { id: self.id });
        }
    }
}

/// Returns the name of a call for debug messages.
fn kind(call: &Call) -> &'static str {
    match call {
        Call::Observe { .. } => "observe",
        Call::Apply(_) => "apply",
        Call::Confirm { .. } => "confirm",
        Call::Run(_) => "run",
        Call::PutBlob { .. } => "put a blob",
        Call::Put(_) => "put",
        Call::Get(_) => "get",
        Call::Stat { .. } => "stat",
        Call::List(_) => "list",
        Call::Remove(_) => "remove",
        Call::MakeDirectory { .. } => "make a directory",
        Call::Symlink { .. } => "make a symlink",
    }
}
