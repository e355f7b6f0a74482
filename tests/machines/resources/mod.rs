//! Tests of the resources on real machines.

mod accounts;
mod client;
mod packages;
mod system;
mod units;
