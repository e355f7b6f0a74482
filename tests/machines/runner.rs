//! A program that runs a script on a machine, in a task: `runner SSH DESTINATION AGENT SCRIPT`.

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

#[tokio::main]
async fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [ssh, destination, agent, script] = <[String; 4]>::try_from(args).expect("four arguments");
    let machine = Machine::ssh(destination).ssh_program(ssh).agent(agent);
    Layout::in_memory()?.add(Runner { machine, script })?.run_setup_tasks().await?;
    Ok(())
}
