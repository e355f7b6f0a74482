//! Temporary directories.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use setup_tasks::stamp::{FilesStore, SqliteStore};
use setup_tasks::{Config, Layout};
use tempfile::TempDir;

/// A function that opens the layout of a directory, as another process would.
pub type Open = Box<dyn Fn() -> Layout>;

/// A temporary directory for one test, and layouts in it.
pub struct Scratch(TempDir);

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// Creates the directory. Dropping the value removes it.
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Returns the path of a file in the directory.
    pub fn file(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file.
    pub fn write(&self, name: impl AsRef<Path>, text: impl AsRef<[u8]>) {
        std::fs::write(self.file(name), text).unwrap();
    }

    /// Removes a file.
    pub fn remove(&self, name: impl AsRef<Path>) {
        std::fs::remove_file(self.file(name)).unwrap();
    }

    /// Returns a copy of the directory and its contents.
    pub fn copy(&self) -> Self {
        let copy = Self::new();
        let copied = Command::new("cp").arg("-a").arg(self.file(".")).arg(copy.path()).status();
        assert!(copied.unwrap().success());
        copy
    }

    /// Returns the configuration of a layout in the directory.
    pub fn config(&self) -> Config {
        Config::new(self.path()).with(|config| config.lease_timeout_secs = 20)
    }

    /// Returns the path of the embedded store.
    pub fn database(&self) -> PathBuf {
        self.config().cache_dir().join(".setup-tasks/stamps.sqlite")
    }

    /// Returns a layout with the embedded store. A second call returns the layout that the next
    /// process would have.
    pub fn layout(&self) -> Layout {
        Layout::new(self.config())
    }

    /// Returns a layout with a changed configuration.
    pub fn layout_with(&self, edit: impl FnOnce(&mut Config)) -> Layout {
        let mut config = self.config();
        edit(&mut config);
        Layout::new(config)
    }

    /// Returns one layout per persistent store, each in its own directory.
    pub fn layouts(&self) -> Vec<(&'static str, Open)> {
        let config = |name: &str| self.config().with(|config| config.base_dir = self.path().join(name));
        let (sqlite, files) = (config("sqlite"), config("files"));
        vec![
            (
                "sqlite",
                Box::new(move || {
                    let path = sqlite.cache_dir().join(".setup-tasks/stamps.sqlite");
                    Layout::with_store(sqlite.clone(), SqliteStore::new(path))
                }),
            ),
            ("files", Box::new(move || Layout::with_store(files.clone(), FilesStore::new(files.cache_dir())))),
        ]
    }

    /// Returns all files and directories with the hash of their content and their time of modification.
    pub fn tree(&self) -> BTreeMap<PathBuf, (u64, SystemTime)> {
        fn walk(path: &Path, tree: &mut BTreeMap<PathBuf, (u64, SystemTime)>) {
            for entry in std::fs::read_dir(path).unwrap() {
                let path = entry.unwrap().path();
                let meta = path.metadata().unwrap();
                let content = if meta.is_dir() { Vec::new() } else { std::fs::read(&path).unwrap() };
                let mut hasher = DefaultHasher::new();
                content.hash(&mut hasher);
                tree.insert(path.clone(), (hasher.finish(), meta.modified().unwrap()));
                if meta.is_dir() {
                    walk(&path, tree);
                }
            }
        }
        let mut tree = BTreeMap::new();
        walk(self.path(), &mut tree);
        tree
    }
}
