//! Tests of several hosts that share a `PostgreSQL` database. Each test is skipped with a line on the standard error where `PostgreSQL` is
//! not installed.

mod clocks;
mod cutting;
mod keeping;
mod operators;
mod placing;
mod proxy;
mod restarting;
mod server;
mod sharing;
mod troubles;
mod trusting;
mod working;
