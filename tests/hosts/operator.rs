//! The program of an operator. The tests start it on several "hosts", each with a base directory of its own.
//!
//! `COUNT` is the number of objects, and `PAUSE_MS` the duration of a task. Each task appends a line to the file `LEDGER` when it
//! begins, when it ends and when it is stopped. It follows the instruction in the file `OBJECT.TASK` of the base directory, if there is one: `hold` (until
//! the file is removed), `fail`, or `ready OTHER`. `KIND` is `files` (the first task has the input `input`), `state` (tasks use the state
//! directory) `log` (tasks write a line to their log) or `secret` (tasks fail with a secret in
//! the error and in the log). `PLACED` places objects on hosts: `h0=north;h[12]=south`.

use std::fs::{self, File};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use setup_tasks::layout::ObjectBuilder;
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
        match kind().as_str() {
            "state" => fs::write(cx.state_path()?.join("key"), "a key")?,
            "secret" => {
                let secret = setup_tasks::Secret::new("correct horse battery staple 42".to_owned());
                cx.log(format!("it is {}", secret.expose()));
                anyhow::bail!("no: {}", secret.expose());
            }
            "log" => cx.log(format!("a line of {}", cx.task())),
            _ => {}
        }
        work(&self.name, cx).await
    }
}

/// A model whose first task depends on a file.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{name}", id = "{name}")]
struct Files {
    name: String,
}

#[setup_tasks]
impl Files {
    #[setup_task("Do the first", inputs = ["input"])]
    async fn first(&self, cx: &TaskContext) -> Result<()> {
        work(&self.name, cx).await
    }

    #[setup_task("Do the second")]
    async fn second(&self, cx: &TaskContext) -> Result<()> {
        work(&self.name, cx).await
    }
}

async fn work(name: &str, cx: &TaskContext) -> Result<()> {
    note(&format!("begin {}/{}", name, cx.task()))?;
    let mut attempt = Attempt { task: format!("{}/{}", name, cx.task()), has_ended: false };
    tokio::time::sleep(Duration::from_millis(setting("PAUSE_MS", 0))).await;
    let instruction = cx.layout().config().base_dir.join(format!("{}.{}", name, cx.task()));
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
    attempt.has_ended = true;
    note(&format!("end {}/{}", name, cx.task()))
}

/// Returns the kind of objects: with `files`, with `state`, with a `log`, or plain ones.
fn kind() -> String {
    std::env::var("KIND").unwrap_or_default()
}

/// An attempt that notes when it is stopped.
struct Attempt {
    task: String,
    has_ended: bool,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if !self.has_ended {
            let _ = note(&format!("stop {}", self.task));
        }
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
    // A pattern places objects by the configuration, and an id by code.
    let setting_of_places = std::env::var("PLACED").unwrap_or_default();
    let places: Vec<_> = setting_of_places.split(';').filter_map(|place| place.split_once('=')).collect();
    let mut config = Config::builder().environment("OPERATOR").load()?;
    let patterns = places.iter().filter(|(name, _)| name.contains('['));
    config.placement.extend(patterns.map(|(name, host)| ((*name).to_owned(), (*host).to_owned())));
    let layout = Layout::new(config);
    for number in 0..setting("COUNT", 2) {
        let name = format!("h{number}");
        let on = places.iter().find(|(placed, _)| *placed == name).map(|(_, host)| (*host).to_owned());
        if kind() == "files" {
            layout.add(Files { name })?;
        } else {
            let builder = layout.object_builder(Host { name });
            on.into_iter().fold(builder, ObjectBuilder::on).add()?;
        }
    }
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build_layout)
}
