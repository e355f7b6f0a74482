//! The registry of the commands that run in this process. A signal that stops, continues or ends
//! the process is passed on to them.
//!
//! Each command has a session of its own, so the signals of a terminal reach only this process. The
//! command line of `setup-tasks-cli` passes them on with the functions of this module. A binary
//! with signal handlers of its own calls them itself.

#[cfg(target_os = "linux")]
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// The interval at which [`end`] checks whether the commands have ended. The system reports only
/// the end of a process's own children, and not the end of processes that these started.
const POLL_INTERVAL: Duration = Duration::from_millis(5);
/// The time for which [`end`] waits after it has killed the commands.
const KILL_WAIT: Duration = Duration::from_secs(1);

/// The gate for starting commands. Commands start under the read lock. Under the write lock, the
/// set of commands is complete and does not grow.
static GATE: RwLock<StartGate> = RwLock::new(StartGate { is_closed: false });
/// The leaders of the process groups of the running commands.
static LEADERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

#[derive(Debug)]
struct StartGate {
    is_closed: bool,
}

/// Suspended commands. They continue when this is dropped, and no other command starts before that.
#[derive(Debug)]
#[must_use = "the commands continue when this is dropped"]
pub struct Suspended(#[expect(dead_code, reason = "it is held")] RwLockWriteGuard<'static, StartGate>);

/// Stops every running command, with everything that it started.
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

/// Continues every stopped command.
pub fn resume() {
    signal_all(Signal::Continue);
}

/// Ends every running command, with everything that it started, and prevents further starts. This
/// is for a process that is about to end. Commands are asked to end first, and killed after the
/// grace period.
///
/// The task of such a command is never notified: its future waits forever. A task therefore never
/// mistakes a command that was cut off for a successful one, and counts as interrupted.
pub fn end(grace: Duration) {
    GATE.write().unwrap_or_else(PoisonError::into_inner).is_closed = true;
    signal_all(Signal::Terminate);
    // A stopped process cannot handle the request to end.
    signal_all(Signal::Continue);
    if !have_ended(grace) {
        signal_all(Signal::Kill);
        have_ended(KILL_WAIT);
    }
}

/// Waits until no command is running. Returns whether this happened within the limit.
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
        std::thread::sleep(POLL_INTERVAL);
    }
}

/// The permission to start a command.
pub(super) struct StartPermit(RwLockReadGuard<'static, StartGate>);

/// A registered command. Dropping it removes it from the registry.
pub(super) struct RegisteredCommand(i32);

impl StartPermit {
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

    /// Registers a started command by its process id, which is also the id of its process group.
    pub(super) fn register(self, pid: Option<u32>) -> Option<RegisteredCommand> {
        let leader = pid.and_then(|pid| i32::try_from(pid).ok())?;
        leaders().insert(leader);
        drop(self.0);
        Some(RegisteredCommand(leader))
    }
}

impl RegisteredCommand {
    pub(super) fn signal(&self, signal: Signal) {
        send(self.0, signal);
    }
}

impl Drop for RegisteredCommand {
    fn drop(&mut self) {
        // While the process ends, `end` has to find the command until it is gone.
        if !is_closed() {
            leaders().remove(&self.0);
            forget(self.0);
        }
    }
}

/// Returns whether the process is about to end. If so, [`end`] controls the commands and their
/// tasks do not.
pub(super) fn is_closed() -> bool {
    GATE.read().unwrap_or_else(PoisonError::into_inner).is_closed
}

/// Waits for a command. If the process is about to end, waits forever, so that the task is not
/// notified of the command's end.
pub(super) async fn unless_ending<T>(command: impl Future<Output = T>) -> T {
    let ended = command.await;
    if is_closed() {
        std::future::pending::<()>().await;
    }
    ended
}

#[derive(Clone, Copy)]
pub(super) enum Signal {
    Terminate,
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
        Signal::Terminate => Number::TERM,
        Signal::Kill => Number::KILL,
        Signal::Stop => Number::STOP,
        Signal::Continue => Number::CONT,
    };
    let groups = groups(leader).unwrap_or_else(|| BTreeSet::from([leader]));
    for group in groups.into_iter().filter_map(Pid::from_raw) {
        // An error means that the group is empty.
        let _ = kill_process_group(group, number);
    }
}

#[cfg(not(unix))]
fn send(_leader: i32, _signal: Signal) {}

/// Returns whether any process of a command is alive.
#[cfg(unix)]
fn is_alive(leader: i32) -> bool {
    use rustix::process::{Pid, WaitOptions, test_kill_process_group, waitpid};
    if let Some(groups) = groups(leader) {
        return !groups.is_empty();
    }
    let Some(pid) = Pid::from_raw(leader) else { return false };
    // A zombie counts as a process of its group, so it is waited for first.
    let _ = waitpid(Some(pid), WaitOptions::NOHANG);
    test_kill_process_group(pid).is_ok()
}

#[cfg(not(unix))]
fn is_alive(_leader: i32) -> bool {
    false
}

/// A live process, as `/proc/PID/stat` describes it.
#[cfg(target_os = "linux")]
struct Process {
    pid: i32,
    parent: i32,
    group: i32,
    session: i32,
    /// The start time, which tells apart processes that reuse an id.
    began: u64,
}

/// The processes of each command that were seen, by the command's leader. A process may leave the
/// session at any moment, and its ancestors may end before it. After that, only this record
/// connects it with the command.
#[cfg(target_os = "linux")]
static SEEN: Mutex<BTreeMap<i32, BTreeSet<(i32, u64)>>> = Mutex::new(BTreeMap::new());

/// Returns the process groups in which processes of a command are alive, or `None` if the system
/// does not list its processes.
///
/// These are the command's own group, the other groups in its session, and the groups of
/// descendants in sessions of their own. Shells with job control and `timeout` create groups in
/// their session.
#[cfg(target_os = "linux")]
fn groups(leader: i32) -> Option<BTreeSet<i32>> {
    let entries = std::fs::read_dir("/proc").ok()?.flatten();
    let mut others: Vec<_> = entries
        .filter(|entry| entry.file_name().as_encoded_bytes().first().is_some_and(u8::is_ascii_digit))
        // A process that has ended in the meantime has no such file.
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

/// Removes the record of a command's processes.
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
    /// Parses the line, or returns `None` for a process that has ended. The name of the program, in
    /// parentheses, may contain any characters.
    fn parse(stat: &str) -> Option<Self> {
        /// The number of fields between the session and the start time.
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
