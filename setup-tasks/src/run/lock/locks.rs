//! The locks of a layout's objects: ranges of one file, and a file for each that cannot be one.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::file::FileLock;
use super::holder::Holder;
use super::range::{Range, Ranges};
use crate::paths::RESERVED;

#[derive(Debug)]
pub(crate) struct Locks {
    directory: PathBuf,
    ranges: Mutex<Known>,
}

/// What is known of the file of ranges.
#[derive(Debug, Default)]
enum Known {
    #[default]
    Nothing,
    /// The system cannot lock ranges of it.
    Useless,
    Open(Arc<Ranges>),
}

/// What became of one try.
pub(super) enum Tried {
    Locked(Lock),
    Held(Holder),
}

/// Dropped, it is unlocked.
#[derive(Debug)]
pub(super) enum Lock {
    #[expect(dead_code, reason = "locked for as long as it is there")]
    Range(Range),
    #[expect(dead_code, reason = "locked for as long as it is there")]
    File(FileLock),
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

impl Locks {
    pub(crate) fn new(cache_dir: &Path) -> Self {
        Self { directory: cache_dir.join(RESERVED), ranges: Mutex::default() }
    }

    /// As where the system cannot lock ranges.
    #[cfg(test)]
    pub(super) fn of_files(cache_dir: &Path) -> Self {
        Self { ranges: Mutex::new(Known::Useless), ..Self::new(cache_dir) }
    }

    /// The file whose ranges are locks.
    pub(super) fn ranges_path(&self) -> PathBuf {
        self.directory.join("objects.lock")
    }

    /// The file that is an object's lock where a range is none: the subdir in one component, or its hash where that would
    /// be too long for a file's name.
    pub(super) fn path(&self, subdir: &str) -> PathBuf {
        let mut name = subdir.replace('%', "%25").replace('/', "%2F");
        if name.len() > 200 {
            name = blake3::hash(subdir.as_bytes()).to_hex().to_string();
        }
        self.directory.join("locks").join(name + ".lock")
    }

    /// The file that is to blame where the lock of an object cannot be had.
    pub(super) fn place(&self, subdir: &str) -> PathBuf {
        let path = self.path(subdir);
        let is_useless = matches!(*self.known(), Known::Useless);
        if is_useless || path.exists() { path } else { self.ranges_path() }
    }

    pub(super) fn try_lock(&self, subdir: &str) -> io::Result<Tried> {
        let path = self.path(subdir);
        loop {
            let tried = match self.ranges()? {
                None => try_file(FileLock::open(&path)?)?,
                Some(ranges) => {
                    let range = ranges.take(subdir)?;
                    // Looked for afterwards: whoever finds none here had the range before it was broken.
                    match FileLock::find(&path)? {
                        Some(file) => try_file(file)?,
                        None => self.try_range(&ranges, range, subdir)?,
                    }
                }
            };
            if let Some(tried) = tried {
                return Ok(tried);
            }
        }
    }

    /// `None` if it is free again, or no lock any more, since its file was removed.
    fn try_range(&self, ranges: &Arc<Ranges>, range: Option<Range>, subdir: &str) -> io::Result<Option<Tried>> {
        let Some(range) = range else { return Ok(ranges.holder(subdir)?.map(Tried::Held)) };
        if ranges.is_gone() {
            self.forget(ranges);
            return Ok(None);
        }
        Ok(Some(Tried::Locked(Lock::Range(range))))
    }

    fn ranges(&self) -> io::Result<Option<Arc<Ranges>>> {
        let mut known = self.known();
        if let Known::Nothing = *known {
            *known = Ranges::open(&self.ranges_path())?.map_or(Known::Useless, |ranges| Known::Open(Arc::new(ranges)));
        }
        Ok(if let Known::Open(ranges) = &*known { Some(ranges.clone()) } else { None })
    }

    fn forget(&self, gone: &Arc<Ranges>) {
        let mut known = self.known();
        if matches!(&*known, Known::Open(ranges) if Arc::ptr_eq(ranges, gone)) {
            *known = Known::Nothing;
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.ranges.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Breaks the lock of an object whose holder is on another machine. `Err` is a holder on this one.
    pub(super) fn break_lock(&self, subdir: &str) -> io::Result<Result<Broken, Holder>> {
        let path = self.path(subdir);
        let ranges = if self.ranges_path().try_exists()? { self.ranges()? } else { None };
        let holder = match (FileLock::find(&path)?, ranges) {
            (Some(file), _) if file.take()? => None,
            (Some(file), _) => Some(file.holder()?),
            (None, Some(ranges)) => ranges.holder(subdir)?,
            (None, None) => None,
        };
        let Some(holder) = holder else { return Ok(Ok(Broken::Free)) };
        if !holder.is_elsewhere() {
            return Ok(Err(holder));
        }
        FileLock::replace(&path)?;
        Ok(Ok(Broken::Was(holder.to_string())))
    }
}

/// `None` if it was broken meanwhile, whoever held it.
fn try_file(file: FileLock) -> io::Result<Option<Tried>> {
    let is_locked = file.take()?;
    if file.is_gone() {
        return Ok(None);
    }
    Ok(Some(if is_locked { Tried::Locked(Lock::File(file)) } else { Tried::Held(file.holder()?) }))
}
