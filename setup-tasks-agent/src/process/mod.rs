//! Programs in process groups of their own, with output in chunks, cancellation and a timeout.

mod cancel;
mod group;
mod output;

use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

pub use cancel::Cancel;
pub(crate) use group::Group;

use crate::protocol::{End, Ended, Exit, Stream};

/// The time for which the output is read after a program has ended, since processes that it left running keep its pipes open.
const LAST_OUTPUT: Duration = Duration::from_millis(500);
/// The time between the signals TERM and KILL, if nothing else was requested.
pub(crate) const GRACE: Duration = Duration::from_secs(5);

/// The limits of a run of a program.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) timeout: Option<Duration>,
    pub(crate) grace: Duration,
    pub(crate) cancel: Cancel,
}

/// An event of a running program.
enum Event {
    Exited(io::Result<ExitStatus>),
    Cancelled,
    OutputEnded,
}

/// Runs a program to its end. `input` receives its standard input in a thread of its own, and `output` receives chunks of its output,
/// from two threads. They may block. The output is closed when `output` returns false.
pub(crate) fn run<I, O>(mut command: Command, limits: &Limits, input: I, output: O) -> io::Result<Ended>
where
    I: FnOnce(std::process::ChildStdin) + Send + 'static,
    O: Fn(Stream, &[u8]) -> bool + Send + Clone + 'static,
{
    let group = Group::new().map_err(|error| io::Error::other(format!("/bin/sh does not start: {error}")))?;
    group.adopt(&mut command);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| missing_or(error, &command))?;
    let (events, received) = mpsc::channel();
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    if let Some(stdin) = stdin {
        thread::spawn(move || input(stdin));
    }
    let copy = |stream, pipe: Option<std::os::fd::OwnedFd>| {
        let (output, events) = (output.clone(), events.clone());
        thread::spawn(move || {
            pipe.into_iter().for_each(|pipe| output::copy(&pipe, |bytes| output(stream, bytes)));
            let _ = events.send(Event::OutputEnded);
        });
    };
    copy(Stream::Output, stdout.map(Into::into));
    copy(Stream::Error, stderr.map(Into::into));
    let exited = events.clone();
    thread::spawn(move || exited.send(Event::Exited(child.wait())));
    let _registered = limits.cancel.on_cancel(move || drop(events.send(Event::Cancelled)));
    Watch { group, limits, received, deadline: limits.timeout.map(|timeout| Instant::now() + timeout), outputs: 2 }
        .wait()
}

/// Returns that a program is missing, instead of the error of a directory in `PATH` that this user cannot read.
fn missing_or(error: io::Error, command: &Command) -> io::Error {
    let program = Path::new(command.get_program());
    let path = command.get_envs().find(|(name, _)| *name == "PATH").and_then(|(_, path)| path.map(ToOwned::to_owned));
    let is_searched = program.components().count() == 1 && !program.is_absolute();
    let is_found =
        || std::env::split_paths(&path.unwrap_or_default()).any(|directory| directory.join(program).exists());
    if error.kind() == io::ErrorKind::PermissionDenied && is_searched && !is_found() {
        return io::ErrorKind::NotFound.into();
    }
    error
}

/// The wait for the end of a program.
struct Watch<'a> {
    group: Group,
    limits: &'a Limits,
    received: mpsc::Receiver<Event>,
    deadline: Option<Instant>,
    outputs: u32,
}

impl Watch<'_> {
    fn wait(mut self) -> io::Result<Ended> {
        let mut end = End::Own;
        let status = loop {
            match self.next() {
                Some(Event::Exited(status)) => break status?,
                Some(Event::OutputEnded) => self.outputs -= 1,
                Some(Event::Cancelled) if end == End::Own => end = self.terminate(End::Cancelled),
                Some(Event::Cancelled) => {}
                None if end == End::Own => end = self.terminate(End::TimedOut),
                None => {
                    self.group.signal(Signal::KILL);
                    self.deadline = None;
                }
            }
        };
        if end != End::Own {
            self.group.signal(Signal::KILL);
        }
        self.deadline = Some(Instant::now() + LAST_OUTPUT);
        while self.outputs > 0 {
            match self.next() {
                Some(Event::OutputEnded) => self.outputs -= 1,
                Some(_) => {}
                None => break,
            }
        }
        Ok(Ended { exit: exit_of(status), end })
    }

    /// Sends TERM, and sets the time for KILL.
    fn terminate(&mut self, end: End) -> End {
        self.group.signal(Signal::TERM);
        self.deadline = Some(Instant::now() + self.limits.grace);
        end
    }

    /// Returns the next event, or `None` at the deadline.
    fn next(&self) -> Option<Event> {
        let Some(deadline) = self.deadline else { return self.received.recv().ok() };
        self.received.recv_timeout(deadline.saturating_duration_since(Instant::now())).ok()
    }
}

fn exit_of(status: ExitStatus) -> Exit {
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, signal) => Exit::Signal(signal.unwrap_or_default()),
    }
}
