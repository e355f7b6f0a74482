//! A comparison with the installed peers on the same work, in turn. `benches/install-peers`
//! installs the peers.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::measure::{Measured, Places, ROUNDS, time};
use crate::work::{TASKS, What};

const CARTHAGE: &str = include_str!("peers/carthage_bench.py");
const DOIT: &str = include_str!("peers/dodo.py");

/// The measurements of runs with nothing to do, and of first runs.
pub struct Both {
    pub noop: Vec<Measured>,
    pub first: Vec<Measured>,
}

/// Measures this library first, and then each installed peer.
pub fn all(at: &Places, objects: usize) -> Result<Both> {
    let mut both =
        Both { noop: crate::again(at, &[(crate::OURS, What::Run)], objects)?, first: crate::first(at, objects)? };
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
        let once = |place: &Path| {
            let mut command = Command::new(run[0]);
            command.args(&run[1..]).current_dir(place);
            if name == "Carthage" {
                command.args([objects.to_string(), TASKS.to_string()]).arg(place);
            }
            time(&mut command)
        };
        // With some peers, a first run of many objects takes a minute.
        let rounds = if objects > 1_000 { 1 } else { ROUNDS.min(3) };
        let places: Vec<_> = (0..rounds).map(|_| at.next()).collect::<Result<_>>()?;
        places.iter().try_for_each(|place| prepare(place, objects))?;
        let first = places.iter().map(|place| once(place));
        both.first.push(Measured::of(name, objects * TASKS, first)?);
        let again = (0..ROUNDS.min(3)).map(|_| once(&places[0]));
        both.noop.push(Measured::of(name, objects * TASKS, again)?);
    }
    Ok(both)
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
