//! One run of an object at a time, across processes: a file that the system unlocks when its holder ends.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
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
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(source)) => return Err(io(source)),
                Err(TryLockError::WouldBlock) => {}
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
        sign(&mut file).map_err(io)?;
        Ok(Self { _file: file })
    }
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

fn sign(file: &mut File) -> io::Result<()> {
    let host = gethostname::gethostname().to_string_lossy().into_owned();
    let text = serde_json::to_vec(&Holder { version: VERSION, pid: std::process::id(), host })?;
    file.rewind()?;
    file.set_len(0)?;
    file.write_all(&text)
}

fn describe(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut text));
    match read.ok().and_then(|_| serde_json::from_str::<Holder>(&text).ok()) {
        Some(Holder { pid, host, .. }) => format!("process {pid} on {host}"),
        // It took the lock and has not signed yet.
        None => "another process".to_owned(),
    }
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

    #[test]
    fn subdirs_never_share_a_lock() {
        let cache = Path::new("cache");
        let paths: std::collections::HashSet<_> = ["a/b", "a%2Fb", "a%b", "a"].map(|s| path(cache, s)).into();
        assert_eq!(paths.len(), 4);
        assert!(path(cache, &"x/".repeat(500)).file_name().unwrap().len() < 100);
    }
}
