//! A fleet with a command line: `fleet …`. The file `hosts` in the working directory has a line per object: its id, and the
//! destination of its machine, `local`, or nothing. The variable `FLEET_SSH` names the program `ssh`.

use std::process::ExitCode;

use setup_tasks::{Config, Layout, prelude::*};
use setup_tasks_machines::Machine;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Host {
    name: String,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Host {
    #[setup_task("Greet", tags = ["talk"])]
    async fn greet(&self, cx: &TaskContext) -> Result<()> {
        self.machine.command(cx, "true").run().await
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Cloud {
    name: String,
}

#[setup_tasks]
impl Cloud {}

fn build() -> Result<Layout> {
    let layout = Layout::new(Config::builder().load()?);
    let ssh = std::env::var("FLEET_SSH").unwrap_or_else(|_| "ssh".to_owned());
    for line in std::fs::read_to_string("hosts")?.lines() {
        let (name, destination) = line.split_once(' ').unwrap_or((line, ""));
        let name = name.to_owned();
        let machine = match destination {
            "" => {
                layout.add(Cloud { name })?;
                continue;
            }
            "local" => Machine::local(),
            "later" => Machine::local().exists_when(|| false),
            destination => Machine::ssh(destination).ssh_program(&ssh),
        };
        layout.object_builder(Host { name, machine }).group("hosts").add()?;
    }
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build)
}
