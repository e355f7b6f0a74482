//! Observation of other processes while this one waits for objects that they hold. A thread queries
//! their locks and waits, and repeats this whenever one of them notifies it of progress.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};
use tokio::sync::watch;

use super::SilentProcess;
use super::connect::connect;
use super::protocol::{Query, directory};
use super::query::{query_all, wait};
use crate::layout::Layout;
use crate::wait::ProcessWaits;

/// The time that a process has to answer. A stopped process delays the answers of the others by
/// this time.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(150);

/// The intervals at which other processes are queried without a notification. A wait that closes a
/// cycle within a process, and a process that has just locked an object, send no notification.
///
/// The short one is also the shortest: a wait that is about to be proven as part of a circle asks
/// again at once.
const SHORT_PAUSE: Duration = Duration::from_millis(10);
const LONG_PAUSE: Duration = Duration::from_millis(250);

/// The latest answers of other processes.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// The number of the query, which increases.
    pub(crate) number: u64,
    /// The statement of this process before the query.
    pub(crate) own: Option<ProcessWaits>,
    pub(crate) others: Vec<ProcessWaits>,
    pub(crate) silent: Vec<SilentProcess>,
}

/// The observation of other processes by this layout.
#[derive(Default)]
pub(crate) struct Following(Arc<FollowShared>);

#[derive(Default)]
struct FollowShared {
    state: Mutex<FollowState>,
    news: watch::Sender<Arc<News>>,
    /// Whether the leases wake the thread.
    has_nudges: OnceLock<()>,
}

#[derive(Default)]
struct FollowState {
    /// The number of waits for each object.
    wanted: HashMap<Arc<str>, usize>,
    /// The stream that wakes the thread, if it is running.
    wake: Option<UnixStream>,
}

/// A wait for an object. Dropping it ends the wait.
pub(crate) struct Followed {
    subdir: Arc<str>,
    shared: Arc<FollowShared>,
    news: watch::Receiver<Arc<News>>,
}

impl Layout {
    /// Starts to observe the process that holds an object, and all others. Earlier answers are not
    /// repeated.
    pub(crate) fn follow(&self, subdir: &Arc<str>) -> Followed {
        let shared = self.neighbours().following.0.clone();
        let mut news = shared.news.subscribe();
        let mut state = shared.state();
        *state.wanted.entry(subdir.clone()).or_default() += 1;
        if state.wake.is_none() && self.is_shared() {
            match start(self, &shared) {
                Ok(wake) => state.wake = Some(wake),
                // The wait still works without answers, because it also checks the lock and the
                // stamps.
                Err(error) => tracing::warn!("other processes cannot be queried: {error}"),
            }
        } else {
            wake(&state);
        }
        drop(state);
        news.mark_unchanged();
        Followed { subdir: subdir.clone(), shared, news }
    }
}

impl FollowShared {
    fn state(&self) -> MutexGuard<'_, FollowState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(state: &FollowState) {
    if let Some(mut wake) = state.wake.as_ref() {
        // A full stream wakes the thread, too.
        let _ = wake.write(b"\n");
    }
}

impl Followed {
    /// Waits for the next answers.
    pub(crate) async fn next(&mut self) {
        if self.news.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns the latest answers.
    pub(crate) fn news(&self) -> Arc<News> {
        self.news.borrow().clone()
    }

    /// Queries the other processes again at once.
    pub(crate) fn ask_again(&self) {
        wake(&self.shared.state());
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let Some(count) = state.wanted.get_mut(&self.subdir) {
            *count -= 1;
            if *count == 0 {
                state.wanted.remove(&self.subdir);
            }
        }
        if state.wanted.is_empty() {
            wake(&state);
        }
    }
}

fn start(layout: &Layout, shared: &Arc<FollowShared>) -> std::io::Result<UnixStream> {
    let (waker, woken) = UnixStream::pair()?;
    waker.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let (shared, directory) = (shared.clone(), directory(layout.config()));
    let is_other = layout.is_other_socket();
    let (leases, layout) = (layout.shared_leases(), layout.downgrade());
    shared.has_nudges.get_or_init(|| {
        let shared = Arc::downgrade(&shared);
        leases.on_nudge(Box::new(move || {
            if let Some(shared) = shared.upgrade() {
                wake(&shared.state());
            }
        }));
    });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let state = move |number| layout.upgrade().map_or_else(ProcessWaits::none, |layout| layout.process_waits(number));
    let exchange = move |own: &ProcessWaits| {
        let others = leases.exchange(own).map(|answer| runtime.block_on(answer));
        others.map(|others| others.map_err(|error| error.to_string()))
    };
    let thread = std::thread::Builder::new().name("setup-tasks follow".to_owned());
    let follower = Follower { shared, directory, woken, watched: Vec::new(), pause: SHORT_PAUSE };
    thread.spawn(move || follower.run(is_other, state, exchange))?;
    Ok(waker)
}

/// The thread that queries other processes.
struct Follower {
    shared: Arc<FollowShared>,
    directory: PathBuf,
    woken: UnixStream,
    watched: Vec<Watched>,
    pause: Duration,
}

/// A connection on which a process notifies this one of the progress of an object.
struct Watched {
    subdir: Arc<str>,
    socket: PathBuf,
    stream: UnixStream,
}

impl Follower {
    /// Queries the other processes through the leases, or through the sockets if the leases do not
    /// exchange statements.
    fn run(
        mut self,
        is_other: impl Fn(&Path) -> bool,
        state: impl Fn(u64) -> ProcessWaits,
        exchange: impl Fn(&ProcessWaits) -> Option<Result<Vec<ProcessWaits>, String>>,
    ) {
        let (mut number, mut stated) = (0, 1);
        while let Some(wanted) = self.wanted() {
            let (began, mut own) = (Instant::now(), state(stated));
            own.wanted = wanted.iter().map(ToString::to_string).collect();
            let answers = match exchange(&own) {
                // An answer through the leases has no socket.
                Some(answers) => {
                    answers.map(|all| (all.into_iter().map(|one| (PathBuf::new(), one)).collect(), Vec::new()))
                }
                None => query_all(&self.directory, &is_other, &Query::Waits, ANSWER_TIMEOUT)
                    .map_err(|error| error.to_string()),
            };
            // A statement that may not have arrived does not count.
            stated += u64::from(answers.is_ok());
            let (others, silent) = answers.unwrap_or_else(|error| {
                tracing::debug!("other processes cannot be queried: {error}");
                Default::default()
            });
            self.watch(&wanted, &others);
            number += 1;
            let others = others.into_iter().map(|(_, waits)| waits).collect();
            self.shared.news.send_replace(Arc::new(News { number, own: Some(own), others, silent }));
            self.wait_for_notification();
            std::thread::sleep(SHORT_PAUSE.saturating_sub(began.elapsed()));
        }
    }

    /// Returns the awaited objects, or `None` if no wait is in progress. The thread then ends, and
    /// the next wait starts another one.
    fn wanted(&self) -> Option<Vec<Arc<str>>> {
        let mut state = self.shared.state();
        if state.wanted.is_empty() {
            state.wake = None;
            return None;
        }
        Some(state.wanted.keys().cloned().collect())
    }

    /// Subscribes to notifications from the holders of the objects.
    fn watch(&mut self, wanted: &[Arc<str>], others: &[(PathBuf, ProcessWaits)]) {
        self.watched.retain(|watched| wanted.contains(&watched.subdir));
        let mut all = true;
        for subdir in wanted {
            let Some((socket, _)) = others.iter().find(|(_, waits)| waits.holds(subdir).is_some()) else {
                all = false;
                continue;
            };
            if self.watched.iter().any(|watched| watched.subdir == *subdir && watched.socket == *socket) {
                continue;
            }
            self.watched.retain(|watched| watched.subdir != *subdir);
            let query = Query::Watch { object: subdir.to_string() }.line();
            let stream = connect(socket).and_then(|mut stream| stream.write_all(&query).map(|()| stream));
            // A failed connection is tried again with the next answers.
            self.watched.extend(stream.ok().map(|stream| Watched {
                subdir: subdir.clone(),
                socket: socket.clone(),
                stream,
            }));
        }
        self.pause = if all { LONG_PAUSE } else { (self.pause * 2).min(LONG_PAUSE) };
    }

    /// Waits for a notification or for the current interval.
    fn wait_for_notification(&mut self) {
        let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
        fds.extend(self.watched.iter().map(|watched| PollFd::new(&watched.stream, PollFlags::IN)));
        wait(&mut fds, self.pause);
        let woken = !fds[0].revents().is_empty();
        drop(fds);
        if woken {
            read_all(&mut self.woken);
            self.pause = SHORT_PAUSE;
        }
        self.watched.retain_mut(|watched| read_all(&mut watched.stream));
    }
}

/// Reads the available bytes. Returns false at the end of the stream.
fn read_all(stream: &mut UnixStream) -> bool {
    let mut buffer = [0; 256];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
        }
    }
}
