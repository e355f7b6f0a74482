//! The agent of setup-tasks, which runs on a machine and changes it.
//!
//! [`protocol`] has the messages that a controller and an agent exchange, and the codec for both sides.

pub mod protocol;
