//! A process that runs, followed to its end and never left behind.

use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child as Process, ChildStderr, ChildStdout, Command};

use super::running::{Running, Signal, Start, is_closed};
use super::tail::Tail;
use crate::log::{LogStream, TaskLog};

/// How long what was asked to end may take before it is made to.
const GRACE: Duration = Duration::from_secs(2);
/// How long the output is waited for once the process has ended: what it left running may hold it open for ever.
const DRAIN: Duration = Duration::from_millis(500);

pub(super) struct Child {
    process: Process,
    running: Option<Running>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    outputs: Outputs,
    has_ended: bool,
}

/// Both outputs of a process, as far as they came.
struct Outputs {
    stdout: LogStream,
    stderr: LogStream,
    captured: Option<Vec<u8>>,
    /// How much of the standard output may be captured.
    limit: usize,
    last: Tail,
}

/// How following a process ended.
pub(super) enum Followed {
    Ended(ExitStatus),
    /// It wrote more than may be captured, and was ended.
    TooMuchOutput,
}

/// More was written than may be captured.
struct TooMuchOutput;

impl Child {
    /// Starts a command whose outputs go to a log; `capture` is how much of its standard output may be captured, if any.
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

    /// Starts a command whose outputs go elsewhere.
    pub(super) fn start_silent(command: Command) -> io::Result<Self> {
        let (stdout, stderr) = (LogStream::new(None), LogStream::new(None));
        Self::spawn(command, Outputs { stdout, stderr, captured: None, limit: 0, last: Tail::default() })
    }

    fn spawn(mut command: Command, outputs: Outputs) -> io::Result<Self> {
        let start = Start::new()?;
        let mut process = command.spawn()?;
        let running = start.enter(process.id());
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        Ok(Self { running, process, stdout, stderr, outputs, has_ended: false })
    }

    /// Hands its input over and takes its output until it ends.
    pub(super) async fn follow(&mut self, stdin: Option<Vec<u8>>) -> io::Result<Followed> {
        let Some(status) = self.talk(stdin).await? else {
            self.end().await;
            return Ok(Followed::TooMuchOutput);
        };
        self.has_ended = true;
        self.outputs.finish();
        Ok(Followed::Ended(status))
    }

    /// Returns how it ended; `None` if it wrote more than may be captured.
    async fn talk(&mut self, stdin: Option<Vec<u8>>) -> io::Result<Option<ExitStatus>> {
        let input = self.process.stdin.take();
        let feed = async move {
            if let (Some(mut input), Some(text)) = (input, stdin) {
                // One that does not read to the end says with its exit status whether that is wrong.
                let _ = input.write_all(&text).await;
            }
            Ok(())
        };
        let read = read(&mut self.outputs, &mut self.stdout, &mut self.stderr);
        let talk = pin!(async { tokio::try_join!(feed, read) });
        Ok(match select(pin!(self.process.wait()), talk).await {
            // What it wrote last may be under way.
            Either::Left((status, talk)) => match tokio::time::timeout(DRAIN, talk).await {
                Ok(Err(TooMuchOutput)) => None,
                _ => Some(status?),
            },
            Either::Right((Ok(_), ended)) => Some(ended.await?),
            Either::Right((Err(TooMuchOutput), _)) => None,
        })
    }

    /// Hands its input over.
    pub(super) async fn feed(&mut self, stdin: Option<Vec<u8>>) {
        if let (Some(mut input), Some(text)) = (self.process.stdin.take(), stdin) {
            let _ = input.write_all(&text).await;
        }
    }

    /// Asks it, and all that it started, to end; then makes them.
    pub(super) async fn end(&mut self) {
        self.signal(Signal::Ask);
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

    /// Returns the last lines of its standard error.
    pub(super) fn stderr(&self) -> String {
        self.outputs.last.text()
    }

    /// Returns its number, as long as it has not been waited for.
    pub(super) fn pid(&self) -> Option<u32> {
        self.process.id()
    }

    /// Leaves it running for good.
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
    /// A task that is cancelled leaves nothing behind. Where the process is about to end, so do all commands, each in its own time.
    fn drop(&mut self) {
        if !self.has_ended && !is_closed() {
            self.signal(Signal::Kill);
        }
    }
}

/// Takes both outputs until both are at their end.
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

/// Returns how much came; 0 at the end.
async fn part(from: &mut Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> usize {
    match from {
        // What cannot be read any more has ended.
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

    /// Writes what was held back.
    fn finish(&mut self) {
        self.stdout.finish(&mut |_| ());
        let Self { stderr, last, .. } = self;
        stderr.finish(&mut |bytes| last.push(bytes));
    }
}
