//! Machines for setup-tasks.
//!
//! A [`Machine`] is a host that the controller reaches by the system's `ssh`, by a command such as `docker exec`, or as a user of the
//! same system. The first use copies a small agent to it, and the connection then carries all further work: commands with their output
//! in the task's log, and files.
//!
//! ```no_run
//! use setup_tasks::prelude::*;
//! use setup_tasks_machines::Machine;
//!
//! #[derive(SetupTasks)]
//! #[setup_tasks(subdir = "web")]
//! struct Web {
//!     machine: Machine,
//! }
//!
//! #[setup_tasks]
//! impl Web {
//!     #[setup_task("See whether it answers", always)]
//!     async fn answers(&self, cx: &TaskContext) -> Result<()> {
//!         self.machine.command(cx, "curl").args(["-fsS", "http://localhost/"]).run().await?;
//!         Ok(())
//!     }
//! }
//!
//! let web = Web { machine: Machine::ssh("web1").become_root() };
//! ```
#![cfg(unix)]

mod agent;
mod bootstrap;
mod command;
mod connection;
mod error;
mod files;
#[cfg(feature = "templates")]
mod filesystem;
mod machine;
mod one_off;
mod resource;
mod session;
mod shown;
mod transport;

pub use agent::serve_as_agent;
pub use command::MachineCommand;
pub use error::MachineError;
pub use machine::Machine;
pub use resource::Ensure;
pub use setup_tasks_agent::protocol::Facts;
pub use setup_tasks_agent::resources;
