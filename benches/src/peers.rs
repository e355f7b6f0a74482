//! Peers on the same work, in turn: those that are found. `benches/install-peers` brings them.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::measure::{Measured, ROUNDS, time};
use crate::work::TASKS;

const CARTHAGE: &str = include_str!("peers/carthage_bench.py");
const DOIT: &str = include_str!("peers/dodo.py");

/// Ours first, then each peer that is found, with nothing to do.
pub fn all(objects: usize) -> Result<Vec<Measured>> {
    let mut measured = vec![crate::noop(objects)?];
    let peers: [(&str, &[&str], Prepare, &[&str]); 4] = [
        ("make", &["make", "--version"], makefile, &["make", "-s"]),
        ("ninja", &["ninja", "--version"], ninja, &["ninja", "--quiet"]),
        ("doit", &["doit", "--version"], doit, &["doit"]),
        ("Carthage", &["python3", "-c", "import carthage"], carthage, &["python3", "carthage_bench.py"]),
    ];
    for (name, probe, prepare, run) in peers {
        let found = Command::new(probe[0]).args(&probe[1..]).output().is_ok_and(|output| output.status.success());
        if !found {
            println!("LEFT OUT: {name} is not there; benches/install-peers brings it");
            continue;
        }
        let place = tempfile::tempdir()?;
        prepare(place.path(), objects)?;
        let once = || {
            let mut command = Command::new(run[0]);
            command.args(&run[1..]).current_dir(place.path());
            if name == "Carthage" {
                command.args([objects.to_string(), TASKS.to_string()]).arg(place.path());
            }
            time(&mut command)
        };
        once()?;
        measured.push(Measured::of(name, objects * TASKS, (0..ROUNDS.min(3)).map(|_| once()))?);
    }
    Ok(measured)
}

type Prepare = fn(&Path, usize) -> Result<()>;

fn makefile(place: &Path, objects: usize) -> Result<()> {
    let last = TASKS - 1;
    let all: String = (0..objects).map(|i| format!(" o{i}/s{last}")).collect();
    let mut text = format!("all:{all}\n");
    for i in 0..objects {
        fs::create_dir_all(place.join(format!("o{i}")))?;
        for j in 0..TASKS {
            let before = if j == 0 { String::new() } else { format!(" o{i}/s{}", j - 1) };
            writeln!(text, "o{i}/s{j}:{before}\n\t@printf 'xxxxxxxxxxxxxxxxxxxx' > o{i}/s{j}")?;
        }
    }
    Ok(fs::write(place.join("Makefile"), text)?)
}

fn ninja(place: &Path, objects: usize) -> Result<()> {
    let mut text = "rule t\n  command = printf 'xxxxxxxxxxxxxxxxxxxx' > $out\n\n".to_owned();
    for i in 0..objects {
        for j in 0..TASKS {
            let before = if j == 0 { String::new() } else { format!(" o{i}/s{}", j - 1) };
            writeln!(text, "build o{i}/s{j}: t{before}")?;
        }
    }
    Ok(fs::write(place.join("build.ninja"), text)?)
}

fn doit(place: &Path, objects: usize) -> Result<()> {
    let text = DOIT.replace("OBJECTS", &objects.to_string()).replace("TASKS", &TASKS.to_string());
    Ok(fs::write(place.join("dodo.py"), text)?)
}

fn carthage(place: &Path, _objects: usize) -> Result<()> {
    Ok(fs::write(place.join("carthage_bench.py"), CARTHAGE)?)
}
