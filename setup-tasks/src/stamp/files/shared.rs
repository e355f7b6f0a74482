//! What objects have in common, in many processes: the history, the latest stamp's time, and the lock for changes,
//! which the system takes from a process that ends, however it ends.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::{is_none, json, parse, replace};
use crate::stamp::{HistoryEntry, HistoryFilter, Moment, StampError};

#[derive(Debug)]
pub(super) struct Shared {
    directory: PathBuf,
}

impl Shared {
    pub(super) fn new(cache_dir: &Path) -> Self {
        Self { directory: cache_dir.join(crate::paths::RESERVED) }
    }

    /// JSON, a line an attempt.
    fn history_path(&self) -> PathBuf {
        self.directory.join("history.jsonl")
    }

    /// An empty file whose time of modification is the latest of all stamps.
    fn latest_path(&self) -> PathBuf {
        self.directory.join("latest")
    }

    /// For as long as the file is open nobody else makes a change, in this process or another. Without it two would share
    /// a draft, and the latest time could go back.
    pub(super) fn lock(&self) -> Result<File, StampError> {
        fs::create_dir_all(&self.directory).map_err(|e| StampError::io("create the directory", &self.directory, e))?;
        let path = self.directory.join("files.lock");
        let locked = File::create(&path).and_then(|file| file.lock().map(|()| file));
        locked.map_err(|e| StampError::io("lock", &path, e))
    }

    /// Takes in the time of a stamp, by whoever has the lock.
    pub(super) fn note_latest(&self, time: Moment) -> Result<(), StampError> {
        if self.latest()?.is_some_and(|latest| latest >= time) {
            return Ok(());
        }
        replace(&self.latest_path(), b"", Some(time))
    }

    /// Remembers an attempt that ended, by whoever has the lock.
    pub(super) fn append(&self, entry: &HistoryEntry) -> Result<(), StampError> {
        let path = self.history_path();
        let mut line = json(&path, entry)?;
        line.push(b'\n');
        let write = || -> io::Result<()> {
            let mut file = File::options().create(true).read(true).append(true).open(&path)?;
            end_at_a_line(&mut file)?;
            file.write_all(&line)
        };
        write().map_err(|error| StampError::io("write", &path, error))
    }

    pub(super) fn latest(&self) -> Result<Option<Moment>, StampError> {
        let path = self.latest_path();
        match fs::metadata(&path).and_then(|meta| meta.modified()) {
            Ok(time) => Ok(Some(time.into())),
            Err(error) if is_none(&error) => Ok(None),
            Err(error) => Err(StampError::io("read", &path, error)),
        }
    }

    pub(super) fn history(&self, filter: &HistoryFilter) -> Result<Vec<HistoryEntry>, StampError> {
        let path = self.history_path();
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if is_none(&error) => return Ok(Vec::new()),
            Err(error) => return Err(StampError::io("read", &path, error)),
        };
        let mut wanted = Vec::new();
        // Without its line end, the last line is one that a killed process or a full disk did not let be finished.
        for line in text.split_inclusive(|&byte| byte == b'\n').filter(|line| line.ends_with(b"\n")).rev() {
            let entry: HistoryEntry = parse(&path, line)?;
            if filter.takes(&entry) && wanted.len() < filter.limit.unwrap_or(usize::MAX) {
                wanted.push(entry);
            }
        }
        Ok(wanted)
    }
}

/// Takes off a last line that was not finished, or the next would be written into it, and neither could be read.
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

    /// What a store of each of ten processes writes: the lock is one of open files, so of stores as well.
    #[test]
    fn of_what_many_write_at_once_nothing_is_lost_and_the_latest_time_never_goes_back() {
        let place = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for writer in 0..10 {
                let shared = Shared::new(place.path());
                scope.spawn(move || {
                    for time in (writer..MANY).step_by(10).map(|number| 1_000_000 * (number + 1)) {
                        let lock = shared.lock().unwrap();
                        shared.note_latest(Moment(time)).unwrap();
                        shared.append(&HistoryEntry::at(time)).unwrap();
                        drop(lock);
                        assert!(shared.latest().unwrap() >= Some(Moment(time)));
                    }
                });
            }
        });
        let shared = Shared::new(place.path());
        assert_eq!(shared.latest().unwrap(), Some(Moment(1_000_000 * MANY)));
        let mut times = times(&shared);
        times.sort_unstable();
        assert_eq!(times, (1..=MANY).map(|number| 1_000_000 * number).collect::<Vec<_>>());
    }

    #[test]
    fn a_line_cut_off_anywhere_is_taken_off_by_the_next() {
        let place = tempfile::tempdir().unwrap();
        let shared = Shared::new(place.path());
        let _lock = shared.lock().unwrap();
        shared.append(&HistoryEntry::at(1)).unwrap();
        let first = fs::read(shared.history_path()).unwrap();
        let second = HistoryEntry { task: "größer".to_owned(), ..HistoryEntry::at(2) };
        shared.append(&second).unwrap();
        let both = fs::read(shared.history_path()).unwrap();
        for end in 0..both.len() {
            fs::write(shared.history_path(), &both[..end]).unwrap();
            assert_eq!(times(&shared).len(), usize::from(end >= first.len()), "cut off at {end}");
            shared.append(&HistoryEntry::at(3)).unwrap();
            assert_eq!(times(&shared), if end < first.len() { vec![3] } else { vec![3, 1] }, "cut off at {end}");
        }
    }
}
