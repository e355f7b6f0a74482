//! Whole processes, measured: `cargo run --release -p benches -- noop 10000`, also `first`, `incremental`, `one`, `parallel`,
//! `templates`; `compile`, which checks a generated crate; and `peers`, which has make, ninja, doit and Carthage do the same work
//! in turn. Medians of several rounds, with the spread; times differ from machine to machine, ratios within one run less.
#![expect(clippy::print_stdout, reason = "it is what a benchmark is for")]

mod compile;
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
    /// Objects with a template of 39 lines each: rendered, and then nothing to do
    Templates {
        #[arg(default_value_t = 10_000)]
        objects: usize,
    },
    /// `cargo check` of a generated crate of models, with serde's derives in their place, and with nothing
    Compile {
        #[arg(default_value_t = 100)]
        models: usize,
        #[arg(default_value_t = 10)]
        tasks: usize,
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
        Command::Noop { objects, .. } => {
            vec![noop(objects)?, again("… each with a hash function", work::What::Hashed, objects)?]
        }
        Command::First { objects, .. } => first(objects)?,
        Command::Incremental { objects, .. } => vec![noop(objects)?, incremental(objects)?],
        Command::One => vec![noop(1)?],
        Command::Parallel { objects } => parallel(objects)?,
        Command::Templates { objects } => templates(objects)?,
        Command::Compile { models, tasks } => return compile::compare(models, tasks),
        Command::Peers { objects } => peers::all(objects)?,
        Command::Work { what, directory, objects } => return work::run(what, &directory, objects),
    };
    show(&measured);
    Ok(())
}

fn noop(objects: usize) -> Result<Measured> {
    again("setup-tasks, nothing to do", work::What::Run, objects)
}

/// The runs after the first.
fn again(name: &str, what: work::What, objects: usize) -> Result<Measured> {
    let place = tempfile::tempdir()?;
    measure::own(what, place.path(), objects)?;
    // What was written just now is not trusted to stay as it is; the next run comes later than that.
    std::thread::sleep(std::time::Duration::from_millis(100));
    let run = |_| measure::own(what, place.path(), objects);
    Measured::of(name, objects * what.tasks(), (0..ROUNDS).map(run))
}

/// First runs in turn, each in a directory of its own. They go at the end: files that go slow down those that come.
fn fresh(of: &[(&str, work::What)], objects: usize) -> Result<Vec<Measured>> {
    let places = tempfile::tempdir()?;
    let mut runs: Vec<_> = of.iter().map(|_| Vec::new()).collect();
    // Fewer rounds: each writes all files anew.
    for round in 0..ROUNDS.min(3) {
        for ((i, (_, what)), runs) in of.iter().enumerate().zip(&mut runs) {
            let place = places.path().join(format!("{round}-{i}"));
            std::fs::create_dir(&place)?;
            runs.push(measure::own(*what, &place, objects));
        }
    }
    of.iter()
        .zip(runs)
        .map(|((name, what), runs)| Measured::of(name, objects * what.tasks(), runs.into_iter()))
        .collect()
}

fn first(objects: usize) -> Result<Vec<Measured>> {
    let of = [
        ("setup-tasks, first run", work::What::Run),
        ("a bare loop, kill-safe", work::What::SafeFloor),
        ("a bare loop, the files alone", work::What::Floor),
    ];
    fresh(&of, objects)
}

fn templates(objects: usize) -> Result<Vec<Measured>> {
    let mut measured = fresh(&[("templates, first run", work::What::Templates)], objects)?;
    measured.push(again("templates, nothing to do", work::What::Templates, objects)?);
    Ok(measured)
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

fn parallel(objects: usize) -> Result<Vec<Measured>> {
    println!("the ideal is {} ms, with a timer that is never late", objects.div_ceil(work::AT_ONCE) * 10);
    fresh(&[("bare tokio tasks that sleep", work::What::SleepFloor), ("setup-tasks", work::What::Sleep)], objects)
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
