//! A group of accounts.

use serde::{Deserialize, Serialize};

use super::presence::{Presence, check_account_name};
use crate::Result;
use crate::far::Far;
use crate::protocol::Difference;
use crate::resource::{Resource, no_undo};

/// A group of accounts. [`User::groups`](super::User::groups) sets its members.
///
/// ```
/// use setup_tasks_agent::resources::Group;
///
/// Group::named("ops").gid(2000);
/// Group::named("legacy").absent();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    name: String,
    presence: Presence,
    gid: Option<u32>,
    system: bool,
}

impl Group {
    /// Creates a group resource.
    pub fn named(name: impl Into<String>) -> Self {
        Self { name: name.into(), presence: Presence::Present, gid: None, system: false }
    }

    /// Sets the number of the group.
    #[must_use]
    pub fn gid(mut self, gid: u32) -> Self {
        self.gid = Some(gid);
        self
    }

    /// Lets a new group get a number from the range for services.
    #[must_use]
    pub fn system(mut self) -> Self {
        self.system = true;
        self
    }

    /// Lets the machine have no such group.
    #[must_use]
    pub fn absent(mut self) -> Self {
        self.presence = Presence::Absent;
        self
    }

    fn remove(&self, far: &mut Far) -> Result<()> {
        check_account_name("group", &self.name)?;
        if far.group(&self.name)?.is_some() {
            far.command("groupdel").arg(&self.name).output("remove the group")?;
        }
        Ok(())
    }
}

impl Resource for Group {
    const KIND: &str = "group";

    fn name(&self) -> String {
        format!("group {}", self.name)
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        check_account_name("group", &self.name)?;
        let what = Resource::name(self);
        Ok(match (far.group(&self.name)?, self.presence) {
            (None, Presence::Absent) => Vec::new(),
            (Some(_), Presence::Absent) => vec![Difference::new(what, "present").instead_of("absent")],
            (None, Presence::Present) => vec![Difference::new(what, "absent")],
            (Some(group), Presence::Present) => {
                let gid = self.gid.filter(|gid| *gid != group.gid);
                gid.map(|gid| Difference::new(what, format!("number {}", group.gid)).instead_of(gid.to_string()))
                    .into_iter()
                    .collect()
            }
        })
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        if self.presence == Presence::Absent {
            return self.remove(far);
        }
        let exists = far.group(&self.name)?.is_some();
        let (program, tried) = if exists { ("groupmod", "change the group") } else { ("groupadd", "add the group") };
        let mut command = far.command(program);
        if let Some(gid) = self.gid {
            command = command.args(["--gid", &gid.to_string()]);
        }
        if self.system && !exists {
            command = command.arg("--system");
        }
        command.arg(&self.name).output(tried).map(drop)
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        match self.presence {
            Presence::Present => self.remove(far),
            Presence::Absent => Err(no_undo("a removed group is gone")),
        }
    }
}
