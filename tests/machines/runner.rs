//! A program that works on a machine, and is its own agent: `runner SSH DESTINATION WORK`.
//!
//! The work is `hold` (makes a change that never ends), `changes` (makes two changes of which the first one takes long),
//! `copy PATH` (copies a file to the machine and back), or else a script to run in a task. With `CANCEL=PATH`, the work is cancelled when
//! that file exists; the program then prints its greatest memory and waits for the end of its input.
#![expect(clippy::print_stdout, reason = "it prints to its test")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use setup_tasks::{Layout, prelude::*};
use setup_tasks_machines::resources::{Command as Shell, Content, File};
use setup_tasks_machines::{Ensure, Machine};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "large")]
struct Large {
    path: PathBuf,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Large {
    /// Copy a large file to the machine
    #[setup_task]
    const FILE: Ensure<Self, File> =
        Ensure::new(|large| File::at("/srv/large").content(Content::of_file(&large.path).expect("a file")));

    #[setup_task("Copy it back")]
    async fn back(&self) -> Result<()> {
        Ok(self.machine.fetch_to("/srv/large", self.path.with_file_name("copy")).await?)
    }
}

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
            self.machine.ensure(cx, [Shell::shell("mkdir /srv/held; exec sleep 1000")]).await?;
        }
        if self.work == "changes" {
            let slow = Shell::shell("touch /srv/begun; sleep 8888; touch /srv/ended");
            return self.machine.ensure(cx, [slow, Shell::shell("touch /srv/next")]).await.map(drop);
        }
        self.machine.command(cx, "sh").args(["-c", &self.work]).run().await
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
    let [ssh, destination, work] = <[String; 3]>::try_from(args).expect("three arguments");
    let machine = Machine::ssh(destination).ssh_program(ssh);
    let cancel = std::env::var_os("CANCEL").map(PathBuf::from);
    let layout = Layout::in_memory()?;
    let run = async {
        match work.strip_prefix("copy ") {
            Some(path) => layout.add(Large { path: path.into(), machine })?.run_setup_tasks().await.map(drop)?,
            None => layout.add(Runner { machine, work })?.run_setup_tasks().await.map(drop)?,
        }
        // The connection stays open until the test has looked at the agent.
        if cancel.is_some() { std::future::pending().await } else { Ok(()) }
    };
    let cancelled = async {
        while !cancel.as_ref().is_some_and(|cancel| cancel.exists()) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::select! {
        result = run => return result,
        () = cancelled => {}
    }
    let status = std::fs::read_to_string("/proc/self/status")?;
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    println!("peak {}", peak.trim().trim_end_matches(" kB"));
    // The end of the input is the permission to end.
    tokio::io::copy(&mut tokio::io::stdin(), &mut tokio::io::sink()).await?;
    Ok(())
}
