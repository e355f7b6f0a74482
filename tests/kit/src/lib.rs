//! Helpers that several test binaries share.

#![allow(clippy::missing_panics_doc, reason = "a helper fails the test that calls it")]

mod environment;
mod log;
mod machine;
mod numbers;
mod redact;
mod scratch;
mod text;
mod wait;

pub use environment::{figure, setting, skip};
pub use log::Log;
pub use machine::{Gate, Knobs, Machine};
pub use numbers::Numbers;
pub use redact::redact;
pub use scratch::{Open, Scratch};
pub use text::{Events, chain, events, lines};
pub use wait::{guard, guard_process, until};
