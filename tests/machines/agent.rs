//! The agent, as a program of this package.

mod own;

use std::process::ExitCode;

fn main() -> ExitCode {
    setup_tasks_agent::agent::main(&[], std::env::args_os().skip(1))
}
