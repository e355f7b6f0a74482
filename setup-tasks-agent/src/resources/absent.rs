//! The absence of a file or a directory.

use std::path::{Component, Path};

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::far::{Far, Kind};
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::{Resource, Restore, no_undo};

/// Directories of the system, which are never removed.
const SYSTEM: &[&str] = &[
    "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "opt", "proc", "root", "run", "sbin", "srv", "sys",
    "tmp", "usr", "var",
];

/// The absence of a file, a symbolic link, or a directory with its content. It has no undo.
///
/// The root directory, the directories of the system in it, and directories in which a file system is mounted are errors.
///
/// ```
/// use setup_tasks_agent::resources::Absent;
///
/// Absent::at("/etc/nginx/sites-enabled/default");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Absent {
    path: String,
}

impl Absent {
    /// Creates the resource.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into() }
    }

    fn check(&self) -> Result<()> {
        let refused =
            |reason: &str| Err(Failure::new(format!("remove `{}`", self.path), Cause::Refused(reason.into())));
        let mut names = Vec::new();
        for component in Path::new(&self.path).components() {
            match component {
                Component::Normal(name) => names.push(name),
                Component::ParentDir => return refused("the path contains `..`"),
                _ => {}
            }
        }
        match names[..] {
            [] => refused("it is the root directory"),
            [name] if SYSTEM.iter().any(|system| *system == name) => refused("it is a directory of the system"),
            _ => Ok(()),
        }
    }
}

impl Resource for Absent {
    const KIND: &str = "absent";
    const HAS_UNDO: bool = false;

    fn name(&self) -> String {
        format!("absence of {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check()?;
        let Some(stat) = far.stat(&self.path)? else { return Ok(Vec::new()) };
        let difference = Difference::new(&self.path, stat.kind.words()).instead_of("nothing");
        let small = stat.kind == Kind::File && stat.size <= crate::protocol::MAX_TEXT as u64;
        let content = if small { far.read(&self.path)? } else { None };
        Ok(vec![match content {
            // A file that only its owner can read can be a secret.
            Some(_) if stat.mode.trailing_zeros() >= 6 => difference.of_secret(),
            Some(content) => difference.with_texts(Some(&content), None),
            None => difference,
        }])
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check()?;
        far.remove(&self.path).map(drop)
    }

    fn undo(&self, _: &mut Far) -> Result<()> {
        Err(no_undo("what was removed is gone"))
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        Ok(vec![Restore::file(far, &self.path)?])
    }
}
