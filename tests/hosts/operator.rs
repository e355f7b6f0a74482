//! The program of an operator. The tests start it on several "hosts", each with a base directory of its own.
//!
//! `COUNT` is the number of objects, and `PAUSE_MS` the duration of a task. Each task appends a line to the file `LEDGER` when it
//! begins and when it ends. It follows the instruction in the file `OBJECT.TASK` of the base directory, if there is one: `hold` (until
//! the file is removed), `fail`, or `ready OTHER`.

use std::fs::{self, File};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};
use setup_tasks_postgres as _;
use test_kit::setting;

/// A model with three tasks.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{name}", id = "{name}")]
struct Host {
    name: String,
}

#[setup_tasks]
impl Host {
    #[setup_task("Do the first", hash = generation)]
    async fn first(&self, cx: &TaskContext) -> Result<()> {
        self.work(cx).await
    }

    #[setup_task("Do the second")]
    async fn second(&self, cx: &TaskContext) -> Result<()> {
        self.work(cx).await
    }

    #[setup_task("Do the third")]
    async fn third(&self, cx: &TaskContext) -> Result<()> {
        self.work(cx).await
    }

    fn generation(&self) -> String {
        std::env::var("GENERATION").unwrap_or_default()
    }

    async fn work(&self, cx: &TaskContext) -> Result<()> {
        note(&format!("begin {}/{}", self.name, cx.task()))?;
        tokio::time::sleep(Duration::from_millis(setting("PAUSE_MS", 0))).await;
        let instruction = cx.layout().config().base_dir.join(format!("{}.{}", self.name, cx.task()));
        while let Ok(text) = fs::read_to_string(&instruction) {
            match text.split_once(' ').unwrap_or((&text, "")) {
                ("hold", _) => tokio::time::sleep(Duration::from_millis(2)).await,
                ("ready", other) => {
                    cx.layout().get(other).context("no such object")?.ready().await?;
                    break;
                }
                ("fail", why) => anyhow::bail!("it failed: {why}"),
                (other, _) => anyhow::bail!("no such instruction: {other}"),
            }
        }
        note(&format!("end {}/{}", self.name, cx.task()))
    }
}

/// Appends a line to the ledger, and syncs it.
fn note(line: &str) -> Result<()> {
    let path = std::env::var("LEDGER")?;
    let mut file = File::options().append(true).create(true).open(path)?;
    file.write_all(format!("{line} {}\n", std::process::id()).as_bytes())?;
    Ok(file.sync_data()?)
}

fn build_layout() -> Result<Layout> {
    let layout = Layout::new(Config::builder().environment("OPERATOR").load()?);
    for number in 0..setting("COUNT", 2) {
        layout.add(Host { name: format!("h{number}") })?;
    }
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build_layout)
}
