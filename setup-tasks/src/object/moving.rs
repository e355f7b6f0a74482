//! The move of an object's directories to another subdir, with its journal.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::fs::{Directory, WholeFile, hashed_name};
use crate::private_dir::PrivateDir;
use crate::stamp::StampError;

/// The directory of the journals.
const MOVES: &str = "moves";
const VERSION: u32 = 1;

/// The journal of a move that has begun and not ended.
#[derive(Serialize, Deserialize)]
pub(super) struct Journal {
    version: u32,
    from: String,
    to: String,
}

impl Journal {
    /// Returns the name of the journal of a move to a subdir.
    fn name(to: &str) -> String {
        hashed_name(to, ".json")
    }

    /// Returns the old subdir if a move to the subdir has begun.
    pub(super) fn read(directory: &Path, to: &str) -> Result<Option<String>, StampError> {
        let path = directory.join(MOVES).join(Self::name(to));
        let read = || -> io::Result<Option<Vec<u8>>> {
            // Without the directory, no move has begun.
            if path.symlink_metadata().is_err() {
                return Ok(None);
            }
            let Some(directory) = PrivateDir::open(directory)? else { return Ok(None) };
            directory.find(MOVES)?.map_or(Ok(None), |moves| moves.read(Self::name(to)))
        };
        let Some(text) = read().map_err(|error| StampError::io("read", &path, error))? else { return Ok(None) };
        let damaged = |detail| StampError::Damaged { path: path.clone(), detail };
        let journal: Self = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if journal.version > VERSION {
            let (found, known) = (journal.version.into(), VERSION.into());
            return Err(StampError::Newer { path, found, known });
        }
        if journal.to != to {
            return Err(damaged(format!("it is about `{}`", journal.to)));
        }
        Ok(Some(journal.from))
    }

    /// Writes the journal. It is on the disk before anything moves.
    pub(super) fn begin(directory: &Path, from: &str, to: &str) -> io::Result<()> {
        step("begin the journal")?;
        let (from, name) = (from.to_owned(), Self::name(to));
        let text = serde_json::to_vec(&Self { version: VERSION, from, to: to.to_owned() })?;
        let moves = PrivateDir::create(directory)?.make(MOVES)?;
        let draft = WholeFile::new(&text).synced().draft_named(&moves, format!("{name}~").into());
        draft?.rename_to(name.as_ref())?;
        moves.sync()
    }

    /// Removes the journal after everything was moved.
    pub(super) fn end(directory: &Path, to: &str) -> io::Result<()> {
        step("end the journal")?;
        let Some(directory) = PrivateDir::open(directory)? else { return Ok(()) };
        let Some(moves) = directory.find(MOVES)? else { return Ok(()) };
        moves.remove(Self::name(to))?;
        moves.sync()
    }
}

/// Returns the subdirs within `subdir`, relative to it.
pub(crate) fn nested<'s>(subdir: &str, others: impl Iterator<Item = &'s str>) -> Vec<PathBuf> {
    let inside = format!("{subdir}/");
    others.filter_map(|other| other.strip_prefix(&*inside)).map(PathBuf::from).collect()
}

/// Returns whether the directory of a subdir has files besides the directories `keep`. A directory
/// that cannot be read has some.
pub(super) fn has_own(root: &Path, subdir: &str, keep: &[PathBuf]) -> bool {
    let look = || -> io::Result<bool> {
        let Some(root) = PrivateDir::open(root)? else { return Ok(false) };
        let keep: Vec<_> = keep.iter().map(PathBuf::as_path).collect();
        root.find(subdir)?.map_or(Ok(false), |directory| directory.has_own(&keep))
    };
    look().unwrap_or(true)
}

/// Moves the files of a subdir under `root` to another subdir. The directories of other objects
/// stay. A move that was interrupted continues.
pub(super) fn move_directory(root: &Path, from: &str, to: &str, others: &[Arc<str>]) -> io::Result<()> {
    step("move a directory")?;
    let Some(root) = PrivateDir::open(root)? else { return Ok(()) };
    let Some(source) = root.find(from)? else { return Ok(()) };
    let target = root.make(to)?;
    let keep = nested(from, others.iter().map(|other| &**other));
    source.move_into(&target, &keep.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
    target.sync()?;
    source.sync()?;
    step("remove the former directory")?;
    root.remove_empty_upwards(from, |subdir| subdir == to || others.iter().any(|other| **other == *subdir))
}

/// Marks a point at which a test interrupts the move.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "a test returns an error")]
pub(super) fn step(_: &'static str) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
#[path = "moving_tests.rs"]
mod tests;
#[cfg(test)]
pub(super) use tests::step;
