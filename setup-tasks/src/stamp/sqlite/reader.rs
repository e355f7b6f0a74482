//! Reads the database, without a trace while nobody writes to it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::super::StampError;
use super::database::{beside, is_none, is_there, open, open_frozen};

/// A file that was modified less than this ago may be modified again with the same time: twice the longest tick (10 ms) of
/// the clock that Linux gives local file systems.
const TICK: Duration = Duration::from_millis(20);

/// The connection that reads, once there is one.
#[derive(Default)]
pub(super) struct Reader(Mutex<Option<Opened>>);

struct Opened {
    connection: Connection,
    /// The file's state, if it was opened as one that does not change.
    frozen: Option<State>,
    /// Whether a later change of the file would show in its state.
    settled: bool,
}

/// When the file was modified last, and its length.
type State = (SystemTime, u64);

/// What can be seen of the file from outside.
#[derive(PartialEq)]
enum File {
    Missing,
    /// Somebody has it open for writing, as the log beside it tells.
    InUse,
    Frozen(State),
}

impl Reader {
    /// Reads, or answers `none` if there is no file. While nobody writes, the file is read as one that does not change,
    /// which takes no lock and makes no file beside it: a dry run touches nothing, and a read-only disk can be read. If it
    /// does change meanwhile, it is read once more.
    pub(super) fn read<A>(
        &self,
        path: &Path,
        none: impl Fn() -> A,
        read: impl Fn(&Connection) -> Result<A, StampError>,
    ) -> Result<A, StampError> {
        let mut reader = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(opened) = reader.take() {
            let result = read(&opened.connection);
            // One look is enough, afterwards: what held then held while it was read.
            let now = match opened.frozen {
                Some(_) => look(path)?,
                // Who has it open does not matter.
                None if is_there(path)? => File::InUse,
                None => File::Missing,
            };
            match now {
                File::Missing => return Ok(none()),
                now if opened.holds(&now, result.is_ok()) => {
                    *reader = Some(opened);
                    return result;
                }
                _ => {}
            }
        }
        let frozen = match look(path)? {
            File::Missing => return Ok(none()),
            File::InUse => None,
            File::Frozen(state) => Some(state),
        };
        let opened = Opened::new(path, frozen)?;
        let result = read(&opened.connection);
        if frozen.is_none_or(|state| result.is_ok() && look(path).is_ok_and(|now| now == File::Frozen(state))) {
            *reader = Some(opened);
            return result;
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
    /// Whether what was read is to be believed, and the connection to be used again.
    fn holds(&self, now: &File, is_ok: bool) -> bool {
        match self.frozen {
            None => true,
            Some(state) => self.settled && is_ok && *now == File::Frozen(state),
        }
    }

    fn new(path: &Path, frozen: Option<State>) -> Result<Self, StampError> {
        let connection = match frozen {
            Some(_) => open_frozen(path)?,
            None => open(path)?.ok_or_else(|| StampError::io("read", path, std::io::ErrorKind::NotFound.into()))?,
        };
        let settled = frozen.is_none_or(|(modified, _)| modified.elapsed().is_ok_and(|ago| ago > TICK));
        Ok(Self { connection, frozen, settled })
    }
}

fn look(path: &Path) -> Result<File, StampError> {
    let io = |error| StampError::io("read", path, error);
    let meta = match std::fs::metadata(path) {
        Ok(meta) => meta,
        Err(error) if is_none(&error) => return Ok(File::Missing),
        Err(error) => return Err(io(error)),
    };
    if beside(path, "-wal").try_exists().map_err(io)? {
        return Ok(File::InUse);
    }
    Ok(File::Frozen((meta.modified().map_err(io)?, meta.len())))
}
