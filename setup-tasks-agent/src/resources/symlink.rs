//! A symbolic link.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::far::{Far, Kind};
use crate::protocol::{Cause, Difference, Failure};
use crate::resource::{Resource, Restore};

/// A symbolic link. Another link at its path is replaced; a file or a directory is an error.
///
/// ```
/// use setup_tasks_agent::resources::Symlink;
///
/// Symlink::at("/srv/www/current").to("/srv/www/releases/5");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Symlink {
    path: String,
    to: String,
}

impl Symlink {
    /// Creates a link resource. [`to`](Self::to) sets the path that it contains.
    pub fn at(path: impl Into<String>) -> Self {
        Self { path: path.into(), to: String::new() }
    }

    /// Sets the path that the link contains. It need not exist.
    #[must_use]
    pub fn to(mut self, to: impl Into<String>) -> Self {
        self.to = to.into();
        self
    }
}

impl Resource for Symlink {
    const KIND: &str = "symlink";

    fn name(&self) -> String {
        format!("link {}", self.path)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let path = &*self.path;
        match far.stat(path)? {
            None => Ok(vec![Difference::new(path, "absent")]),
            Some(stat) if stat.kind == Kind::Symlink => {
                let to = far.read_link(path)?.unwrap_or_default();
                let is = format!("a link to {}", to.display());
                Ok((to != *self.to).then(|| Difference::new(path, is).instead_of(&self.to)).into_iter().collect())
            }
            Some(stat) => {
                let reason = format!("it is {}, which a link does not replace", stat.kind.words());
                Err(Failure::new(format!("create the link `{path}`"), Cause::Refused(reason)))
            }
        }
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        far.link(&self.path, &self.to)
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        let is_link = far.stat(&self.path)?.is_some_and(|stat| stat.kind == Kind::Symlink);
        if is_link { far.remove(&self.path).map(drop) } else { Ok(()) }
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        Ok(vec![Restore::file(far, &self.path)?])
    }
}
