//! The files of a machine in memory.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

/// The private directory with the files of a machine. It is removed with the last clone.
#[derive(Clone, Debug)]
pub(super) struct Disk(Arc<TempDir>);

impl Disk {
    pub(super) fn new() -> Self {
        let directory = TempDir::new().expect("a temporary directory can be created");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).expect("its permissions can be set");
        Self(Arc::new(directory))
    }

    pub(super) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the place of a file of the machine.
    pub(super) fn at(&self, path: &str) -> PathBuf {
        self.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let at = self.at(path);
        let parent = at.parent().unwrap_or(self.path());
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&at, text));
        written.unwrap_or_else(|error| panic!("`{path}` cannot be written on the fake machine: {error}"));
    }

    pub(super) fn create_directory(&self, path: &str) {
        let created = fs::create_dir_all(self.at(path));
        created.unwrap_or_else(|error| panic!("`{path}` cannot be created on the fake machine: {error}"));
    }

    pub(super) fn read(&self, path: &str) -> Option<String> {
        fs::read(self.at(path)).ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Replaces the text of a file.
    pub(super) fn edit(&self, path: &str, edit: impl FnOnce(String) -> String) {
        self.write(path, &edit(self.read(path).unwrap_or_default()));
    }
}
