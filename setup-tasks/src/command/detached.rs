//! Commands that outlive their task.

use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::process::Stdio;

use super::child::{Child, within};
use super::running::unless_ending;
use super::tail::Tail;
use super::{CommandError, TaskCommand};
use crate::error::Excerpt;
use crate::log::TaskLog;
use crate::text::one_line;

/// A command that may leave processes running, or is left running itself:
/// [`TaskCommand::detached`].
///
/// The outputs go straight to a log file of its own, so they can continue after the run has ended.
/// They are not limited in size, and [secrets](crate::Secret) in them are not replaced. Only the
/// owner can read the file. [`logs_of`](crate::log::logs_of) and the command `logs` list the file,
/// and show its text without secrets.
#[derive(Debug)]
#[must_use = "a command does nothing until it is run"]
pub struct DetachedCommand(pub(super) TaskCommand);

/// A process that was left running.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Detached {
    /// The process id, which is also the id of its process group and its session.
    pub pid: u32,
    /// The log that the process writes to.
    pub log: PathBuf,
}

impl DetachedCommand {
    /// Runs the command to its end and returns the path of its log. An exit status other than 0 is
    /// an error.
    ///
    /// Processes that the command left running continue. If the task is cancelled or the timeout
    /// passes before the command ends, all of its processes are ended.
    ///
    /// # Errors
    ///
    /// [`CommandError`], with the exit status and the last lines of the log.
    pub async fn run(self) -> Result<PathBuf, CommandError> {
        unless_ending(self.finish()).await
    }

    async fn finish(self) -> Result<PathBuf, CommandError> {
        let (text, timeout) = (self.0.text(), self.0.timeout);
        let _announced = self.0.announce(&text);
        let (mut child, log) = self.spawn(&text)?;
        match within(timeout, child.wait()).await {
            Ok(status) if status.success() => Ok(log.path),
            Ok(status) => Err(CommandError::Failed { command: text, status, stderr: log.last_lines() }),
            Err(cut) => Err(child.cut(cut, text).await.with_last_lines(|| log.last_lines())),
        }
    }

    /// Starts the command, writes its standard input, and leaves it running. The timeout limits the
    /// time for the standard input.
    ///
    /// # Errors
    ///
    /// [`CommandError`] if it cannot be started, or if its standard input cannot be read. Its exit
    /// status is not observed.
    pub async fn start(self) -> Result<Detached, CommandError> {
        let (text, timeout) = (self.0.text(), self.0.timeout);
        let _announced = self.0.announce(&text);
        let (mut child, log) = self.spawn(&text)?;
        let pid = child.pid().unwrap_or_default();
        if let Err(cut) = within(timeout, child.feed()).await {
            return Err(child.cut(cut, text).await.with_last_lines(|| log.last_lines()));
        }
        child.leave();
        Ok(Detached { pid, log: log.path })
    }

    fn spawn(mut self, text: &str) -> Result<(Child, OwnLog), CommandError> {
        let start = self.0.text_of_start();
        let Some(log) = self.0.caller.log() else {
            let problem = "a decision method cannot leave a process running";
            let source = std::io::Error::new(std::io::ErrorKind::Unsupported, problem);
            return Err(CommandError::Start { command: start, source });
        };
        let (stdin, feed) = std::mem::take(&mut self.0.stdin).open(text)?;
        let own = OwnLog::new(log, text)?;
        log.line(&format!("# its output is in {}", own.path.display()));
        let failed = |source| CommandError::Start { command: start.clone(), source };
        let (stdout, stderr) =
            own.file.try_clone().and_then(|file| Ok((file, own.file.try_clone()?))).map_err(failed)?;
        let mut command = self.0.prepare(stdin).map_err(failed)?;
        command.stdout(Stdio::from(stdout)).stderr(Stdio::from(stderr));
        let child = Child::start_silent(command, feed).map_err(failed)?;
        Ok((child, own))
    }
}

/// The log of a detached command.
struct OwnLog {
    path: PathBuf,
    file: std::fs::File,
}

impl OwnLog {
    fn new(log: &TaskLog, text: &str) -> Result<Self, CommandError> {
        let created = log.create_detached().and_then(|(path, mut file)| {
            writeln!(file, "# {}: $ {}", log.title(), one_line(text))?;
            Ok(Self { path, file })
        });
        created.map_err(|source| CommandError::Log { command: text.to_owned(), path: log.directory(), source })
    }

    /// Returns the last lines, or an empty string if the file cannot be read.
    fn last_lines(mut self) -> Option<Excerpt> {
        let mut bytes = Vec::new();
        let from = self.file.metadata().map_or(0, |meta| meta.len().saturating_sub(Tail::MOST));
        let read = self.file.seek(SeekFrom::Start(from)).and_then(|_| self.file.read_to_end(&mut bytes));
        let mut tail = Tail::default();
        tail.push(crate::secret::redact(&String::from_utf8_lossy(if read.is_ok() { &bytes } else { &[] })).as_bytes());
        let text = tail.text();
        let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("# ")).collect();
        Excerpt::new(lines.join("\n"))
    }
}
