//! Helpers for tests of layouts.
//!
//! | for | use |
//! |---|---|
//! | tests of models without machines | [`TestLayout`]: stamps in memory, temporary directories, a clock that the test sets, a record of all events |
//! | tests of tasks that work on machines, without machines | [`FakeMachine`]: files, packages, services and accounts in memory, and answers to other programs |
//! | claims about runs | [`assert_ran!`], [`assert_plan!`], [`assert_up_to_date!`], [`snapshot`] |
//! | properties that every layout should have | [`second_run_changes_nothing`], [`each_task_alone`], [`survives_kills`] |
//! | tests on real machines | [`TestNetwork`] |
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
#![cfg(unix)]

mod alone;
mod claims;
mod fake;
mod kills;
mod layout;
mod netns;
mod properties;
mod snapshot;

pub use alone::each_task_alone;
pub use fake::{FakeMachine, OnCommand, output};
pub use kills::{KillError, Kills, survives_kills};
pub use layout::{TestClock, TestLayout};
pub use snapshot::snapshot;

/// Names for the macros.
#[doc(hidden)]
pub mod __private {
    pub use crate::claims::{check_ran, planned};
}

pub use netns::{NetnsError, NetnsMachine, NetnsMachineBuilder, TestNetwork};
pub use properties::{PropertyError, second_run_changes_nothing};
