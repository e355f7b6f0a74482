//! The work that is measured: objects with ten tasks, each of which writes a file of 20 bytes.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};

/// How many tasks an object has.
pub const TASKS: usize = 10;
/// How many objects whose tasks sleep run at once.
pub const AT_ONCE: usize = 64;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum What {
    /// Runs all that must run
    Run,
    /// Forgets the stamp of one task
    Forget,
    /// Writes the same files in a bare loop
    Floor,
    /// Runs tasks that sleep
    Sleep,
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "objs/{number}")]
struct Thing {
    number: usize,
}

impl Thing {
    #[expect(clippy::unused_self, reason = "as a task's helper")]
    fn write(&self, cx: &TaskContext, i: usize) -> Result<()> {
        Ok(fs::write(cx.stamp_path()?.join(format!("out{i}")), CONTENT)?)
    }
}

const CONTENT: &str = "xxxxxxxxxxxxxxxxxxxx";

macro_rules! tasks {
    ($($name:ident = $i:literal),*) => {
        #[setup_tasks]
        impl Thing {
            $(#[setup_task("Write a file")]
            fn $name(&self, cx: &TaskContext) -> Result<()> {
                self.write(cx, $i)
            })*
        }
    };
}

tasks!(t0 = 0, t1 = 1, t2 = 2, t3 = 3, t4 = 4, t5 = 5, t6 = 6, t7 = 7, t8 = 8, t9 = 9);

#[derive(SetupTasks)]
#[setup_tasks(subdir = "sleepers/{number}")]
struct Sleeper {
    number: usize,
}

#[setup_tasks]
impl Sleeper {
    #[setup_task("Sleep")]
    async fn sleep(&self) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn run(what: What, directory: &Path, objects: usize) -> Result<()> {
    if let What::Floor = what {
        return floor(directory, objects);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let layout = Layout::new(Config { base_dir: directory.to_owned(), ..Config::default() });
        for number in 0..objects {
            if let What::Sleep = what {
                layout.add(Sleeper { number })?;
            } else {
                layout.add(Thing { number })?;
            }
        }
        match what {
            What::Forget => {
                let thing = layout.get("objs/0").and_then(|object| object.downcast::<Thing>());
                thing.ok_or_else(|| anyhow::anyhow!("there is no object"))?.delete_stamp("t9").await?;
            }
            What::Sleep => check(layout.run().jobs(AT_ONCE).await?)?,
            What::Run | What::Floor => check(layout.run().await?)?,
        }
        Ok(())
    })
}

fn check(report: setup_tasks::FleetReport) -> Result<()> {
    anyhow::ensure!(report.is_success(), "{report}");
    Ok(())
}

fn floor(directory: &Path, objects: usize) -> Result<()> {
    for number in 0..objects {
        let place = directory.join("cache/objs").join(number.to_string());
        fs::create_dir_all(&place)?;
        for i in 0..TASKS {
            fs::write(place.join(format!("out{i}")), CONTENT)?;
        }
    }
    Ok(())
}
