//! The files that all objects share: the history, the time of the latest stamp, the fences, and the
//! lock for changes. The operating system releases the lock when its process ends, even if the
//! process is killed.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::place::Place;
use super::{json, parse, replace};
use crate::private_dir::{Access, Creation, PrivateDir, identity, is_in_place};
use crate::stamp::{Fence, HistoryEntry, HistoryFilter, StampError, Timestamp};

/// The history as JSON, with one line per attempt.
const HISTORY: &str = "history.jsonl";
/// An empty file whose modification time is the latest time of all stamps.
const LATEST: &str = "latest";
/// The highest fence of each object as JSON. The file exists only if leases have fences.
const FENCES: &str = "fences.json";
/// An empty file that is locked during changes.
const LOCK: &str = "files.lock";

#[derive(Default, Serialize, Deserialize)]
struct Fences {
    fences: BTreeMap<String, u64>,
}

#[derive(Debug)]
pub(super) struct Shared {
    changes: Place,
    reads: Place,
}

impl Shared {
    pub(super) fn new(cache_dir: &Path) -> Self {
        let place = || Place::new(cache_dir.join(crate::private_dir::RESERVED));
        Self { changes: place(), reads: place() }
    }

    /// Locks out other changes, of this and other processes, until the returned file is closed.
    /// Without the lock, two changes would share a draft, and the latest time could go back.
    pub(super) fn lock(&self) -> Result<File, StampError> {
        let directory = self.changes.make()?;
        let path = directory.path().join(LOCK);
        let locked = || -> io::Result<File> {
            loop {
                let file = directory.make_file(LOCK, Creation::Write)?;
                file.lock()?;
                // If the file was removed, other processes lock a new file, so the lock is taken
                // again. If the directory was removed, too, the check below returns an error.
                if is_in_place(&path, identity(&file.metadata()?)) || !directory.is_in_place() {
                    return Ok(file);
                }
            }
        };
        let locked = locked().map_err(|e| StampError::io("lock", &path, e))?;
        self.check_place()?;
        Ok(locked)
    }

    /// Opens the directory of the shared files for changes.
    pub(super) fn directory(&self) -> Result<Arc<PrivateDir>, StampError> {
        self.changes.make()
    }

    /// Opens the directory of the shared files for reads, or returns `None` if it is missing.
    pub(super) fn existing(&self) -> Result<Option<Arc<PrivateDir>>, StampError> {
        self.reads.find()
    }

    pub(super) fn check_place(&self) -> Result<(), StampError> {
        self.changes.check()
    }

    pub(super) fn forget_place(&self) {
        self.changes.forget();
    }

    /// Records the time of a stamp if it is the latest. The caller must hold the lock.
    pub(super) fn note_latest(&self, time: Timestamp) -> Result<(), StampError> {
        let directory = self.changes.make()?;
        if latest(&directory)?.is_some_and(|latest| latest >= time) {
            return Ok(());
        }
        replace(&directory, LATEST, b"", Some(time))
    }

    /// Records the fence of a write, and refuses a late write. The caller must hold the lock. The
    /// fences of all objects share one file. Leases without fences, such as the default ones, never
    /// create it.
    pub(super) fn note_fence(&self, object: &str, fence: Fence) -> Result<(), StampError> {
        let directory = self.changes.make()?;
        let path = directory.path().join(FENCES);
        let text = directory.read(FENCES).map_err(|error| StampError::io("read", &path, error))?;
        let mut fences = text.map_or(Ok(Fences::default()), |text| parse(&path, &text))?;
        let seen = fences.fences.entry(object.to_owned()).or_insert(0);
        match Fence(*seen) {
            later if later > fence => Err(StampError::Fenced { object: object.to_owned(), fence, seen: later }),
            same if same == fence => Ok(()),
            _ => {
                *seen = fence.0;
                replace(&directory, FENCES, &json(&path, &fences)?, None)
            }
        }
    }

    /// Appends an attempt that ended to the history. The caller must hold the lock.
    pub(super) fn append(&self, entry: &HistoryEntry) -> Result<(), StampError> {
        let directory = self.changes.make()?;
        let path = directory.path().join(HISTORY);
        let mut line = json(&path, entry)?;
        line.push(b'\n');
        let write = || -> io::Result<()> {
            let mut file = directory.make_file(HISTORY, Creation::Append)?;
            end_at_a_line(&mut file)?;
            file.write_all(&line)
        };
        write().map_err(|error| StampError::io("write", &path, error))
    }

    pub(super) fn latest(&self) -> Result<Option<Timestamp>, StampError> {
        self.reads.find()?.map_or(Ok(None), |directory| latest(&directory))
    }

    pub(super) fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        let Some(directory) = self.reads.find()? else { return Ok(Vec::new()) };
        let path = directory.path().join(HISTORY);
        let text = directory.read(HISTORY).map_err(|error| StampError::io("read", &path, error))?;
        let Some(text) = text else { return Ok(Vec::new()) };
        let mut wanted = Vec::new();
        // A last line without a line end is unfinished: its process was killed, or the disk was
        // full.
        for line in text.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")).rev() {
            let entry: HistoryEntry = parse(&path, line)?;
            if filter.accepts(&entry) && wanted.len() < filter.limit.unwrap_or(usize::MAX) {
                wanted.push(entry);
            }
        }
        Ok(wanted)
    }
}

fn latest(directory: &PrivateDir) -> Result<Option<Timestamp>, StampError> {
    let time = || -> io::Result<Option<Timestamp>> {
        let Some(file) = directory.find_file(LATEST, Access::Read)? else { return Ok(None) };
        Ok(Some(file.metadata()?.modified()?.into()))
    };
    time().map_err(|error| StampError::io("read", directory.path().join(LATEST), error))
}

/// Removes an unfinished last line. Otherwise the next line would be appended to it, and neither
/// could be read.
fn end_at_a_line(file: &mut File) -> io::Result<()> {
    let length = file.seek(SeekFrom::End(0))?;
    if length == 0 {
        return Ok(());
    }
    let mut last = [0];
    file.seek(SeekFrom::Start(length - 1))?;
    file.read_exact(&mut last)?;
    if last == *b"\n" {
        return Ok(());
    }
    let mut text = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut text)?;
    let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    file.set_len(whole as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = 200;

    fn times(shared: &Shared) -> Vec<u64> {
        shared.history(&HistoryFilter::default()).unwrap().iter().map(|entry| entry.time.0).collect()
    }

    /// Ten stores represent ten processes. The lock belongs to the open file, so each store has its
    /// own.
    #[test]
    fn of_what_many_write_at_once_nothing_is_lost_and_the_latest_time_never_goes_back() {
        let place = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..10 {
                let shared = Shared::new(place.path());
                scope.spawn(move || {
                    for time in (writer..MANY).step_by(10).map(|number| 1_000_000 * (number + 1)) {
                        let lock = shared.lock().unwrap();
                        shared.note_latest(Timestamp(time)).unwrap();
                        shared.append(&HistoryEntry::at(time)).unwrap();
                        drop(lock);
                        assert!(shared.latest().unwrap() >= Some(Timestamp(time)));
                    }
                });
            }
        });
        let shared = Shared::new(place.path());
        assert_eq!(shared.latest().unwrap(), Some(Timestamp(1_000_000 * MANY)));
        let mut times = times(&shared);
        times.sort_unstable();
        assert_eq!(times, (1..=MANY).map(|number| 1_000_000 * number).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_cut_off_anywhere_is_taken_off_by_the_next() {
        let place = tempfile::tempdir().unwrap();
        let shared = Shared::new(place.path());
        let _lock = shared.lock().unwrap();
        let path = place.path().join(crate::private_dir::RESERVED).join(HISTORY);
        shared.append(&HistoryEntry::at(1)).unwrap();
        let first = std::fs::read(&path).unwrap();
        let second = HistoryEntry { task: "größer".to_owned(), ..HistoryEntry::at(2) };
        shared.append(&second).unwrap();
        let both = std::fs::read(&path).unwrap();
        for end in 0..both.len() {
            std::fs::write(&path, &both[..end]).unwrap();
            assert_eq!(times(&shared).len(), usize::from(end >= first.len()), "cut off at {end}");
            shared.append(&HistoryEntry::at(3)).unwrap();
            assert_eq!(times(&shared), if end < first.len() { vec![3] } else { vec![3, 1] }, "cut off at {end}");
        }
    }
}
