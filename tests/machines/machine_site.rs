//! A program that brings a site up on a machine: `site SSH DIRECTORY run`. The tests kill it, and its agent.
//!
//! Each task has a generation (`GENERATIONS=3,1,…`), on which its result depends. `site SSH DIRECTORY look ROOT` prints whether each task
//! is up to date by its stamp alone, and whether its result is on the machine with this root directory.
#![expect(clippy::print_stdout, reason = "a binary of tests")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use setup_tasks::error::explain;
use setup_tasks::run::TaskStatus;
use setup_tasks::{Config, Layout, prelude::*};
use setup_tasks_machines::resources::{Directory, File, Line};
use setup_tasks_machines::{Ensure, Machine};
use test_kit::setting;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "site")]
struct Site {
    generations: Vec<u64>,
    #[machine]
    machine: Machine,
}

/// The commands of a method: it notes its beginning, starts processes in three ways, writes, does its work, and notes its end.
const WORK: &str = r#"
note() { echo "$1 $task $generation" >>/srv/ledger; sync /srv/ledger; }
note begun
sleep 7777 & near=$!
setsid sleep 7777 & far=$!
farther=$(setsid sleep 7777 >/dev/null 2>&1 & echo $!)
for line in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do echo "line $line of the output of the task $task"; done
echo "$generation" >/srv/effects/.$task; sync /srv/effects/.$task; mv /srv/effects/.$task /srv/effects/$task
kill -KILL $near $far $farther
note done
"#;

#[setup_tasks]
impl Site {
    /// Create the directories
    #[setup_task]
    const DIRECTORIES: Ensure<Self, Directory> = Ensure::all(|site| {
        vec![Directory::at("/srv/site").mode(mode(site.generations[0])), Directory::at("/srv/effects")]
    });

    /// Write files
    #[setup_task(subscribe = [])]
    const FILES: Ensure<Self, File> =
        Ensure::all(|site| (0..3).map(|i| file("f", i, site.generations[1], 10_000)).collect());

    #[setup_task("Do one thing", hash = first_generation, subscribe = [])]
    async fn one(&self, cx: &TaskContext) -> Result<()> {
        self.work(cx, self.generations[2]).await
    }

    /// Write a file that is too large for one message
    #[setup_task(subscribe = [])]
    const LARGE: Ensure<Self, File> = Ensure::all(|site| vec![file("l", 0, site.generations[3], 1_500_000)]);

    #[setup_task("Do another thing", hash = second_generation, subscribe = [])]
    async fn another(&self, cx: &TaskContext) -> Result<()> {
        self.work(cx, self.generations[4]).await
    }

    /// Keep lines in one file
    #[setup_task(subscribe = [])]
    const NOTES: Ensure<Self, Line> = Ensure::all(|site| {
        let line =
            |i| Line::in_file("/srv/site/notes", format!("{i} = {}", site.generations[5])).matching(format!("^{i} ="));
        (0..5).map(line).collect()
    });

    fn first_generation(&self) -> String {
        self.generations[2].to_string()
    }

    fn second_generation(&self) -> String {
        self.generations[4].to_string()
    }

    async fn work(&self, cx: &TaskContext, generation: u64) -> Result<()> {
        let script = format!("task={} generation={generation}\n{WORK}", cx.task());
        self.machine.command(cx, "sh").args(["-euc", &script]).run().await
    }
}

/// Returns the content of a file in a generation.
fn content(name: &str, generation: u64, size: usize) -> String {
    format!("{name} of generation {generation}\n").repeat(size / 20)
}

fn file(letter: &str, i: u32, generation: u64, size: usize) -> File {
    let name = format!("{letter}{i}");
    File::at(format!("/srv/site/{name}")).content(content(&name, generation, size)).mode(0o640)
}

fn mode(generation: u64) -> u32 {
    if generation.is_multiple_of(2) { 0o700 } else { 0o750 }
}

/// Returns whether the result of a task is on the machine, seen without its agent.
fn is_right(root: &Path, task: &str, generations: &[u64]) -> bool {
    let has = |path: &str, text: String| fs::read_to_string(root.join(path)).is_ok_and(|found| found == text);
    let file = |name: &str, generation, size| has(&format!("srv/site/{name}"), content(name, generation, size));
    match task {
        "directories" => {
            let meta = fs::metadata(root.join("srv/site"));
            meta.is_ok_and(|meta| meta.permissions().mode() & 0o777 == mode(generations[0]))
        }
        "files" => ["f0", "f1", "f2"].iter().all(|name| file(name, generations[1], 10_000)),
        "one" => has("srv/effects/one", format!("{}\n", generations[2])),
        "large" => file("l0", generations[3], 1_500_000),
        "another" => has("srv/effects/another", format!("{}\n", generations[4])),
        "notes" => has("srv/site/notes", (0..5).map(|i| format!("{i} = {}\n", generations[5])).collect()),
        _ => panic!("there is no task {task}"),
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("{}", explain(error.as_ref()));
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn run() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [ssh, directory, mode, ..] = &args[..] else { panic!("too few arguments") };
    let generations = std::env::var("GENERATIONS")?;
    let generations: Vec<u64> = generations.split(',').map(str::parse).collect::<Result<_, _>>()?;
    let machine = Machine::ssh("web")
        .ssh_program(ssh)
        .persist(setting("PERSIST", 1) == 1)
        .heartbeat(Duration::from_millis(setting("HEARTBEAT_MS", 5000)));
    let site = Layout::new(Config::new(directory)).add(Site { generations: generations.clone(), machine })?;
    if mode == "run" {
        site.run_setup_tasks().await?;
        return Ok(());
    }
    let root = Path::new(&args[3]);
    for task in &site.run_setup_tasks().dry_run().await?.tasks {
        let stamp = if task.status == TaskStatus::UpToDate { "stamped" } else { "due" };
        let result = if is_right(root, task.task, &generations) { "right" } else { "wrong" };
        println!("{} {stamp} {result}", task.task);
    }
    Ok(())
}
