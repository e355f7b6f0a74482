//! Signals: what they do to runs, to the commands of tasks and checks, and to this process.
//!
//! | signal | what it does |
//! |---|---|
//! | SIGINT | asks runs to stop; if none is under way, or all were asked before, ends at once |
//! | SIGTERM, SIGHUP, SIGQUIT | ends at once |
//! | SIGTSTP | stops the commands and the process, until SIGCONT |
//!
//! A thread of its own listens for them: a task that blocks its thread, or a layout whose building never ends, may hold up all others.

use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use setup_tasks::command::running;
use setup_tasks::fleet::Stop;
use tokio::sync::watch;

use crate::output::{WOULD, note};

/// ExecArgs long commands may take to end once they are asked to.
const GRACE: Duration = Duration::from_secs(2);
/// ExecArgs long the work itself may take to end. Work that blocks its thread is left as it is.
const PATIENCE: Duration = Duration::from_secs(1);

/// The number of SIGINT, everywhere.
const INTERRUPT: i32 = 2;

static SIGNALS: OnceLock<Signals> = OnceLock::new();

struct Signals {
    /// The signal that ends the process at once.
    ending: watch::Sender<Option<i32>>,
    interruptible: Mutex<Vec<Arc<Interruptible>>>,
    progress: Mutex<Shutdown>,
    changed: Condvar,
}

/// ExecArgs far the end of the process has come.
#[derive(Default)]
struct Shutdown {
    commands_have_ended: bool,
    work_has_ended: bool,
}

/// Work that a first Ctrl-C asks to stop.
struct Interruptible {
    stop: Stop,
    /// Whether it runs tasks: the user is told that these come to their end.
    is_run: bool,
}

/// Work that ends in its own time at a first Ctrl-C, for as long as this is held.
pub(crate) struct InterruptGuard(Arc<Interruptible>);

/// Says that runs obey a stop: a first Ctrl-C asks for it.
pub(crate) fn stop_run_on_interrupt(stop: &Stop) -> InterruptGuard {
    enter(stop, true)
}

/// Says that a wait for something obeys a stop.
pub(crate) fn stop_wait_on_interrupt(stop: &Stop) -> InterruptGuard {
    enter(stop, false)
}

fn enter(stop: &Stop, is_run: bool) -> InterruptGuard {
    let work = Arc::new(Interruptible { stop: stop.clone(), is_run });
    signals().interruptible().push(work.clone());
    InterruptGuard(work)
}

impl InterruptGuard {
    pub(crate) fn is_asked(&self) -> bool {
        self.0.stop.is_asked()
    }
}

impl Drop for InterruptGuard {
    fn drop(&mut self) {
        signals().interruptible().retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

/// Waits for a signal that ends at once, and says what becomes of the run.
pub(crate) async fn run_ended() {
    ended().await;
    note(format!("{WOULD}stopped{WOULD:#}: what was running counts as interrupted and runs again"));
}

/// Waits for a signal that ends at once.
async fn ended() {
    let mut ending = signals().ending.subscribe();
    // The sender is never dropped.
    let _ = ending.wait_for(Option::is_some).await;
}

/// Does work until it ends, or until a signal ends it at once. Runs that are under way have a moment to say how far they came.
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

/// Says that all work has ended. After a signal that ends at once, waits until the commands have ended, too, and returns the exit
/// code that tells of the signal.
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

/// Returns the exit code that tells of a signal, as shells have it.
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

    /// Asks all work to stop. Returns whether some of it was not asked before.
    fn ask(&self) -> bool {
        let interruptible = self.interruptible();
        let unasked: Vec<_> = interruptible.iter().filter(|work| !work.stop.is_asked()).collect();
        for work in &unasked {
            work.stop.ask();
        }
        !unasked.is_empty()
    }

    fn has_run(&self) -> bool {
        self.interruptible().iter().any(|work| work.is_run)
    }

    /// Answers a Ctrl-C; returns whether the process ends at once.
    fn interrupt(&self) -> bool {
        let has_run = self.has_run();
        if !self.ask() {
            return true;
        }
        if has_run {
            // Not here: a terminal or a pipe may take nothing just then, and the next signal is to be heard all the same.
            std::thread::spawn(|| {
                note(format!("{WOULD}stopping{WOULD:#}: what runs comes to its end; Ctrl-C again stops at once"));
            });
        }
        false
    }

    /// Ends the process: its commands first, and the work that waits for them.
    fn end(&self, signal: i32) {
        let began = Instant::now();
        self.ask();
        self.ending.send_replace(Some(signal));
        running::end(GRACE);
        let mut progress = self.progress();
        progress.commands_have_ended = true;
        self.changed.notify_all();
        // The work has a moment to say how far it came, and another one to be dropped.
        let patience = (2 * PATIENCE + PATIENCE / 2).saturating_sub(began.elapsed());
        let waited = self.changed.wait_timeout_while(progress, patience, |progress| !progress.work_has_ended);
        let (progress, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if !progress.work_has_ended {
            std::process::exit(code(signal).into());
        }
    }
}

/// Listens to signals from now on, once for the process.
pub(crate) fn listen() {
    static LISTENING: OnceLock<()> = OnceLock::new();
    LISTENING.get_or_init(|| {
        let (ready, listening) = std::sync::mpsc::channel();
        let thread = std::thread::Builder::new().name("setup-tasks signals".to_owned());
        let started = thread.spawn(move || match tokio::runtime::Builder::new_current_thread().enable_all().build() {
            Ok(runtime) => runtime.block_on(answer(ready)),
            Err(error) => tracing::warn!("signals cannot be listened for: {error}"),
        });
        if let Err(error) = started {
            tracing::warn!("signals cannot be listened for: {error}");
        }
        // An error says that there is no such thread: signals do what they do by default.
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
    // Whoever waits for it is there until it comes.
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
                // Whoever stopped the process alone may have stopped its commands, too.
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

    /// ExecArgs long the bars may take to go from the terminal.
    const CLEARED: std::time::Duration = std::time::Duration::from_millis(200);

    /// A signal that is listened for.
    pub(super) struct Source(Option<Stream>);

    impl Source {
        /// Listens, unless the process was started with the signal ignored, as `nohup` does it: then it stays so.
        pub(super) fn new(wanted: Signal) -> Self {
            let is_ignored = ignored().is_some_and(|ignored| ignored >> (wanted.as_raw() - 1) & 1 == 1);
            // A signal that cannot be listened for does what it does by default.
            Self((!is_ignored).then(|| signal(SignalKind::from_raw(wanted.as_raw())).ok()).flatten())
        }

        pub(super) async fn next(&mut self) {
            match &mut self.0 {
                Some(stream) => drop(stream.recv().await),
                None => std::future::pending().await,
            }
        }
    }

    /// Returns the signals that the process ignores, a bit for each, where the system tells.
    fn ignored() -> Option<u64> {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
        u64::from_str_radix(mask.trim(), 16).ok()
    }

    /// Stops the commands and the process until it is continued.
    pub(super) async fn suspend(resume: &mut Source) {
        // Nobody could continue it. The system ignores the signal then, too, where nobody listens for it.
        if resume.0.is_none() || is_orphaned() {
            return;
        }
        // A terminal that takes nothing keeps its bars.
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

    /// Returns whether no process of the session could continue the process's group: a shell that does so is the parent of one of
    /// the group, and in another group.
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

    /// Returns the parent of another process, where the system tells.
    fn parent(pid: Pid) -> Option<Pid> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
        // The name of the program, in parentheses, may hold anything.
        let parent = stat.rsplit_once(") ")?.1.split(' ').nth(1)?;
        Pid::from_raw(parent.parse().ok()?)
    }
}
