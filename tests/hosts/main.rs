//! Tests of several hosts that share a `PostgreSQL` database. Each test is skipped with a line on the standard error where `PostgreSQL` is
//! not installed.

#![expect(clippy::print_stdout, reason = "a long run prints statistics")]

mod clocks;
mod cutting;
mod failing_over;
mod fencing;
mod forcing;
mod keeping;
mod killing;
mod operators;
mod placing;
mod pooling;
mod proxy;
mod restarting;
mod server;
mod sharing;
mod troubles;
mod trusting;
mod working;
