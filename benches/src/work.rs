//! The measured work: objects with ten tasks, each of which writes a file of 20 bytes.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::ValueEnum;
use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};
use setup_tasks_postgres as _;
use setup_tasks_templates::{TemplateTask, template};

/// The number of tasks per object.
pub const TASKS: usize = 10;
/// The number of objects that run at the same time if their tasks sleep.
pub const AT_ONCE: usize = 64;

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum What {
    /// Starts and stops the runtime
    Nothing,
    /// Runs the objects
    Run,
    /// Forgets the stamp of one task
    Forget,
    /// Runs objects whose tasks have a hash function each
    Hashed,
    /// Writes the same files in a bare loop
    Floor,
    /// Writes the same files with a stamp after each, through a temporary file and a rename so that
    /// a kill loses neither
    SafeFloor,
    /// Runs tasks that sleep
    Sleep,
    /// Sleeps as often in bare tokio tasks
    SleepFloor,
    /// Runs tasks that render a template
    Templates,
}

impl What {
    /// Returns the number of tasks per object.
    pub fn tasks(self) -> usize {
        match self {
            Self::Sleep | Self::SleepFloor | Self::Templates => 1,
            Self::Nothing | Self::Run | Self::Forget | Self::Hashed | Self::Floor | Self::SafeFloor => TASKS,
        }
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "objs/{number}")]
struct Thing {
    number: usize,
}

impl Thing {
    #[expect(clippy::unused_self, reason = "a helper of a task takes `&self`")]
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
#[setup_tasks(subdir = "hashed/{number}")]
struct Hashed {
    number: usize,
}

macro_rules! hashed {
    ($($name:ident),*) => {
        #[setup_tasks]
        impl Hashed {
            fn options(&self) -> String {
                format!("rw,nodev,port={}", self.number)
            }

            $(#[setup_task("Do something", hash = options)]
            fn $name(&self) {})*
        }
    };
}

hashed!(t0, t1, t2, t3, t4, t5, t6, t7, t8, t9);

#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "sites/{number}")]
struct Site {
    number: usize,
    paths: Vec<String>,
}

#[setup_tasks]
impl Site {
    #[setup_task]
    const CONFIGURATION: TemplateTask = TemplateTask::new(template!("site.conf.tera", root = "/srv/www"));
}

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
    let is_safe = matches!(what, What::SafeFloor);
    if is_safe || matches!(what, What::Floor) {
        return floor(directory, objects, is_safe);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match what {
            What::Nothing => return Ok(()),
            What::SleepFloor => return sleep(objects).await,
            _ => {}
        }
        let began = Instant::now();
        let base_dir = directory.to_owned();
        let config = Config::builder().environment("BENCH").set(move |config| config.base_dir = base_dir);
        let layout = Layout::new(config.load()?);
        for number in 0..objects {
            match what {
                What::Sleep => drop(layout.add(Sleeper { number })?),
                What::Hashed => drop(layout.add(Hashed { number })?),
                What::Templates => drop(layout.add(Site { number, paths: paths() })?),
                _ => drop(layout.add(Thing { number })?),
            }
        }
        match what {
            What::Forget => {
                let thing = layout.get("objs/0").and_then(|object| object.downcast::<Thing>());
                thing.ok_or_else(|| anyhow::anyhow!("there is no object"))?.delete_stamp("t9").await?;
            }
            What::Sleep => check(layout.run().jobs(AT_ONCE).await?)?,
            _ => check(layout.run().await?)?,
        }
        drop(layout);
        println!("{}", began.elapsed().as_micros());
        Ok(())
    })
}

fn check(report: setup_tasks::fleet::FleetReport) -> Result<()> {
    anyhow::ensure!(report.is_success(), "{report}");
    Ok(())
}

fn floor(directory: &Path, objects: usize, is_safe: bool) -> Result<()> {
    for number in 0..objects {
        let place = directory.join("cache/objs").join(number.to_string());
        fs::create_dir_all(&place)?;
        for i in 0..TASKS {
            let file = place.join(format!("out{i}"));
            if is_safe {
                write_whole(&file)?;
                write_whole(&place.join(format!("stamp{i}")))?;
            } else {
                fs::write(file, CONTENT)?;
            }
        }
    }
    Ok(())
}

fn write_whole(path: &Path) -> Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, CONTENT)?;
    Ok(fs::rename(beside, path)?)
}

async fn sleep(objects: usize) -> Result<()> {
    let left = Arc::new(AtomicUsize::new(objects));
    let mut running = tokio::task::JoinSet::new();
    for _ in 0..AT_ONCE {
        let left = left.clone();
        running.spawn(async move {
            while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended?;
    }
    Ok(())
}

fn paths() -> Vec<String> {
    (0..8).map(|i| format!("/path/{i}")).collect()
}
