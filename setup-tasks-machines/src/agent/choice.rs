//! The choice of the agent for a machine: one binary per architecture.

use std::path::{Path, PathBuf};

use setup_tasks::__private::{agents_directory, configured_agents};
use setup_tasks_agent::agent::RELEASE;
use setup_tasks_agent::resource;

use super::AgentBinary;
use super::architecture::{ALL, Architecture};
use crate::error::MachineError;

/// The environment variable that names the binary of the agent.
const VARIABLE: &str = "SETUP_TASKS_AGENT";

/// The agents for a machine, of which each is for another architecture.
#[derive(Clone, Default)]
pub(crate) struct Agents {
    binaries: Vec<AgentBinary>,
    /// The errors of agents that the configuration names. A machine of another architecture needs none of them.
    broken: Vec<(&'static Architecture, MachineError)>,
}

impl Agents {
    /// Returns the agents for a machine, for which the program names some. An agent that the program names takes precedence over those of the
    /// configuration, and then over those that were built. The program itself is the agent if none was built, or if it has resources
    /// of its own.
    ///
    /// # Errors
    ///
    /// An agent that the program names cannot be used, or the configuration names one for an unknown architecture.
    pub(crate) fn of(named: &[PathBuf]) -> Result<Self, MachineError> {
        let mut agents = Self::default();
        let variable = std::env::var_os(VARIABLE).map(PathBuf::from);
        for path in named.iter().chain(&variable) {
            agents.add(AgentBinary::given(path)?);
        }
        for (name, path) in configured_agents() {
            let architecture = Architecture::named(&name).ok_or(MachineError::Architecture { name })?;
            match configured(architecture, &path) {
                Ok(binary) => agents.add(binary),
                Err(error) => agents.broken.push((architecture, error)),
            }
        }
        let own = AgentBinary::own().transpose()?;
        let (first, last) = if resource::has_own() { (own, None) } else { (None, own) };
        let built = ALL.iter().filter_map(|one| AgentBinary::given(&built_path(one)?).ok());
        agents.extend(first.into_iter().chain(built).chain(last));
        Ok(agents)
    }

    /// Adds a binary, unless one for its architecture is there.
    fn add(&mut self, binary: AgentBinary) {
        let is_broken = self.broken.iter().any(|(one, _)| Some(*one) == binary.architecture);
        if !is_broken && self.binaries.iter().all(|other| other.architecture != binary.architecture) {
            self.binaries.push(binary);
        }
    }

    pub(crate) fn all(&self) -> &[AgentBinary] {
        &self.binaries
    }

    /// Returns the agent for a system, as `uname -s -m` prints it, or `None` if there is none.
    ///
    /// # Errors
    ///
    /// The agent that the configuration names for it cannot be used.
    pub(crate) fn for_system(&self, system: &str) -> Result<Option<&AgentBinary>, MachineError> {
        match self.broken.iter().find(|(one, _)| one.is_of(system)) {
            Some((_, error)) => Err(error.clone()),
            None => Ok(self.binaries.iter().find(|binary| binary.runs_on(system))),
        }
    }

    /// Returns the only error of the configuration, if there is no agent at all.
    pub(crate) fn broken(&self) -> Option<MachineError> {
        self.broken.first().filter(|_| self.binaries.is_empty()).map(|(_, error)| error.clone())
    }
}

impl Extend<AgentBinary> for Agents {
    fn extend<I: IntoIterator<Item = AgentBinary>>(&mut self, binaries: I) {
        binaries.into_iter().for_each(|binary| self.add(binary));
    }
}

#[cfg(test)]
impl FromIterator<AgentBinary> for Agents {
    fn from_iter<I: IntoIterator<Item = AgentBinary>>(binaries: I) -> Self {
        let mut agents = Self::default();
        agents.extend(binaries);
        agents
    }
}

/// Returns the agent that the configuration names for an architecture.
pub(super) fn configured(architecture: &'static Architecture, path: &Path) -> Result<AgentBinary, MachineError> {
    let binary = AgentBinary::given(path)?;
    if binary.architecture == Some(architecture) {
        return Ok(binary);
    }
    let is = binary.architecture.map(|other| other.name);
    Err(MachineError::OtherArchitecture { path: path.to_owned(), is, wanted: architecture.name })
}

/// Returns the path of the agent that `agents build` makes for an architecture, or `None` if there is no home directory.
pub(super) fn built_path(architecture: &Architecture) -> Option<PathBuf> {
    Some(agents_directory()?.join(format!("agent-{RELEASE}-{}", architecture.name)))
}
