//! Tests with real machines: Debian roots in network namespaces, each with an SSH server.

mod connecting;
mod mistrusting;
mod netns;

use setup_tasks_machines::Machine;
use setup_tasks_test::TestNetwork;

/// Returns the machine at a destination within a network, with the agent of the tests.
fn machine(network: &TestNetwork, destination: &str) -> Machine {
    with_agent(Machine::ssh(destination).ssh_program(network.ssh_program().display().to_string()))
}

/// Adds the agent of the tests.
fn with_agent(machine: Machine) -> Machine {
    machine.agent(env!("CARGO_BIN_EXE_machine-agent"))
}
