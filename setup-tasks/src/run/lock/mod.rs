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

use crate::private_dir::help;

pub(crate) use holder::this_process;
pub use locks::LockBreak;
pub(crate) use locks::Locks;
use locks::{Kept, Lock, Tried};

/// Why the lock of an object cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Another process held it for the whole of the configured time.
    #[error("`{object}` has been locked by {holder} for at least {}{doing}\nhelp: wait for it to end or stop it, and run again; `lock_timeout_secs` in the configuration sets how long to wait", crate::text::rough_duration(*waited))]
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
        "`{object}` is locked by {holder}, which is alive, so the lock stays\nhelp: wait for it to end, or stop it; its lock goes with it"
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
    /// Nothing proves that the holder has ended: its lock is not broken.
    #[error(
        "`{object}` is locked by {holder}, and nothing seen from here proves that it has ended: its lock stays\nhelp: {help}"
    )]
    Unknown {
        /// The object's id.
        object: String,
        /// The holder.
        holder: String,
        /// What to do.
        help: String,
    },
    /// The file of the lock is not where it was when the lock was taken.
    #[error("the lock of `{object}`, `{}`, was removed, moved or replaced while the run held it: another process may have run the object at the same time\nhelp: run again, and leave the files of the runtime alone while something runs", path.display())]
    Moved {
        /// The object's id.
        object: String,
        /// The lock's file.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("cannot lock `{}`\nhelp: {}", path.display(), help(source))]
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
    lock: Lock,
}

impl ObjectLock {
    /// Takes the lock, if it is free; else says who holds it.
    pub(crate) fn try_acquire(
        locks: &Locks,
        (_object, subdir): (&str, &str),
    ) -> Result<Result<Self, String>, LockError> {
        match locks.try_lock(subdir) {
            Ok(Tried::Locked(lock)) => Ok(Ok(Self { lock })),
            Ok(Tried::Held(holder)) => Ok(Err(holder.to_string())),
            Err(source) => Err(LockError::Io { path: locks.place(subdir), source }),
        }
    }

    /// Refuses a lock that another process may have, too, since its file was removed or moved meanwhile.
    pub(crate) fn check(&self, locks: &Locks, (object, subdir): (&str, &str)) -> Result<(), LockError> {
        if self.lock.is_gone() {
            return Err(LockError::Moved { object: object.to_owned(), path: locks.place(subdir) });
        }
        Ok(())
    }
}

/// Breaks the lock of an object whose holder has ended: a file system that machines share may keep its locks. `gone` names a
/// machine that the user knows to be gone; from here nothing proves that.
pub(crate) fn break_lock(
    locks: &Locks,
    (object, subdir): (&str, &str),
    gone: Option<&str>,
) -> Result<LockBreak, LockError> {
    let object = object.to_owned();
    match locks.break_lock(subdir, gone) {
        Ok(Ok(broken)) => Ok(broken),
        Ok(Err(Kept::Alive(holder))) => Err(LockError::Alive { object, holder: holder.to_string() }),
        Ok(Err(Kept::Unknown(holder))) => {
            let help = match holder.host().filter(|host| holder.is_elsewhere_on(host)) {
                Some(host) => format!("if you know that {host} is gone for good, say so with `unlock --gone {host}`"),
                None => "it may be in a container on this machine: stop it there; its lock goes with it".to_owned(),
            };
            Err(LockError::Unknown { object, holder: holder.to_string(), help })
        }
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

    /// Breaks a lock that a holder has that is dead or on a machine that is gone, with somebody waiting for it.
    async fn a_lock_is_broken(gone: Option<&str>, record: String, shown: &str) {
        for kind in kinds() {
            let cache = tempfile::tempdir().unwrap();
            let mut dead = kind(cache.path());
            assert_eq!(break_lock(&dead, NAMES, gone).unwrap(), LockBreak::NotHeld);
            // A range first, then the file that is in its place.
            for _ in 0..2 {
                let held = acquire(&dead, Duration::ZERO).await.unwrap();
                let here = kind(cache.path());
                let error = break_lock(&here, NAMES, gone).unwrap_err().to_string();
                assert!(error.contains("is alive, so the lock stays"), "{error}");

                // As its holder left it on a disk that keeps locks.
                std::fs::write(here.place(NAMES.1), format!("{record:<512}")).unwrap();
                if gone.is_some() {
                    for other in [None, Some("another machine")] {
                        let error = break_lock(&here, NAMES, other).unwrap_err().to_string();
                        assert!(error.contains("its lock stays") && error.contains("unlock --gone web"), "{error}");
                    }
                }
                let waiting = tokio::spawn({
                    let waiter = kind(cache.path());
                    async move { acquire(&waiter, Duration::from_secs(20)).await.map(drop) }
                });
                tokio::task::yield_now().await;
                let broken = break_lock(&here, NAMES, gone).unwrap();
                assert_eq!(broken, LockBreak::Broken(shown.to_owned()));
                let next = acquire(&here, Duration::ZERO).await.unwrap();
                // Whoever waited for the old lock does not take it for the lock.
                drop(held);
                tokio::time::sleep(Duration::from_millis(300)).await;
                assert!(!waiting.is_finished());
                drop(next);
                waiting.await.unwrap().unwrap();
                assert_eq!(break_lock(&here, NAMES, gone).unwrap(), LockBreak::NotHeld);
                dead = here;
            }
        }
    }

    #[tokio::test]
    async fn a_lock_of_another_machine_is_broken_if_it_is_said_to_be_gone() {
        let record = r#"{"version":2,"pid":7,"host":"web","boot":"another","pid_namespace":"pid:[1]","started":1}"#;
        a_lock_is_broken(Some("web"), record.to_owned(), "process 7 on web").await;
        // As the first version signed.
        let record = r#"{"version":1,"pid":7,"host":"web"}"#;
        a_lock_is_broken(Some("web"), record.to_owned(), "process 7 on web").await;
    }

    #[tokio::test]
    async fn a_lock_of_a_process_that_has_ended_is_broken() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        let own = String::from_utf8(holder::Holder::signature().unwrap()).unwrap();
        let (mine, its) = (format!("\"pid\":{}", std::process::id()), format!("\"pid\":{}", child.id()));
        let shown =
            holder::Holder::here().to_string().replace(&std::process::id().to_string(), &child.id().to_string());
        a_lock_is_broken(None, own.replace(&mine, &its), &shown).await;
    }

    #[tokio::test]
    async fn a_lock_of_a_container_on_this_machine_stays_whatever_is_said() {
        for kind in kinds() {
            let cache = tempfile::tempdir().unwrap();
            let container = kind(cache.path());
            let _held = acquire(&container, Duration::ZERO).await.unwrap();
            let here = kind(cache.path());
            let own = String::from_utf8(std::fs::read(here.place(NAMES.1)).unwrap()).unwrap();
            let mut record: serde_json::Value = serde_json::from_str(own.trim()).unwrap();
            record["host"] = "web".into();
            record["pid_namespace"] = "pid:[1]".into();
            // A number that nobody has here.
            record["pid"] = 4_000_000.into();
            std::fs::write(here.place(NAMES.1), format!("{:<512}", record.to_string())).unwrap();
            for gone in [None, Some("web")] {
                let error = break_lock(&here, NAMES, gone).unwrap_err();
                let text = error.to_string();
                assert!(matches!(error, LockError::Unknown { .. }) && text.contains("container"), "{text}");
            }
            acquire(&here, Duration::ZERO).await.unwrap_err();
        }
    }

    #[tokio::test]
    async fn a_lock_whose_file_is_removed_moved_or_replaced_says_so() {
        for kind in kinds() {
            for change in ["remove", "move", "replace"] {
                let cache = tempfile::tempdir().unwrap();
                let locks = kind(cache.path());
                let held = acquire(&locks, Duration::ZERO).await.unwrap();
                held.check(&locks, NAMES).unwrap();
                let path = locks.place(NAMES.1);
                match change {
                    "remove" => std::fs::remove_file(&path).unwrap(),
                    "move" => std::fs::rename(&path, cache.path().join("moved")).unwrap(),
                    _ => {
                        std::fs::copy(&path, cache.path().join("copy")).unwrap();
                        std::fs::rename(cache.path().join("copy"), &path).unwrap();
                    }
                }
                let error = held.check(&locks, NAMES).unwrap_err();
                assert!(matches!(error, LockError::Moved { .. }), "{change}");
                assert!(error.to_string().contains("was removed, moved or replaced"), "{error}");
                // The next lock is of the file that is there then.
                drop(held);
                let next = acquire(&locks, Duration::ZERO).await.unwrap();
                next.check(&locks, NAMES).unwrap();
                acquire(&kind(cache.path()), Duration::ZERO).await.unwrap_err();
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
