//! A running process of a command, which is waited for or killed.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child as Process, ChildStderr, ChildStdout, Command};

use super::running::{RegisteredCommand, Signal, StartPermit, is_closed};
use super::tail::Tail;
use crate::log::{LogStream, TaskLog};

/// The time between the request to end and the kill.
const GRACE: Duration = Duration::from_secs(2);
/// The time for reading output after the process has ended. A process that it left running may hold
/// the pipe open forever.
const DRAIN: Duration = Duration::from_millis(500);

pub(super) struct Child {
    process: Process,
    running: Option<RegisteredCommand>,
    /// A running process of a command. Dropping it kills the process, and all that it started, if
    /// it has not ended.
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

/// The end of a process.
pub(super) enum ChildEnd {
    Exited(ExitStatus),
    /// The process wrote more than may be captured and was killed.
    TooMuchOutput,
}

/// The process wrote more than may be captured.
struct TooMuchOutput;

impl Child {
    /// Starts a command whose outputs go to a log. `capture` is the number of bytes of standard
    /// output that may be captured, or `None` to capture nothing.
    pub(super) fn start(mut command: Command, log: Option<Arc<TaskLog>>, capture: Option<usize>) -> io::Result<Self> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let outputs = Outputs {
            stdout: LogStream::new(log.clone()),
            stderr: LogStream::new(log),
            captured: capture.map(|_| Vec::new()),
            limit: capture.unwrap_or_default(),
            last: Tail::default(),
        };
        Self::spawn(command, outputs)
    }

    /// Starts a command whose outputs are set already.
    pub(super) fn start_silent(command: Command) -> io::Result<Self> {
        let (stdout, stderr) = (LogStream::new(None), LogStream::new(None));
        Self::spawn(command, Outputs { stdout, stderr, captured: None, limit: 0, last: Tail::default() })
    }

    fn spawn(mut command: Command, outputs: Outputs) -> io::Result<Self> {
        let permit = StartPermit::new()?;
        let mut process = command.spawn()?;
        let running = permit.register(process.id());
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        Ok(Self { running, process, stdout, stderr, outputs, has_ended: false })
    }

    /// Writes the standard input and reads the outputs until the process ends.
    pub(super) async fn wait(&mut self, stdin: Option<Vec<u8>>) -> io::Result<ChildEnd> {
        let Some(status) = self.exchange(stdin).await? else {
            self.end().await;
            return Ok(ChildEnd::TooMuchOutput);
        };
        self.has_ended = true;
        self.outputs.finish();
        Ok(ChildEnd::Exited(status))
    }

    /// Returns the exit status, or `None` if the process wrote more than may be captured.
    async fn exchange(&mut self, stdin: Option<Vec<u8>>) -> io::Result<Option<ExitStatus>> {
        let input = self.process.stdin.take();
        let feed = async move {
            if let (Some(mut input), Some(text)) = (input, stdin) {
                // The process may stop reading early. Its exit status shows whether that is an
                // error.
                let _ = input.write_all(&text).await;
            }
            Ok(())
        };
        let read = read(&mut self.outputs, &mut self.stdout, &mut self.stderr);
        let exchange = pin!(async { tokio::try_join!(feed, read) });
        Ok(match select(pin!(self.process.wait()), exchange).await {
            // The last output may not have been read yet.
            Either::Left((status, exchange)) => match tokio::time::timeout(DRAIN, exchange).await {
                Ok(Err(TooMuchOutput)) => None,
                _ => Some(status?),
            },
            Either::Right((Ok(_), ended)) => Some(ended.await?),
            Either::Right((Err(TooMuchOutput), _)) => None,
        })
    }

    /// Writes the standard input and closes it.
    pub(super) async fn feed(&mut self, stdin: Option<Vec<u8>>) {
        if let (Some(mut input), Some(text)) = (self.process.stdin.take(), stdin) {
            let _ = input.write_all(&text).await;
        }
    }

    /// Asks the process and all that it started to end, and kills whatever is left after a grace
    /// period.
    pub(super) async fn end(&mut self) {
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
    pub(super) fn stderr(&self) -> String {
        self.outputs.last.text()
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

/// Reads both outputs to their ends.
async fn read(
    outputs: &mut Outputs,
    stdout: &mut Option<ChildStdout>,
    stderr: &mut Option<ChildStderr>,
) -> Result<(), TooMuchOutput> {
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
    fn receive(&mut self, bytes: &[u8]) -> Result<(), TooMuchOutput> {
        self.stdout.push(bytes, &mut |_| ());
        match &mut self.captured {
            Some(captured) if captured.len() + bytes.len() > self.limit => Err(TooMuchOutput),
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
