//! The network of the machines, as an object of the layout.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::bail;
use setup_tasks::prelude::*;
use setup_tasks_machines::Machine;

use crate::keeper;

/// The network in which the machines are. A process of its own, the keeper, holds it.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "network")]
pub struct Network {
    /// A link to the directory of the running network.
    pub link: PathBuf,
}

#[setup_tasks]
impl Network {
    #[setup_task("Make the Debian root of all machines")]
    async fn root(&self, cx: &TaskContext) -> Result<()> {
        cx.command(std::env::current_exe()?).arg(keeper::PREPARE).run().await?;
        Ok(())
    }

    #[setup_task("Start the network", check_completed = is_running, undo = stop)]
    pub async fn start(&self, cx: &TaskContext) -> Result<()> {
        let keeper = cx.command(std::env::current_exe()?).arg(keeper::KEEP).arg(&self.link).detached().start().await?;
        let process = PathBuf::from(format!("/proc/{}/exe", keeper.pid));
        while !self.is_running().await {
            if std::fs::read_link(&process).is_err() {
                let log = std::fs::read_to_string(&keeper.log).unwrap_or_default();
                bail!("the network did not start: {}", log.trim());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Ok(())
    }

    /// Returns whether the keeper answers.
    async fn is_running(&self) -> bool {
        self.request("ping".to_owned()).await.is_ok()
    }

    async fn stop(&self) -> Result<()> {
        if self.is_running().await { self.request("stop".to_owned()).await } else { Ok(()) }
    }
}

impl Network {
    /// Sends a request to the keeper, and waits until it is done.
    pub async fn request(&self, request: String) -> Result<()> {
        let link = self.link.clone();
        tokio::task::spawn_blocking(move || keeper::request(&link, &request)).await?
    }

    /// Returns a connection to a machine of the network that is at a link.
    pub fn machine(link: &Path, name: &str) -> Machine {
        let machine = Machine::ssh(name).ssh_program(link.join("ssh").display().to_string());
        let (link, status) = (link.to_owned(), format!("status {name}"));
        machine.exists_when(move || keeper::request(&link, &status).is_ok())
    }
}
