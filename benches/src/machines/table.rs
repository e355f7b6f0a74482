//! The tables, and the targets.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::client::Ran;

/// A table in Markdown. The first row is the reference of the ratios.
pub struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<Row>,
}

/// A row of a table: the name of a tool, and its runs.
struct Row {
    name: String,
    runs: Vec<Option<Ran>>,
}

/// The targets for runs with nothing to do: the beginning of the name of a tool, and the ratio that a new connection must reach.
const NEW: [(&str, f64); 3] = [("pyinfra", 15.0), ("ansible-core 2.19.14 with", 25.0), ("ansible-core", 50.0)];

impl Table {
    pub fn new(title: &str, columns: impl Into<Vec<String>>) -> Self {
        Self { title: title.to_owned(), columns: columns.into(), rows: Vec::new() }
    }

    pub fn add(&mut self, name: &str, runs: Vec<Option<Ran>>) {
        self.rows.push(Row { name: name.to_owned(), runs });
    }

    /// Returns the runs of a tool, beside those of the row with another name.
    fn pairs<'t>(&'t self, name: &str, own: &str) -> impl Iterator<Item = (&'t Ran, &'t Ran)> {
        let runs = |name: &str| self.rows.iter().find(|row| row.name.starts_with(name)).map(|row| &row.runs);
        let (theirs, ours) = (runs(name), runs(own));
        let pairs = theirs.zip(ours).into_iter().flat_map(|(theirs, ours)| theirs.iter().zip(ours));
        pairs.filter_map(|(theirs, ours)| Some((theirs.as_ref()?, ours.as_ref()?)))
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| {} | {} |", self.title, self.columns.join(" | "))?;
        writeln!(f, "|---|{}", "---|".repeat(self.columns.len()))?;
        let Some(reference) = self.rows.first() else { return Ok(()) };
        for row in &self.rows {
            write!(f, "| {} |", row.name)?;
            for (run, reference) in row.runs.iter().zip(&reference.runs) {
                match (run, reference) {
                    (Some(run), Some(reference)) => write!(f, " {} |", compared(run, reference))?,
                    _ => write!(f, " – |")?,
                }
            }
            let (first, last) = (row.runs.first().and_then(Option::as_ref), row.runs.last().and_then(Option::as_ref));
            let both = |show: fn(&Ran) -> String| {
                let shown = [first, last].map(|ran| ran.map_or("–".to_owned(), show));
                shown.join(" / ")
            };
            let cpu = |ran: &Ran| format!("{}{:.2} s", than(ran), ran.cpu.as_secs_f64());
            let bytes = |ran: &Ran| format!("{}{}", than(ran), kilobytes(ran.bytes));
            writeln!(f, " {} | {} |", both(cpu), both(bytes))?;
        }
        Ok(())
    }
}

/// Returns a duration, with its ratio to that of the reference.
fn compared(ran: &Ran, reference: &Ran) -> String {
    let ratio = ran.took.as_secs_f64() / reference.took.as_secs_f64();
    let ratio = if ratio < 1.5 { format!("{ratio:.2}") } else { format!("{ratio:.0}") };
    format!("{}{} (×{ratio})", than(ran), milliseconds(ran.took))
}

/// Returns the sign before the figures of a run that was stopped.
fn than(ran: &Ran) -> &'static str {
    if ran.is_finished { "" } else { "> " }
}

/// Returns a duration as text.
pub fn milliseconds(time: Duration) -> String {
    let millis = time.as_millis().to_string();
    let at = millis.len().saturating_sub(3);
    let (thousands, rest) = millis.split_at(at);
    format!("{thousands}{}{rest} ms", if thousands.is_empty() { "" } else { "," })
}

/// Returns a number of machines as text.
pub fn machines(count: usize) -> String {
    if count == 1 { "1 machine".to_owned() } else { format!("{count} machines") }
}

fn kilobytes(bytes: u64) -> String {
    format!("{:.1} KB", f64::from(u32::try_from(bytes).unwrap_or(u32::MAX)) / 1e3)
}

/// Prints whether the targets hold. A tool that was stopped counts with the limit.
pub fn targets(verified: &Table, first: &Table) -> Result<()> {
    let (new, open) = ("setup-tasks, verified, new", "setup-tasks, verified, connection");
    let mut missed = 0;
    let mut target = |what: &str, ratios: Vec<f64>, target: f64| {
        let Some(worst) = ratios.into_iter().min_by(f64::total_cmp) else { return };
        let holds = worst >= target;
        missed += usize::from(!holds);
        println!(
            "{}: {what}: at least 1/{target}, and it is 1/{worst:.0} or better",
            if holds { "holds" } else { "MISSED" }
        );
    };
    let times = |pairs: &mut dyn Iterator<Item = (&Ran, &Ran)>| -> Vec<f64> {
        pairs.map(|(theirs, ours)| theirs.took.as_secs_f64() / ours.took.as_secs_f64()).collect()
    };
    for (tool, ratio) in NEW {
        target(&format!("verified, new connection, against {tool}"), times(&mut verified.pairs(tool, new)), ratio);
    }
    target("verified, connection still open, against pyinfra", times(&mut verified.pairs("pyinfra", open)), 80.0);
    target("first apply, against pyinfra", times(&mut first.pairs("pyinfra", "setup-tasks")), 8.0);
    let cpu = verified.pairs("pyinfra", new).map(|(theirs, ours)| theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64());
    target("client CPU, new connection, against pyinfra", cpu.collect(), 8.0);
    let count = |ran: &Ran| f64::from(u32::try_from(ran.bytes).unwrap_or(u32::MAX));
    let bytes = verified.pairs("pyinfra", new).map(|(theirs, ours)| count(theirs) / count(ours));
    target("bytes, new connection, against pyinfra", bytes.collect(), 10.0);
    ensure!(missed == 0, "{missed} targets are missed");
    Ok(())
}
