//! Tests of the agent through its protocol, in this process and in processes of its own.

mod changes;
mod client;
mod files;
mod fuzzed;
mod guards;
mod process;
mod programs;
mod signs_of_life;

use client::Client;
