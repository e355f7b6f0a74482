//! Follows other processes while this one waits for objects that they hold: a thread asks them what they hold and wait for, again
//! each time that one of them says that it got on.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};
use tokio::sync::watch;

use super::SilentProcess;
use super::ask::{ask_all, wait};
use super::connect::connect;
use super::protocol::{Ask, directory};
use crate::layout::Layout;
use crate::wait::ProcessWaits;

/// How long a process may take to answer: what the others say waits so long for one that is stopped.
const PATIENCE: Duration = Duration::from_millis(150);

/// How often others are asked though none of them said anything: a wait that closes a circle within a process, and a process that
/// has just locked an object, tell nobody.
const OFTEN: Duration = Duration::from_millis(10);
const SELDOM: Duration = Duration::from_millis(250);

/// What the others say.
#[derive(Clone, Debug, Default)]
pub(crate) struct News {
    /// How many times they have been asked.
    pub(crate) number: u64,
    pub(crate) others: Vec<ProcessWaits>,
    pub(crate) silent: Vec<SilentProcess>,
}

/// Those whom this process follows.
#[derive(Default)]
pub(crate) struct Following(Arc<FollowShared>);

#[derive(Default)]
struct FollowShared {
    state: Mutex<FollowState>,
    news: watch::Sender<Arc<News>>,
}

#[derive(Default)]
struct FollowState {
    /// How many waits there are for each object.
    wanted: HashMap<Arc<str>, usize>,
    /// Wakes the thread, if it runs.
    wake: Option<UnixStream>,
}

/// A wait for an object; it ends when this is dropped.
pub(crate) struct Followed {
    subdir: Arc<str>,
    shared: Arc<FollowShared>,
    news: watch::Receiver<Arc<News>>,
}

impl Layout {
    /// Follows the process that holds an object, and all others. Earlier news is not repeated.
    pub(crate) fn follow(&self, subdir: &Arc<str>) -> Followed {
        let shared = self.neighbours().following.0.clone();
        let mut news = shared.news.subscribe();
        let mut state = shared.state();
        *state.wanted.entry(subdir.clone()).or_default() += 1;
        if state.wake.is_none() && self.is_shared() {
            match start(self, &shared) {
                Ok(wake) => state.wake = Some(wake),
                // The wait goes on: it looks at the lock and at the stamps by itself.
                Err(error) => tracing::warn!("other processes cannot be asked what they do: {error}"),
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
        // One that is full will be read.
        let _ = wake.write(b"\n");
    }
}

impl Followed {
    /// Waits for the next news.
    pub(crate) async fn next(&mut self) {
        if self.news.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Returns the latest news.
    pub(crate) fn news(&self) -> Arc<News> {
        self.news.borrow().clone()
    }

    /// Has the others asked once more, now.
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
    let (wake, woken) = UnixStream::pair()?;
    wake.set_nonblocking(true)?;
    woken.set_nonblocking(true)?;
    let (shared, directory) = (shared.clone(), directory(layout.config()));
    let is_other = layout.is_other_socket();
    let thread = std::thread::Builder::new().name("setup-tasks follow".to_owned());
    thread.spawn(move || Follower { shared, directory, woken, watched: Vec::new(), pause: OFTEN }.work(is_other))?;
    Ok(wake)
}

/// The thread.
struct Follower {
    shared: Arc<FollowShared>,
    directory: PathBuf,
    woken: UnixStream,
    watched: Vec<Watched>,
    pause: Duration,
}

/// A connection over which a process says that its run of an object got on.
struct Watched {
    subdir: Arc<str>,
    socket: PathBuf,
    stream: UnixStream,
}

impl Follower {
    fn work(mut self, is_other: impl Fn(&Path) -> bool) {
        let mut number = 0;
        while let Some(wanted) = self.wanted() {
            let answers = ask_all(&self.directory, &is_other, &Ask::Waits, PATIENCE);
            let (others, silent) = answers.unwrap_or_else(|error| {
                tracing::debug!("other processes cannot be asked what they do: {error}");
                Default::default()
            });
            self.watch(&wanted, &others);
            number += 1;
            let others = others.into_iter().map(|(_, waits)| waits).collect();
            self.shared.news.send_replace(Arc::new(News { number, others, silent }));
            self.rest();
        }
    }

    /// Returns the objects that are waited for; nothing, if none is: then the next wait starts another thread.
    fn wanted(&self) -> Option<Vec<Arc<str>>> {
        let mut state = self.shared.state();
        if state.wanted.is_empty() {
            state.wake = None;
            return None;
        }
        Some(state.wanted.keys().cloned().collect())
    }

    /// Has the holders of the objects say when they get on.
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
            let ask = Ask::Watch { object: subdir.to_string() }.line();
            let stream = connect(socket).and_then(|mut stream| stream.write_all(&ask).map(|()| stream));
            // One that cannot be connected to is asked again later.
            self.watched.extend(stream.ok().map(|stream| Watched {
                subdir: subdir.clone(),
                socket: socket.clone(),
                stream,
            }));
        }
        self.pause = if all { SELDOM } else { (self.pause * 2).min(SELDOM) };
    }

    /// Waits until somebody says something, or for a while.
    fn rest(&mut self) {
        let mut fds = vec![PollFd::new(&self.woken, PollFlags::IN)];
        fds.extend(self.watched.iter().map(|watched| PollFd::new(&watched.stream, PollFlags::IN)));
        wait(&mut fds, self.pause);
        let woken = !fds[0].revents().is_empty();
        drop(fds);
        if woken {
            read_all(&mut self.woken);
            self.pause = OFTEN;
        }
        self.watched.retain_mut(|watched| read_all(&mut watched.stream));
    }
}

/// Reads what has come; false, if nothing more will.
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
