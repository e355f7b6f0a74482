//! The lock of the machine: one controller changes it at a time.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat};
use rustix::io::Errno;

use super::call::OpenCall;
use crate::Result;
use crate::protocol::{Begin, Cause, Failure, ToController};

/// The time between two attempts to acquire the lock.
const INTERVAL: Duration = Duration::from_millis(50);
/// The greatest length of the description of a holder, in bytes.
const MAX_HOLDER: u64 = 1024;

/// The lock of a machine. Each change acquires it, and holds it to its end. The system frees it if the agent is killed.
pub(super) struct Lock {
    path: PathBuf,
    controller: String,
    wait: Duration,
}

/// The lock, held until this is dropped.
pub(super) struct Held(#[expect(dead_code, reason = "the open file is the lock")] File);

impl Lock {
    /// Creates the lock of the machine with this root. Agents of different users have different locks, since they cannot open a common file
    /// that others could not replace.
    pub(super) fn new(root: &Path, begin: &Begin) -> Self {
        let path = if root == Path::new("/") { lock_of_machine() } else { root.join(".setup-tasks.lock") };
        let controller = begin.controller.chars().filter(|c| !c.is_control()).take(200).collect();
        Self { path, controller, wait: Duration::from_millis(begin.lock_wait.into()) }
    }

    /// Acquires the lock.
    pub(super) fn acquire(&self, open: &OpenCall) -> Result<Held> {
        let tried = || format!("lock the machine by `{}`", self.path.display());
        let mut file = open_lock(&self.path).map_err(|error| Failure::new(tried(), error))?;
        let (deadline, mut announced) = (Instant::now() + self.wait, false);
        loop {
            match flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break,
                Err(Errno::WOULDBLOCK) => {}
                Err(error) => return Err(Failure::new(tried(), io::Error::from(error))),
            }
            let holder = holder(&mut file).map_err(|error| Failure::new(tried(), error))?;
            if open.cancel.is_cancelled() {
                return Err(Failure::new("begin the change", Cause::Cancelled));
            }
            if Instant::now() >= deadline {
                return Err(Failure::new("begin the change", Cause::Locked(holder)));
            }
            if !announced {
                open.send(&ToController::Waiting { id: open.id, holder });
                announced = true;
            }
            thread::sleep(INTERVAL);
        }
        describe(&mut file, &self.controller).map_err(|error| Failure::new(tried(), error))?;
        Ok(Held(file))
    }
}

fn lock_of_machine() -> PathBuf {
    let uid = rustix::process::geteuid();
    if uid.is_root() {
        return PathBuf::from("/run/setup-tasks-agent.lock");
    }
    let runtime = PathBuf::from(format!("/run/user/{}", uid.as_raw()));
    let home = || std::env::var_os("HOME").map(PathBuf::from);
    let directory = if runtime.is_dir() { Some(runtime) } else { home() };
    directory.unwrap_or_else(|| "/var/tmp".into()).join(format!(".setup-tasks-agent-{}.lock", uid.as_raw()))
}

/// Opens the file, unless it belongs to somebody else.
fn open_lock(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?;
    if fstat(&file)?.st_uid != rustix::process::geteuid().as_raw() {
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, "the file belongs to another user"));
    }
    Ok(file.into())
}

fn holder(file: &mut File) -> io::Result<String> {
    file.seek(SeekFrom::Start(0))?;
    let mut text = String::new();
    file.take(MAX_HOLDER).read_to_string(&mut text)?;
    Ok(if text.is_empty() { "another controller".into() } else { text })
}

fn describe(file: &mut File, controller: &str) -> io::Result<()> {
    file.set_len(0)?;
    file.seek(SeekFrom::Start(0))?;
    write!(file, "{controller}, through the agent {}", std::process::id())
}
