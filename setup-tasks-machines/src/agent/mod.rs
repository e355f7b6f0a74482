//! The agents: the binaries that are copied to machines.

mod architecture;
mod binary;
mod build;
mod choice;
mod elf;

use std::process::ExitCode;

use setup_tasks::__private::Role;
use setup_tasks_agent::agent;

pub(crate) use architecture::Architecture;
pub(crate) use binary::AgentBinary;
pub(crate) use choice::Agents;

/// The first argument of a program that is to be the agent.
const ROLE: &str = "__setup-tasks-agent";

inventory::submit! {
    Role::new(ROLE, |args| agent::main(&[ROLE], args.iter().cloned()))
}

/// Runs this program as the agent on a machine, if its first argument requests that, and returns the exit code. Otherwise returns `None`.
///
/// A program whose main function calls this first needs no other binary for machines, and can have resources of its own. The
/// command line of `setup-tasks-cli` does it by itself.
///
/// ```no_run
/// use std::process::ExitCode;
///
/// fn main() -> ExitCode {
///     if let Some(code) = setup_tasks_machines::serve_as_agent() {
///         return code;
///     }
///     // …
///     ExitCode::SUCCESS
/// }
/// ```
pub fn serve_as_agent() -> Option<ExitCode> {
    Role::play(&std::env::args_os().collect::<Vec<_>>())
}
