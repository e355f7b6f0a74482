//! The command `types`, which lists the types of objects in the program.

use serde_json::json;
use setup_tasks::Result;

use crate::exit::Exit;
use crate::output::{self, Cell, FAINT, NAME, line, table};

pub(crate) fn types(as_json: bool) -> Result<Exit> {
    let types = setup_tasks::task::types();
    if as_json {
        let tasks = |info: &setup_tasks::task::TypeInfo| -> Vec<_> {
            info.tasks()
                .into_iter()
                .map(|(name, description)| json!({ "task": name, "description": description }))
                .collect()
        };
        let types: Vec<_> = types
            .iter()
            .map(|info| json!({ "type": info.name(), "module": info.module(), "tasks": tasks(info) }))
            .collect();
        output::json(&json!({ "version": 1, "types": types }))?;
        return Ok(Exit::Done);
    }
    for info in types {
        line(format!("{NAME}{}{NAME:#} {FAINT}{}{FAINT:#}", info.name(), info.module()));
        let tasks = info.tasks();
        table(
            &tasks
                .iter()
                .map(|(name, description)| [Cell::new(format!("  {name}")), Cell::new(description)])
                .collect::<Vec<_>>(),
        );
    }
    Ok(Exit::Done)
}
