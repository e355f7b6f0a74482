//! Reads the database, without a trace while nobody writes to it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

use super::super::StampError;
use super::copy::open_copy;
use super::database::{exists, open, open_frozen, sidecar};
use crate::fs::found;

/// A file that was modified less than this ago may be modified again with the same time: twice the longest tick (10 ms) of
/// the clock that Linux gives local file systems.
const TICK: Duration = Duration::from_millis(20);

/// A copy that took longer than this to make is used for as long as ten of them take before anybody looks for changes: a
/// database that another process writes all the time would be copied for each object.
const CHEAP: Duration = Duration::from_millis(1);

/// The connection that reads, once there is one.
#[derive(Default)]
pub(super) struct Reader {
    opened: Mutex<Option<Opened>>,
    /// Whether reads leave no trace on disk, also during writes or after a writer was killed.
    without_trace: bool,
}

struct Opened {
    connection: Connection,
    /// The files' state, if it was opened as something that does not change.
    of: Option<File>,
    /// Whether a later change of the files would show in their state.
    settled: bool,
    /// Until when nobody looks for changes.
    holds_until: Option<Instant>,
}

/// When a file was modified last, and its length.
type State = (SystemTime, u64);

/// The state of the database files, as seen without opening them.
#[derive(Clone, Copy, PartialEq)]
enum File {
    Missing,
    /// Somebody has it open for writing or was killed, as the log beside it tells, whose state is the second.
    InUse(State, State),
    Frozen(State),
}

impl Reader {
    /// Returns a reader that changes nothing on disk.
    pub(super) fn without_trace() -> Self {
        Self { without_trace: true, ..Self::default() }
    }

    /// Closes the database, which is not in its place any more.
    pub(super) fn close(&self) {
        drop(self.opened.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Reads, or answers `none` if there is no file. While nobody writes, the file is read as one that does not change,
    /// which takes no lock and makes no file beside it: a dry run touches nothing, and a read-only disk can be read. If it
    /// does change meanwhile, it is read once more.
    pub(super) fn read<A>(
        &self,
        path: &Path,
        none: impl Fn() -> A,
        read: impl Fn(&Connection) -> Result<A, StampError>,
    ) -> Result<A, StampError> {
        let mut reader = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = reader.take() {
            let result = read(&opened.connection);
            // One look is enough, afterwards: what held then held while it was read.
            let holds = match opened.of {
                Some(_) if opened.holds_until.is_some_and(|until| Instant::now() < until) => Some(true),
                Some(of) => {
                    let now = look(path)?;
                    (now != File::Missing).then_some(opened.settled && result.is_ok() && now == of)
                }
                // It does not matter which process has it open.
                None => exists(path)?.then_some(true),
            };
            match holds {
                None => return Ok(none()),
                Some(true) => {
                    *reader = Some(opened);
                    return result;
                }
                Some(false) => {}
            }
        }
        let of = match look(path)? {
            File::Missing => return Ok(none()),
            File::Frozen(state) => Some(File::Frozen(state)),
            in_use @ File::InUse(..) => self.without_trace.then_some(in_use),
        };
        let opened = Opened::new(path, of)?;
        let result = read(&opened.connection);
        let holds = match of {
            Some(File::Frozen(_)) => result.is_ok() && look(path).is_ok_and(|now| Some(now) == of),
            // A copy was whole when it was made.
            _ => true,
        };
        if holds {
            *reader = Some(opened);
            return result;
        }
        if self.without_trace {
            return read(&open_copy(path)?);
        }
        match Opened::new(path, None) {
            Ok(opened) => read(&reader.insert(opened).connection),
            // On a disk that cannot be written there is no other way to read; the error is that of the file.
            Err(_) if result.is_err() => result,
            Err(error) => Err(error),
        }
    }
}

impl Opened {
    fn new(path: &Path, of: Option<File>) -> Result<Self, StampError> {
        let began = Instant::now();
        let connection = match of {
            Some(File::Frozen(_)) => open_frozen(path)?,
            Some(_) => open_copy(path)?,
            None => open(path)?.ok_or_else(|| StampError::io("read", path, std::io::ErrorKind::NotFound.into()))?,
        };
        let is_settled = |(modified, _): State| modified.elapsed().is_ok_and(|ago| ago > TICK);
        let settled = match of {
            Some(File::Frozen(state)) => is_settled(state),
            Some(File::InUse(database, log)) => is_settled(database) && is_settled(log),
            Some(File::Missing) | None => true,
        };
        let cost = began.elapsed();
        let is_dear = matches!(of, Some(File::InUse(..))) && cost > CHEAP;
        Ok(Self { connection, of, settled, holds_until: is_dear.then(|| Instant::now() + 10 * cost) })
    }
}

fn look(path: &Path) -> Result<File, StampError> {
    let io = |error| StampError::io("read", path, error);
    let Some(meta) = found(std::fs::metadata(path)).map_err(io)? else { return Ok(File::Missing) };
    let state = |meta: std::fs::Metadata| Ok((meta.modified()?, meta.len()));
    match found(std::fs::metadata(sidecar(path, "-wal"))).map_err(io)? {
        Some(log) => Ok(File::InUse(state(meta).map_err(io)?, state(log).map_err(io)?)),
        None => Ok(File::Frozen(state(meta).map_err(io)?)),
    }
}
