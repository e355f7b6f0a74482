//! Objects and tasks, as they are named on the command line.

use glob::Pattern;
use setup_tasks::{AnyObject, Layout, ObjectTaskInspector, Result};

use crate::exit::UsageError;

/// How many names an error lists.
const LISTED: usize = 12;

/// An object, or one of its tasks.
pub(super) struct Target {
    pub(super) object: AnyObject,
    pub(super) task: Option<String>,
}

/// What `OBJECT` or `OBJECT/TASK` names. An id may hold slashes, too.
pub(super) fn find(layout: &Layout, name: &str) -> Result<Target> {
    if let Some(object) = layout.get(name) {
        return Ok(Target { object, task: None });
    }
    let split = name.rsplit_once('/').and_then(|(id, task)| Some((layout.get(id)?, task)));
    let Some((object, task)) = split else { return Err(no_object(layout, name)) };
    let known = task_names(&object.inspect()?);
    if known.iter().any(|known| known == task) {
        return Ok(Target { object, task: Some(task.to_owned()) });
    }
    let text = format!("`{}` has no task `{task}`\nhelp: it has {}", object.id(), listed(known.iter()));
    Err(UsageError(text).into())
}

/// The objects that any of the patterns matches; without patterns all.
pub(super) fn objects(layout: &Layout, patterns: &[String]) -> Result<Vec<AnyObject>> {
    let all = layout.all();
    let mut compiled = Vec::new();
    for text in patterns {
        let pattern = Pattern::new(text).map_err(|error| {
            UsageError(format!("`{text}` is no pattern: {}\nhelp: `*` and `?` stand for any text", error.msg))
        })?;
        if !all.iter().any(|object| object.id() == text || pattern.matches(object.id())) {
            return Err(no_object(layout, text));
        }
        compiled.push((text, pattern));
    }
    let is_chosen = |object: &AnyObject| {
        patterns.is_empty()
            || compiled.iter().any(|(text, pattern)| object.id() == *text || pattern.matches(object.id()))
    };
    Ok(all.into_iter().filter(is_chosen).collect())
}

/// The names of the tasks' stamps, in run order; behind that of a customization those of its tasks.
fn task_names(tasks: &[ObjectTaskInspector]) -> Vec<String> {
    let names =
        |task: &ObjectTaskInspector| std::iter::once(task.stamp_name().to_owned()).chain(task_names(task.subtasks()));
    tasks.iter().flat_map(names).collect()
}

fn no_object(layout: &Layout, name: &str) -> anyhow::Error {
    let all = layout.all();
    let known = if all.is_empty() {
        "there are none at all".to_owned()
    } else {
        format!("the objects are {}", listed(all.iter().map(AnyObject::id)))
    };
    UsageError(format!("there is no object `{name}`\nhelp: {known}")).into()
}

fn listed(names: impl ExactSizeIterator<Item = impl AsRef<str>>) -> String {
    let more = names.len().saturating_sub(LISTED);
    let names: Vec<_> = names.take(LISTED).map(|name| format!("`{}`", name.as_ref())).collect();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    names.join(", ") + &more
}

#[cfg(test)]
pub(super) mod tests {
    use setup_tasks::Customization;
    use setup_tasks::prelude::*;

    use super::*;

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "bulb")]
    struct Bulb;

    #[setup_tasks]
    impl Bulb {
        #[setup_task("Screw it in", inputs = ["bulb.txt"])]
        fn screw_in(&self) {}
    }

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "lamp")]
    struct Lamp;

    #[setup_tasks]
    impl Lamp {
        #[setup_task("Give it a bulb")]
        const BULB: Customization<Self, Bulb> = Customization::new(|_| Bulb);
    }

    #[derive(SetupTasks)]
    #[setup_tasks(subdir = "desk", id = "desk")]
    struct Desk;

    #[setup_tasks]
    impl Desk {
        #[setup_task("Put a lamp on it")]
        const LAMP: Customization<Self, Lamp> = Customization::new(|_| Lamp);
    }

    /// An object with a customization within a customization.
    pub(in super::super) fn nested() -> Layout {
        let layout = Layout::in_memory().unwrap();
        layout.add(Desk).unwrap();
        layout
    }

    #[test]
    fn tasks_of_customizations_within_customizations_are_found() {
        let layout = nested();
        for name in ["lamp", "lamp.bulb", "lamp.bulb.screw_in"] {
            let target = find(&layout, &format!("desk/{name}")).unwrap();
            assert_eq!((target.object.id(), target.task.as_deref()), ("desk", Some(name)));
        }
        let error = find(&layout, "desk/lamp.screw_in").err().unwrap().to_string();
        assert!(error.ends_with("help: it has `lamp`, `lamp.bulb`, `lamp.bulb.screw_in`"), "{error}");
    }
}
