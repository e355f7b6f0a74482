//! The commands that run now, all over the process: a signal that stops, continues or ends the process does the same to them.
//!
//! Commands have sessions of their own, so the signals that a terminal sends reach the process alone. The command line of
//! `setup-tasks-cli` passes them on with the functions of this module; a binary with signal handlers of its own calls them, too.

#[cfg(target_os = "linux")]
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// How often [`end`] looks whether the commands have ended: the system tells a process about its children alone, and not about what
/// these started.
const LOOK: Duration = Duration::from_millis(5);
/// How long [`end`] waits for what it killed.
const KILLED: Duration = Duration::from_secs(1);

/// Commands start under the read lock. Under the write lock, the set is complete and stays so.
static GATE: RwLock<Gate> = RwLock::new(Gate { is_closed: false });
/// The leaders of the commands' process groups.
static LEADERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

#[derive(Debug)]
struct Gate {
    is_closed: bool,
}

/// Stopped commands: they continue when this is dropped. Until then, no other command starts.
#[derive(Debug)]
#[must_use = "the commands continue when this is dropped"]
pub struct Suspended(#[expect(dead_code, reason = "it is held")] RwLockWriteGuard<'static, Gate>);

/// Stops every command that runs, with all that it started.
pub fn suspend() -> Suspended {
    let gate = GATE.write().unwrap_or_else(PoisonError::into_inner);
    signal_all(Signal::Stop);
    Suspended(gate)
}

impl Drop for Suspended {
    fn drop(&mut self) {
        resume();
    }
}

/// Continues every command that was stopped.
pub fn resume() {
    signal_all(Signal::Continue);
}

/// Ends every command that runs, with all that it started, and starts no other from then on: for a process that is about to end.
/// Commands are asked to end first, and killed after the time of grace.
///
/// A task whose command is ended so never learns of it: what waits for the command waits for ever. So no task takes a command that
/// was cut off for one that did its work, and the task counts as interrupted.
pub fn end(grace: Duration) {
    GATE.write().unwrap_or_else(PoisonError::into_inner).is_closed = true;
    signal_all(Signal::Ask);
    // One that was stopped could not answer.
    signal_all(Signal::Continue);
    if !have_ended(grace) {
        signal_all(Signal::Kill);
        have_ended(KILLED);
    }
}

/// Waits until no command runs any more; returns whether that came true in time.
fn have_ended(limit: Duration) -> bool {
    let since = Instant::now();
    loop {
        leaders().retain(|leader| is_alive(*leader));
        if leaders().is_empty() {
            return true;
        }
        if since.elapsed() >= limit {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

/// The right to start a command.
pub(super) struct Start(RwLockReadGuard<'static, Gate>);

/// A command that is known to run. It is forgotten when this is dropped.
pub(super) struct Running(i32);

impl Start {
    /// Waits while commands are suspended.
    ///
    /// # Errors
    ///
    /// If the process is about to end.
    pub(super) fn new() -> io::Result<Self> {
        let gate = GATE.read().unwrap_or_else(PoisonError::into_inner);
        if gate.is_closed {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "the process is about to end"));
        }
        Ok(Self(gate))
    }

    /// Enters a command that has been started, by the number of its process, which is its group's, too.
    pub(super) fn enter(self, pid: Option<u32>) -> Option<Running> {
        let leader = pid.and_then(|pid| i32::try_from(pid).ok())?;
        leaders().insert(leader);
        drop(self.0);
        Some(Running(leader))
    }
}

impl Running {
    pub(super) fn signal(&self, signal: Signal) {
        send(self.0, signal);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // One that the end of the process ends must stay known until it is gone.
        if !is_closed() {
            leaders().remove(&self.0);
            forget(self.0);
        }
    }
}

/// Returns whether the process is about to end: what becomes of commands is not up to their tasks any more.
pub(super) fn is_closed() -> bool {
    GATE.read().unwrap_or_else(PoisonError::into_inner).is_closed
}

/// Follows a command. Where the process is about to end, its task does not learn how the command ended.
pub(super) async fn unless_ending<T>(command: impl Future<Output = T>) -> T {
    let ended = command.await;
    if is_closed() {
        std::future::pending::<()>().await;
    }
    ended
}

#[derive(Clone, Copy)]
pub(super) enum Signal {
    Ask,
    Kill,
    Stop,
    Continue,
}

fn leaders() -> MutexGuard<'static, BTreeSet<i32>> {
    LEADERS.lock().unwrap_or_else(PoisonError::into_inner)
}

fn signal_all(signal: Signal) {
    let all: Vec<_> = leaders().iter().copied().collect();
    for leader in all {
        send(leader, signal);
    }
}

#[cfg(unix)]
fn send(leader: i32, signal: Signal) {
    use rustix::process::{Pid, Signal as Number, kill_process_group};
    let number = match signal {
        Signal::Ask => Number::TERM,
        Signal::Kill => Number::KILL,
        Signal::Stop => Number::STOP,
        Signal::Continue => Number::CONT,
    };
    let groups = groups(leader).unwrap_or_else(|| BTreeSet::from([leader]));
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // An error says that nobody is left in it.
        let _ = kill_process_group(group, number);
    }
}

#[cfg(not(unix))]
fn send(_leader: i32, _signal: Signal) {}

/// Returns whether a process of a command is left.
#[cfg(unix)]
fn is_alive(leader: i32) -> bool {
    use rustix::process::{Pid, WaitOptions, test_kill_process_group, waitpid};
    if let Some(groups) = groups(leader) {
        return !groups.is_empty();
    }
    let Some(pid) = Pid::from_raw(leader) else { return false };
    // One that has ended and was not waited for counts as a process of its group.
    let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    test_kill_process_group(pid).is_ok()
}

#[cfg(not(unix))]
fn is_alive(_leader: i32) -> bool {
    false
}

/// A process that has not ended, as `/proc/PID/stat` describes it.
#[cfg(target_os = "linux")]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
    /// When it began: a number is given again once its process is gone.
    began: u64,
}

/// Processes of a command that were seen, by the command's leader. One may leave the session at any moment, and its ancestors may end
/// before it: then nothing else tells that it belongs to the command.
#[cfg(target_os = "linux")]
static SEEN: Mutex<BTreeMap<i32, BTreeSet<(i32, u64)>>> = Mutex::new(BTreeMap::new());

/// Returns the process groups of a command in which something runs: its own, those that it made within its session, as a shell with
/// job control or `timeout` does, and those of descendants that made a session of their own. Returns `None` where the system does not
/// list its processes.
#[cfg(target_os = "linux")]
fn groups(leader: i32) -> Option<BTreeSet<i32>> {
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let mut others: Vec<_> = entries
        .filter(|entry| entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit))
        // One that has ended since has no such file.
        .filter_map(|entry| Process::parse(&std::fs::read_to_string(entry.path().join("stat")).ok()?))
        .collect();
    let mut seen = SEEN.lock().unwrap_or_else(PoisonError::into_inner);
    let seen = seen.entry(leader).or_default();
    let (mut pids, mut groups) = (BTreeSet::from([leader]), BTreeSet::new());
    loop {
        let (own, rest): (Vec<_>, Vec<_>) = others.into_iter().partition(|process| {
            [process.group, process.session].contains(&leader)
                || pids.contains(&process.parent)
                || seen.contains(&(process.pid, process.began))
        });
        if own.is_empty() {
            return Some(groups);
        }
        others = rest;
        seen.extend(own.iter().map(|process| (process.pid, process.began)));
        pids.extend(own.iter().map(|process| process.pid));
        groups.extend(own.iter().map(|process| process.group));
    }
}

/// Forgets the processes of a command.
#[cfg(target_os = "linux")]
fn forget(leader: i32) {
    SEEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&leader);
}

#[cfg(not(target_os = "linux"))]
fn forget(_leader: i32) {}

#[cfg(all(unix, not(target_os = "linux")))]
fn groups(_leader: i32) -> Option<BTreeSet<i32>> {
    None
}

#[cfg(target_os = "linux")]
impl Process {
    /// Reads the line. The name of the program, in parentheses, may hold anything. Returns `None` of a process that has ended.
    fn parse(stat: &str) -> Option<Self> {
        /// How many fields stand between the session and the time of the beginning.
        const BETWEEN: usize = 15;
        let pid = stat.split_once(' ')?.0.parse().ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split_whitespace();
        if matches!(fields.next()?, "Z" | "X") {
            return None;
        }
        let mut number = || fields.next()?.parse().ok();
        let (parent, group, session) = (number()?, number()?, number()?);
        Some(Self { pid, parent, group, session, began: fields.nth(BETWEEN)?.parse().ok()? })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn processes_are_read_whatever_a_program_is_called() {
        let read = |stat: &str| {
            Process::parse(stat)
                .map(|process| (process.pid, process.parent, process.group, process.session, process.began))
        };
        let rest = "0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 5555 9";
        assert_eq!(read(&format!("7 (a) b) S 1 8 9 {rest}")), Some((7, 1, 8, 9, 5555)));
        assert_eq!(read(&format!("7 (a) Z 1 8 9 {rest}")), None);
        assert_eq!(read("broken"), None);
    }
}
