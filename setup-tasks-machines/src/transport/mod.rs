//! Ways to reach a machine, and the channel to a program that runs there.

mod in_process;
mod runtime_dir;
mod ssh;

use std::io;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};

use process_wrap::tokio::{CommandWrap, CommandWrapper, ProcessSession};
use setup_tasks::error::Excerpt;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;

use crate::error::MachineError;
use crate::shown::visible;
pub(crate) use in_process::InProcess;
pub(crate) use ssh::Ssh;

/// The greatest number of bytes of standard error that are kept.
const KEPT_ERRORS: usize = 8 << 10;

/// The way to a machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Transport {
    /// The system's `ssh`.
    Ssh(Ssh),
    /// The same system.
    Local,
    /// A command that runs another command within a container or another root directory.
    Exec(Vec<String>),
    /// An agent in this process.
    InProcess(InProcess),
}

/// The attempt to open a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// It uses the shared connection to the machine, or begins one.
    Shared,
    /// It has a connection of its own.
    Own,
}

/// A program on the machine, with its input and outputs.
pub(crate) struct Channel {
    pub(crate) child: Child,
    pub(crate) stdin: ChildStdin,
    pub(crate) stdout: ChildStdout,
    pub(crate) errors: Errors,
    /// Whether it uses a connection that existed before, which may be broken.
    pub(crate) is_reused: bool,
}

/// The standard error of a channel, of which the end is kept.
pub(crate) struct Errors {
    text: Arc<Mutex<Vec<u8>>>,
    reader: JoinHandle<()>,
    arrived: Arc<tokio::sync::Notify>,
}

impl Transport {
    /// Starts a program on the machine.
    pub(crate) async fn open(&self, machine: &str, argv: &[String], sharing: Sharing) -> Result<Channel, MachineError> {
        let (mut command, is_reused) = match self {
            Self::Ssh(ssh) => ssh.command(argv, sharing).await?,
            Self::Local => (command(argv), false),
            Self::Exec(prefix) => (command(&[prefix, argv].concat()), false),
            Self::InProcess(_) => return self.open_in_process(machine),
        };
        let program = command.as_std().get_program().display().to_string();
        spawn(&mut command, is_reused).map_err(|source| MachineError::Start {
            machine: machine.to_owned(),
            program,
            source: Arc::new(source),
        })
    }

    /// Opens the channel to an agent in this process, which has begun already.
    pub(crate) fn open_in_process(&self, machine: &str) -> Result<Channel, MachineError> {
        let opened = match self {
            Self::InProcess(agent) => agent.open(),
            _ => Err(io::ErrorKind::Unsupported.into()),
        };
        opened.map_err(|source| MachineError::Start {
            machine: machine.to_owned(),
            program: "cat".to_owned(),
            source: Arc::new(source),
        })
    }

    /// Makes the next use of the machine open a new connection. Channels of the shared connection stay until they end.
    pub(crate) async fn forget(&self) {
        if let Self::Ssh(ssh) = self {
            ssh.forget().await;
        }
    }

    /// Returns whether an exit code is that of the way itself, and not of the program on the machine.
    pub(crate) fn failed_with(&self, code: Option<i32>) -> bool {
        match self {
            Self::Ssh(_) => code == Some(255),
            Self::Local | Self::InProcess(_) => matches!(code, Some(126 | 127)),
            // These are the codes of env, nsenter, chroot and docker.
            Self::Exec(_) => matches!(code, Some(1 | 125..=127 | 255)),
        }
    }

    /// Returns whether the connection can be cut while both ends run.
    pub(crate) fn can_be_cut(&self) -> bool {
        !matches!(self, Self::Local | Self::InProcess(_))
    }
}

/// Returns the command with this program and its arguments.
fn command(argv: &[String]) -> Command {
    let mut command = Command::new(argv.first().map_or("", String::as_str));
    command.args(argv.iter().skip(1));
    command
}

/// Starts a command in a session of its own, so that it has no terminal to ask at, and signals of the terminal do not reach it.
fn spawn(command: &mut Command, is_reused: bool) -> io::Result<Channel> {
    ProcessSession.pre_spawn(command, &CommandWrap::from(Command::new("")))?;
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let mut child = command.spawn()?;
    let piped = || io::Error::other("a standard stream is missing");
    let stdin = child.stdin.take().ok_or_else(piped)?;
    let stdout = child.stdout.take().ok_or_else(piped)?;
    let stderr = child.stderr.take().ok_or_else(piped)?;
    Ok(Channel { stdin, stdout, errors: Errors::read(stderr), child, is_reused })
}

impl Errors {
    fn read(mut stderr: tokio::process::ChildStderr) -> Self {
        let text = Arc::new(Mutex::new(Vec::new()));
        let arrived = Arc::new(tokio::sync::Notify::new());
        let (kept, notify) = (text.clone(), arrived.clone());
        let reader = tokio::spawn(async move {
            let mut part = [0; 2048];
            while let Ok(count @ 1..) = stderr.read(&mut part).await {
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                kept.extend_from_slice(&part[..count]);
                let surplus = kept.len().saturating_sub(KEPT_ERRORS);
                kept.drain(..surplus);
                drop(kept);
                notify.notify_one();
            }
        });
        Self { text, reader, arrived }
    }

    /// Waits until more text has arrived.
    pub(crate) async fn more(&self) {
        self.arrived.notified().await;
    }

    /// Returns the text so far.
    pub(crate) fn text(&self) -> String {
        let bytes = self.text.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&bytes);
        visible(&text)
    }

    /// Waits shortly for the end of the stream, and returns the text. A shared connection may hold the stream open.
    pub(crate) async fn finish(&mut self) -> Option<Excerpt> {
        let _ = tokio::time::timeout(std::time::Duration::from_millis(300), &mut self.reader).await;
        Excerpt::new(setup_tasks::secret::redact(&self.text()).into_owned())
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        self.reader.abort();
    }
}
