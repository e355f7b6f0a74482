//! Tests of the resources on real machines.

mod accounts;
mod client;
mod guards;
mod packages;
mod system;
mod units;
