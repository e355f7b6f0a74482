//! Tests with real machines: Debian roots in network namespaces, each with an SSH server.

#![expect(clippy::print_stdout, reason = "a long run prints statistics")]

mod ahead;
mod choosing;
mod commanding;
mod connecting;
mod ensuring;
mod everything;
mod executing;
mod guarding;
mod installing;
mod killing;
mod mistrusting;
mod netns;
mod own;
mod private;
mod reaching;
mod resources;
mod restarting;
mod rolling;
mod serving;
mod trial;

use std::time::{Duration, Instant};

use setup_tasks_machines::Machine;
use setup_tasks_test::TestNetwork;

/// Returns the machine at a destination within a network, with the agent of the tests.
fn machine(network: &TestNetwork, destination: &str) -> Machine {
    with_agent(Machine::ssh(destination).ssh_program(network.ssh_program().display().to_string()))
}

/// Waits for an event.
fn wait_until(what: &str, happened: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !happened() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Adds the agent of the tests.
fn with_agent(machine: Machine) -> Machine {
    machine.agent(env!("CARGO_BIN_EXE_machine-agent"))
}
