//! Measures whole processes: `cargo run --release -p benches -- noop 10000`.
//!
//! The subcommands `noop`, `first`, `incremental`, `one`, `parallel` and `templates` measure one
//! kind of run each. `peers` runs make, ninja, doit and Carthage on the same work in turn,
//! `hosts` compares a shared store with the embedded one, `against` compares an older build with this
//! one, `compile` checks a generated crate, and `machines` compares tools on real machines. The
//! figures are medians of several rounds, with the spread. Times differ from machine to machine;
//! ratios within one run differ less.
#![expect(clippy::print_stdout, reason = "a benchmark prints its results")]

mod against;
mod compile;
mod hosts;
#[cfg(target_os = "linux")]
mod machines;
mod measure;
mod peers;
#[expect(dead_code, reason = "the tests of hosts use more of it")]
#[path = "../../tests/hosts/server.rs"]
mod server;
mod work;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::measure::{Measured, Once, Places, ROUNDS};
use crate::work::What;

const OURS: &str = "setup-tasks, nothing to do";

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs with nothing to do
    Noop {
        #[arg(default_value_t = 10_000)]
        objects: usize,
        /// The number of tasks per object: the model has ten
        #[arg(default_value_t = 10, value_parser = clap::value_parser!(u8).range(10..=10))]
        tasks: u8,
    },
    /// First runs: each task writes a file of 20 bytes
    First {
        #[arg(default_value_t = 10_000)]
        objects: usize,
        #[arg(default_value_t = 10, value_parser = clap::value_parser!(u8).range(10..=10))]
        tasks: u8,
    },
    /// Runs with one task of one object to do
    Incremental {
        #[arg(default_value_t = 10_000)]
        objects: usize,
        #[arg(default_value_t = 10, value_parser = clap::value_parser!(u8).range(10..=10))]
        tasks: u8,
    },
    /// One object with ten tasks and nothing to do
    One,
    /// Objects whose only task sleeps for 10 ms, 64 at the same time
    Parallel {
        #[arg(default_value_t = 1_000)]
        objects: usize,
    },
    /// Objects with a template of 39 lines each: a first run, and then runs with nothing to do
    Templates {
        #[arg(default_value_t = 10_000)]
        objects: usize,
    },
    /// `cargo check` of a generated crate of models, of the same crate with serde's derives, and of
    /// one without derives
    Compile {
        #[arg(default_value_t = 100)]
        models: usize,
        #[arg(default_value_t = 10)]
        tasks: usize,
    },
    /// An older build of this program, in interleaved pairs with this one
    Against {
        /// The older build
        old: PathBuf,
        #[arg(default_value_t = 10_000)]
        objects: usize,
    },
    /// make, ninja, doit and Carthage, as far as they are installed, on the same work
    Peers {
        #[arg(default_value_t = 1_000)]
        objects: usize,
    },
    /// pyinfra, Ansible, Mitogen and forjar on the same 50 resources of ten real machines. This needs root
    #[cfg(target_os = "linux")]
    Machines(machines::Options),
    /// The measured work on machines, in its own process
    #[cfg(target_os = "linux")]
    #[command(hide = true)]
    MachinesWork(machines::own::Work),
    /// A shared store in a database, compared with the embedded one
    Hosts {
        #[arg(default_value_t = 10_000)]
        objects: usize,
    },
    /// The measured work, in its own process
    #[command(hide = true)]
    Work { what: What, directory: PathBuf, objects: usize },
}

fn main() -> Result<ExitCode> {
    // On a machine, this program is the agent.
    #[cfg(target_os = "linux")]
    if let Some(code) = machines::own::agent() {
        return Ok(code);
    }
    measure_what(Line::parse().command)?;
    Ok(ExitCode::SUCCESS)
}

fn measure_what(command: Command) -> Result<()> {
    // The measured process creates no directories.
    if let Command::Work { what, directory, objects } = command {
        return work::run(what, &directory, objects);
    }
    #[cfg(target_os = "linux")]
    match command {
        Command::Machines(options) => return machines::compare(&options),
        Command::MachinesWork(work) => return machines::own::work(&work),
        _ => {}
    }
    let places = Places::new()?;
    let measured = match command {
        Command::Noop { objects, .. } => noop(&places, objects)?,
        Command::First { objects, .. } => first(&places, objects)?,
        Command::Incremental { objects, .. } => incremental(&places, objects)?,
        Command::One => one(&places)?,
        Command::Parallel { objects } => parallel(&places, objects)?,
        Command::Templates { objects } => templates(&places, objects)?,
        Command::Against { old, objects } => return against::compare(&places, &old, objects),
        Command::Hosts { objects } => return hosts::compare(&places, objects),
        Command::Compile { models, tasks } => return compile::compare(&places, models, tasks),
        Command::Peers { objects } => {
            let peers::Both { noop, first } = peers::all(&places, objects)?;
            println!("nothing to do");
            show(&noop);
            println!("\nthe first run");
            first
        }
        Command::Work { .. } => unreachable!("it has run"),
        #[cfg(target_os = "linux")]
        Command::Machines(_) | Command::MachinesWork(_) => unreachable!("they have run"),
    };
    show(&measured);
    Ok(())
}

/// A candidate of a comparison: its name, its number of tasks, and a function that runs it once.
type Contestant<'c> = (&'c str, usize, Box<dyn FnMut() -> Result<Once> + 'c>);

/// Runs the candidates in turn, for several rounds. Other load of the machine therefore affects all
/// of them alike.
fn in_turn(rounds: usize, mut of: Vec<Contestant<'_>>) -> Result<Vec<Measured>> {
    let mut runs: Vec<_> = of.iter().map(|_| Vec::new()).collect();
    for _ in 0..rounds {
        for ((_, _, run), runs) in of.iter_mut().zip(&mut runs) {
            runs.push(run());
        }
    }
    of.iter().zip(runs).map(|((name, tasks, _), runs)| Measured::of(name, *tasks, runs.into_iter())).collect()
}

/// Returns a directory after a first run.
fn prepared(places: &Places, what: What, objects: usize) -> Result<PathBuf> {
    let place = places.next()?;
    measure::own(what, &place, objects)?;
    // The store does not trust the time of a file that was written a moment ago. The next run
    // begins after that period.
    std::thread::sleep(std::time::Duration::from_millis(100));
    Ok(place)
}

/// Measures the runs after the first, with the candidates in turn.
fn again(places: &Places, of: &[(&str, What)], objects: usize) -> Result<Vec<Measured>> {
    let made: Vec<_> = of.iter().map(|(_, what)| prepared(places, *what, objects)).collect::<Result<_>>()?;
    let of = of.iter().zip(&made).map(|((name, what), place)| -> Contestant<'_> {
        (name, objects * what.tasks(), Box::new(move || measure::own(*what, place, objects)))
    });
    in_turn(ROUNDS, of.collect())
}

fn noop(places: &Places, objects: usize) -> Result<Vec<Measured>> {
    let nothing = again(places, &[("an empty process", What::Nothing)], 1)?;
    let ours = again(places, &[(OURS, What::Run), ("… each with a hash function", What::Hashed)], objects)?;
    show_memory(&ours[0], &nothing[0]);
    Ok(ours)
}

fn one(places: &Places) -> Result<Vec<Measured>> {
    let mut measured = again(places, &[("an empty process", What::Nothing), (OURS, What::Run)], 1)?;
    let library = measured[1].part("… of which the library");
    measured.extend(library);
    Ok(measured)
}

/// Measures first runs, with the candidates in turn and each run in its own directory.
fn fresh(places: &Places, of: &[(&str, What)], objects: usize) -> Result<Vec<Measured>> {
    let of = of.iter().map(|(name, what)| -> Contestant<'_> {
        (name, objects * what.tasks(), Box::new(move || measure::own(*what, &places.next()?, objects)))
    });
    // There are fewer rounds because each run writes all files.
    in_turn(ROUNDS.min(3), of.collect())
}

fn first(places: &Places, objects: usize) -> Result<Vec<Measured>> {
    let of = [
        ("setup-tasks, first run", What::Run),
        ("a bare loop, kill-safe", What::SafeFloor),
        ("a bare loop, the files alone", What::Floor),
    ];
    fresh(places, &of, objects)
}

fn templates(places: &Places, objects: usize) -> Result<Vec<Measured>> {
    let mut measured = fresh(places, &[("templates, first run", What::Templates)], objects)?;
    measured.extend(again(places, &[("templates, nothing to do", What::Templates)], objects)?);
    Ok(measured)
}

fn incremental(places: &Places, objects: usize) -> Result<Vec<Measured>> {
    let place = prepared(places, What::Run, objects)?;
    let run = |what| measure::own(what, &place, objects);
    let forgotten = || {
        run(What::Forget)?;
        run(What::Run)
    };
    let tasks = objects * work::TASKS;
    let of: Vec<Contestant<'_>> =
        vec![(OURS, tasks, Box::new(|| run(What::Run))), ("… one task to do", tasks, Box::new(forgotten))];
    in_turn(2 * ROUNDS, of)
}

fn parallel(places: &Places, objects: usize) -> Result<Vec<Measured>> {
    println!("the ideal is {} ms, with a timer that is never late", objects.div_ceil(work::AT_ONCE) * 10);
    fresh(places, &[("bare tokio tasks that sleep", What::SleepFloor), ("setup-tasks", What::Sleep)], objects)
}

/// Prints the memory per object and per task: the difference between the peak and that of a process
/// without objects.
fn show_memory(of: &Measured, nothing: &Measured) {
    let (Some(of_kib), Some(nothing_kib)) = (of.peak_kib, nothing.peak_kib) else { return };
    let task = (of_kib.saturating_sub(nothing_kib) * 1024) / (of.tasks.max(1) as u64);
    println!("memory: {} bytes per object of {} tasks, {task} per task", task * work::TASKS as u64, work::TASKS);
}

fn show(measured: &[Measured]) {
    let Some(base) = measured.first() else { return };
    println!("{:<28} {:>10} {:>9} {:>10} {:>9} {:>7}", "", "median", "spread", "µs a task", "peak MiB", "ratio");
    for one in measured {
        let micros =
            one.time.median.as_secs_f64() * 1e6 / f64::from(u32::try_from(one.tasks.max(1)).unwrap_or(u32::MAX));
        let ratio = one.time.median.as_secs_f64() / base.time.median.as_secs_f64();
        println!(
            "{:<28} {:>7.1} ms {:>6.1} ms {micros:>10.2} {:>9} {ratio:>7.2}",
            one.name,
            one.time.median.as_secs_f64() * 1e3,
            one.time.width.as_secs_f64() * 1e3,
            one.peak_kib.map_or_else(|| "?".to_owned(), |kib| (kib / 1024).to_string()),
        );
    }
}
