//! The command `mark-done`, which marks tasks as done without running them.

use setup_tasks::{Layout, Result};

use super::target;
use crate::exit::Exit;
use crate::output::{GOOD, WOULD, printable, report};

pub(crate) async fn mark_done(layout: &Layout, names: &[String]) -> Result<Exit> {
    // All names are resolved before the first task is marked, so that a mistake changes nothing.
    let tasks = names.iter().map(|name| target::find_task(layout, name)).collect::<Result<Vec<_>>>()?;
    for (object, task) in &tasks {
        if layout.is_dry_run() {
            report(format!("{WOULD}would mark as done{WOULD:#}: {}/{task}; this is a dry run", printable(object.id())));
            continue;
        }
        object.mark_done(task).await?;
        report(format!("{GOOD}marked as done{GOOD:#}: {}/{task}", printable(object.id())));
    }
    Ok(Exit::Done)
}
