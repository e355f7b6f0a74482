//! A process that runs, followed to its end and never left behind.

use std::io;
use std::pin::pin;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child as Process, ChildStderr, ChildStdout, Command};

use super::running::{Running, Signal, Start, is_closed};
use super::tail::Tail;
use crate::log::TaskLog;

/// How long what was asked to end may take before it is made to.
const GRACE: Duration = Duration::from_secs(2);
/// How long the output is waited for once the process has ended: what it left running may hold it open for ever.
const DRAIN: Duration = Duration::from_millis(500);

pub(super) struct Child {
    process: Process,
    running: Option<Running>,
    stdout: Option<ChildStdout>,
    stderr: Option<ChildStderr>,
    said: Said,
    has_ended: bool,
}

/// What it has said so far.
struct Said {
    log: Option<Arc<TaskLog>>,
    output: Option<Vec<u8>>,
    last: Tail,
}

impl Child {
    pub(super) fn start(mut command: Command, log: Option<Arc<TaskLog>>, capture: bool) -> io::Result<Self> {
        let start = Start::new()?;
        let mut process = command.spawn()?;
        let running = start.enter(process.id());
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let said = Said { log, output: capture.then(Vec::new), last: Tail::default() };
        Ok(Self { running, process, stdout, stderr, said, has_ended: false })
    }

    /// Hands its input over and takes its output until it ends.
    pub(super) async fn follow(&mut self, stdin: Option<Vec<u8>>) -> io::Result<ExitStatus> {
        let input = self.process.stdin.take();
        let feed = async move {
            if let (Some(mut input), Some(text)) = (input, stdin) {
                // One that does not read to the end says with its exit status whether that is wrong.
                let _ = input.write_all(&text).await;
            }
        };
        let read = read(&mut self.said, &mut self.stdout, &mut self.stderr);
        let talk = pin!(async { tokio::join!(feed, read) });
        let status = match select(pin!(self.process.wait()), talk).await {
            Either::Left((status, talk)) => {
                // What it wrote last may be under way.
                let _ = tokio::time::timeout(DRAIN, talk).await;
                status?
            }
            Either::Right((_, ended)) => ended.await?,
        };
        self.has_ended = true;
        Ok(status)
    }

    /// Asks it, and all that it started, to end; then makes them.
    pub(super) async fn end(&mut self) {
        self.signal(Signal::Ask);
        let _ = tokio::time::timeout(GRACE, self.process.wait()).await;
        self.signal(Signal::Kill);
        self.has_ended = true;
        let read = read(&mut self.said, &mut self.stdout, &mut self.stderr);
        let _ = tokio::time::timeout(DRAIN, read).await;
    }

    pub(super) fn output(&mut self) -> Vec<u8> {
        self.said.output.take().unwrap_or_default()
    }

    pub(super) fn stderr(&self) -> String {
        self.said.last.text()
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
async fn read(said: &mut Said, stdout: &mut Option<ChildStdout>, stderr: &mut Option<ChildStderr>) {
    let (mut out, mut err) = (Vec::with_capacity(8192), Vec::with_capacity(8192));
    loop {
        let (bytes, is_error) = tokio::select! {
            bytes = part(stdout, &mut out), if stdout.is_some() => (bytes, false),
            bytes = part(stderr, &mut err), if stderr.is_some() => (bytes, true),
            else => return,
        };
        match (bytes, is_error) {
            (0, false) => *stdout = None,
            (0, true) => *stderr = None,
            (_, false) => {
                said.hear(&out);
                if let Some(output) = &mut said.output {
                    output.extend_from_slice(&out);
                }
                out.clear();
            }
            (_, true) => {
                said.hear(&err);
                said.last.push(&err);
                err.clear();
            }
        }
    }
}

/// How much came; 0 at the end.
async fn part(from: &mut Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) -> usize {
    match from {
        // What cannot be read any more has ended.
        Some(from) => from.read_buf(into).await.unwrap_or(0),
        None => 0,
    }
}

impl Said {
    fn hear(&self, bytes: &[u8]) {
        if let Some(log) = &self.log {
            log.write(bytes);
        }
    }
}
