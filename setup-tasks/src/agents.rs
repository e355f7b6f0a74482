//! The agents of machines, as the configuration and the command line see them. Another crate of the program knows the machines.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use crate::{Config, Result};

/// A function that builds an agent, for an architecture and with a receiver of lines.
type Build = fn(Option<&str>, &mut dyn FnMut(&str)) -> Result<AgentFile>;

/// The builder of agents in a program with machines. A crate registers it with `inventory`.
#[derive(Clone, Copy, Debug)]
pub struct AgentTool {
    /// Builds the agent for an architecture, or for that of this system. It passes lines about its work on.
    pub build: Build,
    /// Lists the agents that were built, those of other releases included, and those of the configuration.
    pub list: fn() -> Result<Vec<AgentFile>>,
}

inventory::collect!(AgentTool);

/// A file with an agent.
#[derive(Clone, Debug)]
pub struct AgentFile {
    /// The architecture, such as `aarch64`.
    pub architecture: String,
    /// The path.
    pub path: PathBuf,
    /// The length in bytes.
    pub size: u64,
    /// Whether it runs with every C library of the machine.
    pub is_static: bool,
    /// The reason why it is not used, such as another release.
    pub unused: Option<String>,
    /// Whether the configuration names it. Otherwise, it was built.
    pub is_configured: bool,
}

/// The agents that the configurations of this process name.
static CONFIGURED: RwLock<BTreeMap<String, PathBuf>> = RwLock::new(BTreeMap::new());

impl AgentTool {
    /// Returns the tool of this program, or `None` if it has no machines.
    pub fn of_program() -> Option<Self> {
        inventory::iter::<Self>().next().copied()
    }
}

/// Uses the agents of a configuration for all machines of this process.
pub(crate) fn configure(config: &Config) {
    if config.agents.is_empty() {
        return;
    }
    let base = std::path::absolute(&config.base_dir).unwrap_or_else(|_| config.base_dir.clone());
    let agents = config.agents.iter().map(|(architecture, path)| (architecture.clone(), base.join(path)));
    CONFIGURED.write().unwrap_or_else(PoisonError::into_inner).extend(agents);
}

/// Returns the agents that the configurations of this process name, by architecture.
pub fn configured() -> BTreeMap<String, PathBuf> {
    CONFIGURED.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Returns the directory in which agents are kept, or `None` if there is no home directory.
pub fn directory() -> Option<PathBuf> {
    let absolute = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(cache.join(Path::new("setup-tasks/agents")))
}
