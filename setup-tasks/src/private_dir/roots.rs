//! The configured directories of a layout, each opened once for all objects.

use std::fs::Metadata;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Identity, PrivateDir, identity};

/// The open directories, one per path. An object creates its own directory below one of them,
/// without resolving the path from `/` again.
#[derive(Debug, Default)]
pub(crate) struct Roots(Mutex<Vec<Arc<Root>>>);

/// A configured directory.
#[derive(Debug)]
struct Root {
    directory: PrivateDir,
    /// The directory in which the last object's directory was created. Most objects of a layout
    /// share it.
    parent: Mutex<Option<Arc<Parent>>>,
}

/// A directory below a configured one, with its path from there.
#[derive(Debug)]
struct Parent {
    subdir: Box<str>,
    directory: PrivateDir,
}

impl Roots {
    /// Creates a directory below the configured directory `root`, unless it exists, and makes it
    /// private. Missing parents are created, too. Returns the identity of `root`.
    pub(crate) fn make_closed(&self, root: &Path, subdir: &str) -> io::Result<Identity> {
        let (parent, name) = subdir.rsplit_once('/').unwrap_or(("", subdir));
        if let Some(root) = self.opened(root)
            && let Some(parent) = root.parent(parent)
        {
            parent.directory.make_closed(name)?;
            return Ok(root.directory.identity());
        }
        let root = self.open_again(root)?;
        if parent.is_empty() {
            root.directory.make_closed(name)?;
        } else {
            let directory = root.directory.make(parent)?;
            directory.make_closed(name)?;
            *root.last_parent() = Some(Arc::new(Parent { subdir: parent.into(), directory }));
        }
        Ok(root.directory.identity())
    }

    /// Creates a directory as [`make_closed`](Self::make_closed) does, and opens it.
    pub(crate) fn make(&self, root: &Path, subdir: &str) -> io::Result<(PrivateDir, Identity)> {
        let root = self.open_again(root)?;
        Ok((root.directory.make(subdir)?, root.directory.identity()))
    }

    /// Returns the open directory at `root`. Opens it if it is not open, or if it was removed,
    /// moved or replaced since then.
    fn open_again(&self, root: &Path) -> io::Result<Arc<Root>> {
        if let Some(root) = self.opened(root).filter(|root| root.directory.is_in_place()) {
            return Ok(root);
        }
        let opened = Arc::new(Root { directory: PrivateDir::create(root)?, parent: Mutex::default() });
        let mut all = self.all();
        all.retain(|other| other.directory.path() != root);
        all.push(opened.clone());
        Ok(opened)
    }

    fn opened(&self, root: &Path) -> Option<Arc<Root>> {
        self.all().iter().find(|opened| opened.directory.path() == root).cloned()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Arc<Root>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Root {
    /// Returns the parent of the last object's directory, if it has this path and is still in its
    /// place. The root is in its place, too, in that case.
    fn parent(&self, subdir: &str) -> Option<Arc<Parent>> {
        let parent = self.last_parent().as_ref().filter(|parent| *parent.subdir == *subdir).cloned();
        // A link to the directory is not the directory.
        let is_here = |meta: Metadata, parent: &Parent| identity(&meta) == parent.directory.identity();
        parent.filter(|parent| parent.directory.path().symlink_metadata().is_ok_and(|meta| is_here(meta, parent)))
    }

    fn last_parent(&self) -> MutexGuard<'_, Option<Arc<Parent>>> {
        self.parent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
