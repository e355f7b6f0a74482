//! `mark`: declares tasks done without running them.

use setup_tasks::{Layout, Result};

use super::target;
use crate::exit::{Exit, UsageError};
use crate::output::{GOOD, line, printable};

pub(crate) async fn mark(layout: &Layout, names: &[String]) -> Result<Exit> {
    // All names first: a mistake in the last leaves the first as it was.
    let targets = names.iter().map(|name| target::find(layout, name)).collect::<Result<Vec<_>>>()?;
    let mut tasks = Vec::new();
    for (target, name) in targets.iter().zip(names) {
        let Some(task) = &target.task else {
            let help = "write `OBJECT/TASK`; `status OBJECT` lists the tasks";
            return Err(UsageError(format!("`{name}` names no task\nhelp: {help}")).into());
        };
        tasks.push((&target.object, task));
    }
    for (object, task) in tasks {
        object.mark_done(task).await?;
        line(format!("{GOOD}marked{GOOD:#}: {}/{task} counts as done now", printable(object.id())));
    }
    Ok(Exit::Done)
}
