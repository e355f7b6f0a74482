//! The standalone agent.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    setup_tasks_agent::agent::main(&[], std::env::args_os().skip(1))
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    ExitCode::FAILURE
}
