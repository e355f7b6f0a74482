//! The place of the database. `SQLite` opens files by name, so the directory and the files are
//! checked before it opens them.

use std::path::{Path, PathBuf};

use super::super::StampError;
use crate::private_dir::{FilesInPlace, PrivateDir, identity, is_in_place};

/// The greatest length of a path that `SQLite` opens on Unix: its limit of 512 bytes minus the
/// longest suffix that it adds.
const LONGEST: usize = 504;
/// The suffixes of the files that `SQLite` keeps beside the database.
pub(super) const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Returns the path of the database without links, or `None` if its directory is missing. Refuses
/// files that do not belong to the user.
pub(super) fn find(path: &Path) -> Result<Option<PathBuf>, StampError> {
    let io = |error| StampError::io("open", path, error);
    let Some(directory) = PrivateDir::open(parent(path)).map_err(io)? else { return Ok(None) };
    check(&directory, path, false).map(Some)
}

/// Returns the directory of the database. Creates it if it is missing, and makes existing files
/// private. Refuses files like [`find`].
pub(super) fn make(path: &Path) -> Result<PrivateDir, StampError> {
    let parent = parent(path);
    let directory = PrivateDir::create_shared(parent);
    let directory = directory.map_err(|error| StampError::io("create the directory", parent, error))?;
    let making = path.with_extension("making");
    let checked = making.file_name().map_or(Ok(()), |making| directory.check(making, true, false));
    checked.map_err(|error| StampError::io("open", &making, error))?;
    check(&directory, path, true)?;
    Ok(directory)
}

fn check(directory: &PrivateDir, path: &Path, is_written: bool) -> Result<PathBuf, StampError> {
    let io = |error| StampError::io("open", path, error);
    let name = name(path)?;
    // The database itself has two names between its creation and the removal of its draft.
    directory.check(&name, is_written, true).map_err(io)?;
    for ending in BESIDE {
        directory.check(format!("{name}{ending}"), is_written, false).map_err(io)?;
    }
    let real = parent(path).canonicalize().map_err(io)?;
    if !is_in_place(&real, directory.identity()) {
        return Err(StampError::Moved { path: path.to_owned() });
    }
    let real = real.join(name);
    if real.as_os_str().len() > LONGEST {
        return Err(StampError::TooLong { path: path.to_owned(), longest: LONGEST });
    }
    Ok(real)
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the name of the database in its directory.
pub(super) fn name(path: &Path) -> Result<String, StampError> {
    let name = path.file_name().and_then(|name| name.to_str());
    let missing = || StampError::io("open", path, std::io::ErrorKind::InvalidFilename.into());
    name.map(str::to_owned).ok_or_else(missing)
}

/// Records the current files of a database, just after it was opened and its log begun. Without the
/// log, the changes in it are lost. Without the file of shared memory, other processes do not see
/// the locks.
pub(super) fn files(path: &Path) -> FilesInPlace {
    let beside = BESIDE.iter().map(|ending| super::database::sidecar(path, ending));
    let files = std::iter::once(path.to_owned()).chain(beside);
    // The files are not opened, because closing them would release the locks that `SQLite` holds.
    let identified = files.filter_map(|file| file.symlink_metadata().ok().map(|meta| (file, identity(&meta))));
    FilesInPlace::new(parent(path), identified.collect())
}
