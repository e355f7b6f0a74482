//! Tests of the resources, on machines in directories.

mod accounts;
mod edits;
mod files;
mod machine;
mod packages;
mod programs;
mod rebooting;
mod trees;
