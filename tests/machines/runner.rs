//! A program that runs a script on a machine, in a task: `runner SSH DESTINATION SCRIPT`. It is its own agent.

use std::process::ExitCode;

use setup_tasks::{Layout, prelude::*};
use setup_tasks_machines::Machine;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "runner")]
struct Runner {
    machine: Machine,
    script: String,
}

#[setup_tasks]
impl Runner {
    #[setup_task("Run the script")]
    async fn run(&self, cx: &TaskContext) -> Result<()> {
        self.machine.command(cx, "sh").args(["-c", &self.script]).run().await
    }
}

fn main() -> ExitCode {
    match setup_tasks_machines::serve_as_agent() {
        Some(code) => code,
        None => run().map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS),
    }
}

#[tokio::main]
async fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [ssh, destination, script] = <[String; 3]>::try_from(args).expect("three arguments");
    let machine = Machine::ssh(destination).ssh_program(ssh);
    Layout::in_memory()?.add(Runner { machine, script })?.run_setup_tasks().await?;
    Ok(())
}
