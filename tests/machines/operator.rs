//! A program with the command line and a site on a machine that answers in wrong ways.

use std::process::ExitCode;

use setup_tasks::{Config, Layout, prelude::*};
use setup_tasks_machines::resources::File;
use setup_tasks_machines::{Ensure, Machine};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "site", id = "site")]
struct Site {
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Site {
    /// Write a file
    #[setup_task]
    const FILE: Ensure<Self, File> = Ensure::new(|_| File::at("/etc/motd").content("Welcome\n"));

    #[setup_task("Run a command")]
    async fn command(&self, cx: &TaskContext) -> Result<()> {
        let facts = self.machine.facts().await?;
        cx.log(format!("runs on {}", facts.hostname));
        self.machine.command(cx, "true").run().await
    }
}

fn build() -> Result<Layout> {
    let machine = Machine::exec([std::env::var("HOSTILE")?, "escapes everywhere".to_owned()]);
    let layout = Layout::new(Config::new("."));
    layout.add(Site { machine })?;
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build)
}
