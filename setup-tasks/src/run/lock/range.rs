//! Locks that are ranges of one file: a range for each object, far behind the file's end, so that no object costs a file.
//!
//! Each process has a seat: a byte that it keeps locked, and a record that says who it is. The range that it locks for an
//! object begins where the hash of the object's subdir says, and is one byte longer than its seat's number: so whoever
//! finds it locked knows by its length who holds it. The locks are of the open file, not of the process
//! (`fcntl_locking(2)`, open file description locks), so two layouts of one process exclude each other, too.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;

use super::holder::Holder;
use crate::private_dir::{Creation, Identity, PrivateDir, identity, is_in_place};

/// How far the ranges of two objects are apart. A range is shorter, or the system would join it with the next.
const STEP: i64 = 4096;
const SEATS: u16 = 4095;
/// How many bits of its hash place an object: with 100,000 objects two share a place once in 200,000 times; one waits then
/// for the other.
const BITS: u32 = 50;
/// A seat's record: JSON, filled up with spaces.
const RECORD: usize = 512;

/// The file, as one layout has it open.
#[derive(Debug)]
pub(super) struct Ranges {
    file: File,
    path: PathBuf,
    identity: Identity,
    seat: u16,
    /// Where the ranges begin that are locked over this open file: the system would give them to it again.
    held: Mutex<HashSet<i64>>,
}

/// A range that is locked until it is dropped.
#[derive(Debug)]
pub(super) struct Range {
    ranges: Arc<Ranges>,
    start: i64,
}

impl Ranges {
    /// Opens the file, making it if there is none, and takes a seat. `None` if the system cannot lock ranges there.
    pub(super) fn open(directory: &PrivateDir, name: &str) -> io::Result<Option<Self>> {
        let file = directory.make_file(name, Creation::Write)?;
        let path = directory.path().join(name);
        for seat in 0..SEATS {
            match lock(&file, libc::F_WRLCK, i64::from(seat), 1) {
                Ok(()) => return Self::sit(file, path, seat).map(Some),
                Err(Errno::EAGAIN | Errno::EACCES) => {}
                Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
        Err(io::Error::other(format!("{SEATS} processes use it at once")))
    }

    fn sit(file: File, path: PathBuf, seat: u16) -> io::Result<Self> {
        let mut record = Holder::signature()?;
        record.resize(RECORD - 1, b' ');
        record.push(b'\n');
        file.write_all_at(&record, offset(seat))?;
        let identity = identity(&file)?;
        Ok(Self { file, path, identity, seat, held: Mutex::default() })
    }

    /// Locks the range of an object, if nobody has.
    pub(super) fn take(self: &Arc<Self>, subdir: &str) -> io::Result<Option<Range>> {
        let start = start(subdir);
        let mut held = self.held();
        if held.contains(&start) {
            return Ok(None);
        }
        match lock(&self.file, libc::F_WRLCK, start, i64::from(self.seat) + 1) {
            Ok(()) => {
                held.insert(start);
                Ok(Some(Range { ranges: self.clone(), start }))
            }
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Who has locked the range of an object, if anybody has.
    pub(super) fn holder(&self, subdir: &str) -> io::Result<Option<Holder>> {
        let start = start(subdir);
        if self.held().contains(&start) {
            return Ok(Some(Holder::here()));
        }
        let mut asked = range(libc::F_WRLCK, start, 1);
        fcntl(&self.file, FcntlArg::F_OFD_GETLK(&mut asked))?;
        if libc::c_int::from(asked.l_type) == libc::F_UNLCK {
            return Ok(None);
        }
        let mut record = [0; RECORD];
        let seat = u16::try_from(asked.l_len - 1).unwrap_or(SEATS);
        match self.file.read_exact_at(&mut record, offset(seat)) {
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
            _ => Ok(Some(Holder::parse(&record))),
        }
    }

    /// Whether the file was removed, moved or replaced: then others lock ranges of another.
    pub(super) fn is_gone(&self) -> bool {
        !is_in_place(&self.path, self.identity)
    }

    fn held(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Range {
    pub(super) fn is_gone(&self) -> bool {
        self.ranges.is_gone()
    }
}

impl Drop for Range {
    fn drop(&mut self) {
        let mut held = self.ranges.held();
        if let Err(error) = lock(&self.ranges.file, libc::F_UNLCK, self.start, STEP - 1) {
            tracing::error!("cannot unlock an object, which stays locked until this process ends: {error}");
        }
        held.remove(&self.start);
    }
}

fn start(subdir: &str) -> i64 {
    let mut first = [0; 8];
    first.copy_from_slice(&blake3::hash(subdir.as_bytes()).as_bytes()[..8]);
    // The seats' bytes are before all ranges.
    STEP + (u64::from_le_bytes(first) >> (u64::BITS - BITS)).cast_signed() * STEP
}

fn offset(seat: u16) -> u64 {
    u64::from(seat) * RECORD as u64
}

fn lock(file: &File, kind: i32, start: i64, length: i64) -> nix::Result<()> {
    fcntl(file, FcntlArg::F_OFD_SETLK(&range(kind, start, length))).map(drop)
}

#[expect(clippy::cast_possible_truncation, reason = "the system's constants, which are declared wider than its fields")]
fn range(kind: i32, start: i64, length: i64) -> libc::flock {
    let (l_type, l_whence) = (kind as libc::c_short, libc::SEEK_SET as libc::c_short);
    libc::flock { l_type, l_whence, l_start: start, l_len: length, l_pid: 0 }
}
