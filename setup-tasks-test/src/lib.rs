//! Helpers for tests of layouts.
//!
//! [`TestNetwork`] starts real Debian machines in network namespaces, each with an SSH server. They need Linux, root and a few
//! programs. Elsewhere, [`TestNetwork::start_or_skip`] prints the reason and returns `None`.
//!
//! ```no_run
//! use setup_tasks_test::TestNetwork;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let Some(network) = TestNetwork::start_or_skip() else { return Ok(()) };
//! let web = network.machine("web").boot()?;
//! assert_eq!(web.run("hostname")?, "web\n");
//! // A client connects with the SSH program of the network, which is within its namespace.
//! let output = std::process::Command::new(network.ssh_program()).args(["web", "id", "-un"]).output()?;
//! assert_eq!(output.stdout, b"root\n");
//! # Ok(())
//! # }
//! ```
//!
//! [`second_run_changes_nothing`] is a property of every layout, on such machines or others.
#![cfg(unix)]

mod netns;
mod properties;

pub use netns::{NetnsError, NetnsMachine, NetnsMachineBuilder, TestNetwork};
pub use properties::{PropertyError, second_run_changes_nothing};
