//! The command `ps`, which shows what other processes do now.

use setup_tasks::activity::{self, OtherProcesses};
use setup_tasks::secret::redact;
use setup_tasks::{Layout, Result};

use crate::exit::Exit;
use crate::output::{self, BAD, NAME, line, printable};

pub(crate) fn ps(layout: &Layout, as_json: bool) -> Result<Exit> {
    let others = activity::of_other_processes(layout.config())?;
    if as_json {
        output::json(&others)?;
        return Ok(Exit::Done);
    }
    if others.is_empty() {
        line("nothing is running");
    }
    let OtherProcesses { processes, silent, .. } = others;
    for snapshot in processes {
        line(format!("{NAME}process {}{NAME:#}", snapshot.pid));
        redact(&snapshot.to_string()).lines().for_each(|text| line(format!("  {}", printable(text))));
    }
    for process in silent {
        line(format!("{NAME}process {}{NAME:#}", process.pid));
        line(format!("  {BAD}no answer{BAD:#}: {}", printable(&process.problem)));
    }
    Ok(Exit::Done)
}
