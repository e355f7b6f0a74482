//! Names of objects and tasks on the command line.

use setup_tasks::fleet::FleetRun;
use setup_tasks::inspect::ObjectTaskInspector;
use setup_tasks::text::name_help;
use setup_tasks::{AnyObject, Layout, Result};

use crate::exit::UsageError;

/// An object or one of its tasks.
pub(crate) struct Target {
    pub(crate) object: AnyObject,
    pub(crate) task: Option<String>,
}

/// Finds the object or task that `OBJECT` or `OBJECT/TASK` names. An id may contain slashes.
pub(crate) fn find(layout: &Layout, name: &str) -> Result<Target> {
    if let Some(object) = layout.get(name) {
        return Ok(Target { object, task: None });
    }
    match task(layout, name) {
        Split::Task { object, task } => Ok(Target { object, task: Some(task) }),
        Split::UnknownTask { object, task, known } => {
            let help = name_help(&task, "its tasks are", known.iter().map(String::as_str));
            Err(UsageError::new(format!("`{}` has no task `{task}`", object.id()), help).into())
        }
        Split::NoObject => Err(no_object(layout, name)),
    }
}

/// Finds the task that `OBJECT/TASK` names, even if an object has the whole name as its id.
pub(crate) fn find_task(layout: &Layout, name: &str) -> Result<(AnyObject, String)> {
    if let Split::Task { object, task } = task(layout, name) {
        return Ok((object, task));
    }
    find(layout, name)?;
    let help = "write `OBJECT/TASK`; `status OBJECT` lists the tasks";
    Err(UsageError::new(format!("`{name}` is not a task"), help).into())
}

/// Checks that names select objects. A name that is not a pattern gets help with similar names.
pub(crate) fn check_objects(layout: &Layout, names: &[String]) -> Result<()> {
    for name in names.iter().filter(|name| layout.get(name).is_none()) {
        if let Split::Task { object, .. } = task(layout, name) {
            let help = format!("name its object `{}`; `up --force` also takes tasks", object.id());
            return Err(UsageError::new(format!("`{name}` is a task"), help).into());
        }
        if !is_pattern(name) {
            return Err(no_object(layout, name));
        }
    }
    Ok(())
}

/// Checks that names select objects or tasks. A name that is not a pattern gets help with similar names.
pub(crate) fn check_forced(layout: &Layout, names: &[String]) -> Result<()> {
    names.iter().filter(|name| !is_pattern(name)).try_for_each(|name| find(layout, name).map(drop))
}

/// Returns whether a name that no object has can match several objects.
pub(crate) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// A name that is split into an object and one of its tasks.
enum Split {
    Task { object: AnyObject, task: String },
    UnknownTask { object: AnyObject, task: String, known: Vec<String> },
    NoObject,
}

/// Splits a name at a slash. Ids and names of tasks may contain slashes, so the last split that leads to a task counts.
fn task(layout: &Layout, name: &str) -> Split {
    let mut unknown = None;
    for (at, _) in name.rmatch_indices('/') {
        let (Some(object), task) = (layout.get(&name[..at]), name[at + 1..].to_owned()) else { continue };
        let known = task_names(&object.inspect());
        if known.contains(&task) {
            return Split::Task { object, task };
        }
        unknown.get_or_insert(Split::UnknownTask { object, task, known });
    }
    unknown.unwrap_or(Split::NoObject)
}

/// Returns the objects with these names, or whose ids match one of these patterns. Without any, returns all objects.
pub(crate) fn objects(layout: &Layout, names: &[String]) -> Result<Vec<AnyObject>> {
    check_objects(layout, names)?;
    Ok(names.iter().fold(layout.run(), FleetRun::include).objects()?)
}

/// Returns the names of the tasks' stamps, in run order. The tasks of a customization follow it.
fn task_names(tasks: &[ObjectTaskInspector]) -> Vec<String> {
    let names =
        |task: &ObjectTaskInspector| std::iter::once(task.stamp_name().to_owned()).chain(task_names(task.subtasks()));
    tasks.iter().flat_map(names).collect()
}

fn no_object(layout: &Layout, name: &str) -> anyhow::Error {
    let all = layout.all();
    let help = name_help(name, "the objects are", all.iter().map(AnyObject::id));
    UsageError::new(format!("there is no object `{name}`"), help).into()
}

#[cfg(test)]
pub(crate) mod tests {
    use setup_tasks::Customization;
    use setup_tasks::error::explain;
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

    /// Returns an object with a customization within a customization.
    pub(crate) fn nested() -> Layout {
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
        let error = |task: &str| explain(find(&layout, &format!("desk/{task}")).err().unwrap().as_ref());
        assert_eq!(error("lamp.blub"), "`desk` has no task `lamp.blub`\nhelp: did you mean `lamp.bulb`?");
        assert!(error("screw").ends_with("help: its tasks are `lamp`, `lamp.bulb`, `lamp.bulb.screw_in`"));
    }
}
