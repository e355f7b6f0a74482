//! Asks other processes, all at once and for a limited time: one that is stopped or ends meanwhile keeps nobody from hearing the
//! others.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Serialize;

use super::PublishError;
use super::connect::connect;
use super::protocol::{Answer, Ask, pid_of, socket_name};
use crate::fs::found;
use crate::layout::Layout;

/// A process that is there and gave no answer that can be understood.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SilentProcess {
    /// The process.
    pub pid: u32,
    /// Why there is no answer.
    pub problem: String,
}

impl Layout {
    /// Returns whether a socket is of another layout than this one.
    pub(super) fn is_other_socket(&self) -> impl Fn(&Path) -> bool + Send + 'static {
        let own = socket_name(self.run_id());
        move |path| path.file_name().is_some_and(|name| name != own.as_str())
    }
}

type Answers<A> = (Vec<(PathBuf, A)>, Vec<SilentProcess>);

/// Asks every process that listens in a directory.
pub(crate) fn ask_all<A: Answer>(
    directory: &Path,
    is_asked: impl Fn(&Path) -> bool,
    ask: &Ask,
    patience: Duration,
) -> Result<Answers<A>, PublishError> {
    let (mut answers, mut silent, mut asked) = (Vec::new(), Vec::new(), Vec::new());
    for path in sockets(directory)?.into_iter().filter(|path| is_asked(path)) {
        let Some(pid) = pid_of(&path) else { continue };
        match Conversation::begin(&path, ask) {
            Ok(Some(conversation)) => asked.push((pid, path, conversation)),
            Ok(None) => {}
            Err(error) => silent.push(SilentProcess { pid, problem: problem(&error) }),
        }
    }
    let until = Instant::now() + patience;
    listen(&mut asked, until);
    for (pid, path, conversation) in asked {
        match conversation.answer() {
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

/// One question and what was heard so far.
struct Conversation {
    stream: UnixStream,
    heard: Vec<u8>,
    ended: Option<io::Result<()>>,
}

impl Conversation {
    /// Asks. Nothing, if the process is gone; its socket then goes, too.
    fn begin(path: &Path, ask: &Ask) -> io::Result<Option<Self>> {
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
        match stream.write_all(&ask.clone().line()) {
            Err(error) if is_hung_up(&error) => Ok(None),
            written => written.map(|()| Some(Self { stream, heard: Vec::new(), ended: None })),
        }
    }

    /// Takes in what has come.
    fn receive(&mut self) {
        match self.stream.read_to_end(&mut self.heard) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) if is_hung_up(&error) => self.ended = Some(Ok(())),
            ended => self.ended = Some(ended.map(drop)),
        }
    }

    /// The answer; nothing if the process ended meanwhile.
    fn answer<A: Answer>(self) -> Result<Option<A>, String> {
        match self.ended {
            None => return Err(problem(&io::ErrorKind::WouldBlock.into())),
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(())) if self.heard.is_empty() => return Ok(None),
            Some(Ok(())) => {}
        }
        let not_understood = |error: serde_json::Error| format!("its answer cannot be read: {error}");
        let value: serde_json::Value = serde_json::from_slice(&self.heard).map_err(not_understood)?;
        if let Some(refusal) = value.get("refusal").and_then(serde_json::Value::as_str) {
            return Err(refusal.to_owned());
        }
        let version = value.get("version").and_then(serde_json::Value::as_u64);
        if version != Some(A::VERSION.into()) {
            let found = version.map_or("none".to_owned(), |version| version.to_string());
            let known = A::VERSION;
            return Err(format!(
                "it answers in version {found}, and this process reads {known}; use the program that it runs"
            ));
        }
        serde_json::from_value(value).map(Some).map_err(not_understood)
    }
}

fn is_hung_up(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset)
}

/// Hears all until each has ended or the time is over.
fn listen(asked: &mut [(u32, PathBuf, Conversation)], until: Instant) {
    loop {
        let mut open: Vec<_> =
            asked.iter_mut().map(|(.., conversation)| conversation).filter(|open| open.ended.is_none()).collect();
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

/// Waits until one of them has something, and returns whether one has.
pub(super) fn wait(fds: &mut [PollFd<'_>], at_most: Duration) -> bool {
    let timeout = Timespec::try_from(at_most).ok();
    poll(fds, timeout.as_ref()).is_ok_and(|ready| ready > 0)
}
