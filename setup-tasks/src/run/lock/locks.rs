//! The locks of a layout's objects: ranges of one file, and a file for each that cannot be one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file::FileLock;
use super::holder::{Holder, Life};
use super::range::{Range, Ranges};
use crate::private_dir::PrivateDir;
use crate::private_dir::RESERVED;

/// The file whose ranges are locks.
const RANGES: &str = "objects.lock";
/// The directory of the files that are locks.
const FILES: &str = "locks";

/// How often a lock is tried that is free again or not in its place each time.
const TRIES: u32 = 1000;

#[derive(Debug)]
pub(crate) struct Locks {
    cache_dir: PathBuf,
    opened: Mutex<Option<Arc<Opened>>>,
    /// As where the system cannot lock ranges.
    #[cfg(test)]
    of_files: bool,
}

/// The directory of locks and the file of ranges, as long as they are in place.
#[derive(Debug)]
struct Opened {
    directory: PrivateDir,
    /// `None` if the system cannot lock ranges of it.
    ranges: Option<Arc<Ranges>>,
}

/// What became of one try.
pub(super) enum Tried {
    Locked(Lock),
    Held(Holder),
}

/// Dropped, it is unlocked.
#[derive(Debug)]
pub(super) enum Lock {
    Range(Range),
    File(FileLock),
}

impl Lock {
    /// Returns whether another process may have the lock, too, since its file is not in its place any more.
    pub(super) fn is_gone(&self) -> bool {
        match self {
            Self::Range(range) => range.is_gone(),
            Self::File(file) => file.is_gone(),
        }
    }
}

/// The result of breaking a lock.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LockBreak {
    /// No process held it.
    NotHeld,
    /// This process held it; the lock is free now.
    Broken(String),
}

/// Why a lock was not broken.
#[derive(Debug)]
pub(super) enum Kept {
    /// Its holder is alive.
    Alive(Holder),
    /// Nothing proves that its holder has ended.
    Unknown(Holder),
}

impl Opened {
    fn find(&self, name: &str) -> io::Result<Option<FileLock>> {
        self.directory.find(FILES)?.map_or(Ok(None), |files| FileLock::find(&files, name))
    }
}

impl Locks {
    pub(crate) fn new(cache_dir: &Path) -> Self {
        Self {
            cache_dir: cache_dir.to_owned(),
            opened: Mutex::default(),
            #[cfg(test)]
            of_files: false,
        }
    }

    /// As where the system cannot lock ranges.
    #[cfg(test)]
    pub(super) fn of_files(cache_dir: &Path) -> Self {
        Self { of_files: true, ..Self::new(cache_dir) }
    }

    /// The file whose ranges are locks.
    pub(super) fn ranges_path(&self) -> PathBuf {
        self.cache_dir.join(RESERVED).join(RANGES)
    }

    /// The file that is an object's lock where a range is none: the subdir in one component, or its hash where that would
    /// be too long for a file's name.
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

    /// The file that is to blame where the lock of an object cannot be had.
    pub(super) fn place(&self, subdir: &str) -> PathBuf {
        let path = self.path(subdir);
        let is_useless = self.known().as_ref().is_some_and(|opened| opened.ranges.is_none());
        if is_useless || path.exists() { path } else { self.ranges_path() }
    }

    pub(super) fn try_lock(&self, subdir: &str) -> io::Result<Tried> {
        let name = Self::name(subdir);
        for _ in 0..TRIES {
            let opened = self.open()?;
            let tried = match &opened.ranges {
                None => try_file(FileLock::open(&opened.directory.make(FILES)?, &name)?)?,
                Some(ranges) => {
                    let range = ranges.take(subdir)?;
                    // Looked for afterwards: whoever finds none here had the range before it was broken.
                    match opened.find(&name)? {
                        Some(file) => try_file(file)?,
                        None => try_range(ranges, range, subdir)?,
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

    fn open(&self) -> io::Result<Arc<Opened>> {
        let mut known = self.known();
        if let Some(opened) = &*known {
            return Ok(opened.clone());
        }
        let directory = PrivateDir::create(&self.cache_dir)?.make(RESERVED)?;
        #[cfg(test)]
        let ranges = if self.of_files { None } else { Ranges::open(&directory, RANGES)? };
        #[cfg(not(test))]
        let ranges = Ranges::open(&directory, RANGES)?;
        Ok(known.insert(Arc::new(Opened { directory, ranges: ranges.map(Arc::new) })).clone())
    }

    fn forget_if_gone(&self, opened: &Arc<Opened>) {
        let is_gone = opened.ranges.as_ref().is_some_and(|ranges| ranges.is_gone());
        let mut known = self.known();
        if (is_gone || !opened.directory.is_in_place()) && known.as_ref().is_some_and(|now| Arc::ptr_eq(now, opened)) {
            *known = None;
        }
    }

    fn known(&self) -> MutexGuard<'_, Option<Arc<Opened>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Breaks the lock of an object if its holder has ended, or is on a machine that is said to be gone.
    pub(super) fn break_lock(&self, subdir: &str, gone: Option<&str>) -> io::Result<Result<LockBreak, Kept>> {
        if PrivateDir::open(&self.cache_dir.join(RESERVED))?.is_none() {
            return Ok(Ok(LockBreak::NotHeld));
        }
        let (opened, name) = (self.open()?, Self::name(subdir));
        let holder = match (opened.find(&name)?, &opened.ranges) {
            (Some(file), _) if file.take()? => None,
            (Some(file), _) => Some(file.holder()?),
            (None, Some(ranges)) => ranges.holder(subdir)?,
            (None, None) => None,
        };
        let Some(holder) = holder else { return Ok(Ok(LockBreak::NotHeld)) };
        match holder.life() {
            Life::Alive => return Ok(Err(Kept::Alive(holder))),
            Life::Unknown if !gone.is_some_and(|host| holder.is_elsewhere_on(host)) => {
                return Ok(Err(Kept::Unknown(holder)));
            }
            Life::Unknown | Life::Dead => {}
        }
        FileLock::replace(&opened.directory.make(FILES)?, &name)?;
        Ok(Ok(LockBreak::Broken(holder.to_string())))
    }
}

/// `None` if it is free again, or no lock any more, since its file was removed.
fn try_range(ranges: &Arc<Ranges>, range: Option<Range>, subdir: &str) -> io::Result<Option<Tried>> {
    let Some(range) = range else { return Ok(ranges.holder(subdir)?.map(Tried::Held)) };
    Ok(if ranges.is_gone() { None } else { Some(Tried::Locked(Lock::Range(range))) })
}

/// `None` if it was broken meanwhile, whoever held it.
fn try_file(file: FileLock) -> io::Result<Option<Tried>> {
    let is_locked = file.take()?;
    if file.is_gone() {
        return Ok(None);
    }
    Ok(Some(if is_locked { Tried::Locked(Lock::File(file)) } else { Tried::Held(file.holder()?) }))
}
