//! Several resources that change together.

use serde::{Deserialize, Serialize};

use super::content::Content;
use crate::Result;
use crate::far::Far;
use crate::protocol::{Difference, Failure, ResourceData};
use crate::resource::{AnyResource, Resource, Restore, decode};

/// Several resources that change together, such as a file and the service that reads it. Its actions run if a resource before them
/// differed.
///
/// A guarded change is one resource, so this is the way to guard a file together with the reload that makes it effective.
///
/// ```
/// use setup_tasks_agent::resources::{File, Service, Together};
///
/// Together::of(File::at("/etc/ssh/sshd_config.d/site.conf").content("PasswordAuthentication no\n").validate("sshd -t"))
///     .and(Service::reload("ssh"));
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Together {
    name: String,
    members: Vec<ResourceData>,
    /// The questions about the members, on the controller's side.
    #[serde(skip)]
    questions: Vec<ResourceData>,
    /// The content of the members' files, on the controller's side.
    #[serde(skip)]
    contents: Vec<(String, Content)>,
}

impl Together {
    /// Creates a list with one resource.
    pub fn of(resource: impl Resource) -> Self {
        let (members, questions, contents) = Default::default();
        Self { name: resource.name(), members, questions, contents }.with(&resource)
    }

    /// Adds a resource or an action to the end.
    #[must_use]
    pub fn and(self, resource: impl Resource) -> Self {
        let name = format!("{} and {}", self.name, resource.name());
        Self { name, ..self }.with(&resource)
    }

    fn with<R: Resource>(mut self, resource: &R) -> Self {
        self.members.push(ResourceData::of(resource));
        self.questions.push(resource.question());
        self.contents.extend(resource.contents());
        self
    }

    fn members(&self) -> Result<Vec<Box<dyn AnyResource>>> {
        self.members.iter().map(decode).collect()
    }
}

impl Resource for Together {
    const KIND: &str = "together";

    fn name(&self) -> String {
        self.name.clone()
    }

    fn prepare(&self, far: &mut Far) {
        // An error comes again in the observation.
        self.members().iter().flatten().for_each(|member| member.prepare(far));
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        let mut differences = Vec::new();
        for member in self.members()?.iter().filter(|member| !member.is_action()) {
            differences.extend(member.observe(far).map_err(|failure| failure.of(member.name()))?);
        }
        Ok(differences)
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        let mut has_changed = false;
        for member in self.members()? {
            far.forget_shared();
            let named = |failure: Failure| failure.of(member.name());
            if member.is_action() {
                if has_changed && member.is_due(far).map_err(named)? {
                    member.apply(far, &[]).map_err(named)?;
                }
                continue;
            }
            let differences = member.observe(far).map_err(named)?;
            if !differences.is_empty() {
                member.apply(far, &differences).map_err(named)?;
                has_changed = true;
            }
        }
        Ok(())
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        let (actions, states): (Vec<_>, Vec<_>) = self.members()?.into_iter().partition(|member| member.is_action());
        for member in states.iter().rev() {
            far.forget_shared();
            member.undo(far).map_err(|failure| failure.of(member.name()))?;
        }
        actions.iter().try_for_each(|action| action.apply(far, &[]).map_err(|failure| failure.of(action.name())))
    }

    fn keep(&self, far: &mut Far) -> Result<Vec<Restore>> {
        let mut steps = Vec::new();
        for member in self.members()?.iter().rev() {
            let kept = member.keep(far).map_err(|failure| failure.of(member.name()))?;
            steps.extend(kept);
        }
        Ok(steps)
    }

    fn question(&self) -> ResourceData {
        ResourceData::of(&Self { members: self.questions.clone(), ..self.clone() })
    }

    fn contents(&self) -> Vec<(String, Content)> {
        self.contents.clone()
    }
}
