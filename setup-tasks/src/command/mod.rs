//! Running a command within a task: what it says goes to the task's log, and it ends with the task.

mod child;
pub mod running;
mod tail;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use child::Child;

use crate::log::TaskLog;
use crate::run::TaskContext;

/// A command that a task runs: [`TaskContext::command`].
///
/// It has no standard input unless [`stdin`](Self::stdin) gives one. Its output and its errors go to the task's log while it
/// runs. When the task is cancelled or takes too long, the command ends, and so does all that it started and that stayed in
/// its process group.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "share")]
/// struct Share;
///
/// #[setup_tasks]
/// impl Share {
///     #[setup_task("Say what is there")]
///     async fn list(&self, cx: &TaskContext) -> Result<()> {
///         let version = cx.command("sh").args(["-c", "echo 4.2; echo careful >&2"]).output().await?;
///         assert_eq!(version, "4.2\n");
///         cx.command("ls").arg("/").run().await?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let share = layout.add(Share)?;
/// share.run_setup_tasks().await?;
/// let log = &setup_tasks::log::logs_of(&share.any(), Some("list"))?[0];
/// assert!(std::fs::read_to_string(&log.path)?.contains("careful"));
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct TaskCommand {
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    timeout: Option<Duration>,
    log: Option<Arc<TaskLog>>,
}

/// Why a command did not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// It cannot be started.
    #[error("cannot start `{command}`{}", hint(source))]
    Start {
        /// The command.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
    /// It ended without success.
    #[error("`{command}` ended with {status}{}", said(stderr))]
    Failed {
        /// The command.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// It took longer than its timeout, and was ended.
    #[error("`{command}` took longer than its timeout of {limit:?}{}", said(stderr))]
    TimedOut {
        /// The command.
        command: String,
        /// The timeout.
        limit: Duration,
        /// The last lines of its standard error.
        stderr: String,
    },
    /// The system would not say what became of it.
    #[error("cannot follow `{command}`")]
    Lost {
        /// The command.
        command: String,
        /// The system's answer.
        source: io::Error,
    },
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "\nhelp: install it, or see whether its directory is in PATH",
        io::ErrorKind::PermissionDenied => "\nhelp: see whether it is executable for the user who runs this",
        _ => "",
    }
}

fn said(stderr: &str) -> String {
    let stderr = stderr.trim_end();
    if stderr.is_empty() { String::new() } else { format!("\nit said last:\n{stderr}") }
}

impl TaskContext {
    /// A command to run as a part of the task.
    pub fn command(&self, program: impl AsRef<OsStr>) -> TaskCommand {
        TaskCommand {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            envs: Vec::new(),
            directory: None,
            stdin: None,
            timeout: None,
            log: self.task_log().cloned(),
        }
    }
}

impl TaskCommand {
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

    /// Sets a variable of its environment.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// The directory that it runs in; without this, that of the process.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// What it reads.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Some(text.into());
        self
    }

    /// How long it may take; without this, as long as the task.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Runs it; an exit status other than 0 is an error.
    ///
    /// # Errors
    ///
    /// [`CommandError`], with the exit status and the last lines of its standard error.
    pub async fn run(self) -> Result<(), CommandError> {
        running::unless_ending(self.finish(false)).await.map(drop)
    }

    /// Runs it and gives its standard output, which goes to the log too. What is not UTF-8 in it is replaced.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn output(self) -> Result<String, CommandError> {
        let output = running::unless_ending(self.finish(true)).await?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    async fn finish(mut self, capture: bool) -> Result<Vec<u8>, CommandError> {
        let (text, stdin, limit, log) = (self.to_string(), self.stdin.take(), self.timeout, self.log.take());
        if let Some(log) = &log {
            log.line(&format!("$ {text}"));
        }
        let mut child = match Child::start(self.prepare(stdin.is_some()), log, capture) {
            Ok(child) => child,
            Err(source) => return Err(CommandError::Start { command: text, source }),
        };
        let ended = match limit {
            None => Some(child.follow(stdin).await),
            Some(limit) => tokio::time::timeout(limit, child.follow(stdin)).await.ok(),
        };
        match ended {
            Some(Ok(status)) if status.success() => Ok(child.output()),
            Some(Ok(status)) => Err(CommandError::Failed { command: text, status, stderr: child.stderr() }),
            Some(Err(source)) => Err(CommandError::Lost { command: text, source }),
            None => {
                child.end().await;
                let limit = limit.unwrap_or_default();
                Err(CommandError::TimedOut { command: text, limit, stderr: child.stderr() })
            }
        }
    }

    fn prepare(self, has_stdin: bool) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.program);
        command.args(self.args).envs(self.envs);
        command.stdin(if has_stdin { Stdio::piped() } else { Stdio::null() });
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // A group of its own: it ends with all that it started, and a Ctrl-C in the terminal is the run's to answer.
        #[cfg(unix)]
        command.process_group(0);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        command
    }
}

/// As it would be typed.
impl fmt::Display for TaskCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_word(f, &self.program)?;
        for arg in &self.args {
            f.write_str(" ")?;
            write_word(f, arg)?;
        }
        Ok(())
    }
}

fn write_word(f: &mut fmt::Formatter<'_>, word: &OsStr) -> fmt::Result {
    let word = word.to_string_lossy();
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return f.write_str(&word);
    }
    write!(f, "'{}'", word.replace('\'', "'\\''"))
}
