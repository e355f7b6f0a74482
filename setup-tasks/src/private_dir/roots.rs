//! The configured directories of a layout, each opened once for all objects.

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::PrivateDir;

/// The open directories, one per path. An object creates its own directory below one of them,
/// without resolving the path from `/` again.
#[derive(Debug, Default)]
pub(crate) struct Roots(Mutex<Vec<Arc<PrivateDir>>>);

impl Roots {
    /// Returns the directory at `path`. The directory and its parents are created if they are
    /// missing.
    pub(crate) fn make(&self, path: &Path) -> io::Result<Arc<PrivateDir>> {
        let opened = self.opened().iter().find(|root| root.path() == path).cloned();
        // The directory may have been removed, moved or replaced since it was opened.
        if let Some(root) = opened.filter(|root| root.is_in_place()) {
            return Ok(root);
        }
        let root = Arc::new(PrivateDir::create(path)?);
        let mut opened = self.opened();
        opened.retain(|root| root.path() != path);
        opened.push(root.clone());
        Ok(root)
    }

    fn opened(&self) -> MutexGuard<'_, Vec<Arc<PrivateDir>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
