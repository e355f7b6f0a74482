//! Runs processes, and says how long they took.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::work::What;

pub const ROUNDS: usize = 7;

/// One run of a process.
pub struct Once {
    pub took: Duration,
    pub peak_kib: Option<u64>,
}

/// Many.
pub struct Measured {
    pub name: String,
    pub tasks: usize,
    pub median: Duration,
    /// Between the fastest and the slowest.
    pub spread: Duration,
    pub peak_kib: Option<u64>,
}

impl Measured {
    pub fn of(name: &str, tasks: usize, runs: impl Iterator<Item = Result<Once>>) -> Result<Self> {
        let runs = runs.collect::<Result<Vec<_>>>().with_context(|| name.to_owned())?;
        let mut times: Vec<_> = runs.iter().map(|run| run.took).collect();
        times.sort();
        let (Some(fastest), Some(slowest)) = (times.first(), times.last()) else { anyhow::bail!("no rounds") };
        Ok(Self {
            name: name.to_owned(),
            tasks,
            median: times[times.len() / 2],
            spread: slowest.saturating_sub(*fastest),
            peak_kib: runs.iter().filter_map(|run| run.peak_kib).max(),
        })
    }
}

/// Runs this program as what is measured.
pub fn own(what: What, directory: &Path, objects: usize) -> Result<Once> {
    let mut command = Command::new(std::env::current_exe()?);
    let what = clap::ValueEnum::to_possible_value(&what).map(|value| value.get_name().to_owned()).unwrap_or_default();
    command.arg("work").arg(what).arg(directory).arg(objects.to_string());
    time(&mut command)
}

/// Runs a program, under GNU time where that is there: it tells the peak of memory.
pub fn time(command: &mut Command) -> Result<Once> {
    let name = command.get_program().to_string_lossy().into_owned();
    let peak = tempfile::NamedTempFile::new()?;
    let has_time = Path::new("/usr/bin/time").exists();
    let mut timed = if has_time {
        let mut timed = Command::new("/usr/bin/time");
        timed.args(["-f", "%M", "-o"]).arg(peak.path()).arg(command.get_program()).args(command.get_args());
        if let Some(directory) = command.get_current_dir() {
            timed.current_dir(directory);
        }
        timed
    } else {
        std::mem::replace(command, Command::new(""))
    };
    let began = Instant::now();
    let output =
        timed.stdout(Stdio::null()).stderr(Stdio::piped()).output().with_context(|| format!("cannot run {name}"))?;
    let took = began.elapsed();
    anyhow::ensure!(output.status.success(), "{name} failed: {}", String::from_utf8_lossy(&output.stderr));
    let peak_kib = std::fs::read_to_string(peak.path()).ok().and_then(|text| text.trim().parse().ok());
    Ok(Once { took, peak_kib })
}
