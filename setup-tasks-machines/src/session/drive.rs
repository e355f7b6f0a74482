//! The tasks that move the bytes of a connection.

use std::sync::Arc;
use std::time::Duration;

use setup_tasks_agent::protocol::{CallId, Decoder, Facts, FrameError, ToAgent, ToController, encode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::{Calls, Requests};
use crate::bootstrap::{self, Greeted};
use crate::error::MachineError;
use crate::machine::Settings;
use crate::shown::safe;
use crate::transport::{Channel, Errors, Sharing};

/// The time for the agent to end after the end of its input.
const FAREWELL: Duration = Duration::from_secs(2);

/// A connection that is not established yet.
pub(super) struct Link {
    pub(super) requests: Requests,
    /// The sender of pings. It does not keep the connection open.
    pub(super) outgoing: mpsc::WeakUnboundedSender<Vec<u8>>,
    pub(super) calls: Arc<Calls>,
    pub(super) facts: watch::Sender<Option<Arc<Facts>>>,
}

/// The receiving side of a connection.
struct Driver {
    machine: String,
    channel: Reading,
    calls: Arc<Calls>,
    outgoing: mpsc::WeakUnboundedSender<Vec<u8>>,
    facts: watch::Sender<Option<Arc<Facts>>>,
    decoder: Decoder<ToController>,
}

/// The parts of a channel without its input.
struct Reading {
    child: Child,
    stdout: ChildStdout,
    errors: Errors,
}

/// Ends the calls of a connection, also if its task is aborted.
struct EndOnDrop(Arc<Calls>, String);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        let reason = "the runtime of its task has ended".to_owned();
        self.0.end(MachineError::Lost { machine: self.1.clone(), reason, output: None });
    }
}

impl Link {
    /// Establishes the connection, and serves it to its end.
    pub(super) async fn serve(self, settings: Settings, sharing: Sharing) {
        let Self { mut requests, outgoing, calls, facts } = self;
        let machine = settings.name().to_owned();
        // The calls end before the senders of facts are dropped, so that those who wait for them see the error.
        let end = EndOnDrop(calls.clone(), machine.clone());
        match bootstrap::start(&settings, sharing, &mut requests).await {
            Ok(Greeted { channel, rest }) => {
                let Channel { child, stdin, stdout, errors, .. } = channel;
                tokio::spawn(write(stdin, requests));
                let channel = Reading { child, stdout, errors };
                let driver = Driver { machine, channel, calls, outgoing, facts, decoder: Decoder::new() };
                driver.run(rest, settings.heartbeat()).await;
            }
            Err(error) => {
                calls.end(error);
                drop(facts);
            }
        }
        drop(end);
    }
}

impl Driver {
    /// Receives messages until the connection ends, and ends all calls.
    async fn run(mut self, rest: Vec<u8>, heartbeat: Option<Duration>) {
        let reason = match self.dispatch(&rest) {
            Ok(()) => self.receive(heartbeat).await,
            Err(reason) => reason,
        };
        // The reason is known, so the rest of the output is not read.
        let ended = tokio::time::timeout(FAREWELL, self.channel.child.wait()).await.is_ok();
        if !ended {
            let _ = self.channel.child.start_kill();
        }
        let output = self.channel.errors.finish().await;
        self.calls.end(MachineError::Lost { machine: self.machine.clone(), reason, output });
    }

    /// Receives messages, and returns the reason of the end.
    async fn receive(&mut self, heartbeat: Option<Duration>) -> String {
        let mut part = vec![0; 64 << 10];
        // A connection without signs of life ticks seldom, and never ends for it.
        let interval = heartbeat.unwrap_or(Duration::from_hours(1));
        let mut ticks = tokio::time::interval(interval / 2);
        let (mut heard, mut ping) = (Instant::now(), 0);
        loop {
            tokio::select! {
                read = self.channel.stdout.read(&mut part) => match read {
                    Ok(0) | Err(_) => return self.end_of_output(),
                    Ok(count) => {
                        heard = Instant::now();
                        if let Err(reason) = self.dispatch(&part[..count]) {
                            return reason;
                        }
                    }
                },
                _ = ticks.tick(), if heartbeat.is_some() => {
                    if heard.elapsed() > interval * 2 {
                        let _ = self.channel.child.start_kill();
                        return format!("no sign of life for {:?}", interval * 2);
                    }
                    ping += 1;
                    self.send(&ToAgent::Ping(ping));
                }
            }
        }
    }

    fn end_of_output(&self) -> String {
        match self.decoder.finish() {
            Err(FrameError::Truncated) => "it ended within a message".to_owned(),
            _ => "the agent has ended".to_owned(),
        }
    }

    /// Passes the messages in these bytes on to their calls.
    fn dispatch(&mut self, mut bytes: &[u8]) -> Result<(), String> {
        loop {
            match self.decoder.decode(&mut bytes) {
                Ok(None) => return Ok(()),
                Ok(Some(message)) => self.receive_message(safe(message))?,
                Err(error) => return Err(explain(&error)),
            }
        }
    }

    fn receive_message(&mut self, message: ToController) -> Result<(), String> {
        let (id, bytes) = match &message {
            ToController::Facts(facts) => return self.receive_facts(Facts::clone(facts)),
            ToController::Pong(_) => return Ok(()),
            ToController::Bye(reason) => return Err(format!("the agent ended it: {reason}")),
            ToController::Output { id, bytes, .. } | ToController::Data { id, bytes } => (*id, bytes.len()),
            ToController::Observed { id, .. }
            | ToController::Applied { id, .. }
            | ToController::Waiting { id, .. }
            | ToController::Credit { id, .. }
            | ToController::Answer { id, .. } => (*id, 0),
        };
        self.pass_on(id, bytes, message)
    }

    fn receive_facts(&self, facts: Facts) -> Result<(), String> {
        let is_first = self.facts.borrow().is_none();
        self.facts.send_replace(Some(Arc::new(facts)));
        if is_first { Ok(()) } else { Err("the agent sent its facts twice".to_owned()) }
    }

    /// Passes a message on to its call. Messages of a call that nobody waits for are dropped, and its data is given credit for.
    fn pass_on(&mut self, id: CallId, bytes: usize, message: ToController) -> Result<(), String> {
        let mut open = self.calls.open();
        let Some(receiver) = open.get_mut(&id) else { return Ok(()) };
        receiver.allowance.receive(bytes).map_err(|error| explain(&error))?;
        receiver.reports.count(&message)?;
        let is_answer = matches!(message, ToController::Answer { .. });
        let is_abandoned = receiver.messages.send(message).is_err();
        let credit = if is_abandoned { receiver.drop_message(bytes) } else { None };
        if is_answer {
            open.remove(&id);
        }
        drop(open);
        if let Some(bytes) = credit {
            self.send(&ToAgent::Credit { id, bytes });
        }
        Ok(())
    }

    /// Sends a message unless the connection is about to end.
    fn send(&self, message: &ToAgent) {
        let mut bytes = Vec::new();
        if let (Some(outgoing), Ok(())) = (self.outgoing.upgrade(), encode(message, &mut bytes)) {
            let _ = outgoing.send(bytes);
        }
    }
}

/// Returns an error with its causes.
fn explain(error: &(dyn std::error::Error + 'static)) -> String {
    setup_tasks::error::explain(error)
}

/// Writes messages until the last sender is dropped. Then the end of the input ends the agent.
async fn write(mut stdin: ChildStdin, mut requests: Requests) {
    while let Some(bytes) = requests.next().await {
        // An error means that the connection has ended. The reader reports it.
        if stdin.write_all(&bytes).await.is_err() || (requests.is_empty() && stdin.flush().await.is_err()) {
            return;
        }
    }
}
