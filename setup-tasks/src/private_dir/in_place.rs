//! The check whether the files of a directory are still at their paths.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Identity, identity, is_in_place};
use crate::fs::found;
use crate::stamp::{Look, settled_by};

/// Files of one directory that must stay at their paths while they are in use.
///
/// A directory's times change whenever a name in it is added, removed or renamed, and whenever the
/// directory itself is moved. While they stay the same, one query of the directory answers for all
/// files.
#[derive(Debug)]
pub(crate) struct FilesInPlace {
    directory: PathBuf,
    files: Vec<(PathBuf, Identity)>,
    missing: Option<PathBuf>,
    /// The directory's identity and metadata just before all files were found at their paths.
    found: Mutex<Option<(Identity, Look)>>,
}

impl FilesInPlace {
    pub(crate) fn new(directory: &Path, files: Vec<(PathBuf, Identity)>) -> Self {
        Self { directory: directory.to_owned(), files, missing: None, found: Mutex::default() }
    }

    /// Expects also that nothing has this name in the directory.
    pub(crate) fn without(mut self, name: &str) -> Self {
        self.missing = Some(self.directory.join(name));
        self
    }

    /// Returns whether all files are still at their paths, and nothing is at the path that must be
    /// missing.
    pub(crate) fn check(&self) -> bool {
        let now = settled_by();
        let seen = std::fs::metadata(&self.directory).ok().map(|meta| (identity(&meta), Look::of(&meta)));
        // A change from now on gives the directory another time. Other systems may note it late.
        let seen = seen.filter(|(_, look)| cfg!(unix) && look.is_settled_by(now));
        if seen.is_some() && *self.found() == seen {
            return true;
        }
        let is_missing = |path: &PathBuf| matches!(found(path.symlink_metadata()), Ok(None));
        let are_found = !self.files.is_empty()
            && self.files.iter().all(|(path, of)| is_in_place(path, *of))
            && self.missing.iter().all(is_missing);
        *self.found() = seen.filter(|_| are_found);
        are_found
    }

    fn found(&self) -> MutexGuard<'_, Option<(Identity, Look)>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
