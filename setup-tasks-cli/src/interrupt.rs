//! Signals and their effect on runs, on the commands of tasks, and on this process.
//!
//! | signal | effect |
//! |---|---|
//! | SIGINT | asks runs to stop; ends at once if none is running or all were asked before |
//! | SIGTERM, SIGHUP, SIGQUIT | ends at once |
//! | SIGTSTP | stops the commands and the process, until SIGCONT |
//!
//! A separate thread handles signals, because a task that blocks or a layout that is never built may hold up all other threads.

use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use setup_tasks::command::running;
use setup_tasks::fleet::Stop;
use tokio::sync::watch;

use crate::output::{WOULD, note};

/// The time that commands have to end after they are asked to.
const GRACE: Duration = Duration::from_secs(2);
/// The time that work has to end. Work that blocks its thread is abandoned.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of SIGINT on every system.
const INTERRUPT: i32 = 2;

static SIGNALS: OnceLock<Signals> = OnceLock::new();

struct Signals {
    /// The signal that ends the process at once.
    ending: watch::Sender<Option<i32>>,
    interruptible: Mutex<Vec<Arc<Interruptible>>>,
    progress: Mutex<Shutdown>,
    changed: Condvar,
}

/// The steps of the end of the process.
#[derive(Default)]
struct Shutdown {
    commands_have_ended: bool,
    work_has_ended: bool,
}

/// Work that a first Ctrl-C asks to stop.
#[derive(Debug)]
struct Interruptible {
    stop: Stop,
    kind: Kind,
}

/// The kind of work that a Ctrl-C asks to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It runs tasks. The user then sees a message.
    Run,
    /// It follows a run of other processes. Only Ctrl-C stops that run, and it goes on after other signals.
    Followed,
    Wait,
}

/// A guard for work that a first Ctrl-C asks to stop while the guard exists.
#[derive(Debug)]
pub struct InterruptGuard(Arc<Interruptible>);

/// Makes a first Ctrl-C ask runs to stop.
pub fn stop_run_on_interrupt(stop: &Stop) -> InterruptGuard {
    enter(stop, Kind::Run)
}

/// Makes a first Ctrl-C ask a run of other processes to stop.
pub(crate) fn stop_followed_on_interrupt(stop: &Stop) -> InterruptGuard {
    enter(stop, Kind::Followed)
}

/// Makes a first Ctrl-C end a wait.
pub fn stop_wait_on_interrupt(stop: &Stop) -> InterruptGuard {
    enter(stop, Kind::Wait)
}

fn enter(stop: &Stop, kind: Kind) -> InterruptGuard {
    let work = Arc::new(Interruptible { stop: stop.clone(), kind });
    signals().interruptible().push(work.clone());
    InterruptGuard(work)
}

impl InterruptGuard {
    /// Returns whether the work was asked to stop.
    pub fn is_requested(&self) -> bool {
        self.0.stop.is_requested()
    }
}

impl Drop for InterruptGuard {
    fn drop(&mut self) {
        signals().interruptible().retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

/// Waits for a signal that ends the process at once, and prints what becomes of the run.
pub(crate) async fn run_ended() {
    ended().await;
    note(format!("{WOULD}stopped{WOULD:#}: interrupted tasks will run again"));
}

/// Waits for a signal that ends the process at once.
pub(crate) async fn ended() {
    let mut ending = signals().ending.subscribe();
    // The sender is never dropped.
    let _ = ending.wait_for(Option::is_some).await;
}

/// Polls work until it ends or a signal ends the process at once. A run then has a moment to report how far it came.
pub(crate) async fn or_end<T>(work: impl Future<Output = T>) -> Option<T> {
    let end = async {
        ended().await;
        if !signals().interruptible().is_empty() {
            tokio::time::sleep(PATIENCE).await;
        }
    };
    tokio::select! {
        biased;
        done = work => Some(done),
        () = end => None,
    }
}

/// Records that all work has ended. After a signal that ends the process at once, waits until the commands have ended, and
/// returns the exit code of the signal.
pub(crate) fn finish() -> Option<ExitCode> {
    let signals = signals();
    let signal = (*signals.ending.borrow())?;
    let mut progress = signals.progress();
    progress.work_has_ended = true;
    signals.changed.notify_all();
    while !progress.commands_have_ended {
        progress = signals.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
    }
    Some(code(signal).into())
}

/// Returns the exit code of a signal, as shells define it.
fn code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(u8::MAX)
}

fn signals() -> &'static Signals {
    SIGNALS.get_or_init(|| Signals {
        ending: watch::Sender::new(None),
        interruptible: Mutex::default(),
        progress: Mutex::default(),
        changed: Condvar::new(),
    })
}

impl Signals {
    fn interruptible(&self) -> MutexGuard<'_, Vec<Arc<Interruptible>>> {
        self.interruptible.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn progress(&self) -> MutexGuard<'_, Shutdown> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks work to stop. Returns whether some of it was asked for the first time.
    fn ask(&self, is_asked: impl Fn(Kind) -> bool) -> bool {
        let interruptible = self.interruptible();
        let asked = interruptible.iter().filter(|work| is_asked(work.kind));
        let unasked: Vec<_> = asked.filter(|work| !work.stop.is_requested()).collect();
        for work in &unasked {
            work.stop.request();
        }
        !unasked.is_empty()
    }

    fn has_run(&self) -> bool {
        self.interruptible().iter().any(|work| work.kind != Kind::Wait)
    }

    /// Handles a Ctrl-C. Returns whether the process ends at once.
    fn interrupt(&self) -> bool {
        let has_run = self.has_run();
        if !self.ask(|_| true) {
            return true;
        }
        if has_run {
            // A thread prints this, because a terminal or a pipe may block, and the next signal must still be handled.
            std::thread::spawn(|| {
                note(format!(
                    "{WOULD}stopping{WOULD:#}: waiting for running tasks; press Ctrl-C again to stop at once"
                ));
            });
        }
        false
    }

    /// Ends the process: its commands first, then the work that waits for them.
    fn end(&self, signal: i32) {
        let began = Instant::now();
        self.ask(|kind| kind != Kind::Followed);
        self.ending.send_replace(Some(signal));
        running::end(GRACE);
        let mut progress = self.progress();
        progress.commands_have_ended = true;
        self.changed.notify_all();
        // The work has a moment to report how far it came, and another to be dropped.
        let patience = (2 * PATIENCE + PATIENCE / 2).saturating_sub(began.elapsed());
        let waited = self.changed.wait_timeout_while(progress, patience, |progress| !progress.work_has_ended);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !progress.work_has_ended {
            std::process::exit(code(signal).into());
        }
    }
}

/// Starts to handle signals, once per process.
pub(crate) fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| {
        let (ready, listening) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("setup-tasks signals".to_owned());
        let started = thread.spawn(move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(answer(ready)),
            Err(error) => tracing::warn!("signals cannot be handled: {error}"),
        });
        if let Err(error) = started {
            tracing::warn!("signals cannot be handled: {error}");
        }
        // On an error, the thread does not exist, and signals have their default effect.
        let _ = listening.recv();
    });
}

#[cfg(unix)]
async fn answer(ready: std::sync::mpsc::Sender<()>) {
    use rustix::process::Signal;

    use unix::Source;

    let signals = signals();
    let [mut interrupt, mut terminate, mut hang_up, mut quit, mut suspend, mut resume] =
        [Signal::INT, Signal::TERM, Signal::HUP, Signal::QUIT, Signal::TSTP, Signal::CONT].map(Source::new);
    // The receiver waits until this is sent.
    let _ = ready.send(());
    loop {
        let ending = tokio::select! {
            () = interrupt.next() => signals.interrupt().then_some(INTERRUPT),
            () = terminate.next() => Some(Signal::TERM.as_raw()),
            () = hang_up.next() => Some(Signal::HUP.as_raw()),
            () = quit.next() => Some(Signal::QUIT.as_raw()),
            () = suspend.next() => {
                unix::suspend(&mut resume).await;
                None
            }
            () = resume.next() => {
                // A process that stopped this one may have stopped its commands, too.
                running::resume();
                None
            }
        };
        if let Some(signal) = ending {
            return signals.end(signal);
        }
    }
}

#[cfg(not(unix))]
async fn answer(ready: std::sync::mpsc::Sender<()>) {
    let signals = signals();
    let _ = ready.send(());
    while tokio::signal::ctrl_c().await.is_ok() {
        if signals.interrupt() {
            return signals.end(INTERRUPT);
        }
    }
}

#[cfg(unix)]
mod unix {
    use futures_util::FutureExt;
    use rustix::process::{Pid, Signal, getpgid, getpgrp, getpid, getppid, getsid, kill_process};
    use setup_tasks::command::running;
    use tokio::signal::unix::{Signal as Stream, SignalKind, signal};

    use crate::output;

    /// The time that the bars have to leave the terminal.
    const CLEARED: std::time::Duration = std::time::Duration::from_millis(200);

    /// A signal that may be handled.
    pub(super) struct Source(Option<Stream>);

    impl Source {
        /// Starts to handle a signal, unless the process was started with the signal ignored, as by `nohup`.
        pub(super) fn new(wanted: Signal) -> Self {
            let is_ignored = ignored().is_some_and(|ignored| ignored >> (wanted.as_raw() - 1) & 1 == 1);
            // A signal that cannot be handled has its default effect.
            Self((!is_ignored).then(|| signal(SignalKind::from_raw(wanted.as_raw())).ok()).flatten())
        }

        pub(super) async fn next(&mut self) {
            match &mut self.0 {
                Some(stream) => drop(stream.recv().await),
                None => std::future::pending().await,
            }
        }
    }

    /// Returns one bit per signal that the process ignores, or `None` if the system does not provide it.
    fn ignored() -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    }

    /// Stops the commands and the process until it is continued.
    pub(super) async fn suspend(resume: &mut Source) {
        // No process could continue this one. The system ignores the signal in this case, too, if it is not handled.
        if resume.0.is_none() || is_orphaned() {
            return;
        }
        // The bars stay on a terminal that blocks.
        let (cleared, is_cleared) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            output::clear_bars();
            cleared.send(())
        });
        let _ = is_cleared.recv_timeout(CLEARED);
        let suspended = running::suspend();
        while resume.next().now_or_never().is_some() {}
        if kill_process(getpid(), Signal::STOP).is_ok() {
            resume.next().await;
        }
        drop(suspended);
    }

    /// Returns whether no process of the session could continue this process group. A shell that could is the parent of a
    /// process of the group and is in another group.
    fn is_orphaned() -> bool {
        let (group, session) = (getpgrp(), getsid(None));
        let mut ancestor = getppid();
        while let Some(pid) = ancestor {
            match (getpgid(Some(pid)), getsid(Some(pid)), &session) {
                (Ok(of), ..) if of == group => ancestor = parent(pid),
                (Ok(_), Ok(of), Ok(session)) => return of != *session,
                _ => return true,
            }
        }
        true
    }

    /// Returns the parent of another process, or `None` if the system does not provide it.
    fn parent(pid: Pid) -> Option<Pid> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name of the program stands in parentheses and may contain any character.
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
        Pid::from_raw(parent.parse().ok()?)
    }
}
