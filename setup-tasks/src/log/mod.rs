//! The logs of tasks: one file per attempt under the object's `log_path`, created with its first
//! line.

mod bounded;
mod file;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bounded::BoundedFile;
pub(crate) use file::rename;
pub use file::{LogFile, logs_of};
pub(crate) use writer::LogStream;
use writer::LogWriter;

use crate::decide::Reason;
use crate::error::explain;
use crate::object::AnyObject;
use crate::secret::redact;
use crate::text::one_line;

/// The number of logs that are kept per task. Creating a log removes the oldest ones beyond it.
const KEPT: usize = 20;

/// The tracing target of the lines of [`TaskContext::log`](crate::TaskContext::log). A subscriber
/// can leave them out, since the task's log contains them already.
pub const TARGET: &str = "setup_tasks::log";

tokio::task_local! {
    static CURRENT: Arc<TaskLog>;
}

/// The log of one attempt of a task. The file is created by the first write. The 20 latest logs of
/// each task are kept.
#[derive(Debug)]
pub struct TaskLog {
    object: AnyObject,
    task: &'static str,
    attempt: u32,
    work: LoggedWork,
    state: Mutex<LogState>,
}

/// The work of an attempt, as the first line of its log names it.
#[derive(Debug)]
pub(crate) enum LoggedWork {
    /// The task runs for this reason.
    Run(Option<Reason>),
    /// The task is undone.
    Undo,
}

#[derive(Debug)]
enum LogState {
    NotCreated,
    Open(LogWriter),
    /// A write failed. The failure was reported once, and nothing more is written.
    Failed,
}

impl TaskLog {
    pub(crate) fn new(object: AnyObject, task: &'static str, attempt: u32, work: LoggedWork) -> Self {
        Self { object, task, attempt, work, state: Mutex::new(LogState::NotCreated) }
    }

    /// Returns the log of the attempt that the caller is a part of, or `None` outside of an attempt.
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Runs a future within which [`current`](Self::current) returns this log. An `async fn` would
    /// hold the future twice.
    pub(crate) fn scope<F: Future>(self: Arc<Self>, work: F) -> impl Future<Output = F::Output> {
        CURRENT.scope(self, work)
    }

    /// Writes a line.
    pub fn line(&self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Writes bytes, with [secrets](crate::Secret) replaced and control characters escaped. A
    /// failed write is reported as a warning and does not fail the task.
    pub fn write(&self, bytes: &[u8]) {
        self.with(|log| log.write(bytes));
    }

    /// Writes bytes that have passed a filter already.
    fn write_filtered(&self, bytes: &[u8]) {
        self.with(|log| log.write_filtered(bytes));
    }

    /// Calls `write` with the open log, which is created first if necessary.
    fn with(&self, write: impl FnOnce(&mut LogWriter) -> io::Result<()>) {
        let mut state = self.state();
        if let LogState::NotCreated = *state {
            match self.open() {
                Ok(writer) => *state = LogState::Open(writer),
                Err(error) => return self.give_up(state, &error),
            }
        }
        if let LogState::Open(writer) = &mut *state
            && let Err(error) = write(writer)
        {
            self.give_up(state, &error);
        }
    }

    /// Returns the path of the file, or `None` before the first write or if a write has failed.
    pub fn path(&self) -> Option<PathBuf> {
        match &*self.state() {
            LogState::Open(writer) => Some(writer.path.clone()),
            LogState::NotCreated | LogState::Failed => None,
        }
    }

    /// Writes the result of the attempt. A success is written only if the log exists already.
    pub(crate) fn end(&self, error: Option<&anyhow::Error>, took: Duration) {
        let is_open = match &mut *self.state() {
            // An incomplete last line is ended.
            LogState::Open(writer) => writer.end_line().is_ok(),
            LogState::NotCreated | LogState::Failed => false,
        };
        match error {
            Some(error) => {
                // Secrets are replaced before the text is split into lines.
                let error = redact(&explain(error.as_ref())).replace('\n', "\n# ");
                self.line(&format!("# failed after {took:.1?}: {error}"));
                self.with(LogWriter::end_line);
            }
            None if is_open => self.line(&format!("# done in {took:.1?}")),
            None => {}
        }
    }

    fn open(&self) -> io::Result<LogWriter> {
        let (path, file) = self.create(false)?;
        let limit = self.object.0.core().layout.config().log_limit();
        let mut writer = LogWriter::new(path, BoundedFile::new(file, limit));
        writer.write_filtered(format!("# {}\n", self.title()).as_bytes())?;
        Ok(writer)
    }

    /// Creates a log file for a detached command.
    pub(crate) fn create_detached(&self) -> io::Result<(PathBuf, fs::File)> {
        self.create(true)
    }

    fn create(&self, detached: bool) -> io::Result<(PathBuf, fs::File)> {
        let core = self.object.0.core();
        let directory = core.paths().open_log(core.layout.roots()).map_err(io::Error::other)?;
        file::forget_old(&directory, self.task, detached, KEPT - 1);
        file::create(&directory, self.task, self.attempt, SystemTime::now(), detached)
    }

    /// Returns the first line of a log: the attempt and the reason for it.
    pub(crate) fn title(&self) -> String {
        let (what, reason) = match &self.work {
            LoggedWork::Run(reason) => ("", reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default()),
            LoggedWork::Undo => ("undo, ", String::new()),
        };
        one_line(&format!("{}/{}, {what}attempt {}{reason}", self.object.id(), self.task, self.attempt)).into_owned()
    }

    /// Returns the directory of the log files.
    pub(crate) fn directory(&self) -> PathBuf {
        self.object.0.core().paths().log_path().to_owned()
    }

    /// Reports a failed write once. The lock is released first, because the subscriber of the
    /// warning may write to this log.
    fn give_up(&self, mut state: MutexGuard<'_, LogState>, error: &io::Error) {
        *state = LogState::Failed;
        drop(state);
        tracing::warn!(object = self.object.id(), task = self.task, "the task's log cannot be written: {error}");
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the last lines of a log, without the lines of the runtime itself (`# …`). Only the last
/// 64 KiB of a longer file are read.
///
/// # Errors
///
/// If the file cannot be read.
pub fn last_lines(path: &Path, count: usize) -> io::Result<Vec<String>> {
    use io::{Read, Seek};
    /// The size of the end of the file that is read.
    const PART: u64 = 64 * 1024;
    let mut file = fs::File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(io::SeekFrom::Start(length.saturating_sub(PART)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().filter(|line| !line.starts_with("# ")).collect();
    Ok(lines[lines.len().saturating_sub(count)..].iter().map(|&line| line.to_owned()).collect())
}
