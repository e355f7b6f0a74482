//! What a task says while it runs: a file an attempt, under the object's `log_path`, made with its first line.

mod bounded;
mod file;
mod writer;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bounded::BoundedFile;
pub use file::{LogFile, logs_of};
pub(crate) use writer::LogStream;
use writer::LogWriter;

use crate::decide::Reason;
use crate::object::AnyObject;
use crate::secret::redact;
use crate::text::one_line;

/// How many logs are kept of a task; older ones go when a new one is writer.
const KEPT: usize = 20;

/// The target of what tasks say through [`TaskContext::log`](crate::TaskContext::log): it is in their logs already.
pub const TARGET: &str = "setup_tasks::log";

tokio::task_local! {
    static CURRENT: Arc<TaskLog>;
}

/// The log of one attempt of a task. Nothing is on disk before something is written.
#[derive(Debug)]
pub struct TaskLog {
    object: AnyObject,
    task: &'static str,
    attempt: u32,
    reason: Option<Reason>,
    state: Mutex<LogState>,
}

#[derive(Debug)]
enum LogState {
    NotCreated,
    Open(LogWriter),
    /// A write failed. That was reported once, and no other write is tried.
    Failed,
}

impl TaskLog {
    pub(crate) fn new(object: AnyObject, task: &'static str, attempt: u32, reason: Option<Reason>) -> Self {
        Self { object, task, attempt, reason, state: Mutex::new(LogState::NotCreated) }
    }

    /// The log of the attempt that the caller is a part of.
    pub fn current() -> Option<Arc<Self>> {
        CURRENT.try_with(Clone::clone).ok()
    }

    /// Does some work that [`current`](Self::current) is answered in.
    pub(crate) async fn scope<F: Future>(self: Arc<Self>, work: F) -> F::Output {
        CURRENT.scope(self, work).await
    }

    /// Adds a line.
    pub fn line(&self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }

    /// Adds bytes: control characters are spelled out, [secrets](crate::Secret) replaced. A log that cannot be written harms no
    /// task: that is a warning.
    pub fn write(&self, bytes: &[u8]) {
        self.with(|log| log.write(bytes));
    }

    /// Adds bytes that have passed a filter already.
    fn write_filtered(&self, bytes: &[u8]) {
        self.with(|log| log.write_filtered(bytes));
    }

    /// Writes to the log, which is writer first if need be.
    fn with(&self, write: impl FnOnce(&mut LogWriter) -> io::Result<()>) {
        let mut state = self.state();
        if let LogState::NotCreated = *state {
            match self.make() {
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

    /// Where it is, once something was written.
    pub fn path(&self) -> Option<PathBuf> {
        match &*self.state() {
            LogState::Open(writer) => Some(writer.path.clone()),
            LogState::NotCreated | LogState::Failed => None,
        }
    }

    /// Says how the attempt ended: in a log that there is, and of a failure in any case.
    pub(crate) fn end(&self, error: Option<&anyhow::Error>, took: Duration) {
        let is_open = match &mut *self.state() {
            // A last line that has no end yet gets one.
            LogState::Open(writer) => writer.end_line().is_ok(),
            LogState::NotCreated | LogState::Failed => false,
        };
        match error {
            Some(error) => {
                // Before it is cut into lines.
                let error = redact(&format!("{error:#}")).replace('\n', "\n# ");
                self.line(&format!("# failed after {took:.1?}: {error}"));
                self.with(LogWriter::end_line);
            }
            None if is_open => self.line(&format!("# done in {took:.1?}")),
            None => {}
        }
    }

    fn make(&self) -> io::Result<LogWriter> {
        let (path, file) = self.create(false)?;
        let limit = self.object.0.core().layout.config().log_limit();
        let mut writer = LogWriter::new(path, BoundedFile::new(file, limit));
        writer.write_filtered(format!("# {}\n", self.title()).as_bytes())?;
        Ok(writer)
    }

    /// Makes a file for what a detached command says.
    pub(crate) fn make_detached(&self) -> io::Result<(PathBuf, fs::File)> {
        self.create(true)
    }

    fn create(&self, detached: bool) -> io::Result<(PathBuf, fs::File)> {
        let core = self.object.0.core();
        let directory = core.paths().open_log(core.layout.roots()).map_err(io::Error::other)?;
        file::forget_old(&directory, self.task, detached, KEPT - 1);
        file::create(&directory, self.task, self.attempt, SystemTime::now(), detached)
    }

    /// Returns what the first line of a log says: the attempt, and why there is one.
    pub(crate) fn title(&self) -> String {
        let reason = self.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        one_line(&format!("{}/{}, attempt {}{reason}", self.object.id(), self.task, self.attempt)).into_owned()
    }

    /// Returns where its files are.
    pub(crate) fn directory(&self) -> PathBuf {
        self.object.0.core().paths().log_unmade().to_owned()
    }

    /// Without the lock: whoever hears the warning may want to write it here.
    fn give_up(&self, mut state: MutexGuard<'_, LogState>, error: &io::Error) {
        *state = LogState::Failed;
        drop(state);
        tracing::warn!(object = self.object.id(), task = self.task, "the task's log cannot be written: {error}");
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The last lines of a log, the runtime's own (`# …`) left out; of a long one, from its last part alone.
///
/// # Errors
///
/// If it cannot be read.
pub fn last_lines(path: &Path, count: usize) -> io::Result<Vec<String>> {
    use io::{Read, Seek};
    /// Further back nobody looks for the last lines.
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
