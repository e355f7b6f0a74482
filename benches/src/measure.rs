//! Measurement of the time and the memory of processes.

use std::cell::Cell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::work::What;

pub const ROUNDS: usize = 7;

/// The measurements of one run of a process.
pub struct Once {
    pub took: Duration,
    pub peak_kib: Option<u64>,
    /// The part of the time that the process itself measured. The process prints it on its standard
    /// output in microseconds.
    pub inside: Option<Duration>,
}

/// The measurements of many runs.
pub struct Measured {
    pub name: String,
    pub tasks: usize,
    pub time: Spread,
    pub peak_kib: Option<u64>,
    /// The part of the time that the processes themselves measured.
    pub inside: Option<Spread>,
}

/// The distribution of durations.
#[derive(Clone, Copy)]
pub struct Spread {
    pub median: Duration,
    /// The difference between the slowest and the fastest.
    pub width: Duration,
}

impl Spread {
    fn of(times: impl Iterator<Item = Duration>) -> Option<Self> {
        let mut times: Vec<_> = times.collect();
        times.sort();
        let (fastest, slowest) = (times.first()?, times.last()?);
        Some(Self { median: times[times.len() / 2], width: slowest.saturating_sub(*fastest) })
    }
}

impl Measured {
    pub fn of(name: &str, tasks: usize, runs: impl Iterator<Item = Result<Once>>) -> Result<Self> {
        let runs = runs.collect::<Result<Vec<_>>>().with_context(|| name.to_owned())?;
        Ok(Self {
            name: name.to_owned(),
            tasks,
            time: Spread::of(runs.iter().map(|run| run.took)).context("no rounds")?,
            peak_kib: runs.iter().filter_map(|run| run.peak_kib).max(),
            inside: Spread::of(runs.iter().filter_map(|run| run.inside)),
        })
    }

    /// Returns the part of the time that the processes themselves measured, as a row of its own.
    pub fn part(&self, name: &str) -> Option<Self> {
        let Self { tasks, inside, .. } = *self;
        Some(Self { name: name.to_owned(), tasks, time: inside?, peak_kib: None, inside: None })
    }
}

/// The directories of the measurements, one per run. They are removed after the last measurement: a
/// file system is slow to create files after others have been removed, on ext4 for minutes.
pub struct Places {
    root: TempDir,
    made: Cell<usize>,
}

impl Places {
    pub fn new() -> Result<Self> {
        Ok(Self { root: tempfile::tempdir()?, made: Cell::new(0) })
    }

    pub fn next(&self) -> Result<PathBuf> {
        self.made.set(self.made.get() + 1);
        let place = self.root.path().join(self.made.get().to_string());
        std::fs::create_dir(&place)?;
        Ok(place)
    }
}

/// The store of the measured work.
#[derive(Clone)]
pub enum Store {
    Embedded,
    /// The embedded store, with stamps that survive a loss of power.
    Durable,
    /// The address of a shared store.
    Shared(String),
}

/// Runs the work of this program in its own process, with a store.
pub fn own_in(what: What, directory: &Path, objects: usize, store: &Store) -> Result<Once> {
    let mut command = command(&std::env::current_exe()?, what, directory, objects);
    match store {
        Store::Embedded => {}
        Store::Durable => drop(command.env("BENCH_DURABLE_STAMPS", "true")),
        Store::Shared(address) => drop(command.env("BENCH_STORE", address)),
    }
    time(&mut command)
}

/// Runs the work of this program in its own process.
pub fn own(what: What, directory: &Path, objects: usize) -> Result<Once> {
    work(&std::env::current_exe()?, what, directory, objects)
}

/// Runs the work of a build of this program.
pub fn work(build: &Path, what: What, directory: &Path, objects: usize) -> Result<Once> {
    time(&mut command(build, what, directory, objects))
}

fn command(build: &Path, what: What, directory: &Path, objects: usize) -> Command {
    let mut command = Command::new(build);
    let what = clap::ValueEnum::to_possible_value(&what).map(|value| value.get_name().to_owned()).unwrap_or_default();
    command.arg("work").arg(what).arg(directory).arg(objects.to_string());
    command
}

/// Runs a program. Uses GNU time, if it is installed, to measure the peak of memory.
pub fn time(command: &mut Command) -> Result<Once> {
    let name = command.get_program().to_string_lossy().into_owned();
    let peak = tempfile::NamedTempFile::new()?;
    let has_time = Path::new("/usr/bin/time").exists();
    let mut timed = if has_time {
        let mut timed = Command::new("/usr/bin/time");
        timed.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        timed.args(["-f", "%M", "-o"]).arg(peak.path()).arg(command.get_program()).args(command.get_args());
        if let Some(directory) = command.get_current_dir() {
            timed.current_dir(directory);
        }
        timed
    } else {
        std::mem::replace(command, Command::new(""))
    };
    let began = Instant::now();
    let output = timed.stderr(Stdio::piped()).output().with_context(|| format!("cannot run {name}"))?;
    let took = began.elapsed();
    anyhow::ensure!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    let peak_kib = std::fs::read_to_string(peak.path()).ok().and_then(|text| text.trim().parse().ok());
    let inside = str::from_utf8(&output.stdout).ok().and_then(|text| text.trim().parse().ok());
    Ok(Once { took, peak_kib, inside: inside.map(Duration::from_micros) })
}
