//! A program that is killed. With `STEADY=no`, it does not survive all kills.

use std::process::ExitCode;

use setup_tasks::{Config, Layout, prelude::*};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "places/{name}")]
struct Place {
    name: &'static str,
    is_steady: bool,
}

#[setup_tasks]
impl Place {
    #[setup_task("Make a room")]
    async fn room(&self, cx: &TaskContext) -> Result<()> {
        let room = cx.state_path()?.join("room");
        if self.is_steady {
            std::fs::create_dir_all(room)?;
        } else {
            // This fails if the room is there, because an earlier run was killed before the end of the task.
            std::fs::create_dir(room)?;
        }
        cx.command("sleep").arg("0.05").run().await?;
        Ok(())
    }

    #[setup_task("Rest")]
    async fn rest(&self, cx: &TaskContext) -> Result<()> {
        cx.command("sleep").arg("0.01").run().await?;
        Ok(())
    }
}

fn build_layout() -> Result<Layout> {
    let layout = Layout::new(Config::builder().load()?);
    let is_steady = std::env::var_os("STEADY").is_none_or(|steady| steady != "no");
    for name in ["cellar", "attic"] {
        layout.add(Place { name, is_steady })?;
    }
    Ok(layout)
}

fn main() -> ExitCode {
    setup_tasks_cli::main(build_layout)
}
