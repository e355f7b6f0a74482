//! The comparison of a saved plan with a new one.

use std::collections::HashMap;

use super::file::{Contents, PlannedObject, PlannedTask};
use crate::report::TaskStatus;
use crate::text::list;

/// Returns a description of each difference between a saved plan and the present one.
pub(super) fn differences(planned: &Contents, now: &Contents) -> Vec<String> {
    let (mut found, mut changed) = (Vec::new(), Vec::new());
    let mut new: HashMap<_, _> = now.objects.iter().map(|object| (&*object.object, object)).collect();
    for before in &planned.objects {
        match new.remove(&*before.object) {
            // Other records explain every other difference.
            Some(now) if before.records != now.records => changed.push(&*before.object),
            Some(now) => compare_objects(before, now, &mut found),
            None => found.push(format!("the layout selects `{}` no longer", before.object)),
        }
    }
    if !changed.is_empty() {
        found.insert(0, format!("the records of {} have changed", list(changed)));
    }
    let new = now.objects.iter().filter(|object| new.contains_key(&*object.object));
    found.extend(new.map(|object| format!("the layout selects `{}`, too", object.object)));
    found
}

fn compare_objects(planned: &PlannedObject, now: &PlannedObject, found: &mut Vec<String>) {
    let id = &planned.object;
    if planned.type_name != now.type_name {
        return found.push(format!("`{id}` is a {} instead of a {}", now.type_name, planned.type_name));
    }
    let before = found.len();
    let find = |tasks: &'_ [PlannedTask], name: &str| tasks.iter().position(|task| task.task == name);
    for task in &planned.tasks {
        match find(&now.tasks, &task.task) {
            Some(at) => found.extend(compare_tasks(id, task, &now.tasks[at])),
            None => found.push(format!("`{id}/{}` is up to date", task.task)),
        }
    }
    let new = now.tasks.iter().filter(|task| find(&planned.tasks, &task.task).is_none());
    found.extend(new.map(|task| format!("`{id}/{}` {}, too", task.task, words(task.status))));
    if found.len() == before && planned.outcome != now.outcome {
        found.push(format!("`{id}` has another state"));
    }
}

fn compare_tasks(id: &str, planned: &PlannedTask, now: &PlannedTask) -> Option<String> {
    let name = format!("`{id}/{}`", planned.task);
    if planned.status != now.status {
        return Some(format!("{name} {}, and not {}", words(now.status), words(planned.status)));
    }
    if planned.reason != now.reason {
        return Some(format!("{name} has another reason to run"));
    }
    (planned.digest != now.digest).then(|| format!("the data of {name} has changed"))
}

fn words(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::WouldRun => "would run",
        TaskStatus::MayRun => "may run",
        TaskStatus::Undecided => "is undecided",
        TaskStatus::Drifted => "has drifted",
        TaskStatus::WouldUndo => "would be undone",
        TaskStatus::WouldForget => "would lose its stamp",
        _ => "is done",
    }
}
