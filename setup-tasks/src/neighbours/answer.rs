//! The server that answers other processes.
//!
//! The server listens on a socket in a private directory within the cache directory. It has a
//! thread of its own, so it answers also while a task blocks the executor. A slow client delays the
//! others by at most a second.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::connect::{connect, listen};
use super::protocol::{MAX_QUERY, Query, QueryLine, RUNS, Rejection, VERSION, directory, socket_name};
use super::query::wait;
use crate::error::explain;
use crate::error_help;
use crate::layout::{Layout, WeakLayout};
use crate::private_dir::PrivateDir;
use crate::secret::redact;

/// The time that a connected client has to send its query, and then to read the answer. Clients
/// that are not stopped take far less.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(1);

/// The error of a server that cannot be started, or of sockets that cannot be queried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The operating system returned an error.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// The operation.
        action: &'static str,
        /// The path of the operation.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The operating system does not start a thread.
    #[error("cannot start the thread that answers other processes")]
    Thread {
        /// The error of the system.
        source: io::Error,
    },
}

error_help!(PublishError);

impl PublishError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Io { .. } => None,
            Self::Thread { .. } => Some("check the user's limit of threads (`ulimit -u`)".into()),
        }
    }
}

/// A running server for other processes. It ends when the last clone is dropped.
#[derive(Clone, Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct Published {
    server: Arc<Server>,
}

/// The state of a layout's server.
#[derive(Debug, Default)]
pub(crate) struct Answering(Mutex<AnswerState>);

#[derive(Debug, Default)]
struct AnswerState {
    server: Weak<Server>,
    /// The server after the first change. Other processes may wait for this one at any time after
    /// that.
    kept: Option<Arc<Server>>,
    failed: bool,
}

impl Answering {
    fn state(&self) -> std::sync::MutexGuard<'_, AnswerState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Layout {
    /// Starts a server that answers [`of_other_processes`](crate::activity::of_other_processes)
    /// until the returned value is dropped. The permissions of the directory admit only processes
    /// of the same user.
    ///
    /// After its first change, a layout runs the server until it is dropped, whether or not this
    /// was called.
    ///
    /// # Errors
    ///
    /// If the socket or its thread cannot be created.
    pub fn publish_activities(&self) -> Result<Published, PublishError> {
        let mut state = self.neighbours().answering.state();
        let running = state.kept.clone().or_else(|| state.server.upgrade());
        let server = running.map_or_else(|| Server::start(self).map(Arc::new), Ok)?;
        state.server = Arc::downgrade(&server);
        Ok(Published { server })
    }

    /// Starts the server if this is possible. Without the server, other processes still wait
    /// correctly, but know less about this one.
    pub(crate) fn answer_others(&self) {
        let is_settled = |state: &AnswerState| state.kept.is_some() || state.failed;
        if !self.is_shared() || is_settled(&self.neighbours().answering.state()) {
            return;
        }
        let published = self.publish_activities();
        let mut state = self.neighbours().answering.state();
        match published {
            Ok(Published { server }) => state.kept = Some(server),
            Err(error) => {
                state.failed = true;
                tracing::debug!("other processes cannot query this one: {}", explain(&error));
            }
        }
    }
}

/// A socket with the thread that answers on it. Dropping it ends both.
#[derive(Debug)]
struct Server {
    path: PathBuf,
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start(layout: &Layout) -> Result<Self, PublishError> {
        let directory = directory(layout.config());
        let io = |source| PublishError::Io { action: "create a socket in", path: directory.clone(), source };
        PrivateDir::create(&layout.config().cache_dir()).and_then(|cache| cache.make(RUNS)).map_err(io)?;
        let path = directory.join(socket_name(layout.run_id()));
        let listener = listen(&path).map_err(io)?;
        let (layout, ended) = (layout.downgrade(), Arc::<AtomicBool>::default());
        let until = ended.clone();
        let thread = std::thread::Builder::new().name("setup-tasks waiting".to_owned());
        let thread = thread.spawn(move || answer(&layout, &listener, &until)).map_err(|source| {
            let _ = fs::remove_file(&path);
            PublishError::Thread { source }
        })?;
        Ok(Self { path, ended, thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        // Connecting wakes the thread. If that fails, the thread ends with the next client. The
        // drop may run on the thread itself, if it held the last reference to the layout.
        if connect(&self.path).is_ok() && thread.thread().id() != std::thread::current().id() {
            let _ = thread.join();
        }
        let _ = fs::remove_file(&self.path);
    }
}

/// A connected process that may send a query.
struct Client {
    stream: UnixStream,
    received: Vec<u8>,
    until: Instant,
}

/// Accepts clients and answers their queries until `ended` is set.
fn answer(layout: &WeakLayout, listener: &UnixListener, ended: &AtomicBool) {
    let mut clients: Vec<Client> = Vec::new();
    loop {
        let first = clients.iter().map(|client| client.until).min();
        let mut fds = vec![PollFd::new(listener, PollFlags::IN)];
        fds.extend(clients.iter().map(|client| PollFd::new(&client.stream, PollFlags::IN)));
        // Without clients, the wait has no limit.
        let at_most = first.map_or(Duration::MAX, |until| until.saturating_duration_since(Instant::now()));
        wait(&mut fds, at_most);
        drop(fds);
        if ended.load(Ordering::Acquire) {
            return;
        }
        while let Ok((stream, _)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok() {
                clients.push(Client { stream, received: Vec::new(), until: Instant::now() + CLIENT_TIMEOUT });
            }
        }
        let now = Instant::now();
        for client in std::mem::take(&mut clients) {
            clients.extend(client.serve(layout).filter(|client| client.until > now));
        }
    }
}

impl Client {
    /// Reads the available bytes and answers a complete query. Returns the client if the query
    /// is incomplete.
    fn serve(mut self, layout: &WeakLayout) -> Option<Self> {
        let mut buffer = [0; 4096];
        loop {
            match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(length) => self.received.extend_from_slice(&buffer[..length]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return (self.received.len() <= MAX_QUERY).then_some(self);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
            if let Some(end) = self.received.iter().position(|&byte| byte == b'\n') {
                self.answer(end, layout);
                return None;
            }
        }
    }

    fn answer(self, end: usize, layout: &WeakLayout) {
        let Some(layout) = layout.upgrade() else { return };
        match serde_json::from_slice(&self.received[..end]) {
            Ok(QueryLine { version: VERSION, query: Query::Snapshot }) => {
                self.respond((layout.hooks().snapshot_as_json)(&layout).ok());
            }
            Ok(QueryLine { version: VERSION, query: Query::Waits }) => {
                self.respond(serde_json::to_string(&layout.answered_waits()).ok());
            }
            Ok(QueryLine { version: VERSION, query: Query::Watch { object } }) => {
                layout.neighbours().holdings.watch(object, self.stream);
            }
            _ => {
                let pid = std::process::id();
                let refusal = format!("process {pid} accepts queries of version {VERSION}; use the same program");
                self.respond(serde_json::to_string(&Rejection { version: VERSION, refusal }).ok());
            }
        }
    }

    fn respond(mut self, answer: Option<String>) {
        let Some(text) = answer else { return };
        // The other process does not know the secrets of this one.
        let text = redact(&text);
        // An answer that exceeds the socket buffer is written as fast as the client reads it.
        let prepared =
            self.stream.set_nonblocking(false).and_then(|()| self.stream.set_write_timeout(Some(CLIENT_TIMEOUT)));
        if prepared.is_ok() {
            // The client may have disconnected.
            let _ = self.stream.write_all(text.as_bytes());
        }
    }
}
