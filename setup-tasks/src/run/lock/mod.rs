//! One run of an object at a time, across processes: a lock that the system takes from its holder when that ends.

mod file;
mod holder;
mod locks;
#[cfg(test)]
#[expect(dead_code, reason = "that it compiles, wherever it is needed")]
mod no_range;
#[cfg_attr(not(all(target_os = "linux", target_pointer_width = "64")), path = "no_range.rs")]
mod range;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

pub(crate) use holder::this_process;
pub use locks::Broken;
pub(crate) use locks::Locks;
use locks::{Lock, Tried};

/// Why the lock of an object cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process held it for the whole of the configured time.
    #[error("`{object}` is being run by {holder} since before {waited:?} ago{doing}\nhelp: wait for it to end or stop it, and run again; `lock_timeout_secs` in the configuration sets how long to wait", waited = Duration::from_secs(waited.as_secs()))]
    Held {
        /// The object's id.
        object: String,
        /// The holder, as far as it is known.
        holder: String,
        /// How long this run waited.
        waited: Duration,
        /// What the holder does, as the rest of the sentence; empty if that is not known.
        doing: String,
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
    /// Nothing of the object may change now, since this is a dry run.
    #[error("the lock of `{object}` stays: this is a dry run\nhelp: leave out `dry_run` in the configuration")]
    DryRun {
        /// The object's id.
        object: String,
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
    _lock: Lock,
}

impl ObjectLock {
    /// Takes the lock, if it is free; else says who holds it.
    pub(crate) fn try_acquire(
        locks: &Locks,
        (_object, subdir): (&str, &str),
    ) -> Result<Result<Self, String>, LockError> {
        match locks.try_lock(subdir) {
            Ok(Tried::Locked(lock)) => Ok(Ok(Self { _lock: lock })),
            Ok(Tried::Held(holder)) => Ok(Err(holder.to_string())),
            Err(source) => Err(LockError::Io { path: locks.place(subdir), source }),
        }
    }
}

/// Breaks the lock of an object whose holder is on another machine, which may be gone for good: a file system that machines
/// share may keep its locks. A holder on this machine is alive as long as its lock is.
pub(crate) fn break_lock(locks: &Locks, (object, subdir): (&str, &str)) -> Result<Broken, LockError> {
    match locks.break_lock(subdir) {
        Ok(Ok(broken)) => Ok(broken),
        Ok(Err(holder)) => Err(LockError::Alive { object: object.to_owned(), holder: holder.to_string() }),
        Err(source) => Err(LockError::Io { path: locks.place(subdir), source }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Instant;

    use super::*;

    const NAMES: (&str, &str) = ("gw", "hosts/gw");

    /// The locks of a process: ranges, and files as where there are none.
    fn kinds() -> [fn(&Path) -> Locks; 2] {
        [Locks::new, Locks::of_files]
    }

    /// Takes the lock, or says who held it for the whole time.
    async fn acquire(locks: &Locks, timeout: Duration) -> Result<ObjectLock, String> {
        let since = Instant::now();
        loop {
            match ObjectLock::try_acquire(locks, NAMES).unwrap() {
                Err(holder) if since.elapsed() >= timeout => return Err(holder),
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
                Ok(lock) => return Ok(lock),
            }
        }
    }

    #[tokio::test]
    async fn a_held_lock_says_who_holds_it() {
        for kind in kinds() {
            let cache = tempfile::tempdir().unwrap();
            let (own, other) = (kind(cache.path()), kind(cache.path()));
            let held = acquire(&own, Duration::ZERO).await.unwrap();
            for locks in [&own, &other] {
                let holder = acquire(locks, Duration::from_millis(20)).await.unwrap_err();
                let me = format!("process {} on ", std::process::id());
                assert!(holder.starts_with(&me), "{holder}");
            }
            drop(held);
            acquire(&other, Duration::ZERO).await.unwrap();
            acquire(&own, Duration::ZERO).await.unwrap();
        }
    }

    #[tokio::test]
    async fn a_lock_of_another_machine_can_be_broken_and_one_of_this_machine_cannot() {
        let gone = r#"{"version":1,"pid":7,"host":"a machine that is gone"}"#;
        for kind in kinds() {
            let cache = tempfile::tempdir().unwrap();
            let mut dead = kind(cache.path());
            assert_eq!(break_lock(&dead, NAMES).unwrap(), Broken::Free);
            // A range first, then the file that is in its place.
            for _ in 0..2 {
                let held = acquire(&dead, Duration::ZERO).await.unwrap();
                let here = kind(cache.path());
                let error = break_lock(&here, NAMES).unwrap_err().to_string();
                assert!(error.contains("is alive: its lock stays"), "{error}");

                // As a machine that died while it held it left it, on a disk that both have.
                std::fs::write(here.place(NAMES.1), format!("{gone:<512}")).unwrap();
                let waiting = tokio::spawn({
                    let waiter = kind(cache.path());
                    async move { acquire(&waiter, Duration::from_secs(20)).await.map(drop) }
                });
                tokio::task::yield_now().await;
                let broken = break_lock(&here, NAMES).unwrap();
                assert_eq!(broken, Broken::Was("process 7 on a machine that is gone".to_owned()));
                let next = acquire(&here, Duration::ZERO).await.unwrap();
                // Whoever waited for the old lock does not take it for the lock.
                drop(held);
                tokio::time::sleep(Duration::from_millis(300)).await;
                assert!(!waiting.is_finished());
                drop(next);
                waiting.await.unwrap().unwrap();
                assert_eq!(break_lock(&here, NAMES).unwrap(), Broken::Free);
                dead = here;
            }
        }
    }

    #[tokio::test]
    async fn an_object_has_one_holder_at_a_time_whoever_asks() {
        for kind in kinds() {
            let cache = tempfile::tempdir().unwrap();
            let processes: Vec<_> = (0..6).map(|_| kind(cache.path())).collect();
            let holders = [const { AtomicU32::new(0) }; 3];
            std::thread::scope(|scope| {
                // Two threads of each.
                for locks in processes.iter().chain(&processes) {
                    scope.spawn(|| {
                        for turn in 0..300 {
                            let object = turn % holders.len();
                            let Ok(Tried::Locked(lock)) = locks.try_lock(&format!("hosts/{object}")) else { continue };
                            assert_eq!(holders[object].fetch_add(1, Ordering::SeqCst), 0);
                            std::thread::yield_now();
                            holders[object].fetch_sub(1, Ordering::SeqCst);
                            drop(lock);
                        }
                    });
                }
            });
        }
    }

    #[tokio::test]
    async fn where_the_file_was_removed_locks_are_of_the_next() {
        let cache = tempfile::tempdir().unwrap();
        let (old, new) = (Locks::new(cache.path()), Locks::new(cache.path()));
        acquire(&old, Duration::ZERO).await.unwrap();
        std::fs::remove_dir_all(cache.path()).unwrap();
        let held = acquire(&new, Duration::ZERO).await.unwrap();
        acquire(&old, Duration::ZERO).await.unwrap_err();
        drop(held);
        acquire(&old, Duration::ZERO).await.unwrap();
    }

    #[test]
    fn subdirs_never_share_a_lock() {
        let locks = Locks::new(Path::new("cache"));
        let paths: std::collections::HashSet<_> = ["a/b", "a%2Fb", "a%b", "a"].map(|s| locks.path(s)).into();
        assert_eq!(paths.len(), 4);
        assert!(locks.path(&"x/".repeat(500)).file_name().unwrap().len() < 100);
    }
}
