//! Compares this build with an older build of the benchmarks, in interleaved pairs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::measure::{Places, work};
use crate::work::What;

/// The number of pairs per row of the table.
const PAIRS: usize = 15;

/// The ranks, from 0, that bound the median of [`PAIRS`] values with a confidence of 96 %: the sign
/// test's interval, 1 - 2 · P(X ≤ 3) for X binomial with n = 15 and p = 1/2.
const INTERVAL: (usize, usize) = (3, 11);

/// One row of the table.
struct Case {
    name: &'static str,
    what: What,
    objects: usize,
    setting: Setting,
}

/// The state of the directory that a run finds.
#[derive(Clone, Copy, PartialEq)]
enum Setting {
    /// An earlier run did everything.
    UpToDate,
    /// Like `UpToDate`, without the stamp of one task.
    OneToDo,
    /// An empty directory.
    Empty,
}

/// The ratios of the new time to the old time, one per pair.
struct Ratios(Vec<f64>);

/// Runs every case with both builds in turn and prints the ratios.
pub fn compare(places: &Places, old: &Path, objects: usize) -> Result<()> {
    let new = std::env::current_exe()?;
    println!("{:<36} {:>10} {:>10} {:>7}  96 % interval of the ratio", "", "old", "new", "ratio");
    for case in cases(objects) {
        let (mut times, mut ratios) = ((Vec::new(), Vec::new()), Vec::new());
        let prepared = (case.prepare(places, old)?, case.prepare(places, &new)?);
        for pair in 0..PAIRS {
            let before = || case.run(places, old, &prepared.0);
            let after = || case.run(places, &new, &prepared.1);
            // The builds alternate in the first place because the first of two runs finds other
            // caches than the second.
            let (before, after) = if pair % 2 == 0 {
                let before = before()?;
                (before, after()?)
            } else {
                let after = after()?;
                (before()?, after)
            };
            times.0.push(before);
            times.1.push(after);
            ratios.push(after / before);
        }
        let ratios = Ratios::new(ratios);
        let (low, high) = ratios.interval();
        println!(
            "{:<36} {:>7.1} ms {:>7.1} ms {:>7.3}  {low:.3} to {high:.3}",
            case.name,
            Ratios::new(times.0).median() * 1e3,
            Ratios::new(times.1).median() * 1e3,
            ratios.median(),
        );
    }
    Ok(())
}

fn cases(objects: usize) -> [Case; 6] {
    use Setting::{Empty, OneToDo, UpToDate};
    let case = |name, what, objects, setting| Case { name, what, objects, setting };
    [
        case("nothing to do", What::Run, objects, UpToDate),
        case("nothing to do, with hash functions", What::Hashed, objects, UpToDate),
        case("nothing to do, one object", What::Run, 1, UpToDate),
        case("one task to do", What::Run, objects, OneToDo),
        case("nothing to do, templates", What::Templates, objects, UpToDate),
        case("first run", What::Run, objects / 10, Empty),
    ]
}

impl Case {
    /// Prepares the directory for one build with that build, because an older build may be unable
    /// to read a newer format.
    fn prepare(&self, places: &Places, build: &Path) -> Result<PathBuf> {
        let place = places.next()?;
        if self.setting != Setting::Empty {
            work(build, self.what, &place, self.objects)?;
        }
        Ok(place)
    }

    /// Runs one build once and returns the seconds that it took.
    fn run(&self, places: &Places, build: &Path, prepared: &Path) -> Result<f64> {
        let fresh;
        let place = match self.setting {
            Setting::UpToDate => prepared,
            Setting::OneToDo => {
                work(build, What::Forget, prepared, self.objects)?;
                prepared
            }
            Setting::Empty => {
                fresh = places.next()?;
                &fresh
            }
        };
        let run = work(build, self.what, place, self.objects);
        Ok(run.with_context(|| format!("{}, {}", self.name, build.display()))?.took.as_secs_f64())
    }
}

impl Ratios {
    fn new(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        Self(values)
    }

    fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    fn interval(&self) -> (f64, f64) {
        (self.0[INTERVAL.0], self.0[INTERVAL.1])
    }
}
