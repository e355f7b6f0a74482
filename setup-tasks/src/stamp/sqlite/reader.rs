//! Reads the database, without a trace while nobody writes to it.

use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::Connection;

use super::super::StampError;
use super::database::{is_none, open, open_frozen};

/// A file that was modified less than this ago may be modified again with the same time: longer than a tick of any clock
/// that file systems use.
const TICK: Duration = Duration::from_millis(100);

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
        let now = match look(path)? {
            File::Missing => return Ok(none()),
            File::InUse => None,
            File::Frozen(state) => Some(state),
        };
        let usable = |opened: &Opened| opened.frozen.is_none() || (opened.settled && opened.frozen == now);
        let opened = match reader.take().filter(usable) {
            Some(opened) => opened,
            None => Opened::new(path, now)?,
        };
        let result = read(&opened.connection);
        let holds = match opened.frozen {
            None => true,
            Some(state) => result.is_ok() && look(path)? == File::Frozen(state),
        };
        if holds {
            *reader = Some(opened);
            return result;
        }
        let opened = Opened::new(path, None).or_else(|error| if result.is_err() { Ok(opened) } else { Err(error) })?;
        let result = read(&opened.connection);
        *reader = Some(opened);
        result
    }
}

impl Opened {
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
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    if Path::new(&log).try_exists().map_err(io)? {
        return Ok(File::InUse);
    }
    Ok(File::Frozen((meta.modified().map_err(io)?, meta.len())))
}
