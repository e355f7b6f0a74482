//! The reads of the database, which leave no trace while no process writes to it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use rusqlite::Connection;

use super::super::StampError;
use super::copy::open_copy;
use super::database::{exists, open, open_frozen, sidecar};
use crate::fs::found;

/// The time within which a modified file may be modified again and keep the same time. It is twice
/// the longest tick (10 ms) of the clock that Linux uses for local file systems.
const TICK: Duration = Duration::from_millis(20);

/// The creation time above which a copy counts as expensive. Such a copy is used without a check
/// for changes for ten times as long as its creation took. Otherwise a database that another
/// process writes all the time would be copied for each object.
const CHEAP: Duration = Duration::from_millis(1);

/// The connection for reading, which the first read opens.
#[derive(Default)]
pub(super) struct Reader {
    opened: Mutex<Option<Opened>>,
    /// Whether reads leave no trace on disk, even during writes or after a writer was killed.
    without_trace: bool,
}

struct Opened {
    connection: Connection,
    /// The state of the files, if the connection does not see their later changes.
    of: Option<File>,
    /// Whether a later change of the files would alter their state.
    settled: bool,
    /// The time until which no check for changes takes place.
    holds_until: Option<Instant>,
}

/// The time of a file's last modification, and its length.
type State = (SystemTime, u64);

/// The state of the database files, obtained without opening them.
#[derive(Clone, Copy, PartialEq)]
enum File {
    Missing,
    /// A log is beside the database, because a process has it open for writing or was killed. The
    /// states are those of the database and of the log.
    InUse(State, State),
    Frozen(State),
}

impl Reader {
    /// Returns a reader that changes nothing on disk.
    pub(super) fn without_trace() -> Self {
        Self { without_trace: true, ..Self::default() }
    }

    /// Closes the database, because it is not in its place any more.
    pub(super) fn close(&self) {
        drop(self.opened.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Reads from the database, or returns the result of `none` if the file is missing.
    ///
    /// While no process writes, the file is read as immutable, which takes no lock and creates no
    /// file beside it. So a dry run changes nothing, and a read-only disk can be read. If the file
    /// changes during the read, it is read again.
    pub(super) fn read<A>(
        &self,
        path: &Path,
        none: impl Fn() -> A,
        read: impl Fn(&Connection) -> Result<A, StampError>,
    ) -> Result<A, StampError> {
        let mut reader = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = reader.take() {
            let result = read(&opened.connection);
            // One check after the read is enough: a state that is valid now was also valid during
            // the read.
            let holds = match opened.of {
                Some(_) if opened.holds_until.is_some_and(|until| Instant::now() < until) => Some(true),
                Some(of) => {
                    let now = look(path)?;
                    (now != File::Missing).then_some(opened.settled && result.is_ok() && now == of)
                }
                // This connection sees the changes of all processes.
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
            // A copy was complete when it was created.
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
            // A read-only disk offers no other way to read, so the error of the file is returned.
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
