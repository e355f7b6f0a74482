//! The command `list`, which lists the objects.

use serde_json::json;
use setup_tasks::{Layout, Result};

use crate::exit::Exit;
use crate::output::{self, Cell, FAINT, NAME, WOULD, table};

pub(crate) fn list(layout: &Layout, as_json: bool) -> Result<Exit> {
    let objects = layout.all();
    if as_json {
        let objects: Vec<_> = objects
            .iter()
            .map(|object| {
                let (tasks, readonly) = (object.task_names(), object.readonly());
                let groups: Vec<_> = object.groups().collect();
                json!({
                    "object": object.id(), "type": object.type_name(), "groups": groups, "tasks": tasks,
                    "readonly": readonly
                })
            })
            .collect();
        output::json(&json!({ "version": 1, "objects": objects }))?;
        return Ok(Exit::Done);
    }
    let rows: Vec<_> = objects
        .iter()
        .map(|object| {
            let tasks = object.task_names().len();
            let tasks = format!("{tasks} {}", if tasks == 1 { "task" } else { "tasks" });
            [
                Cell::styled(NAME, object.id()),
                Cell::new(object.type_name()),
                Cell::styled(FAINT, tasks),
                Cell::styled(WOULD, if object.readonly() { "readonly" } else { "" }),
                Cell::styled(FAINT, object.groups().collect::<Vec<_>>().join(", ")),
            ]
        })
        .collect();
    table(&rows);
    if rows.is_empty() {
        output::line("there are no objects");
    }
    Ok(Exit::Done)
}
