//! Snapshots for other processes: a socket in a private directory under the cache, and a thread that answers on it, also
//! while a task blocks the executor.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::{Snapshot, VERSION};
use crate::config::Config;
use crate::layout::Layout;
use crate::paths::RESERVED;

/// The longest path that every system takes for a socket.
const LONGEST: usize = 100;
/// How long a process may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why snapshots cannot be given or had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WaitingError {
    /// The operating system refused.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A process answered with something else than a snapshot that this version can read.
    #[error(
        "process {pid} answers in a way that is not understood: {problem}\nhelp: use the version of the program that it runs"
    )]
    Answer {
        /// The process.
        pid: u32,
        /// What is wrong.
        problem: String,
    },
}

/// Answers other processes, until it is dropped.
#[derive(Debug)]
pub struct Published {
    path: PathBuf,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Layout {
    /// Lets other processes ask [`of_other_processes`] who waits for whom, while the answer is kept. Processes of the same
    /// user alone, as the directory's permissions have it.
    ///
    /// # Errors
    ///
    /// If the socket cannot be made.
    pub fn publish_waiting(&self) -> Result<Published, WaitingError> {
        let directory = directory(self.config());
        let io = |source| WaitingError::Io { action: "make a socket in", path: directory.clone(), source };
        if let Some(parent) = directory.parent() {
            fs::create_dir_all(parent).map_err(io)?;
        }
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory).map_err(io)?;
        let path = directory.join(format!("{}.sock", std::process::id()));
        // Of an earlier process with our number, or of another layout of this process.
        let _ = fs::remove_file(&path);
        let listener = with_short(&path, |path| UnixListener::bind(path)).map_err(io)?;
        let (layout, ended) = (self.clone(), Arc::<AtomicBool>::default());
        let until = ended.clone();
        let thread = std::thread::Builder::new().name("setup-tasks waiting".to_owned());
        let thread = thread.spawn(move || answer(&layout, &listener, &until)).map_err(io)?;
        Ok(Published { path, ended, thread: Some(thread) })
    }
}

fn answer(layout: &Layout, listener: &UnixListener, ended: &AtomicBool) {
    for stream in listener.incoming() {
        if ended.load(Ordering::Acquire) {
            return;
        }
        let Ok(mut stream) = stream else { continue };
        let _ = stream.set_write_timeout(Some(PATIENCE));
        if let Ok(text) = serde_json::to_vec(&layout.waiting()) {
            // Who asked may have gone.
            let _ = stream.write_all(&text);
        }
    }
}

impl Drop for Published {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        // Wakes the thread. If that fails, the thread waits on for somebody to ask, and ends then.
        if with_short(&self.path, |path| UnixStream::connect(path)).is_ok()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// The snapshots of all processes, but this one, that [publish](Layout::publish_waiting) theirs under a configuration's cache
/// directory. Sockets of processes that have ended are removed.
///
/// # Errors
///
/// If a process that is there gives no answer that can be understood.
pub fn of_other_processes(config: &Config) -> Result<Vec<Snapshot>, WaitingError> {
    let directory = directory(config);
    let io = |action, path: &Path, source| WaitingError::Io { action, path: path.to_owned(), source };
    let entries = match fs::read_dir(&directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| io("read", &directory, error))?,
    };
    let mut snapshots = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| io("read", &directory, error))?.path();
        let pid = path.file_stem().and_then(|pid| pid.to_str()?.parse().ok());
        let Some(pid) = pid.filter(|pid| *pid != std::process::id()) else { continue };
        match with_short(&path, |path| UnixStream::connect(path)) {
            Ok(stream) => snapshots.extend(read(stream, pid).map_err(|error| match error {
                ReadError::Io(source) => io("ask", &path, source),
                ReadError::Answer(problem) => WaitingError::Answer { pid, problem },
            })?),
            // Nobody answers there any more.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => drop(fs::remove_file(&path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(io("ask", &path, error)),
        }
    }
    snapshots.sort_by_key(|snapshot: &Snapshot| snapshot.pid);
    Ok(snapshots)
}

enum ReadError {
    Io(io::Error),
    Answer(String),
}

/// The answer of a process; nothing if it ended meanwhile.
fn read(mut stream: UnixStream, pid: u32) -> Result<Option<Snapshot>, ReadError> {
    stream.set_read_timeout(Some(PATIENCE)).map_err(ReadError::Io)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(ReadError::Io)?;
    if text.is_empty() {
        return Ok(None);
    }
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| ReadError::Answer(error.to_string()))?;
    let version = value.get("version").and_then(serde_json::Value::as_u64);
    if version != Some(VERSION.into()) {
        let found = version.map_or("none".to_owned(), |version| version.to_string());
        return Err(ReadError::Answer(format!("process {pid} speaks version {found} and this one {VERSION}")));
    }
    serde_json::from_value(value).map(Some).map_err(|error| ReadError::Answer(error.to_string()))
}

fn directory(config: &Config) -> PathBuf {
    config.cache_dir().join(RESERVED).join("runs")
}

/// Calls with a path that is short enough for a socket: where it is not, through the open directory.
fn with_short<A>(path: &Path, call: impl FnOnce(&Path) -> io::Result<A>) -> io::Result<A> {
    use std::os::fd::AsRawFd;
    if path.as_os_str().len() <= LONGEST {
        return call(path);
    }
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return call(path) };
    let directory = fs::File::open(directory)?;
    call(&PathBuf::from(format!("/proc/self/fd/{}", directory.as_raw_fd())).join(name))
}
