//! A running process of a command, which is waited for or killed.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child as Process, ChildStderr, ChildStdin, ChildStdout, Command};

use super::CommandError;
use super::running::{RegisteredCommand, Signal, StartPermit, is_closed};
use super::stdin::Feed;
use super::tail::Tail;
use crate::error::Excerpt;
use crate::log::{LogStream, TaskLog};

/// The time between the request to end and the kill.
const GRACE: Duration = Duration::from_secs(2);
/// The time for reading output after the process has ended. A process that it left running may hold
/// the pipe open forever.
const DRAIN: Duration = Duration::from_millis(500);

/// A running process of a command. Dropping it kills the process, and all that it started, if it
/// has not ended.
pub(super) struct Child {
    process: Process,
    running: Option<RegisteredCommand>,
    /// The standard input while it is open, and the data that is written to it.
    stdin: Option<ChildStdin>,
    feed: Feed,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    outputs: Outputs,
    has_ended: bool,
}

/// The two outputs of a process, as far as they have been read.
struct Outputs {
    stdout: LogStream,
    stderr: LogStream,
    captured: Option<Vec<u8>>,
    /// The number of bytes of standard output that may be captured.
    limit: usize,
    last: Tail,
}

/// The cause for which a process is not waited for to its end.
pub(super) enum Cut {
    /// The process exceeded its timeout.
    TimedOut(Duration),
    /// The process wrote more than may be captured.
    TooMuchOutput,
    /// The reader of its standard input failed.
    Stdin(io::Error),
    /// The system cannot wait for it.
    Lost(io::Error),
}

/// Waits for a process within its timeout.
pub(super) async fn within<T>(timeout: Option<Duration>, wait: impl Future<Output = Result<T, Cut>>) -> Result<T, Cut> {
    match timeout {
        None => wait.await,
        Some(limit) => tokio::time::timeout(limit, wait).await.unwrap_or(Err(Cut::TimedOut(limit))),
    }
}

impl Child {
    /// Starts a command whose outputs go to a log. `capture` is the number of bytes of standard
    /// output that may be captured, or `None` to capture nothing.
    pub(super) fn start(
        mut command: Command,
        feed: Feed,
        log: Option<Arc<TaskLog>>,
        capture: Option<usize>,
    ) -> io::Result<Self> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let outputs = Outputs {
            stdout: LogStream::new(log.clone()),
            stderr: LogStream::new(log),
            captured: capture.map(|_| Vec::new()),
            limit: capture.unwrap_or_default(),
            last: Tail::default(),
        };
        Self::spawn(command, feed, outputs)
    }

    /// Starts a command whose outputs are set already.
    pub(super) fn start_silent(command: Command, feed: Feed) -> io::Result<Self> {
        let (stdout, stderr) = (LogStream::new(None), LogStream::new(None));
        Self::spawn(command, feed, Outputs { stdout, stderr, captured: None, limit: 0, last: Tail::default() })
    }

    fn spawn(mut command: Command, feed: Feed, outputs: Outputs) -> io::Result<Self> {
        let permit = StartPermit::new()?;
        let mut process = command.spawn()?;
        let running = permit.register(process.id());
        let (stdin, stdout, stderr) = (process.stdin.take(), process.stdout.take(), process.stderr.take());
        Ok(Self { process, running, stdin, feed, stdout, stderr, outputs, has_ended: false })
    }

    /// Writes the standard input and reads the outputs until the process ends. A process that is
    /// cut off is ended by [`cut`](Self::cut).
    pub(super) async fn wait(&mut self) -> Result<ExitStatus, Cut> {
        let status = self.exchange().await?;
        self.has_ended = true;
        self.outputs.finish();
        Ok(status)
    }

    async fn exchange(&mut self) -> Result<ExitStatus, Cut> {
        let Self { process, stdin, feed, stdout, stderr, outputs, .. } = self;
        let mut feed = pin!(write(stdin, feed));
        let mut read = pin!(read(outputs, stdout, stderr));
        let mut end = pin!(process.wait());
        let (mut is_fed, mut is_read) = (false, false);
        let status = loop {
            tokio::select! {
                biased;
                written = &mut feed, if !is_fed => {
                    written.map_err(Cut::Stdin)?;
                    is_fed = true;
                }
                ended = &mut end => break ended.map_err(Cut::Lost)?,
                read = &mut read, if !is_read => {
                    read?;
                    is_read = true;
                }
            }
        };
        // The last output may not have been read yet. Processes that it left running may read on.
        let drain = async {
            loop {
                tokio::select! {
                    _ = &mut feed, if !is_fed => is_fed = true,
                    read = &mut read => return read,
                }
            }
        };
        if !is_read && let Ok(read) = tokio::time::timeout(DRAIN, drain).await {
            read?;
        }
        Ok(status)
    }

    /// Writes the standard input and closes it. The process may end before.
    pub(super) async fn feed(&mut self) -> Result<(), Cut> {
        let Self { process, stdin, feed, .. } = self;
        tokio::select! {
            written = write(stdin, feed) => written.map_err(Cut::Stdin),
            ended = process.wait() => ended.map(drop).map_err(Cut::Lost),
        }
    }

    /// Ends a process that was cut off. Returns the error of its command.
    pub(super) async fn cut(&mut self, cut: Cut, command: String) -> CommandError {
        if !matches!(cut, Cut::Lost(_)) {
            self.end().await;
        }
        match cut {
            Cut::TimedOut(limit) => CommandError::TimedOut { command, limit, stderr: self.stderr() },
            Cut::TooMuchOutput => CommandError::TooMuchOutput { command, limit: self.outputs.limit },
            Cut::Stdin(source) => CommandError::Stdin { command, source },
            Cut::Lost(source) => CommandError::Lost { command, source },
        }
    }

    /// Asks the process and all that it started to end, and kills whatever is left after a grace
    /// period.
    async fn end(&mut self) {
        self.signal(Signal::Terminate);
        let _ = tokio::time::timeout(GRACE, self.process.wait()).await;
        self.signal(Signal::Kill);
        self.has_ended = true;
        let read = read(&mut self.outputs, &mut self.stdout, &mut self.stderr);
        let _ = tokio::time::timeout(DRAIN, read).await;
        self.outputs.finish();
    }

    pub(super) fn captured(&mut self) -> Vec<u8> {
        self.outputs.captured.take().unwrap_or_default()
    }

    /// Returns the last lines of standard error.
    pub(super) fn stderr(&self) -> Option<Excerpt> {
        Excerpt::new(self.outputs.last.text())
    }

    /// Returns the process id until the process has been waited for.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Leaves the process running.
    pub(super) fn leave(mut self) {
        self.has_ended = true;
    }

    fn signal(&mut self, signal: Signal) {
        if let Some(running) = &self.running {
            running.signal(signal);
        }
        #[cfg(not(unix))]
        let _ = self.process.start_kill();
    }
}

impl Drop for Child {
    /// Kills the command of a cancelled task. If the whole process is about to end,
    /// [`end`](super::running::end) ends all commands, each with its grace period.
    fn drop(&mut self) {
        if !self.has_ended && !is_closed() {
            self.signal(Signal::Kill);
        }
    }
}

/// Writes the data to the standard input and closes it. After an error, the standard input stays
/// open, so that the process does not mistake a part of the data for all of it.
async fn write(stdin: &mut Option<ChildStdin>, feed: &mut Feed) -> io::Result<()> {
    if let Some(stdin) = stdin {
        std::mem::take(feed).write_to(stdin).await?;
    }
    *stdin = None;
    Ok(())
}

/// Reads both outputs to their ends.
async fn read(
    outputs: &mut Outputs,
    stdout: &mut Option<ChildStdout>,
    stderr: &mut Option<ChildStderr>,
) -> Result<(), Cut> {
    let (mut out, mut err) = (Vec::with_capacity(8192), Vec::with_capacity(8192));
    loop {
        let (count, is_error) = tokio::select! {
            count = part(stdout, &mut out), if stdout.is_some() => (count, false),
            count = part(stderr, &mut err), if stderr.is_some() => (count, true),
            else => return Ok(()),
        };
        match (count, is_error) {
            (0, false) => *stdout = None,
            (0, true) => *stderr = None,
            (_, false) => {
                outputs.receive(&out)?;
                out.clear();
            }
            (_, true) => {
                outputs.receive_error(&err);
                err.clear();
            }
        }
    }
}

/// Reads a part of an output and returns its length, which is 0 at the end.
async fn part(from: &mut Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> usize {
    match from {
        // A read error counts as the end.
        Some(from) => from.read_buf(into).await.unwrap_or(0),
        None => 0,
    }
}

impl Outputs {
    fn receive(&mut self, bytes: &[u8]) -> Result<(), Cut> {
        self.stdout.push(bytes, &mut |_| ());
        match &mut self.captured {
            Some(captured) if captured.len() + bytes.len() > self.limit => Err(Cut::TooMuchOutput),
            Some(captured) => {
                captured.extend_from_slice(bytes);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn receive_error(&mut self, bytes: &[u8]) {
        let Self { stderr, last, .. } = self;
        stderr.push(bytes, &mut |bytes| last.push(bytes));
    }

    /// Passes on the bytes that the secret filter still holds.
    fn finish(&mut self) {
        self.stdout.finish(&mut |_| ());
        let Self { stderr, last, .. } = self;
        stderr.finish(&mut |bytes| last.push(bytes));
    }
}
