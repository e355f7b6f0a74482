//! A program that works on a machine, and is its own agent: `runner SSH DESTINATION WORK`.
//!
//! The work is `site DIRECTORY` (brings a site up, with its stamps in a directory), `hold` (makes a change that never ends), or
//! else a script to run in a task.

use std::process::ExitCode;

use setup_tasks::{Config, Layout, prelude::*};
use setup_tasks_machines::resources::{Command, Directory, File};
use setup_tasks_machines::{Ensure, Machine};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "runner")]
struct Runner {
    machine: Machine,
    work: String,
}

#[setup_tasks]
impl Runner {
    #[setup_task("Run the script")]
    async fn run(&self, cx: &TaskContext) -> Result<()> {
        if self.work == "hold" {
            self.machine.ensure(cx, [Command::shell("mkdir /srv/held; exec sleep 1000")]).await?;
        }
        self.machine.command(cx, "sh").args(["-c", &self.work]).run().await
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "site")]
struct Site {
    #[machine]
    machine: Machine,
}

/// Returns files of 10 KB each.
fn files(letter: &str) -> Vec<File> {
    let file = |i| File::at(format!("/srv/site/{letter}{i}")).content(letter.repeat(10_000));
    (0..3).map(file).collect()
}

#[setup_tasks]
impl Site {
    /// Create the directory
    #[setup_task]
    const DIRECTORY: Ensure<Self, Directory> = Ensure::new(|_| Directory::at("/srv/site"));

    /// Write the first files
    #[setup_task]
    const FIRST: Ensure<Self, File> = Ensure::all(|_| files("a"));

    /// Write the second files
    #[setup_task]
    const SECOND: Ensure<Self, File> = Ensure::all(|_| files("b"));

    #[setup_task("Count them")]
    async fn count(&self, cx: &TaskContext) -> Result<()> {
        self.machine
            .command(cx, "sh")
            .args(["-c", "ls /srv/site/[ab]* | wc -l >/srv/site/count; sleep 0.05"])
            .run()
            .await
    }

    /// Write the third files
    #[setup_task]
    const THIRD: Ensure<Self, File> = Ensure::all(|_| files("c"));
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
    let [ssh, destination, work] = <[String; 3]>::try_from(args).expect("three arguments");
    let machine = Machine::ssh(destination).ssh_program(ssh);
    if let Some(directory) = work.strip_prefix("site ") {
        Layout::new(Config::new(directory)).add(Site { machine })?.run_setup_tasks().await?;
    } else {
        Layout::in_memory()?.add(Runner { machine, work })?.run_setup_tasks().await?;
    }
    Ok(())
}
