//! Whole processes, measured: `cargo run --release -p benches -- noop 10000`, also `first`, `incremental`, `one`, `parallel`, and
//! `peers`, which has make, ninja, doit and Carthage do the same work in turn. Medians of several rounds, with the spread; times
//! differ from machine to machine, ratios within one run less.
#![expect(clippy::print_stdout, reason = "it is what a benchmark is for")]

mod measure;
mod peers;
mod work;

use std::path::PathBuf;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::measure::{Measured, ROUNDS};

#[derive(Parser)]
struct Line {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Nothing is to do
    Noop {
        #[arg(default_value_t = 10_000)]
        objects: usize,
        /// How many tasks an object has: the model has ten
        #[arg(default_value_t = 10, value_parser = clap::value_parser!(u8).range(10..=10))]
        tasks: u8,
    },
    /// Everything is to do: each task writes a file of 20 bytes
    First {
        #[arg(default_value_t = 10_000)]
        objects: usize,
        #[arg(default_value_t = 10, value_parser = clap::value_parser!(u8).range(10..=10))]
        tasks: u8,
    },
    /// One task of one object is to do
    Incremental {
        #[arg(default_value_t = 10_000)]
        objects: usize,
        #[arg(default_value_t = 10, value_parser = clap::value_parser!(u8).range(10..=10))]
        tasks: u8,
    },
    /// One object with ten tasks, nothing to do
    One,
    /// Objects whose one task sleeps for 10 ms, 64 at once
    Parallel {
        #[arg(default_value_t = 1_000)]
        objects: usize,
    },
    /// make, ninja, doit and Carthage (those that are found), on the same work
    Peers {
        #[arg(default_value_t = 1_000)]
        objects: usize,
    },
    /// What is measured: a process of its own
    #[command(hide = true)]
    Work { what: work::What, directory: PathBuf, objects: usize },
}

fn main() -> Result<()> {
    let measured = match Line::parse().command {
        Command::Noop { objects, .. } => vec![noop(objects)?],
        Command::First { objects, .. } => first(objects)?,
        Command::Incremental { objects, .. } => vec![noop(objects)?, incremental(objects)?],
        Command::One => vec![noop(1)?],
        Command::Parallel { objects } => vec![parallel(objects)?],
        Command::Peers { objects } => peers::all(objects)?,
        Command::Work { what, directory, objects } => return work::run(what, &directory, objects),
    };
    show(&measured);
    Ok(())
}

fn noop(objects: usize) -> Result<Measured> {
    let place = tempfile::tempdir()?;
    measure::own(work::What::Run, place.path(), objects)?;
    // What was written just now is not trusted to stay as it is; the next run comes later than that.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let run = |_| measure::own(work::What::Run, place.path(), objects);
    Measured::of("setup-tasks, nothing to do", objects * work::TASKS, (0..ROUNDS).map(run))
}

fn first(objects: usize) -> Result<Vec<Measured>> {
    let fresh = |what| {
        let place = tempfile::tempdir()?;
        measure::own(what, place.path(), objects)
    };
    // Fewer rounds: each writes all files anew.
    let rounds = ROUNDS.min(3);
    let tasks = objects * work::TASKS;
    let run = Measured::of("setup-tasks, first run", tasks, (0..rounds).map(|_| fresh(work::What::Run)))?;
    let floor = Measured::of("a bare loop, same files", tasks, (0..rounds).map(|_| fresh(work::What::Floor)))?;
    Ok(vec![run, floor])
}

fn incremental(objects: usize) -> Result<Measured> {
    let place = tempfile::tempdir()?;
    measure::own(work::What::Run, place.path(), objects)?;
    let run = |_| {
        measure::own(work::What::Forget, place.path(), objects)?;
        measure::own(work::What::Run, place.path(), objects)
    };
    Measured::of("setup-tasks, one task to do", objects * work::TASKS, (0..ROUNDS).map(run))
}

fn parallel(objects: usize) -> Result<Measured> {
    let run = |_| {
        let place = tempfile::tempdir()?;
        measure::own(work::What::Sleep, place.path(), objects)
    };
    let ideal = objects.div_ceil(work::AT_ONCE) * 10;
    println!("the ideal is {ideal} ms");
    Measured::of("setup-tasks, tasks that sleep", objects, (0..3).map(run))
}

fn show(measured: &[Measured]) {
    let Some(base) = measured.first() else { return };
    println!("{:<28} {:>10} {:>9} {:>10} {:>9} {:>7}", "", "median", "spread", "µs a task", "peak MiB", "ratio");
    for one in measured {
        let micros = one.median.as_secs_f64() * 1e6 / f64::from(u32::try_from(one.tasks.max(1)).unwrap_or(u32::MAX));
        let ratio = one.median.as_secs_f64() / base.median.as_secs_f64();
        println!(
            "{:<28} {:>7.1} ms {:>6.1} ms {micros:>10.2} {:>9} {ratio:>7.2}",
            one.name,
            one.median.as_secs_f64() * 1e3,
            one.spread.as_secs_f64() * 1e3,
            one.peak_kib.map_or_else(|| "?".to_owned(), |kib| (kib / 1024).to_string()),
        );
    }
}
