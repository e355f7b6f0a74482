//! Tests of exclusive leases, and of leases whose holders have ended.

use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use futures_util::FutureExt;

use super::files::TryLock;
use super::lock_file::LockFile;
use super::process::ProcessRecord;
use super::*;
use crate::private_dir::PrivateDir;

const OBJECT: &str = "hosts/gw";

fn break_lease(leases: &FileLeases, gone: Option<&str>) -> Result<LeaseBreak, LeaseError> {
    leases.break_lease(OBJECT, gone).now_or_never().unwrap()
}

/// Returns the constructors of leases: with ranges, and with files as on systems without ranges.
fn kinds() -> [fn(&Path) -> FileLeases; 2] {
    [|cache| FileLeases::new(cache), FileLeases::of_files]
}

/// Takes the lease, or returns its holder after the timeout.
async fn acquire(leases: &FileLeases, timeout: Duration) -> Result<HeldLease, String> {
    let (since, id) = (Instant::now(), "gw".into());
    loop {
        match super::acquire(leases, &Renewals::default(), (&id, OBJECT)).await.unwrap() {
            Err(holder) if since.elapsed() >= timeout => return Err(holder.to_string()),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            Ok(lease) => return Ok(lease),
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
            let holder = acquire(locks, Duration::from_millis(20)).await.err().unwrap();
            let me = format!("process {} on ", std::process::id());
            assert!(holder.starts_with(&me), "{holder}");
        }
        drop(held);
        acquire(&other, Duration::ZERO).await.unwrap();
        acquire(&own, Duration::ZERO).await.unwrap();
    }
}

/// Breaks the lock of a holder that is dead or on a machine that is gone, while another process
/// waits for the lock.
async fn a_lock_is_broken(gone: Option<&str>, record: String, shown: &str) {
    for kind in kinds() {
        let cache = tempfile::tempdir().unwrap();
        let mut dead = kind(cache.path());
        assert_eq!(break_lease(&dead, gone).unwrap(), LeaseBreak::NotHeld);
        // The first lock is a range, and the second is the file that replaced it.
        for _ in 0..2 {
            let held = acquire(&dead, Duration::ZERO).await.unwrap();
            let here = kind(cache.path());
            let error = break_lease(&here, gone).unwrap_err().to_string();
            assert!(error.contains("is alive, so it stays"), "{error}");

            // A disk that keeps locks is left in this state.
            std::fs::write(here.place(OBJECT), format!("{record:<512}")).unwrap();
            if gone.is_some() {
                for other in [None, Some("another machine")] {
                    let error = crate::error::explain(&break_lease(&here, other).unwrap_err());
                    assert!(error.contains("its lease stays") && error.contains("unlock --gone web"), "{error}");
                }
            }
            let waiting = tokio::spawn({
                let waiter = kind(cache.path());
                async move { acquire(&waiter, Duration::from_secs(20)).await.map(drop) }
            });
            tokio::task::yield_now().await;
            let broken = break_lease(&here, gone).unwrap();
            assert_eq!(broken, LeaseBreak::Broken(shown.to_owned()));
            let next = acquire(&here, Duration::ZERO).await.unwrap();
            // A process that waited for the old lock does not acquire the new one.
            drop(held);
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(!waiting.is_finished());
            drop(next);
            waiting.await.unwrap().unwrap();
            assert_eq!(break_lease(&here, gone).unwrap(), LeaseBreak::NotHeld);
            dead = here;
        }
    }
}

#[tokio::test]
async fn a_lock_of_another_machine_is_broken_if_it_is_said_to_be_gone() {
    let record = r#"{"version":2,"pid":7,"host":"web","boot":"another","pid_namespace":"pid:[1]","started":1}"#;
    a_lock_is_broken(Some("web"), record.to_owned(), "process 7 on web").await;
    // A record of the first version.
    let record = r#"{"version":1,"pid":7,"host":"web"}"#;
    a_lock_is_broken(Some("web"), record.to_owned(), "process 7 on web").await;
}

#[tokio::test]
async fn a_lock_of_a_process_that_has_ended_is_broken() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    let own = ProcessRecord::here().to_json();
    let (mine, its) = (format!("\"pid\":{}", std::process::id()), format!("\"pid\":{}", child.id()));
    let shown = ProcessRecord::here().to_string().replace(&std::process::id().to_string(), &child.id().to_string());
    a_lock_is_broken(None, own.replace(&mine, &its), &shown).await;
}

#[tokio::test]
async fn a_lock_of_a_container_on_this_machine_stays_whatever_is_said() {
    for kind in kinds() {
        let cache = tempfile::tempdir().unwrap();
        let container = kind(cache.path());
        let _held = acquire(&container, Duration::ZERO).await.unwrap();
        let here = kind(cache.path());
        let own = String::from_utf8(std::fs::read(here.place(OBJECT)).unwrap()).unwrap();
        let mut record: serde_json::Value = serde_json::from_str(own.trim()).unwrap();
        record["host"] = "web".into();
        record["pid_namespace"] = "pid:[1]".into();
        // No process has this id.
        record["pid"] = 4_000_000.into();
        std::fs::write(here.place(OBJECT), format!("{:<512}", record.to_string())).unwrap();
        for gone in [None, Some("web")] {
            let error = break_lease(&here, gone).unwrap_err();
            let text = crate::error::explain(&error);
            assert!(matches!(error, LeaseError::Unknown { .. }) && text.contains("container"), "{text}");
        }
        acquire(&here, Duration::ZERO).await.err().unwrap();
    }
}

#[tokio::test]
async fn a_lock_whose_file_is_removed_moved_or_replaced_says_so() {
    for kind in kinds() {
        for change in ["remove", "move", "replace"] {
            let cache = tempfile::tempdir().unwrap();
            let locks = kind(cache.path());
            let held = acquire(&locks, Duration::ZERO).await.unwrap();
            held.check().await.unwrap();
            let path = locks.place(OBJECT);
            match change {
                "remove" => std::fs::remove_file(&path).unwrap(),
                "move" => std::fs::rename(&path, cache.path().join("moved")).unwrap(),
                _ => {
                    std::fs::copy(&path, cache.path().join("copy")).unwrap();
                    std::fs::rename(cache.path().join("copy"), &path).unwrap();
                }
            }
            let error = held.check().await.unwrap_err();
            assert!(matches!(*error, LeaseError::Lost { .. }), "{change}");
            assert!(error.to_string().contains("was removed, moved or replaced"), "{error}");
            // The next lock uses the file that is in the place now.
            drop(held);
            let next = acquire(&locks, Duration::ZERO).await.unwrap();
            next.check().await.unwrap();
            acquire(&kind(cache.path()), Duration::ZERO).await.err().unwrap();
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
            // Each process has two threads.
            for locks in processes.iter().chain(&processes) {
                scope.spawn(|| {
                    for turn in 0..300 {
                        let object = turn % holders.len();
                        let Ok(TryLock::Locked(lock)) = locks.try_lock(&format!("hosts/{object}")) else { continue };
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
    let (old, new) = (FileLeases::new(cache.path()), FileLeases::new(cache.path()));
    acquire(&old, Duration::ZERO).await.unwrap();
    std::fs::remove_dir_all(cache.path()).unwrap();
    let held = acquire(&new, Duration::ZERO).await.unwrap();
    acquire(&old, Duration::ZERO).await.err().unwrap();
    drop(held);
    acquire(&old, Duration::ZERO).await.unwrap();
}

#[test]
fn subdirs_never_share_a_lock() {
    let locks = FileLeases::new(Path::new("cache"));
    let paths: std::collections::HashSet<_> = ["a/b", "a%2Fb", "a%b", "a"].map(|s| locks.path(s)).into();
    assert_eq!(paths.len(), 4);
    assert!(locks.path(&"x/".repeat(500)).file_name().unwrap().len() < 100);
}

#[tokio::test]
async fn the_holders_of_many_objects_are_found_without_a_trace_on_disk() {
    for kind in kinds() {
        let cache = tempfile::tempdir().unwrap();
        let viewer = kind(cache.path());
        let objects: Vec<_> = (0..200).map(|number| format!("hosts/{number}")).collect();
        let names: Vec<_> = objects.iter().map(String::as_str).collect();
        let held_now = || {
            let holders = viewer.holders(&names).now_or_never().unwrap().unwrap();
            assert_eq!(holders.len(), objects.len());
            let me = format!("process {} on ", std::process::id());
            assert!(holders.iter().flatten().all(|holder| holder.name.starts_with(&me)));
            (0..objects.len()).filter(|&number| holders[number].is_some()).collect::<Vec<_>>()
        };
        assert!(held_now().is_empty());
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0, "nothing is created");
        let processes = [kind(cache.path()), kind(cache.path()), kind(cache.path())];
        let mut held = Vec::new();
        for number in (0..objects.len()).step_by(3) {
            let TryLock::Locked(lock) = processes[number % 2].try_lock(names[number]).unwrap() else { panic!("free") };
            held.push((number, lock));
        }
        assert_eq!(held_now(), held.iter().map(|(number, _)| *number).collect::<Vec<_>>());
        held.retain(|(number, _)| number % 2 == 0);
        assert_eq!(held_now(), held.iter().map(|(number, _)| *number).collect::<Vec<_>>());
        // A broken lock is a file of its own from then on.
        LockFile::replace(
            &files_in(cache.path()),
            &FileLeases::new("").path(names[1]).file_name().unwrap().to_string_lossy(),
        )
        .unwrap();
        let TryLock::Locked(lock) = processes[2].try_lock(names[1]).unwrap() else { panic!("free") };
        held.insert(1, (1, lock));
        assert_eq!(held_now(), held.iter().map(|(number, _)| *number).collect::<Vec<_>>());
        held.clear();
        assert!(held_now().is_empty());
    }
}

/// Returns the directory of locks that are files.
fn files_in(cache: &Path) -> PrivateDir {
    PrivateDir::create(&cache.join(".setup-tasks/locks")).unwrap()
}

/// Leases with a time to live whose second renewal finds them taken over.
#[derive(Default)]
struct Lossy;

struct LossyLease(AtomicU32);

impl Leases for Lossy {
    fn acquire<'a>(&'a self, _: &'a str) -> Answer<'a, Acquired> {
        MaybeReady::ready(Ok(Acquired::Lease(Box::new(LossyLease(AtomicU32::new(0))))))
    }

    fn holder<'a>(&'a self, _: &'a str) -> Answer<'a, Option<Holder>> {
        MaybeReady::ready(Ok(None))
    }

    fn break_lease<'a>(&'a self, _: &'a str, _: Option<&'a str>) -> Answer<'a, LeaseBreak> {
        MaybeReady::ready(Ok(LeaseBreak::NotHeld))
    }

    fn renew_every(&self) -> Option<Duration> {
        Some(Duration::from_millis(1))
    }
}

impl Lease for LossyLease {
    fn fence(&self) -> Option<Fence> {
        Some(Fence(7))
    }

    fn renew(&self) -> Answer<'_, ()> {
        let is_lost = self.0.fetch_add(1, Ordering::Relaxed) > 0;
        let lost = || LeaseError::Lost { object: OBJECT.to_owned(), detail: "it was taken over".to_owned() };
        MaybeReady::pending(async move { if is_lost { Err(lost()) } else { Ok(()) } })
    }

    fn release(&self) {}
}

#[tokio::test]
async fn a_session_begins_no_task_after_its_lease_was_lost() {
    let (renewals, id) = (Renewals::default(), "gw".into());
    let held = super::acquire(&Lossy, &renewals, (&id, OBJECT)).await.unwrap().ok().unwrap();
    assert_eq!(held.fence(), Some(Fence(7)));
    let since = Instant::now();
    let lost = loop {
        match held.begin_task("mount") {
            Ok(()) => assert!(since.elapsed() < Duration::from_secs(30), "nobody renews the lease"),
            Err(lost) => break lost,
        }
        tokio::task::yield_now().await;
    };
    assert!(lost.to_string().starts_with("the lease of `gw` was lost: it was taken over"), "{lost}");
    assert!(held.check().await.is_err(), "it stays lost");
}
