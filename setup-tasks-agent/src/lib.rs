//! The agent of setup-tasks, which runs on a machine and changes it.
//!
//! - [`protocol`] has the messages that a controller and an agent exchange, and the codec for both sides.
//! - [`far`] is the machine, as resources see it.
//! - [`resource`] has the trait for resources. [`resources`] has those that come with the agent.
//! - [`agent`] serves a connection.

pub mod protocol;

#[cfg(unix)]
pub mod agent;
#[cfg(unix)]
pub mod far;
#[cfg(unix)]
mod process;
#[cfg(unix)]
pub mod resource;
#[cfg(unix)]
pub mod resources;

/// Names for `register_resource!`.
#[doc(hidden)]
pub mod private {
    pub use inventory;
}

/// The result of an operation on a machine.
pub type Result<T, E = protocol::Failure> = std::result::Result<T, E>;
