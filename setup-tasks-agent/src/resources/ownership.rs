//! Permissions, owner and group of files and directories.

use serde::{Deserialize, Serialize};

use crate::Result;
use crate::far::{Attributes, Far, Stat};
use crate::protocol::{Cause, Difference, Failure};

/// Permissions, owner and group. Those that are not given stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ownership {
    pub(crate) mode: Option<u32>,
    pub(crate) owner: Option<String>,
    pub(crate) group: Option<String>,
}

impl Ownership {
    /// Adds the differences of a file. An owner that does not exist yet differs.
    pub(crate) fn differences(
        &self,
        far: &mut Far,
        path: &str,
        stat: &Stat,
        differences: &mut Vec<Difference>,
    ) -> Result<()> {
        if let Some(mode) = self.mode.filter(|mode| *mode != stat.mode) {
            differences
                .push(Difference::new(path, format!("mode {:04o}", stat.mode)).instead_of(format!("{mode:04o}")));
        }
        if let Some(owner) = &self.owner {
            let uid = far.find_uid(owner)?;
            if uid != Some(stat.uid) {
                let is = format!("owner {}", far.user_name(stat.uid)?);
                differences.push(Difference::new(path, is).instead_of(owner));
            }
        }
        if let Some(group) = &self.group {
            let gid = far.find_gid(group)?;
            if gid != Some(stat.gid) {
                let is = format!("group {}", far.group_name(stat.gid)?);
                differences.push(Difference::new(path, is).instead_of(group));
            }
        }
        Ok(())
    }

    /// Returns the attributes by number.
    pub(crate) fn attributes(&self, far: &mut Far) -> Result<Attributes> {
        if let Some(mode) = self.mode.filter(|mode| *mode > 0o7777) {
            let reason = format!("{mode:o} is not a mode such as 0644");
            return Err(Failure::new("set the permissions", Cause::Refused(reason)));
        }
        let uid = self.owner.as_ref().map(|owner| far.uid(owner)).transpose()?;
        let gid = self.group.as_ref().map(|group| far.gid(group)).transpose()?;
        Ok(Attributes { mode: self.mode, uid, gid })
    }
}

/// Adds the methods for permissions, owner and group to a resource with the field `ownership`.
macro_rules! ownership_methods {
    ($resource:ident) => {
        impl $resource {
            /// Sets the permissions, as `chmod` takes them, such as `0o644`.
            #[must_use]
            pub fn mode(mut self, mode: u32) -> Self {
                self.ownership.mode = Some(mode);
                self
            }

            /// Sets the owner, by name or number.
            #[must_use]
            pub fn owner(mut self, owner: impl Into<String>) -> Self {
                self.ownership.owner = Some(owner.into());
                self
            }

            /// Sets the group, by name or number.
            #[must_use]
            pub fn group(mut self, group: impl Into<String>) -> Self {
                self.ownership.group = Some(group.into());
                self
            }
        }
    };
}

pub(crate) use ownership_methods;
