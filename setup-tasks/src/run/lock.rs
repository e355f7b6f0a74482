//! One run of an object at a time, across processes: a file that the system unlocks when its holder ends.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::paths::RESERVED;

const VERSION: u32 = 1;
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(200);

/// Why the lock of an object cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process held it for the whole of the configured time.
    #[error("`{object}` is being run by {holder} since before {waited:?} ago\nhelp: wait for it to end or stop it, and run again; `lock_timeout_secs` in the configuration sets how long to wait", waited = Duration::from_secs(waited.as_secs()))]
    Held {
        /// The object's id.
        object: String,
        /// The holder, as far as it is known.
        holder: String,
        /// How long this run waited.
        waited: Duration,
    },
    /// The holder is alive on this machine: its lock is not broken.
    #[error(
        "`{object}` is being run by {holder}, which is alive: its lock stays\nhelp: wait for it to end, or stop it; its lock goes with it"
    )]
    Alive {
        /// The object's id.
        object: String,
        /// The holder.
        holder: String,
    },
    /// The operating system refused.
    #[error("cannot lock `{}`\nhelp: check that the cache directory is on a writable disk and belongs to the user who runs this", path.display())]
    Io {
        /// The lock's file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// The lock of one object; dropping it unlocks.
#[derive(Debug)]
pub(crate) struct ObjectLock {
    _file: File,
}

/// Who holds a lock, as the lock's file says in JSON.
#[derive(Serialize, Deserialize)]
struct Holder {
    version: u32,
    pid: u32,
    host: String,
}

impl ObjectLock {
    /// Takes the lock, waiting for at most `timeout`; `waiting` is told once for whom.
    pub(crate) async fn acquire(
        cache_dir: &Path,
        (object, subdir): (&str, &str),
        timeout: Duration,
        mut waiting: impl FnMut(&str),
    ) -> Result<Self, LockError> {
        let path = path(cache_dir, subdir);
        let io = |source| LockError::Io { path: path.clone(), source };
        let mut file = open(&path).map_err(io)?;
        let since = Instant::now();
        let mut told = false;
        let mut wait = FIRST_WAIT;
        loop {
            let is_locked = match file.try_lock() {
                Err(TryLockError::Error(source)) => return Err(io(source)),
                locked => locked.is_ok(),
            };
            let Some(length) = length(&file) else {
                // It was broken meanwhile, whoever holds it: who comes next locks the new one.
                file = open(&path).map_err(io)?;
                continue;
            };
            if is_locked {
                sign(&mut file, length).map_err(io)?;
                return Ok(Self { _file: file });
            }
            let holder = describe(&mut file);
            let waited = since.elapsed();
            if waited >= timeout {
                return Err(LockError::Held { object: object.to_owned(), holder, waited });
            }
            if !told {
                waiting(&holder);
                told = true;
            }
            tokio::time::sleep(wait.min(timeout.saturating_sub(waited))).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }
}

/// What became of a lock that was to be broken.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Broken {
    /// Nobody holds it.
    Free,
    /// It was held by this one, and is no more.
    Was(String),
}

/// Breaks the lock of an object whose holder is on another machine, which may be gone for good: a file system that machines
/// share may keep its locks. A holder on this machine is alive as long as its lock is.
pub(crate) fn break_lock(cache_dir: &Path, (object, subdir): (&str, &str)) -> Result<Broken, LockError> {
    let path = path(cache_dir, subdir);
    let io = |source| LockError::Io { path: path.clone(), source };
    let mut file = match File::options().read(true).write(true).open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Broken::Free),
        opened => opened.map_err(io)?,
    };
    match file.try_lock() {
        Ok(()) => return Ok(Broken::Free),
        Err(TryLockError::Error(source)) => return Err(io(source)),
        Err(TryLockError::WouldBlock) => {}
    }
    let holder = describe(&mut file);
    let elsewhere = holder_of(&mut file).is_some_and(|holder| holder.host != host());
    if !elsewhere {
        return Err(LockError::Alive { object: object.to_owned(), holder });
    }
    // A new file has a new lock; the old one is held by nobody who will ever ask.
    fs::remove_file(&path).map_err(io)?;
    Ok(Broken::Was(holder))
}

/// How long the file is, if it is still at its place: one that was broken has no name any more.
#[cfg(unix)]
fn length(file: &File) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    file.metadata().ok().filter(|held| held.nlink() > 0).map(|held| held.len())
}

#[cfg(not(unix))]
fn length(file: &File) -> Option<u64> {
    file.metadata().ok().map(|held| held.len())
}

/// The lock's file: the subdir in one component, or its hash where that would be too long for a file's name.
fn path(cache_dir: &Path, subdir: &str) -> PathBuf {
    let mut name = subdir.replace('%', "%25").replace('/', "%2F");
    if name.len() > 200 {
        name = blake3::hash(subdir.as_bytes()).to_hex().to_string();
    }
    cache_dir.join(RESERVED).join("locks").join(name + ".lock")
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true).write(true).create(true).truncate(false);
    match options.open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(path.parent().unwrap_or(Path::new(".")))?;
            options.open(path)
        }
        opened => opened,
    }
}

fn sign(file: &mut File, length: u64) -> io::Result<()> {
    let text = serde_json::to_vec(&Holder { version: VERSION, pid: std::process::id(), host: host() })?;
    // A new one has nothing to be cut off.
    if length > 0 {
        file.rewind()?;
        file.set_len(0)?;
    }
    file.write_all(&text)
}

fn host() -> String {
    static HOST: OnceLock<String> = OnceLock::new();
    HOST.get_or_init(|| gethostname::gethostname().to_string_lossy().into_owned()).clone()
}

fn describe(file: &mut File) -> String {
    match holder_of(file) {
        Some(Holder { pid, host, .. }) => format!("process {pid} on {host}"),
        // It took the lock and has not signed yet.
        None => "another process".to_owned(),
    }
}

fn holder_of(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.rewind().and_then(|()| file.read_to_string(&mut text)).ok()?;
    serde_json::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn acquire(cache: &Path, timeout: Duration, waiting: impl FnMut(&str)) -> Result<ObjectLock, LockError> {
        ObjectLock::acquire(cache, ("gw", "hosts/gw"), timeout, waiting).await
    }

    #[tokio::test]
    async fn a_held_lock_is_an_error_that_names_its_holder() {
        let cache = tempfile::tempdir().unwrap();
        let held = acquire(cache.path(), Duration::ZERO, |_| {}).await.unwrap();
        let mut told = Vec::new();
        let error =
            acquire(cache.path(), Duration::from_millis(20), |who| told.push(who.to_owned())).await.unwrap_err();
        let me = format!("process {} on ", std::process::id());
        assert!(error.to_string().contains(&me), "{error}");
        assert!(told.len() == 1 && told[0].starts_with(&me), "{told:?}");
        drop(held);
        acquire(cache.path(), Duration::ZERO, |_| {}).await.unwrap();
    }

    #[tokio::test]
    async fn a_lock_of_another_machine_can_be_broken_and_one_of_this_machine_cannot() {
        let cache = tempfile::tempdir().unwrap();
        let names = ("gw", "hosts/gw");
        assert_eq!(break_lock(cache.path(), names).unwrap(), Broken::Free);
        let held = acquire(cache.path(), Duration::ZERO, |_| {}).await.unwrap();
        let error = break_lock(cache.path(), names).unwrap_err().to_string();
        assert!(error.contains("is alive: its lock stays"), "{error}");

        // As a machine that died while it held it left it, on a disk that both have.
        let path = path(cache.path(), names.1);
        fs::write(&path, r#"{"version":1,"pid":7,"host":"a machine that is gone"}"#).unwrap();
        let waiting = tokio::spawn({
            let cache = cache.path().to_owned();
            async move { acquire(&cache, Duration::from_secs(20), |_| {}).await.map(drop) }
        });
        tokio::task::yield_now().await;
        let broken = break_lock(cache.path(), names).unwrap();
        assert_eq!(broken, Broken::Was("process 7 on a machine that is gone".to_owned()));
        let next = acquire(cache.path(), Duration::ZERO, |_| {}).await.unwrap();
        // Whoever waited for the old file does not take it for the lock.
        drop(held);
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(!waiting.is_finished());
        drop(next);
        waiting.await.unwrap().unwrap();
    }

    #[test]
    fn subdirs_never_share_a_lock() {
        let cache = Path::new("cache");
        let paths: std::collections::HashSet<_> = ["a/b", "a%2Fb", "a%b", "a"].map(|s| path(cache, s)).into();
        assert_eq!(paths.len(), 4);
        assert!(path(cache, &"x/".repeat(500)).file_name().unwrap().len() < 100);
    }
}
