//! The process that the tests kill. Each task records its beginning in a ledger, does its work, and
//! records its end. So does its undo.
//!
//! The arguments are `ledger DIRECTORY run|plan|look|down|records`, and environment variables contain the
//! settings. The file `DIRECTORY/generations/OBJECT` contains the desired generation of an object.
//! The work of a task is to write this generation into the file `effects/OBJECT.TASK`.
#![expect(clippy::print_stdout, reason = "a binary of tests")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use setup_tasks::error::explain;
use setup_tasks::fleet::Stop;
use setup_tasks::fs::WholeFile;
use setup_tasks::prelude::*;
use setup_tasks::run::TaskStatus;
use setup_tasks::stamp::FilesStore;
use setup_tasks::{Config, Deferred, InjectionKey, Layout};
use setup_tasks_templates::{FileAttributes, RootedDirectory};
use test_kit::setting;

/// A model with three tasks. All depend on the generation, and the last one also on the second task
/// of another object.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "objects/{name}", id = "{name}")]
struct Keeper {
    name: String,
    #[depends_on(Keeper::second, before = third)]
    before: Option<Object<Keeper>>,
    /// The neighbours in a ring, with `MUTUAL=1`. All objects depend on each other, but their tasks
    /// form no circle.
    #[depends_on(Keeper::second, before = third)]
    neighbours: Vec<Deferred<Keeper>>,
}

#[setup_tasks]
impl Keeper {
    #[setup_task("Do the first", hash = generation, undo = take_back)]
    async fn first(&self, cx: &TaskContext) -> Result<()> {
        self.work(cx).await
    }

    #[setup_task("Do the second", hash = generation, undo = take_back)]
    async fn second(&self, cx: &TaskContext) -> Result<()> {
        self.work(cx).await
    }

    #[setup_task("Do the third", hash = generation, undo = take_back)]
    async fn third(&self, cx: &TaskContext) -> Result<()> {
        self.work(cx).await
    }

    async fn take_back(&self, cx: &TaskContext) -> Result<()> {
        let (base, task) = (cx.layout().config().base_dir.clone(), format!("{}.{}", self.name, cx.task()));
        note(&base, &task, &format!("undo {}", std::process::id()))?;
        tokio::time::sleep(pause()).await;
        let effects = base.join("effects");
        setup_tasks::fs::found(fs::remove_file(effects.join(&task)))?;
        if setting("SYNC", 1) == 1 {
            sync(Some(&effects))?;
        }
        tokio::time::sleep(pause()).await;
        note(&base, &task, &format!("undone {}", std::process::id()))
    }

    fn generation(&self, cx: &TaskContext) -> String {
        let path = cx.layout().config().base_dir.join("generations").join(&self.name);
        fs::read_to_string(path).unwrap_or_else(|_| "0".to_owned())
    }

    async fn work(&self, cx: &TaskContext) -> Result<()> {
        let (base, task) = (cx.layout().config().base_dir.clone(), format!("{}.{}", self.name, cx.task()));
        let generation = self.generation(cx);
        note(&base, &task, &format!("begin {generation} {}", std::process::id()))?;
        tokio::time::sleep(pause()).await;
        write_whole(&base.join("effects").join(&task), &generation)?;
        tokio::time::sleep(pause()).await;
        note(&base, &task, &format!("end {generation} {}", std::process::id()))
    }
}

/// The number of lines of an installed file, which is longer than a page.
const INSTALLED_LINES: usize = 3000;

/// Returns the duration of each half of a task's work, which a setting contains in microseconds.
fn pause() -> Duration {
    Duration::from_micros(setting("PAUSE_US", 300))
}

/// The length of a line of the ledger with its line feed, in bytes.
///
/// A kill can split a write at the boundary of a page of the file. A power of two keeps every line
/// within one page.
const LINE_LENGTH: usize = 32;

/// Appends a line to the task's ledger, and syncs it so that it survives a power loss.
fn note(base: &Path, task: &str, line: &str) -> Result<()> {
    let path = base.join("ledger").join(task);
    let is_new = !path.exists();
    anyhow::ensure!(line.len() < LINE_LENGTH, "`{line}` is too long for the ledger");
    let mut file = File::options().append(true).create(true).open(&path)?;
    file.write_all(format!("{line:<width$}\n", width = LINE_LENGTH - 1).as_bytes())?;
    if setting("SYNC", 1) == 0 {
        return Ok(());
    }
    file.sync_all()?;
    if is_new { sync(path.parent()) } else { Ok(()) }
}

/// Writes a file atomically.
fn write_whole(path: &Path, text: &str) -> Result<()> {
    let file = WholeFile::new(text);
    let file = if setting("SYNC", 1) == 0 { file } else { file.durable() };
    Ok(file.write(path)?)
}

fn sync(directory: Option<&Path>) -> Result<()> {
    Ok(File::open(directory.unwrap_or(Path::new(".")))?.sync_all()?)
}

/// Installs files in an endless loop. Each line of a file contains the number of the iteration. The
/// ledger records the number after the file is installed.
fn install(base: &Path) -> Result<()> {
    let root = RootedDirectory::new(base.join("root"));
    fs::create_dir_all(base.join("ledger"))?;
    sync(Some(base))?;
    for i in setting("FROM", 0).. {
        let name = format!("f{}", i % 3);
        let path = Path::new("etc/conf.d").join(&name);
        root.install_now(&path, format!("{i}\n").repeat(INSTALLED_LINES).as_bytes(), &FileAttributes::new())?;
        note(base, &name, &i.to_string())?;
    }
    Ok(())
}

fn build(base: &Path) -> Result<Layout> {
    let config = Config::new(base).with(|config| {
        config.durable_stamps = setting("DURABLE", 0) == 1;
        config.lease_timeout_secs = setting("LEASE_TIMEOUT", 60);
    });
    let layout = match std::env::var("STORE").as_deref() {
        Ok("files") => Layout::with_store(config.clone(), FilesStore::new(config.cache_dir())),
        _ => Layout::new(config),
    };
    let chain = setting("CHAIN", 4);
    let mut before: Option<Object<Keeper>> = None;
    let objects = setting("OBJECTS", 6);
    let key = |i: u64| InjectionKey::<Object<Keeper>>::named(format!("o{i}").leak());
    for i in 0..objects {
        let neighbours = if setting("MUTUAL", 0) == 1 { vec![i + 1, i + objects - 1] } else { Vec::new() };
        let neighbours = neighbours.into_iter().map(|i| Deferred::new(key(i % objects))).collect();
        let keeper = Keeper { name: format!("o{i}"), before: before.filter(|_| i % chain != 0), neighbours };
        let keeper = layout.add(keeper)?;
        layout.injector().provide(key(i), keeper.clone())?;
        before = Some(keeper);
    }
    Ok(layout)
}

/// Lets the running undo finish after a SIGINT, as the command line does.
async fn stop_on_interrupt(stop: Stop) {
    if tokio::signal::ctrl_c().await.is_ok() {
        stop.request();
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Without a standard error, the exit code alone shows the failure.
            let _ = writeln!(io::stderr(), "error: {}", explain(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let base: PathBuf = args.next().unwrap_or_default().into();
    let mode = args.next().unwrap_or_default();
    if mode == "run" {
        for directory in ["generations", "ledger", "effects"] {
            fs::create_dir_all(base.join(directory))?;
        }
        sync(Some(&base))?;
    }
    if mode == "install" {
        return install(&base);
    }
    let layout = build(&base)?;
    if setting("WAIT", 0) == 1 {
        println!("ready");
        io::stdin().read_line(&mut String::new())?;
    }
    let mut out = io::stdout().lock();
    match mode.as_str() {
        "run" => {
            let told = layout.on_event(|event| {
                if let setup_tasks::event::EventKind::Waiting { holder } = &event.kind {
                    println!("waiting {} {holder}", event.object);
                }
            });
            drop(out);
            let report = layout.run().jobs(usize::try_from(setting("JOBS", 4))?).await?;
            told.flush().await;
            println!("{} ran; {report}", report.count(TaskStatus::Ran));
            anyhow::ensure!(report.is_success(), "{report}");
        }
        // Prints the tasks that would run, one per line.
        "plan" => {
            let report = layout.run().dry_run().await?;
            for object in &report.objects {
                for task in object.with(TaskStatus::WouldRun) {
                    let reason = task.reason.as_ref().map(ToString::to_string).unwrap_or_default();
                    writeln!(out, "{}.{} {reason}", object.object, task.task)?;
                }
            }
            anyhow::ensure!(report.is_success(), "{report}");
        }
        "down" => {
            drop(out);
            tokio::spawn(stop_on_interrupt(layout.stop().clone()));
            let report = layout.down().jobs(usize::try_from(setting("JOBS", 4))?).await?;
            println!("{report}");
            anyhow::ensure!(report.is_success() || report.stopped, "{report}");
        }
        // Prints the tasks with a record, one per line.
        "records" => {
            for object in layout.all() {
                for (task, _) in layout.store().load(object.stamp_subdir()).await?.iter() {
                    writeln!(out, "{}.{task}", object.id())?;
                }
            }
        }
        // Prints the stamps, one per line, with their text and time.
        "look" => {
            for object in layout.all() {
                for task in ["first", "second", "third"] {
                    if let Some(stamp) = object.check_stamp(task).await? {
                        writeln!(out, "{}.{task} {} {}", object.id(), stamp.contents, stamp.time.0)?;
                    }
                }
            }
        }
        other => anyhow::bail!("no such mode: {other}"),
    }
    Ok(())
}
