//! Commands that run within a task. Their output goes to the task's log, and they end with the
//! task.

mod announced;
mod child;
mod detached;
mod error;
mod foreign;
mod one_off;
mod output;
mod quote;
pub mod running;
mod stdin;
mod tail;
#[cfg(unix)]
pub mod terminal;

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use announced::{Announced, Caller};
pub use detached::{Detached, DetachedCommand};
pub use error::CommandError;
pub use foreign::ForeignCommand;
#[doc(hidden)]
pub use one_off::RunnerType;
pub use one_off::{CommandRunner, OneOffCommand, OutputSink, OutputStream};
pub use output::CommandOutput;
pub use quote::{QuoteError, quote, quote_all};
use stdin::Stdin;
#[cfg(unix)]
pub use terminal::InteractiveCommand;
use tokio::io::AsyncRead;

use crate::secret::redact;
use crate::task::context::TaskContext;
use crate::text::one_line;

/// A command that a task runs: [`TaskContext::command`].
///
/// Standard input is empty unless [`stdin`](Self::stdin), [`stdin_file`](Self::stdin_file) or
/// [`stdin_reader`](Self::stdin_reader) sets it. Standard output and standard error go to the
/// task's log while the command runs.
///
/// | method | returns | an exit status other than 0 |
/// |---|---|---|
/// | [`run`](Self::run) | nothing | is an error |
/// | [`output`](Self::output) | standard output as text | is an error |
/// | [`output_bytes`](Self::output_bytes) | standard output as bytes | is an error |
/// | [`status`](Self::status) | the exit status | is a value |
/// | [`output_and_status`](Self::output_and_status) | standard output and the exit status | is a value |
///
/// When the task is cancelled or exceeds its timeout, the command is ended together with everything
/// that it started: its process group, its session, and (on Linux) its descendants. A process that
/// has left all three is not found.
///
/// The command has no controlling terminal, so a program that asks for a password fails at once.
/// [`interactive`](Self::interactive) hands the terminal over.
///
/// Processes that a command leaves running have 500 ms for their last output after the command has
/// ended. A later write to the outputs fails with a broken pipe. [`detached`](Self::detached) gives
/// such processes a log of their own.
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
/// `Display` shows the command as it would be typed. `Debug` also shows the names of its
/// environment variables and its directory. Neither shows standard input, values of environment
/// variables, or [secrets](crate::Secret).
#[must_use = "a command does nothing until it is run"]
pub struct TaskCommand {
    program: OsString,
    args: Vec<OsString>,
    label: Option<String>,
    envs: Vec<(OsString, OsString)>,
    directory: Option<PathBuf>,
    stdin: Stdin,
    timeout: Option<Duration>,
    /// The maximum number of bytes that are captured, or `None` for no limit.
    output_limit: Option<usize>,
    caller: Caller,
}

impl TaskContext {
    /// Returns a command that runs as a part of the task.
    pub fn command(&self, program: impl AsRef<OsStr>) -> TaskCommand {
        TaskCommand {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
            label: None,
            envs: Vec::new(),
            directory: None,
            stdin: Stdin::Empty,
            timeout: None,
            output_limit: self.layout().config().output_limit(),
            caller: Caller::new(self),
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

    /// Sets a short text that stands for the command in progress displays, logs, activities and
    /// errors. It suits a command with a long or unreadable command line.
    ///
    /// The log contains the whole command line only if debug messages of `tracing` go there.
    ///
    /// ```
    /// # use setup_tasks::prelude::*;
    /// # async fn count(cx: &TaskContext) -> Result<()> {
    /// let script = "total=0; for file in /etc/*.conf; do total=$((total + 1)); done; echo $total";
    /// cx.command("sh").args(["-c", script]).label("Count the configuration files").run().await?;
    /// # Ok(()) }
    /// ```
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into()).filter(|label| !label.trim().is_empty());
        self
    }

    /// Sets an environment variable.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Sets the working directory. The default is the directory of this process.
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Sets the standard input to a text or to bytes. The last of the methods that set it counts.
    ///
    /// A command may read only a part of it.
    pub fn stdin(mut self, text: impl Into<Vec<u8>>) -> Self {
        self.stdin = Stdin::Bytes(text.into());
        self
    }

    /// Sets the standard input to a regular file, which is opened when the command starts. A
    /// relative path starts at the directory of this process.
    pub fn stdin_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.stdin = Stdin::File(path.into());
        self
    }

    /// Sets the standard input to a reader. Its data is passed on in parts of at most 64 KiB.
    ///
    /// The command does not wait for a reader once it has ended. If the reader fails, the command is
    /// ended before it can mistake the data so far for all of it, and
    /// [`CommandError::Stdin`] is returned.
    ///
    /// ```
    /// # use setup_tasks::prelude::*;
    /// use tokio::io::AsyncReadExt;
    ///
    /// # async fn restore(cx: &TaskContext, dump: impl tokio::io::AsyncRead + Send + 'static) -> Result<()> {
    /// let whole = b"begin;\n".chain(dump).chain(&b"commit;\n"[..]);
    /// cx.command("psql").arg("site").stdin_reader(whole).run().await?;
    /// # Ok(()) }
    /// ```
    pub fn stdin_reader(mut self, reader: impl AsyncRead + Send + 'static) -> Self {
        self.stdin = Stdin::reader(reader);
        self
    }

    /// Sets the timeout. The default is the timeout of the task.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = Some(limit);
        self
    }

    /// Limits the number of bytes of standard output that are captured. The default is
    /// `output_limit_kib` of the configuration.
    pub fn output_limit(mut self, bytes: usize) -> Self {
        self.output_limit = Some(bytes);
        self
    }

    /// Allows the command, or processes that it leaves running, to outlive the task, with a log of
    /// its own.
    pub fn detached(self) -> DetachedCommand {
        DetachedCommand(self)
    }

    /// Hands the terminal over to the command while it runs, so that the command can ask a person
    /// for input.
    #[cfg(unix)]
    pub fn interactive(self) -> InteractiveCommand {
        InteractiveCommand(self)
    }

    /// Returns the label, or the command as it would be typed, without secrets.
    fn text(&self) -> String {
        match &self.label {
            Some(label) => one_line(label.trim()).into_owned(),
            None => redact(&self.to_string()).into_owned(),
        }
    }

    /// Returns the text for an error of the start, which names the program.
    fn text_of_start(&self) -> String {
        let text = self.text();
        if self.label.is_none() {
            return text;
        }
        format!("{text} ({})", one_line(&self.program.to_string_lossy()))
    }

    /// Announces the command by its text, until the returned value is dropped.
    fn announce(&self, text: &str) -> Announced {
        if self.label.is_some() {
            self.caller.debug(self);
        }
        self.caller.announce(text)
    }

    /// Returns the system's command in a session of its own. The command can then be ended with
    /// everything that it started. A Ctrl-C in the terminal reaches only the run, and the command
    /// has no terminal to ask at.
    fn prepare(self, stdin: Stdio) -> io::Result<tokio::process::Command> {
        let mut command = self.plain();
        command.stdin(stdin);
        #[cfg(unix)]
        {
            use process_wrap::tokio::{CommandWrap, CommandWrapper, ProcessSession};
            let core = CommandWrap::from(tokio::process::Command::new(""));
            ProcessSession.pre_spawn(&mut command, &core)?;
        }
        Ok(command)
    }

    /// Returns the system's command with the program, arguments, environment and directory.
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
            .field("command", &self.to_string())
            .field("label", &self.label.as_deref().map(one_line))
            .field("envs", &names)
            .field("directory", &self.directory)
            .field("has_stdin", &!matches!(self.stdin, Stdin::Empty))
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}

/// Writes the command as it would be typed.
impl fmt::Display for TaskCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        quote::show(f, &self.program)?;
        for arg in &self.args {
            f.write_str(" ")?;
            quote::show(f, arg)?;
        }
        Ok(())
    }
}
