//! Notifications to commands.

use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use setup_tasks::error::Excerpt;
use setup_tasks::secret::redact;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::process::{Child, Command};

use super::{Notice, NotifyError};

/// The time that a command has.
const LIMIT: Duration = Duration::from_secs(30);
/// The time for reading the error output after the command has ended.
const DRAIN: Duration = Duration::from_millis(500);
/// The greatest number of bytes of an error output that are kept.
const KEPT: u64 = 64 * 1024;
/// The number of lines of an error output that are shown.
const LINES: usize = 5;

/// Runs a command in the shell, with the notification on its standard input.
pub(super) async fn run(command: &str, notice: &Notice) -> Result<(), NotifyError> {
    run_within(LIMIT, command, notice).await
}

async fn run_within(limit: Duration, command: &str, notice: &Notice) -> Result<(), NotifyError> {
    let start = |source| NotifyError::Start { command: command.to_owned(), source };
    let mut group = Group(shell(command, notice).spawn().map_err(start)?);
    let ended = tokio::time::timeout(limit, exchange(&mut group.0, notice.json())).await;
    let Ok(ended) = ended else {
        return Err(NotifyError::TimedOut { receiver: format!("`{command}`"), limit });
    };
    let (status, stderr) = ended.map_err(start)?;
    if status.success() {
        return Ok(());
    }
    let text = redact(&String::from_utf8_lossy(&stderr)).into_owned();
    let lines: Vec<_> = text.trim_end().lines().collect();
    let last = lines[lines.len().saturating_sub(LINES)..].join("\n");
    Err(NotifyError::Failed { command: command.to_owned(), status, stderr: Excerpt::new(last) })
}

fn shell(command: &str, notice: &Notice) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", command]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    shell.env("SETUP_TASKS_OUTCOME", notice.outcome.name()).env("SETUP_TASKS_SUMMARY", &*redact(&notice.summary));
    shell.kill_on_drop(true);
    #[cfg(unix)]
    shell.process_group(0);
    shell
}

/// Writes the notification, and reads the error output, until the command ends.
async fn exchange(child: &mut Child, json: &str) -> std::io::Result<(ExitStatus, Vec<u8>)> {
    let (stdin, stderr) = (child.stdin.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A command may end without reading the notification.
            let _ = stdin.write_all(json.as_bytes()).await;
            let _ = stdin.write_all(b"\n").await;
        }
    };
    let read = async {
        let mut kept = Vec::new();
        if let Some(stderr) = stderr {
            drain(stderr, &mut kept).await;
        }
        kept
    };
    let mut outputs = pin!(async { tokio::join!(write, read).1 });
    tokio::select! {
        status = child.wait() => {
            // A process in the background may hold the pipe open.
            let kept = tokio::time::timeout(DRAIN, &mut outputs).await.unwrap_or_default();
            Ok((status?, kept))
        }
        kept = &mut outputs => Ok((child.wait().await?, kept)),
    }
}

/// Reads to the end, and keeps the beginning.
async fn drain(mut from: impl AsyncRead + Unpin, kept: &mut Vec<u8>) {
    // A read error counts as the end.
    let _ = (&mut from).take(KEPT).read_to_end(kept).await;
    let _ = tokio::io::copy(&mut from, &mut tokio::io::sink()).await;
}

/// A process and all that it started, which end with this value.
struct Group(Child);

impl Drop for Group {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Some(pid) = self.0.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?)) {
            // The process has not been waited for, so the group still has this id.
            let _ = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
        }
    }
}
