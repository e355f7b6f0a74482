//! Running a command within a task: what it says goes to the task's log, and it ends with the task.

mod child;
mod detached;
mod error;
pub mod running;
mod tail;
#[cfg(unix)]
pub mod terminal;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use child::{Child, Followed};
pub use detached::{Detached, DetachedCommand};
pub use error::CommandError;
#[cfg(unix)]
pub use terminal::InteractiveCommand;

use crate::log::TaskLog;
use crate::run::TaskContext;
use crate::secret::redact;

/// A command that a task runs: [`TaskContext::command`].
///
/// It has no standard input unless [`stdin`](Self::stdin) gives one. Its output and its errors go to the task's log while it
/// runs. When the task is cancelled or takes too long, the command ends, and so does all that it started: its process group, its
/// session, and (on Linux) its descendants. What has left all three is not found.
///
/// It has no controlling terminal: a program that asks for a password there fails at once.
/// [`interactive`](Self::interactive) hands the terminal over.
///
/// What a command leaves running when it ends has 500 ms to write what it has to say; after that, writing to its outputs is an error
/// to it (a broken pipe). [`detached`](Self::detached) gives it a log of its own.
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
/// let log = &setup_tasks::log::logs_of(share.as_any(), Some("list"))?[0];
/// assert!(std::fs::read_to_string(&log.path)?.contains("careful"));
/// # Ok(()) }
/// ```
///
/// Its `Display` is the command as it would be typed, its `Debug` in addition the names of its variables and the directory. Neither
/// shows standard input or values of the environment, nor [secrets](crate::Secret).
#[must_use = "a command does nothing until it is run"]
pub struct TaskCommand {
    program: OsString,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Option<Vec<u8>>,
    timeout: Option<Duration>,
    /// How much of its output is captured; `None` is no limit.
    output_limit: Option<usize>,
    log: Option<Arc<TaskLog>>,
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
            output_limit: self.layout().config().output_limit(),
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

    /// Limits how many bytes of its output [`output`](Self::output) captures; without this, `output_limit_kib` of the configuration.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = Some(bytes);
        self
    }

    /// Lets what the command leaves running, or the command itself, outlive the task, with a log of its own.
    pub fn detached(self) -> DetachedCommand {
        DetachedCommand(self)
    }

    /// Hands the terminal over to the command while it runs: for what asks a person.
    #[cfg(unix)]
    pub fn interactive(self) -> InteractiveCommand {
        InteractiveCommand(self)
    }

    /// Runs it; an exit status other than 0 is an error.
    ///
    /// # Errors
    ///
    /// [`CommandError`], with the exit status and the last lines of its standard error.
    pub async fn run(self) -> Result<(), CommandError> {
        running::unless_ending(self.finish(None)).await.map(drop)
    }

    /// Runs it and gives its standard output, which goes to the log too. What is not UTF-8 in it is replaced.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run), and [`CommandError::TooMuchOutput`].
    pub async fn output(self) -> Result<String, CommandError> {
        let limit = self.output_limit.unwrap_or(usize::MAX);
        let output = running::unless_ending(self.finish(Some(limit))).await?;
        Ok(String::from_utf8_lossy(&output).into_owned())
    }

    async fn finish(mut self, capture: Option<usize>) -> Result<Vec<u8>, CommandError> {
        let (text, stdin, limit, log) = (self.text(), self.stdin.take(), self.timeout, self.log.take());
        if let Some(log) = &log {
            log.line(&format!("$ {text}"));
        }
        let mut child = match self.prepare(stdin.is_some()).and_then(|command| Child::start(command, log, capture)) {
            Ok(child) => child,
            Err(source) => return Err(CommandError::Start { command: text, source }),
        };
        let ended = match limit {
            None => Some(child.follow(stdin).await),
            Some(limit) => tokio::time::timeout(limit, child.follow(stdin)).await.ok(),
        };
        match ended {
            Some(Ok(Followed::Ended(status))) if status.success() => Ok(child.captured()),
            Some(Ok(Followed::Ended(status))) => {
                Err(CommandError::Failed { command: text, status, stderr: child.stderr() })
            }
            Some(Ok(Followed::TooMuchOutput)) => {
                Err(CommandError::TooMuchOutput { command: text, limit: capture.unwrap_or_default() })
            }
            Some(Err(source)) => Err(CommandError::Lost { command: text, source }),
            None => {
                child.end().await;
                let limit = limit.unwrap_or_default();
                Err(CommandError::TimedOut { command: text, limit, stderr: child.stderr() })
            }
        }
    }

    /// Returns the command as it is shown: as it would be typed, without secrets.
    fn text(&self) -> String {
        redact(&self.to_string()).into_owned()
    }

    /// Makes the system's command, in a session of its own: it ends with all that it started, a Ctrl-C in the terminal is the run's
    /// to answer, and it has no terminal to ask at.
    fn prepare(self, has_stdin: bool) -> io::Result<tokio::process::Command> {
        let mut command = self.plain();
        command.stdin(if has_stdin { Stdio::piped() } else { Stdio::null() });
        #[cfg(unix)]
        {
            use process_wrap::tokio::{CommandWrap, CommandWrapper, ProcessSession};
            let core = CommandWrap::from(tokio::process::Command::new(""));
            ProcessSession.pre_spawn(&mut command, &core)?;
        }
        Ok(command)
    }

    /// Makes the system's command with the program, its arguments, its environment and its directory.
    fn plain(self) -> tokio::process::Command {
        let mut command = tokio::process::Command::new(self.program);
        command.args(self.args).envs(self.envs);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        command
    }
}

impl fmt::Debug for TaskCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.envs.iter().map(|(name, _)| name).collect();
        f.debug_struct("TaskCommand")
            .field("command", &self.text())
            .field("envs", &names)
            .field("directory", &self.directory)
            .field("has_stdin", &self.stdin.is_some())
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
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
    // Before it is quoted.
    let word = word.to_string_lossy();
    let word = redact(&word);
    let is_plain = |c: char| c.is_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return f.write_str(&word);
    }
    write!(f, "'{}'", word.replace('\'', "'\\''"))
}
