//! What must hold when things go wrong: processes killed at any moment, power lost, many processes at once, disks and files that
//! are not as they should be.
#![cfg(unix)]
#![expect(clippy::print_stdout, reason = "a long run says what it did")]

mod crashes;
mod faults;
mod power;
mod processes;
mod sources;
mod trial;
