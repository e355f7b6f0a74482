//! The network of the machines, as an object of the layout.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use setup_tasks::prelude::*;

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
        self.request("ping").await.is_ok()
    }

    async fn stop(&self) -> Result<()> {
        if self.is_running().await { self.request("stop").await } else { Ok(()) }
    }
}

impl Network {
    /// Sends a request to the keeper, which the reply ends.
    pub async fn request(&self, request: &str) -> Result<()> {
        let socket = std::fs::read_link(&self.link).context("there is no network")?.join(keeper::SOCKET);
        let request = format!("{request}\n");
        let exchange = move || -> std::io::Result<String> {
            let mut stream = UnixStream::connect(socket)?;
            stream.write_all(request.as_bytes())?;
            let mut reply = String::new();
            stream.read_to_string(&mut reply)?;
            Ok(reply)
        };
        match tokio::task::spawn_blocking(exchange).await?.context("the network is gone")?.as_str() {
            "ok" => Ok(()),
            error => bail!("the keeper of the network: {error}"),
        }
    }

    /// Returns the program that runs `ssh` within the network.
    pub fn ssh(link: &Path) -> String {
        link.join("ssh").display().to_string()
    }
}
