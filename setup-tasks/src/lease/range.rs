//! Locks on ranges of one file: one range per object, far behind the file's end, so that no object
//! needs a file.
//!
//! Each process has a slot: a byte that it keeps locked, and a record of itself. The range that it
//! locks for an object begins at a position that the hash of the object's subdir determines. The
//! range is one byte longer than the number of the process's slot. So other processes derive the
//! slot, and thereby the holder's record, from the length of a locked range. The locks belong to
//! the open file and not to the process (`fcntl_locking(2)`, open file description locks), so two
//! layouts of one process exclude each other, too.

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::process::ProcessRecord;
use crate::private_dir::{Creation, Identity, PrivateDir, identity, is_in_place};

/// The distance between the starts of two ranges. A range is shorter than that. Otherwise the
/// system would join it with the next one.
const STEP: i64 = 4096;
const SLOTS: u16 = 4095;
/// The number of bits of the hash that determine the position of an object's range. Among layouts
/// of 100,000 objects, about one in 200,000 has objects that share a position. Such objects wait for
/// each other.
const BITS: u32 = 50;
/// The length of a slot's record, which is JSON padded with spaces.
const RECORD: usize = 512;

/// The file, opened by one layout.
#[derive(Debug)]
pub(super) struct RangeLockFile {
    file: File,
    path: PathBuf,
    identity: Identity,
    slot: u16,
    /// The starts of the ranges that are locked through this open file. The system would grant each
    /// of them again.
    held: Mutex<HashSet<i64>>,
}

/// A range that is locked until this is dropped.
#[derive(Debug)]
pub(super) struct RangeLock {
    ranges: Arc<RangeLockFile>,
    start: i64,
}

impl RangeLockFile {
    /// Opens the file, creates it if it is missing, and claims a slot. Returns `None` if the system
    /// cannot lock ranges of the file.
    pub(super) fn open(directory: &PrivateDir, name: &str) -> io::Result<Option<Self>> {
        let file = directory.make_file(name, Creation::Write)?;
        let path = directory.path().join(name);
        for slot in 0..SLOTS {
            match lock(&file, libc::F_WRLCK, i64::from(slot), 1) {
                Ok(()) => return Self::claim_slot(file, path, slot).map(Some),
                Err(Errno::EAGAIN | Errno::EACCES) => {}
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other(format!("{SLOTS} processes use it at once")))
    }

    fn claim_slot(file: File, path: PathBuf, slot: u16) -> io::Result<Self> {
        let mut record = ProcessRecord::here().to_json().into_bytes();
        record.resize(RECORD - 1, b' ');
        record.push(b'\n');
        file.write_all_at(&record, offset(slot))?;
        let identity = identity(&file.metadata()?);
        Ok(Self { file, path, identity, slot, held: Mutex::default() })
    }

    /// Locks the range of an object. Returns `None` if it is locked.
    pub(super) fn take(self: &Arc<Self>, subdir: &str) -> io::Result<Option<RangeLock>> {
        let start = start(subdir);
        let mut held = self.held();
        if held.contains(&start) {
            return Ok(None);
        }
        match lock(&self.file, libc::F_WRLCK, start, i64::from(self.slot) + 1) {
            Ok(()) => {
                held.insert(start);
                Ok(Some(RangeLock { ranges: self.clone(), start }))
            }
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the process that has locked the range of an object, or `None` if the range is not
    /// locked.
    pub(super) fn holder(&self, subdir: &str) -> io::Result<Option<ProcessRecord>> {
        let start = start(subdir);
        if self.held().contains(&start) {
            return Ok(Some(ProcessRecord::here()));
        }
        let mut asked = range(libc::F_WRLCK, start, 1);
        fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut asked))?;
        if libc::c_int::from(asked.l_type) == libc::F_UNLCK {
            return Ok(None);
        }
        holder_of_length(&self.file, asked.l_len).map(Some)
    }

    /// Returns the path of the file and its identity.
    pub(super) fn identified(&self) -> (PathBuf, Identity) {
        (self.path.clone(), self.identity)
    }

    /// Returns whether the file was removed, moved or replaced. Other processes then lock ranges of another file.
    pub(super) fn is_gone(&self) -> bool {
        !is_in_place(&self.path, self.identity)
    }

    fn held(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RangeLock {
    pub(super) fn is_gone(&self) -> bool {
        self.ranges.is_gone()
    }

    pub(super) fn path(&self) -> &Path {
        &self.ranges.path
    }
}

impl Drop for RangeLock {
    fn drop(&mut self) {
        let mut held = self.ranges.held();
        if let Err(error) = lock(&self.ranges.file, libc::F_UNLCK, self.start, STEP - 1) {
            tracing::error!("cannot unlock an object, which stays locked until this process ends: {error}");
        }
        held.remove(&self.start);
    }
}

/// Returns the holders of all locked ranges of the file, by the starts of the ranges.
pub(super) fn holders(file: &File) -> io::Result<HashMap<i64, ProcessRecord>> {
    let (mut held, mut unknown) = (HashMap::new(), vec![(STEP, i64::MAX)]);
    while let Some((from, to)) = unknown.pop() {
        let mut asked = range(libc::F_WRLCK, from, to - from);
        fcntl(file, FcntlArg::F_OFD_GETLK(&mut asked))?;
        if libc::c_int::from(asked.l_type) == libc::F_UNLCK {
            continue;
        }
        // The system reports any locked range in the region, not the first one.
        let end = asked.l_start.saturating_add(asked.l_len);
        held.insert(asked.l_start, holder_of_length(file, asked.l_len)?);
        unknown.extend([(from, asked.l_start), (end, to)].into_iter().filter(|(from, to)| from < to));
    }
    Ok(held)
}

/// Returns the process whose slot a locked range of this length belongs to.
fn holder_of_length(file: &File, length: i64) -> io::Result<ProcessRecord> {
    let mut record = [0; RECORD];
    let slot = u16::try_from(length - 1).unwrap_or(SLOTS);
    match file.read_exact_at(&mut record, offset(slot)) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(ProcessRecord::parse(&record)),
    }
}

pub(super) fn start(subdir: &str) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(subdir.as_bytes()).as_bytes()[..8]);
    // The bytes of the slots are before all ranges.
    STEP + (u64::from_le_bytes(first) >> (u64::BITS - BITS)).cast_signed() * STEP
}

fn offset(slot: u16) -> u64 {
    u64::from(slot) * RECORD as u64
}

fn lock(file: &File, kind: i32, start: i64, length: i64) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&range(kind, start, length))).map(drop)
}

#[expect(clippy::cast_possible_truncation, reason = "the system's constants, which are declared wider than its fields")]
fn range(kind: i32, start: i64, length: i64) -> libc::flock {
    let (l_type, l_whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
    libc::flock { l_type, l_whence, l_start: start, l_len: length, l_pid: 0 }
}
