//! Leases based on file locks: ranges of one file, or one file per object where ranges cannot be
//! locked.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::lock_file::LockFile;
use super::process::{Life, ProcessRecord};
use super::range::{self, RangeLock, RangeLockFile};
use super::{Acquired, Answer, Holder, Lease, LeaseBreak, LeaseError, Leases};
use crate::private_dir::{Access, FilesInPlace, PrivateDir, RESERVED};
use crate::stamp::{Fence, MaybeReady};

/// The file whose ranges are locks.
const RANGES: &str = "objects.lock";
/// The directory of the files that are locks.
const FILES: &str = "locks";

/// The number of attempts to lock. An attempt fails if the lock was released meanwhile, or if its
/// file is not in its place.
const TRIES: u32 = 1000;

/// Leases based on file locks under the cache directory. The operating system releases a lock when
/// its process ends, even if the process is killed. So these leases need no renewal and no fence.
#[derive(Debug)]
pub struct FileLeases {
    cache_dir: PathBuf,
    opened: Mutex<Option<Arc<Opened>>>,
    /// Whether to use one file per object, as on systems that cannot lock ranges.
    #[cfg(test)]
    of_files: bool,
}

/// The directory of locks and the file of ranges, for as long as both are in place.
#[derive(Debug)]
struct Opened {
    directory: PrivateDir,
    /// The file of ranges, or `None` if the system cannot lock its ranges.
    ranges: Option<Ranges>,
}

/// The file of ranges, and the check that it is in its place and no lock is a file of its own.
#[derive(Debug)]
struct Ranges {
    file: Arc<RangeLockFile>,
    alone: FilesInPlace,
}

/// The result of one attempt to lock.
pub(super) enum TryLock {
    Locked(Lock),
    Held(ProcessRecord),
}

/// A lock that is released when this is dropped.
#[derive(Debug)]
pub(super) enum Lock {
    Range(RangeLock),
    File(LockFile),
}

impl Lock {
    /// Returns whether the lock's file is not in its place any more. Another process may then hold
    /// the lock, too.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Range(range) => range.is_gone(),
            Self::File(file) => file.is_gone(),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Range(range) => range.path(),
            Self::File(file) => file.path(),
        }
    }
}

/// The reason why a lock was not broken.
#[derive(Debug)]
enum NotBroken {
    /// The holder is alive.
    Alive(ProcessRecord),
    /// Nothing proves that the holder has ended.
    Unknown(ProcessRecord),
}

impl Opened {
    fn find(&self, name: &str) -> io::Result<Option<LockFile>> {
        self.directory.find(FILES)?.map_or(Ok(None), |files| LockFile::find(&files, name))
    }
}

impl FileLeases {
    /// Returns leases in a cache directory. The first lease creates the directory.
    pub fn new(cache_dir: impl Into<PathBuf>) -> Self {
        Self {
            cache_dir: crate::fs::absolute(cache_dir.into()),
            opened: Mutex::default(),
            #[cfg(test)]
            of_files: false,
        }
    }

    /// Returns leases with one file per object, as on systems that cannot lock ranges.
    #[cfg(test)]
    pub(super) fn of_files(cache_dir: &Path) -> Self {
        Self { of_files: true, ..Self::new(cache_dir) }
    }

    /// Returns the path of the file whose ranges are locks.
    pub(super) fn ranges_path(&self) -> PathBuf {
        self.cache_dir.join(RESERVED).join(RANGES)
    }

    /// Returns the name of the file that serves as an object's lock where ranges cannot be locked.
    /// The name is the subdir in one component, or its hash if the subdir is too long for a file
    /// name.
    fn name(subdir: &str) -> String {
        let mut name = subdir.replace('%', "%25").replace('/', "%2F");
        if name.len() > 200 {
            name = blake3::hash(subdir.as_bytes()).to_hex().to_string();
        }
        name + ".lock"
    }

    pub(super) fn path(&self, subdir: &str) -> PathBuf {
        self.cache_dir.join(RESERVED).join(FILES).join(Self::name(subdir))
    }

    /// Returns the file of an object's lock.
    pub(super) fn place(&self, subdir: &str) -> PathBuf {
        let path = self.path(subdir);
        let is_useless = self.known().as_ref().is_some_and(|opened| opened.ranges.is_none());
        if is_useless || path.exists() { path } else { self.ranges_path() }
    }

    pub(super) fn try_lock(&self, subdir: &str) -> io::Result<TryLock> {
        let name = Self::name(subdir);
        for _ in 0..TRIES {
            let opened = self.open()?;
            let tried = match &opened.ranges {
                None => try_file(LockFile::open(&opened.directory.make(FILES)?, &name)?)?,
                Some(Ranges { file: ranges, alone }) => {
                    // The file is looked up second. So a process that finds no file has locked the
                    // range before its lock could be broken.
                    match ranges.take(subdir)? {
                        Some(range) if alone.check() => Some(TryLock::Locked(Lock::Range(range))),
                        range => match opened.find(&name)? {
                            Some(file) => try_file(file)?,
                            None => try_range(ranges, range, subdir)?,
                        },
                    }
                }
            };
            if let Some(tried) = tried {
                return Ok(tried);
            }
            self.forget_if_gone(&opened);
        }
        Err(io::Error::other("it is removed or replaced again and again"))
    }

    fn refused(&self, object: &str, source: io::Error) -> LeaseError {
        LeaseError::Io { object: object.to_owned(), path: self.place(object), source }
    }

    fn open(&self) -> io::Result<Arc<Opened>> {
        let mut known = self.known();
        if let Some(opened) = &*known {
            return Ok(opened.clone());
        }
        let directory = PrivateDir::create(&self.cache_dir)?.make(RESERVED)?;
        #[cfg(test)]
        let ranges = if self.of_files { None } else { RangeLockFile::open(&directory, RANGES)? };
        #[cfg(not(test))]
        let ranges = RangeLockFile::open(&directory, RANGES)?;
        let ranges = ranges.map(|file| Ranges {
            alone: FilesInPlace::new(directory.path(), vec![file.identified()]).without(FILES),
            file: Arc::new(file),
        });
        Ok(known.insert(Arc::new(Opened { directory, ranges })).clone())
    }

    fn forget_if_gone(&self, opened: &Arc<Opened>) {
        let is_gone = opened.ranges.as_ref().is_some_and(|ranges| ranges.file.is_gone());
        let mut known = self.known();
        if (is_gone || !opened.directory.is_in_place()) && known.as_ref().is_some_and(|now| Arc::ptr_eq(now, opened)) {
            *known = None;
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Arc<Opened>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the process that has locked an object, or `None` if it is not locked.
    fn record(&self, opened: &Opened, subdir: &str) -> io::Result<Option<ProcessRecord>> {
        match (opened.find(&Self::name(subdir))?, &opened.ranges) {
            (Some(file), _) if file.take()? => Ok(None),
            (Some(file), _) => file.holder().map(Some),
            (None, Some(ranges)) => ranges.file.holder(subdir),
            (None, None) => Ok(None),
        }
    }

    /// Returns the processes that have locked the objects, in the order of the objects. Creates and
    /// changes nothing on disk.
    fn records(&self, objects: &[&str]) -> io::Result<Vec<Option<ProcessRecord>>> {
        let none = || objects.iter().map(|_| None).collect();
        let Some(directory) = PrivateDir::open(&self.cache_dir.join(RESERVED))? else { return Ok(none()) };
        let files = directory.find(FILES)?;
        let names: HashSet<_> = files.as_ref().map_or(Ok(Vec::new()), PrivateDir::names)?.into_iter().collect();
        let ranges = directory.find_file(RANGES, Access::Read)?;
        let held = ranges.map_or(Ok(HashMap::new()), |file| range::holders(&file))?;
        if names.is_empty() && held.is_empty() {
            return Ok(none());
        }
        let record = |object: &&str| -> io::Result<Option<ProcessRecord>> {
            let name = Self::name(object);
            match &files {
                // A file takes the place of the range.
                Some(files) if names.contains(OsStr::new(&name)) => LockFile::record(files, &name),
                _ => Ok(held.get(&range::start(object)).cloned()),
            }
        };
        objects.iter().map(record).collect()
    }

    /// Returns the opened directory, or `None` if it is missing.
    fn existing(&self) -> io::Result<Option<Arc<Opened>>> {
        PrivateDir::open(&self.cache_dir.join(RESERVED))?.map(|_| self.open()).transpose()
    }

    /// Breaks the lock of an object if its holder has ended, or is on a machine that the user knows to be gone.
    fn break_lock(&self, subdir: &str, gone: Option<&str>) -> io::Result<Result<LeaseBreak, NotBroken>> {
        let Some(opened) = self.existing()? else { return Ok(Ok(LeaseBreak::NotHeld)) };
        let Some(holder) = self.record(&opened, subdir)? else { return Ok(Ok(LeaseBreak::NotHeld)) };
        match holder.life() {
            Life::Alive => return Ok(Err(NotBroken::Alive(holder))),
            Life::Unknown if !gone.is_some_and(|host| holder.is_elsewhere_on(host)) => {
                return Ok(Err(NotBroken::Unknown(holder)));
            }
            Life::Unknown | Life::Dead => {}
        }
        LockFile::replace(&opened.directory.make(FILES)?, &Self::name(subdir))?;
        Ok(Ok(LeaseBreak::Broken(holder.to_string())))
    }
}

impl Leases for FileLeases {
    fn acquire<'a>(&'a self, object: &'a str) -> Answer<'a, Acquired> {
        MaybeReady::ready(match self.try_lock(object) {
            Ok(TryLock::Locked(lock)) => {
                Ok(Acquired::Lease(Box::new(FileLease { object: object.to_owned(), lock: Mutex::new(Some(lock)) })))
            }
            Ok(TryLock::Held(record)) => Ok(Acquired::Held(Holder::new(record.to_string()))),
            Err(source) => Err(self.refused(object, source)),
        })
    }

    fn holder<'a>(&'a self, object: &'a str) -> Answer<'a, Option<Holder>> {
        let record = self.existing().and_then(|opened| opened.map_or(Ok(None), |opened| self.record(&opened, object)));
        let holder = record.map(|record| record.map(|record| Holder::new(record.to_string())));
        MaybeReady::ready(holder.map_err(|source| self.refused(object, source)))
    }

    fn holders<'a>(&'a self, objects: &'a [&'a str]) -> Answer<'a, Vec<Option<Holder>>> {
        let named = |record: Option<ProcessRecord>| record.map(|record| Holder::new(record.to_string()));
        let records = self.records(objects).map(|records| records.into_iter().map(named).collect());
        MaybeReady::ready(records.map_err(|source| self.refused(objects.first().copied().unwrap_or_default(), source)))
    }

    fn break_lease<'a>(&'a self, object: &'a str, gone: Option<&'a str>) -> Answer<'a, LeaseBreak> {
        let named = object.to_owned();
        MaybeReady::ready(match self.break_lock(object, gone) {
            Ok(Ok(broken)) => Ok(broken),
            Ok(Err(NotBroken::Alive(holder))) => Err(LeaseError::Alive { object: named, holder: holder.to_string() }),
            Ok(Err(NotBroken::Unknown(holder))) => {
                let help = match holder.host().filter(|host| holder.is_elsewhere_on(host)) {
                    Some(host) => {
                        format!("if you know that {host} is gone for good, say so with `unlock --gone {host}`")
                    }
                    None => {
                        "it may be in a container on this machine: stop it there; its lease goes with it".to_owned()
                    }
                };
                Err(LeaseError::Unknown { object: named, holder: holder.to_string(), help })
            }
            Err(source) => Err(self.refused(object, source)),
        })
    }
}

/// A lease that lasts as long as its lock.
#[derive(Debug)]
struct FileLease {
    object: String,
    lock: Mutex<Option<Lock>>,
}

impl FileLease {
    fn lock(&self) -> MutexGuard<'_, Option<Lock>> {
        self.lock.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease for FileLease {
    /// Returns `None`, because the operating system grants the lock to nobody else while this
    /// process can write.
    fn fence(&self) -> Option<Fence> {
        None
    }

    /// Returns an error if the lock's file was removed or moved meanwhile. Another process may then
    /// hold the lock, too.
    fn renew(&self) -> Answer<'_, ()> {
        let lost = |lock: &Lock| {
            let detail = format!("`{}` was removed, moved or replaced while the run used it", lock.path().display());
            LeaseError::Lost { object: self.object.clone(), detail }
        };
        MaybeReady::ready(self.lock().as_ref().filter(|lock| lock.is_gone()).map_or(Ok(()), |lock| Err(lost(lock))))
    }

    fn release(&self) {
        self.lock().take();
    }
}

/// Returns the result of locking a range, or `None` if the range was released meanwhile or its file
/// was removed.
fn try_range(ranges: &Arc<RangeLockFile>, range: Option<RangeLock>, subdir: &str) -> io::Result<Option<TryLock>> {
    let Some(range) = range else { return Ok(ranges.holder(subdir)?.map(TryLock::Held)) };
    Ok(if ranges.is_gone() { None } else { Some(TryLock::Locked(Lock::Range(range))) })
}

/// Tries to lock a file. Returns `None` if the lock was broken meanwhile.
fn try_file(file: LockFile) -> io::Result<Option<TryLock>> {
    let is_locked = file.take()?;
    if file.is_gone() {
        return Ok(None);
    }
    Ok(Some(if is_locked { TryLock::Locked(Lock::File(file)) } else { TryLock::Held(file.holder()?) }))
}
