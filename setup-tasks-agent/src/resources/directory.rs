//! A directory.

use serde::{Deserialize, Serialize};

use super::ownership::{Ownership, ownership_methods};
use crate::Result;
use crate::far::{Far, Kind};
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::Resource;

/// A directory with permissions and owner. Its parents are created, too. A symbolic link that leads to a directory counts as one.
///
/// An undo removes it only if it is empty.
///
/// ```
/// use setup_tasks_agent::resources::Directory;
///
/// Directory::at("/srv/www").owner("deploy").mode(0o755);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Directory {
    path: String,
    ownership: Ownership,
}

ownership_methods!(Directory);

impl Directory {
    /// Creates a directory resource.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), ownership: Ownership::default() }
    }

    pub(super) fn with(path: String, ownership: Ownership) -> Self {
        Self { path, ownership }
    }

    fn refused(&self, kind: Kind) -> Failure {
        Failure::new(format!("create the directory `{}`", self.path), Cause::Refused(format!("it is {}", kind.words())))
    }
}

impl Resource for Directory {
    const KIND: &str = "directory";

    fn name(&self) -> String {
        format!("directory {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let found = far.stat_followed(&self.path)?;
        let Some((_, stat)) = found else { return Ok(vec![Difference::new(&self.path, "absent")]) };
        if stat.kind != Kind::Directory {
            return Err(self.refused(stat.kind));
        }
        let mut differences = Vec::new();
        self.ownership.differences(far, &self.path, &stat, &mut differences)?;
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        let attributes = self.ownership.attributes(far)?;
        match far.stat_followed(&self.path)? {
            Some((path, stat)) if stat.kind == Kind::Directory => far.set(path, attributes),
            Some((_, stat)) => Err(self.refused(stat.kind)),
            None => {
                far.make_parents(&self.path)?;
                far.make_directory(&self.path, attributes)
            }
        }
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        far.remove_empty_directory(&self.path)
    }
}
