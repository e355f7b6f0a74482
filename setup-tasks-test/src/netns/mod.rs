//! Machines in network namespaces.
//!
//! A process, the keeper, owns all namespaces of a network. It ends at the end of its standard input, which the test holds open. So
//! everything is gone even if the test is killed.

mod error;
mod image;
mod keeper;
mod machine;
mod network;
mod requirements;

pub use error::NetnsError;
pub use machine::{NetnsMachine, NetnsMachineBuilder};
pub use network::TestNetwork;
