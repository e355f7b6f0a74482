//! A binary with the whole command line: `cargo run --bin commands -- up`, `plan`, `why`,
//! `logs report/archive`, `--help`

use std::process::ExitCode;

use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};

/// A report that external programs create.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "{name}")]
struct Report {
    name: String,
}

#[setup_tasks]
impl Report {
    #[setup_task("Write the report")]
    async fn write(&self, cx: &TaskContext) -> Result<()> {
        let text = cx.command("seq").args(["1", "5"]).output().await?;
        std::fs::write(cx.stamp_path()?.join("report.txt"), text)?;
        Ok(())
    }

    #[setup_task("Archive the report", timeout = "1m", retries = 2)]
    async fn archive(&self, cx: &TaskContext) -> Result<()> {
        cx.log("packing");
        cx.command("tar").args(["-cvf", "report.tar", "report.txt"]).directory(cx.stamp_path()?).run().await?;
        Ok(())
    }
}

fn build_layout() -> Result<Layout> {
    let layout = Layout::new(Config::builder().environment("REPORT").load()?);
    layout.add(Report { name: "report".into() })?;
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build_layout)
}
