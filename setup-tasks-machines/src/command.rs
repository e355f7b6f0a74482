//! Commands on a machine, whose output goes to the log of the task.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::Duration;

use serde_bytes::ByteBuf;
use setup_tasks::TaskContext;
use setup_tasks::command::{CommandError, ForeignCommand};
use setup_tasks_agent::protocol::{Answer, Call, CommandInput, CommandSpec, End, Exit, Stream, ToController};

use crate::machine::Machine;
use crate::session::OpenCall;

/// The time between the signals TERM and KILL for a command that is ended.
pub(crate) const GRACE: Duration = Duration::from_secs(2);

/// A command on a machine, which runs as a part of a task: [`Machine::command`].
///
/// Standard input is empty unless [`stdin`](Self::stdin) sets it. Both outputs go to the task's log while the command runs. When the
/// task is cancelled or exceeds its timeout, or the connection is lost, the command is ended with all that it started.
#[must_use = "a command does nothing until it is run"]
pub struct MachineCommand {
    machine: Machine,
    cx: TaskContext,
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    timeout: Option<Duration>,
}

/// The end of a command, with its outputs.
struct Ran {
    command: String,
    exit: Exit,
    log: ForeignCommand,
}

impl MachineCommand {
    pub(crate) fn new(machine: Machine, cx: &TaskContext, program: &OsStr) -> Self {
        Self {
            machine,
            cx: cx.clone(),
            program: program.to_owned(),
            args: Vec::new(),
            envs: Vec::new(),
            directory: None,
            stdin: None,
            timeout: None,
        }
    }

    /// Adds an argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the working directory. The default is the home directory of the user on the machine.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets the standard input to a text or to bytes.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// Sets the timeout. The default is the timeout of the task.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Runs the command to its end. An exit status other than 0 is an error.
    ///
    /// # Errors
    ///
    /// [`CommandError`] with the last lines of standard error, or [`MachineError`](crate::MachineError).
    pub async fn run(self) -> setup_tasks::Result<()> {
        self.finish(false).await?.success().map(drop)
    }

    /// Runs the command to its end and returns its standard output. An exit status other than 0 is an error.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run), and if the output is longer than `output_limit_kib` of the configuration.
    pub async fn output(self) -> setup_tasks::Result<String> {
        let output = self.finish(true).await?.success()?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    /// Runs the command to its end and returns its exit code, or `None` if a signal ended it.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if it cannot be started or exceeds its timeout, or [`MachineError`](crate::MachineError).
    pub async fn code(self) -> setup_tasks::Result<Option<i32>> {
        match self.finish(false).await?.exit {
            Exit::Code(code) => Ok(Some(code)),
            Exit::Signal(_) => Ok(None),
        }
    }

    async fn finish(mut self, capture: bool) -> setup_tasks::Result<Ran> {
        let words = std::iter::once(&*self.program).chain(self.args.iter().map(|arg| &**arg));
        let mut log = ForeignCommand::begin(&self.cx, self.machine.name(), words, capture);
        let command = log.text().to_owned();
        let limit = self.timeout;
        let stdin = self.stdin.take();
        let mut call = self.machine.session()?.call(Call::Run(self.spec(stdin.is_some()))).await?;
        let exit = exchange(&mut call, &mut log, stdin.as_deref().unwrap_or_default(), &command, limit).await?;
        Ok(Ran { command, exit, log })
    }

    /// Returns the command as the agent receives it.
    fn spec(self, has_input: bool) -> CommandSpec {
        let bytes = |text: &OsStr| ByteBuf::from(text.as_bytes());
        let milliseconds = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        CommandSpec {
            program: bytes(&self.program),
            args: self.args.iter().map(|arg| bytes(arg)).collect(),
            env: self.envs.iter().map(|(name, value)| (bytes(name), bytes(value))).collect(),
            clear_env: false,
            directory: self.directory.as_deref().map(|directory| bytes(directory.as_os_str())),
            input: if has_input { CommandInput::Data } else { CommandInput::Empty },
            timeout: self.timeout.map(milliseconds),
            grace: milliseconds(GRACE),
        }
    }
}

/// Sends the input and receives the outputs until the command ends.
async fn exchange(
    call: &mut OpenCall,
    log: &mut ForeignCommand,
    mut stdin: &[u8],
    command: &str,
    limit: Option<Duration>,
) -> setup_tasks::Result<Exit> {
    let mut is_fed = stdin.is_empty();
    loop {
        while !is_fed {
            let (part, rest) = stdin.split_at(call.sendable(stdin.len()));
            if part.is_empty() {
                break;
            }
            call.send(part)?;
            stdin = rest;
            is_fed = stdin.is_empty();
            if is_fed {
                call.send_end()?;
            }
        }
        match call.next().await? {
            ToController::Output { stream, bytes, .. } => {
                match stream {
                    Stream::Output => log.push_output(&bytes)?,
                    Stream::Error => log.push_error(&bytes),
                }
                call.consumed(bytes.len())?;
            }
            ToController::Answer { answer: Answer::Ended(ended), .. } => {
                log.finish();
                return match (ended.end, limit) {
                    (End::TimedOut, Some(limit)) => {
                        let stderr = log.last_errors();
                        Err(CommandError::TimedOut { command: command.to_owned(), limit, stderr }.into())
                    }
                    _ => {
                        match ended.exit {
                            Exit::Code(code) => log.exited(format_args!("exit status: {code}")),
                            Exit::Signal(signal) => log.exited(format_args!("signal: {signal}")),
                        }
                        Ok(ended.exit)
                    }
                };
            }
            _ => {}
        }
    }
}

impl Ran {
    /// Returns the captured output, or the error for an exit status other than 0.
    fn success(mut self) -> setup_tasks::Result<Vec<u8>> {
        let status = status(self.exit);
        if status.success() {
            return Ok(self.log.captured());
        }
        Err(CommandError::Failed { command: self.command, status, stderr: self.log.last_errors() }.into())
    }
}

/// Returns an exit code or a signal as a status of this system.
pub(crate) fn status(exit: Exit) -> ExitStatus {
    ExitStatus::from_raw(match exit {
        Exit::Code(code) => (code & 0xff) << 8,
        Exit::Signal(signal) => signal & 0x7f,
    })
}

impl fmt::Debug for MachineCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let program = self.program.display();
        f.debug_struct("MachineCommand")
            .field("machine", &self.machine.name())
            .field("program", &program)
            .finish_non_exhaustive()
    }
}
