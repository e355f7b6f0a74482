//! `mark-done`: declares tasks done without running them.

use setup_tasks::{Layout, Result};

use super::target;
use crate::exit::Exit;
use crate::output::{GOOD, WOULD, line, printable};

pub(crate) async fn mark_done(layout: &Layout, names: &[String]) -> Result<Exit> {
    // All names first: a mistake in the last leaves the first as it was.
    let tasks = names.iter().map(|name| target::find_task(layout, name)).collect::<Result<Vec<_>>>()?;
    for (object, task) in &tasks {
        if layout.is_dry_run() {
            line(format!("{WOULD}would mark{WOULD:#}: {}/{task}; this is a dry run", printable(object.id())));
            continue;
        }
        object.mark_done(task).await?;
        line(format!("{GOOD}marked{GOOD:#}: {}/{task} counts as done now", printable(object.id())));
    }
    Ok(Exit::Done)
}
