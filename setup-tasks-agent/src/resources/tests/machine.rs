//! A machine in a directory, and the way in which every resource is tried.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use crate::far::{Far, Programs};
use crate::protocol::Failure;
use crate::resource::Resource;

/// A machine in a temporary directory.
pub(super) struct Machine {
    root: tempfile::TempDir,
    pub(super) far: Far,
}

impl Machine {
    /// Creates a machine with the accounts of root and of Ada, and the group `ops`.
    pub(super) fn new() -> Self {
        Self::with(|root| Far::in_directory(root).unwrap())
    }

    /// Creates a machine whose programs are functions.
    pub(super) fn with_programs(programs: impl FnOnce(PathBuf) -> Arc<dyn Programs>) -> Self {
        Self::with(|root| Far::with_programs(root, programs(root.to_owned())).unwrap())
    }

    fn with(far: impl FnOnce(&std::path::Path) -> Far) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(root.path().join("etc")).unwrap();
        let passwd = "root:x:0:0:root:/root:/bin/sh\nada:x:1001:1001:Ada:/home/ada:/bin/bash\n";
        fs::write(root.path().join("etc/passwd"), passwd).unwrap();
        fs::write(root.path().join("etc/group"), "root:x:0:\ndaemon:x:1:\nada:x:1001:\nops:x:27:\n").unwrap();
        let far = far(root.path());
        Self { root, far }
    }

    /// Returns the path of a file of the machine on this one.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path.trim_start_matches('/'))
    }

    pub(super) fn text(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap()
    }

    /// Writes a file, with its directories.
    pub(super) fn write(&self, path: &str, text: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), text).unwrap();
    }

    pub(super) fn chmod(&self, path: &str, mode: u32) {
        fs::set_permissions(self.path(path), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Returns what differs, as text.
    pub(super) fn observe(&mut self, resource: &impl Resource) -> Vec<String> {
        self.far.forget_shared();
        resource.observe(&mut self.far).unwrap().iter().map(ToString::to_string).collect()
    }

    /// Returns the failure of an observation.
    pub(super) fn refuses(&mut self, resource: &impl Resource) -> String {
        self.far.forget_shared();
        resource.observe(&mut self.far).unwrap_err().to_string()
    }

    /// Applies a resource that differs in this way, and checks that nothing differs afterwards, and that a second observation and change touch
    /// no file.
    pub(super) fn brings(&mut self, resource: &impl Resource, differences: &[&str]) {
        assert_eq!(self.observe(resource), differences);
        let before = self.files();
        assert_eq!(self.observe(resource), differences);
        assert_eq!(self.files(), before, "an observation changes nothing");
        self.apply(resource).unwrap();
        assert_eq!(self.observe(resource), [""; 0], "nothing differs after the change");
    }

    pub(super) fn apply(&mut self, resource: &impl Resource) -> Result<(), Failure> {
        self.far.forget_shared();
        let differences = resource.observe(&mut self.far)?;
        resource.apply(&mut self.far, &differences)?;
        self.far.forget_shared();
        Ok(())
    }

    pub(super) fn undo(&mut self, resource: &impl Resource) {
        for _ in 0..2 {
            self.far.forget_shared();
            resource.undo(&mut self.far).unwrap();
        }
    }

    /// Returns the paths of all files with inode, permissions, owner and time of change.
    pub(super) fn files(&self) -> Vec<String> {
        let (mut files, mut pending) = (Vec::new(), vec![self.root.path().to_owned()]);
        while let Some(directory) = pending.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                let at = fs::symlink_metadata(&path).unwrap();
                files.push(format!(
                    "{} {} {:o} {} {} {}",
                    path.display(),
                    at.ino(),
                    at.mode(),
                    at.uid(),
                    at.mtime_nsec(),
                    at.ctime_nsec()
                ));
                pending.extend(at.is_dir().then_some(path));
            }
        }
        files.sort();
        files
    }
}
