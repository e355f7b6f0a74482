//! The command `check`, which looks for mistakes and runs nothing.

use serde_json::json;
use setup_tasks::error::explain;
use setup_tasks::{Layout, Result};

use crate::exit::Exit;
use crate::output::{self, GOOD, error, line};

pub(crate) async fn check(layout: &Layout, as_json: bool) -> Result<Exit> {
    let mut problems: Vec<anyhow::Error> =
        setup_tasks::task::types().iter().filter_map(|info| info.check().err()).map(anyhow::Error::from).collect();
    let objects = layout.all();
    let mut tasks = 0;
    for object in &objects {
        tasks += object.task_names().len();
        problems.extend(object.check().await.into_iter().map(anyhow::Error::from));
    }
    if as_json {
        let problems: Vec<_> = problems.iter().map(|problem| explain(problem.as_ref())).collect();
        output::json(&json!({ "version": 1, "objects": objects.len(), "tasks": tasks, "problems": problems }))?;
    } else if problems.is_empty() {
        line(format!("{GOOD}ok{GOOD:#}: {} objects, {tasks} tasks, no mistakes found", objects.len()));
    } else {
        problems.iter().for_each(error);
    }
    Ok(if problems.is_empty() { Exit::Done } else { Exit::Failed })
}
