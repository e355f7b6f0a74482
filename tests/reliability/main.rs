//! Tests of reliability: kills at random times, power losses, many concurrent processes, and faults
//! of disks and files.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "a long run prints statistics")]

mod crashes;
mod faults;
mod power;
mod processes;
mod sources;
mod taking_down;
mod trial;
