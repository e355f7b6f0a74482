//! Queries to other processes, which are sent to all at once and have a time limit. A process that
//! is stopped or ends does not prevent the answers of others.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use super::PublishError;
use super::connect::connect;
use super::protocol::{Answer, Query, pid_of, socket_name};
use crate::fs::found;
use crate::layout::Layout;

/// A process that exists and gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SilentProcess {
    /// The process id.
    pub pid: u32,
    /// The reason for the missing answer.
    pub problem: String,
}

impl Layout {
    /// Returns a predicate for the sockets of other layouts.
    pub(super) fn is_other_socket(&self) -> impl Fn(&Path) -> bool + Send + 'static {
        let own = socket_name(self.run_id());
        move |path| path.file_name().is_some_and(|name| name != own.as_str())
    }
}

type Answers<A> = (Vec<(PathBuf, A)>, Vec<SilentProcess>);

/// Sends a query to every process that has a socket in a directory, and collects the answers.
pub(crate) fn query_all<A: Answer>(
    directory: &Path,
    is_included: impl Fn(&Path) -> bool,
    query: &Query,
    timeout: Duration,
) -> Result<Answers<A>, PublishError> {
    let (mut answers, mut silent, mut pending) = (Vec::new(), Vec::new(), Vec::new());
    for path in sockets(directory)?.into_iter().filter(|path| is_included(path)) {
        let Some(pid) = pid_of(&path) else { continue };
        match PendingQuery::send(&path, query) {
            Ok(Some(query)) => pending.push((pid, path, query)),
            Ok(None) => {}
            Err(error) => silent.push(SilentProcess { pid, problem: problem(&error) }),
        }
    }
    let until = Instant::now() + timeout;
    receive_all(&mut pending, until);
    for (pid, path, query) in pending {
        match query.answer() {
            Ok(Some(answer)) => answers.push((path, answer)),
            Ok(None) => {}
            Err(problem) => silent.push(SilentProcess { pid, problem }),
        }
    }
    silent.sort_by_key(|silent| silent.pid);
    Ok((answers, silent))
}

fn sockets(directory: &Path) -> Result<Vec<PathBuf>, PublishError> {
    let io = |source| PublishError::Io { action: "read", path: directory.to_owned(), source };
    let Some(entries) = found(fs::read_dir(directory)).map_err(io)? else { return Ok(Vec::new()) };
    entries.map(|entry| entry.map(|entry| entry.path()).map_err(io)).collect()
}

fn problem(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::WouldBlock => "it does not answer; it may be stopped".to_owned(),
        _ => error.to_string(),
    }
}

/// A query and the part of its answer that was received.
struct PendingQuery {
    stream: UnixStream,
    received: Vec<u8>,
    ended: Option<io::Result<()>>,
}

impl PendingQuery {
    /// Sends the query. Returns `None` if the process has ended, and removes its socket.
    fn send(path: &Path, query: &Query) -> io::Result<Option<Self>> {
        let mut stream = match found(connect(path)) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                let _ = fs::remove_file(path);
                return Ok(None);
            }
            stream => match stream? {
                Some(stream) => stream,
                None => return Ok(None),
            },
        };
        match stream.write_all(&query.clone().line()) {
            Err(error) if is_hung_up(&error) => Ok(None),
            written => written.map(|()| Some(Self { stream, received: Vec::new(), ended: None })),
        }
    }

    /// Receives the available bytes.
    fn receive(&mut self) {
        match self.stream.read_to_end(&mut self.received) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if is_hung_up(&error) => self.ended = Some(Ok(())),
            ended => self.ended = Some(ended.map(drop)),
        }
    }

    /// Returns the parsed answer, or `None` if the process ended before it answered.
    fn answer<A: Answer>(self) -> Result<Option<A>, String> {
        match self.ended {
            None => return Err(problem(&io::ErrorKind::WouldBlock.into())),
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(())) if self.received.is_empty() => return Ok(None),
            Some(Ok(())) => {}
        }
        let not_understood = |error: serde_json::Error| format!("its answer cannot be read: {error}");
        let value: serde_json::Value = serde_json::from_slice(&self.received).map_err(not_understood)?;
        if let Some(refusal) = value.get("refusal").and_then(serde_json::Value::as_str) {
            return Err(refusal.to_owned());
        }
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(A::VERSION.into()) {
            let found = version.map_or("none".to_owned(), |version| version.to_string());
            let known = A::VERSION;
            return Err(format!(
                "its answer has version {found}, and this process reads version {known}; use the same program"
            ));
        }
        serde_json::from_value(value).map(Some).map_err(not_understood)
    }
}

fn is_hung_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Receives all answers until each has ended or the time limit is reached.
fn receive_all(pending: &mut [(u32, PathBuf, PendingQuery)], until: Instant) {
    loop {
        let mut open: Vec<_> =
            pending.iter_mut().map(|(.., query)| query).filter(|open| open.ended.is_none()).collect();
        let left = until.saturating_duration_since(Instant::now());
        if open.is_empty() {
            return;
        }
        let mut fds: Vec<_> = open.iter().map(|open| PollFd::new(&open.stream, PollFlags::IN)).collect();
        let some = wait(&mut fds, left);
        let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        drop(fds);
        open.iter_mut().zip(ready).filter(|(_, ready)| *ready).for_each(|(open, _)| open.receive());
        if !some && left.is_zero() {
            return;
        }
    }
}

/// Waits until a file descriptor is ready or the time has passed. Returns whether one is ready.
pub(super) fn wait(fds: &mut [PollFd<'_>], at_most: Duration) -> bool {
    let timeout = Timespec::try_from(at_most).ok();
    poll(fds, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}
