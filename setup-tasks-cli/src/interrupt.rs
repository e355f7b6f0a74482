//! Ctrl-C: once lets what runs come to its end, twice stops at once.

use std::pin::pin;

use setup_tasks::fleet::{FleetError, Stop};
use setup_tasks::{FleetReport, FleetRun};

use tokio::sync::mpsc;

use crate::output::{WOULD, note};

/// How a fleet ended.
pub(crate) enum Ended {
    /// By itself, or after it was asked to stop.
    Report(Box<FleetReport>),
    /// At once.
    Cut,
}

/// Runs a fleet, and listens for Ctrl-C and SIGTERM.
pub(crate) async fn run(fleet: FleetRun) -> Result<Ended, FleetError> {
    let stop = Stop::new();
    let mut signals = Signals::new();
    let mut work = pin!(fleet.stop_when(stop.clone()).into_future());
    loop {
        tokio::select! {
            report = &mut work => return Ok(Ended::Report(Box::new(report?))),
            () = signals.next() => {
                if stop.is_asked() {
                    // Dropping the work cancels it, and ends the commands that it runs.
                    note(format!("{WOULD}stopped{WOULD:#}: what was running counts as interrupted and runs again"));
                    return Ok(Ended::Cut);
                }
                note(format!("{WOULD}stopping{WOULD:#}: what runs comes to its end; Ctrl-C again stops at once"));
                stop.ask();
            }
        }
    }
}

/// Waits for a Ctrl-C or a SIGTERM.
pub(crate) async fn asked() {
    Signals::new().next().await;
}

/// Listens from when it is made: what comes before is not heard. On a thread with a runtime of its own: a task that blocks its
/// thread may be the one that would have looked for signals.
pub(crate) struct Signals(mpsc::UnboundedReceiver<()>);

impl Signals {
    pub(crate) fn new() -> Self {
        let (told, heard) = mpsc::unbounded_channel();
        let (ready, listening) = std::sync::mpsc::channel();
        let listen = async move {
            let mut raw = Raw::new();
            // Whoever waits for it is there until it comes.
            let _ = ready.send(());
            loop {
                tokio::select! {
                    () = raw.next() => drop(told.send(())),
                    () = told.closed() => return,
                }
            }
        };
        std::thread::spawn(|| match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(listen),
            Err(error) => tracing::warn!("Ctrl-C cannot be listened for: {error}"),
        });
        // An error says that there is no such thread: signals do what they do by default.
        let _ = listening.recv();
        Self(heard)
    }

    pub(crate) async fn next(&mut self) {
        if self.0.recv().await.is_none() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(unix)]
struct Raw {
    terminate: Option<tokio::signal::unix::Signal>,
    interrupt: Option<tokio::signal::unix::Signal>,
}

#[cfg(unix)]
impl Raw {
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // One that cannot be listened for does what it does by default.
        Self { terminate: signal(SignalKind::terminate()).ok(), interrupt: signal(SignalKind::interrupt()).ok() }
    }

    async fn next(&mut self) {
        tokio::select! {
            () = one(&mut self.terminate) => {}
            () = one(&mut self.interrupt) => {}
        }
    }
}

#[cfg(unix)]
async fn one(signal: &mut Option<tokio::signal::unix::Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

#[cfg(not(unix))]
struct Raw;

#[cfg(not(unix))]
impl Raw {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
