//! Commands on a machine that belong to no task.

use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::process::ExitStatus;
use std::sync::Arc;

use serde_bytes::ByteBuf;
use setup_tasks::command::{CommandRunner, OneOffCommand, OutputStream};
use setup_tasks::{BoxFuture, Result, command_runner};
use setup_tasks_agent::protocol::{Answer, Call, CommandInput, CommandSpec, Stream, ToController};
use tokio::sync::mpsc;

use crate::command::{GRACE, status};
use crate::error::MachineError;
use crate::machine::Machine;
use crate::session::OpenCall;

command_runner!(Machine);

impl CommandRunner for Machine {
    fn name(&self) -> Cow<'_, str> {
        Machine::name(self).into()
    }

    fn key(&self) -> Cow<'_, str> {
        Machine::key(self).into()
    }

    fn run_one_off(&self, command: OneOffCommand) -> BoxFuture<'_, Result<ExitStatus>> {
        Box::pin(async move {
            let spec = spec(&command);
            let session = self.session()?;
            let mut call = session.call(Call::Run(spec)).await?;
            tokio::select! {
                facts = session.facts() => drop(facts?),
                () = command.stop.requested() => {
                    return Err(MachineError::Stopped { machine: Machine::name(self).to_owned() }.into());
                }
            }
            exchange(&mut call, command).await
        })
    }
}

/// Returns the command as the agent receives it.
fn spec(command: &OneOffCommand) -> CommandSpec {
    let mut words = command.words.iter().map(|word| ByteBuf::from(word.as_bytes()));
    CommandSpec {
        program: words.next().unwrap_or_default(),
        args: words.collect(),
        input: if command.input.is_some() { CommandInput::Data } else { CommandInput::Empty },
        grace: u64::try_from(GRACE.as_millis()).unwrap_or(u64::MAX),
        ..CommandSpec::default()
    }
}

/// Passes the input and the outputs on until the command ends.
async fn exchange(call: &mut OpenCall, command: OneOffCommand) -> Result<ExitStatus> {
    let OneOffCommand { input, mut output, stop, .. } = command;
    let mut input = input.map(Input::new);
    let mut is_stopped = false;
    loop {
        if let Some(input) = &mut input {
            input.send(call)?;
        }
        tokio::select! {
            message = call.next() => match message? {
                ToController::Output { stream, bytes, .. } => {
                    output(match stream {
                        Stream::Output => OutputStream::Stdout,
                        Stream::Error => OutputStream::Stderr,
                    }, &bytes);
                    call.consumed(bytes.len())?;
                }
                ToController::Answer { answer: Answer::Ended(ended), .. } => return Ok(status(ended.exit)),
                _ => {}
            },
            () = wanted(&mut input) => {}
            () = stop.requested(), if !is_stopped => {
                is_stopped = true;
                input = None;
                call.cancel()?;
            }
        }
    }
}

/// Waits for the next part of an input that has none.
async fn wanted(input: &mut Option<Input>) {
    match input {
        Some(input) if input.is_wanted() => input.receive().await,
        _ => std::future::pending().await,
    }
}

/// The standard input of a command.
struct Input {
    parts: mpsc::Receiver<Arc<[u8]>>,
    /// The part that is being sent, and the number of its bytes that were sent.
    part: Option<Arc<[u8]>>,
    sent: usize,
    state: InputState,
}

#[derive(PartialEq)]
enum InputState {
    Open,
    /// All parts have arrived.
    Complete,
    /// The end was sent.
    Ended,
}

impl Input {
    fn new(parts: mpsc::Receiver<Arc<[u8]>>) -> Self {
        Self { parts, part: None, sent: 0, state: InputState::Open }
    }

    fn is_wanted(&self) -> bool {
        self.part.is_none() && self.state == InputState::Open
    }

    async fn receive(&mut self) {
        (self.part, self.sent) = (self.parts.recv().await, 0);
        if self.part.is_none() {
            self.state = InputState::Complete;
        }
    }

    /// Sends as much as the agent gives credit for.
    fn send(&mut self, call: &mut OpenCall) -> Result<()> {
        while let Some(part) = &self.part {
            let rest = &part[self.sent..];
            let sendable = call.sendable(rest.len());
            if sendable == 0 && !rest.is_empty() {
                return Ok(());
            }
            call.send(&rest[..sendable])?;
            self.sent += sendable;
            if self.sent == part.len() {
                self.part = None;
            }
        }
        if self.state == InputState::Complete {
            call.send_end()?;
            self.state = InputState::Ended;
        }
        Ok(())
    }
}
