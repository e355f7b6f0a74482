//! The directories that a layout's configuration names, each opened once for all objects.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PrivateDir;

/// Open directories, one per path. An object then makes its own directory below without the way from `/` to the root.
#[derive(Debug, Default)]
pub(crate) struct Roots(Mutex<Vec<Arc<PrivateDir>>>);

impl Roots {
    /// Returns the directory at `path`, making it and its parents if they are missing.
    pub(crate) fn make(&self, path: &Path) -> io::Result<Arc<PrivateDir>> {
        let opened = self.opened().iter().find(|root| root.path() == path).cloned();
        // It may have been removed, moved or replaced since it was opened.
        if let Some(root) = opened.filter(|root| root.is_in_place()) {
            return Ok(root);
        }
        let made = Arc::new(PrivateDir::create(path)?);
        let mut opened = self.opened();
        opened.retain(|root| root.path() != path);
        opened.push(made.clone());
        Ok(made)
    }

    fn opened(&self) -> MutexGuard<'_, Vec<Arc<PrivateDir>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
