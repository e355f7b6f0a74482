//! The tables, and the targets.

use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::client::Ran;
use super::tools::Tool;

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

/// The row of `ssh` alone.
pub const SSH: &str = "`ssh` and the program `true`, for comparison";

/// The rows of this library: verified with a new connection, with an open one, and the first apply.
pub const OWN: [&str; 3] = [
    "setup-tasks, verified, new connection",
    "setup-tasks, verified, connection still open",
    "setup-tasks, with the copy of the agent",
];

impl Table {
    pub fn new(title: &str, columns: impl Into<Vec<String>>) -> Self {
        Self { title: title.to_owned(), columns: columns.into(), rows: Vec::new() }
    }

    pub fn add(&mut self, name: &str, runs: Vec<Option<Ran>>) {
        self.rows.push(Row { name: name.to_owned(), runs });
    }

    /// Returns the runs of the row with a name, beside those of another row.
    fn pairs<'t>(&'t self, name: &str, own: &str) -> impl Iterator<Item = (&'t Ran, &'t Ran)> {
        let runs = |name: &str| self.rows.iter().find(|row| row.name == name).map(|row| &row.runs);
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

/// Prints whether the targets hold. A tool that was stopped counts with the limit. A new connection cannot be faster than `ssh` itself, so
/// that a target beyond that is not missed.
pub fn targets(verified: &Table, first: &Table) -> Result<()> {
    let (new, open, ssh) = (OWN[0], OWN[1], SSH);
    let mut missed = 0;
    let mut target = |what: &str, target: f64, ratios: Vec<f64>, of_ssh: Vec<f64>| {
        let worst = |ratios: Vec<f64>| ratios.into_iter().min_by(f64::total_cmp);
        let Some(ratio) = worst(ratios) else { return };
        let bound = worst(of_ssh).filter(|bound| *bound < target);
        let (holds, bound) = match bound {
            _ if ratio >= target => ("holds", String::new()),
            Some(bound) => ("bound by ssh", format!("; `ssh` alone would reach 1/{bound:.0}")),
            None => ("MISSED", String::new()),
        };
        missed += usize::from(holds == "MISSED");
        println!("{holds}: {what}: at most 1/{target}, and it is 1/{ratio:.0} at most{bound}");
    };
    let times = |table: &Table, tool: &str, own: &str| -> Vec<f64> {
        let ratio = |(theirs, ours): (&Ran, &Ran)| theirs.took.as_secs_f64() / ours.took.as_secs_f64();
        table.pairs(tool, own).map(ratio).collect()
    };
    for (tool, ratio) in [(Tool::Pyinfra, 15.0), (Tool::Mitogen, 25.0), (Tool::Ansible, 50.0)] {
        let name = tool.name();
        let what = format!("verified, new connection, against {name}");
        target(&what, ratio, times(verified, name, new), times(verified, name, ssh));
    }
    let pyinfra = Tool::Pyinfra.name();
    target("verified, connection still open, against pyinfra", 80.0, times(verified, pyinfra, open), Vec::new());
    target("first apply, against pyinfra", 8.0, times(first, pyinfra, OWN[2]), Vec::new());
    let cpu = |own: &str| -> Vec<f64> {
        let ratio = |(theirs, ours): (&Ran, &Ran)| theirs.cpu.as_secs_f64() / ours.cpu.as_secs_f64();
        verified.pairs(pyinfra, own).map(ratio).collect()
    };
    target("client CPU, connection still open, against pyinfra", 8.0, cpu(open), Vec::new());
    target("client CPU, new connection, against pyinfra", 8.0, cpu(new), cpu(ssh));
    let count = |ran: &Ran| f64::from(u32::try_from(ran.bytes).unwrap_or(u32::MAX));
    let bytes = verified.pairs(pyinfra, new).map(|(theirs, ours)| count(theirs) / count(ours));
    target("bytes, new connection, against pyinfra", 10.0, bytes.collect(), Vec::new());
    ensure!(missed == 0, "{missed} targets are missed");
    Ok(())
}
