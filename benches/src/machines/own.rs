//! The measured work of this library, in its own process.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;
use setup_tasks::run::TaskStatus;
use setup_tasks::{Config, Layout};
use setup_tasks_machines::Machine;

use super::site::{Site, TASKS};

/// A run of the sites on some machines.
#[derive(Args)]
pub struct Work {
    /// The directory of the stamps
    #[arg(long)]
    state: PathBuf,
    /// The SSH program
    #[arg(long)]
    ssh: PathBuf,
    /// Observe the machines
    #[arg(long)]
    verify: bool,
    /// Regard all tasks as done before, so that only what differs on the machines runs
    #[arg(long)]
    adopt: bool,
    /// The number of further files
    #[arg(long, default_value_t = 0)]
    more: usize,
    machines: Vec<String>,
}

/// Runs this program as the agent if its arguments request that.
pub fn agent() -> Option<ExitCode> {
    setup_tasks_machines::serve_as_agent()
}

/// Builds the small agent, and returns its path.
pub fn build_agent() -> Result<PathBuf> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--profile", "agent", "-p", "setup-tasks-agent", "--bin", "setup-tasks-agent"]);
    // These are the settings of `agents build`.
    for setting in ["inherits=\"release\"", "opt-level=\"z\"", "lto=\"fat\"", "strip=true"] {
        cargo.args(["--config", &format!("profile.agent.{setting}")]);
    }
    ensure!(cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status()?.success(), "the agent cannot be built");
    let program = std::env::current_exe()?;
    let target = program.ancestors().nth(2).context("this program is not in a target directory")?;
    Ok(target.join("agent/setup-tasks-agent"))
}

/// Returns the command that does the work on machines, with further options.
pub fn command(state: &Path, ssh: &Path, options: &[&str], machines: &[&str]) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("machines-work").arg("--state").arg(state).arg("--ssh").arg(ssh).args(options).args(machines);
    Ok(command)
}

/// Does the work, and prints the number of tasks that changed something.
pub fn work(work: &Work) -> Result<()> {
    let layout = Layout::new(Config::new(&work.state));
    let mut sites = Vec::new();
    for name in &work.machines {
        let machine = Machine::ssh(name).ssh_program(work.ssh.display().to_string());
        sites.push(layout.add(Site { name: name.clone(), more: work.more, machine })?);
    }
    let run = async {
        if work.adopt {
            for site in &sites {
                for task in TASKS {
                    site.as_any().mark_done(task).await?;
                }
            }
        }
        let run = layout.run();
        anyhow::Ok(if work.verify { run.verify().await? } else { run.await? })
    };
    let report = tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(run)?;
    let failed: Vec<_> = report.objects.iter().filter_map(|object| object.error.as_ref()).collect();
    ensure!(failed.is_empty(), "{}", failed.iter().map(|error| format!("{error:#}\n")).collect::<String>());
    let tasks = report.objects.iter().flat_map(|object| &object.tasks);
    println!("{}", tasks.filter(|task| task.status == TaskStatus::Ran).count());
    Ok(())
}
