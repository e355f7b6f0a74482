//! A program with the command line and a machine: `MACHINE_SSH` is the program that connects, and `MACHINE` the destination.

use std::process::ExitCode;

use setup_tasks::{Config, Layout, prelude::*};
use setup_tasks_machines::resources::File;
use setup_tasks_machines::{Ensure, Machine};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "web")]
struct Web {
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Web {
    /// Write the greeting
    #[setup_task]
    const GREETING: Ensure<Self, File> = Ensure::new(|_| File::at("/srv/greeting").content("Welcome\n"));
}

fn build() -> Result<Layout> {
    let layout = Layout::new(Config::builder().environment("SITE").load()?);
    let variable = |name, default: &str| std::env::var(name).unwrap_or_else(|_| default.to_owned());
    let machine = Machine::ssh(variable("MACHINE", "web")).ssh_program(variable("MACHINE_SSH", "ssh"));
    layout.add(Web { machine })?;
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build)
}
