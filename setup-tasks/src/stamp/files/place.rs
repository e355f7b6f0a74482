//! A directory that is opened once and checked before each use, because it may have been removed,
//! moved or replaced meanwhile.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::StampError;
use crate::private_dir::PrivateDir;

#[derive(Debug)]
pub(super) struct Place {
    path: PathBuf,
    opened: Mutex<Option<Arc<PrivateDir>>>,
}

impl Place {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, opened: Mutex::default() }
    }

    /// Opens the directory that is in the place now, or returns `None` if it is missing.
    pub(super) fn find(&self) -> Result<Option<Arc<PrivateDir>>, StampError> {
        let mut opened = self.opened();
        if opened.as_ref().is_none_or(|opened| !opened.is_in_place()) {
            let found = PrivateDir::open(&self.path).map_err(|error| self.error("open", error))?;
            *opened = found.map(Arc::new);
        }
        Ok(opened.clone())
    }

    /// Opens the directory for changes, and creates it if it is missing. Returns an error if it was
    /// opened before and is not in its place any more, because the changes that were written there
    /// are lost.
    pub(super) fn make(&self) -> Result<Arc<PrivateDir>, StampError> {
        let mut opened = self.opened();
        if let Some(opened) = &*opened {
            return if opened.is_in_place() { Ok(opened.clone()) } else { Err(self.moved()) };
        }
        let made = PrivateDir::create(&self.path).map_err(|error| self.error("create the directory", error))?;
        Ok(opened.insert(Arc::new(made)).clone())
    }

    /// Forgets the directory. The next change opens the directory that is in the place then.
    pub(super) fn forget(&self) {
        self.opened().take();
    }

    /// Returns an error if the directory was opened and is not in its place any more.
    pub(super) fn check(&self) -> Result<(), StampError> {
        match &*self.opened() {
            Some(opened) if !opened.is_in_place() => Err(self.moved()),
            _ => Ok(()),
        }
    }

    fn moved(&self) -> StampError {
        StampError::Moved { path: self.path.clone() }
    }

    fn error(&self, action: &'static str, error: io::Error) -> StampError {
        StampError::io(action, &self.path, error)
    }

    fn opened(&self) -> MutexGuard<'_, Option<Arc<PrivateDir>>> {
        self.opened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
