//! `waiting`: what other processes do now.

use setup_tasks::secret::redact;
use setup_tasks::{Layout, Result, waiting};

use crate::exit::Exit;
use crate::output::{self, NAME, line, printable};

pub(crate) fn waiting(layout: &Layout, as_json: bool) -> Result<Exit> {
    let snapshots = waiting::of_other_processes(layout.config())?;
    if as_json {
        output::json(&snapshots)?;
        return Ok(Exit::Done);
    }
    if snapshots.is_empty() {
        line("nobody is at work");
    }
    for snapshot in snapshots {
        line(format!("{NAME}process {}{NAME:#}", snapshot.pid));
        redact(&snapshot.to_string()).lines().for_each(|text| line(format!("  {}", printable(text))));
    }
    Ok(Exit::Done)
}
