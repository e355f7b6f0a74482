//! Inspection of the tasks of a type, without an object.

use std::borrow::Cow;
use std::sync::Arc;

use super::category::TaskCategory;
use super::name::with_stem;
use super::row::{Action, TaskDef};
use crate::object::SetupTasks;

/// The description of one task of a type, as [`SetupTasks::inspect_class`] returns it.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "door")]
/// struct Door;
///
/// #[setup_tasks]
/// impl Door {
///     #[setup_task("Paint it", tags = ["colour"])]
///     fn paint(&self) {}
///     #[setup_task("Hang it")]
///     fn hang(&self) {}
/// }
///
/// let tasks = Door::inspect_class();
/// assert_eq!((tasks[0].name(), tasks[0].description(), tasks[0].tags()), ("paint", "Paint it", &["colour"][..]));
/// assert_eq!(tasks[1].previous().unwrap().name(), "paint");
/// ```
#[derive(Clone, Debug)]
pub struct TaskInspector {
    pub(crate) name: &'static str,
    pub(crate) stamp_name: &'static str,
    pub(crate) description: Cow<'static, str>,
    pub(crate) type_name: &'static str,
    pub(crate) tags: Vec<&'static str>,
    pub(crate) category: TaskCategory,
    pub(crate) previous: Option<Arc<Self>>,
    pub(crate) subtasks: Vec<Self>,
}

impl TaskInspector {
    /// Returns the task's name.
    pub fn name(&self) -> &str {
        self.name
    }

    /// Returns the name of the stamp: the task's name. For a task of a customization, the
    /// customization's name precedes it, as in `web.install`.
    pub fn stamp_name(&self) -> &str {
        self.stamp_name
    }

    /// Returns the description of the task's work.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// Returns the name of the type to which the task belongs.
    pub fn type_name(&self) -> &'static str {
        self.type_name
    }

    /// Returns the tags by which runs can select the task.
    pub fn tags(&self) -> &[&'static str] {
        &self.tags
    }

    /// Returns the category of the task.
    pub fn category(&self) -> TaskCategory {
        self.category
    }

    /// Returns the task that runs before this one, or `None` for the first.
    pub fn previous(&self) -> Option<&Self> {
        self.previous.as_deref()
    }

    /// Returns the tasks of a customization. The list is empty for all other tasks.
    pub fn subtasks(&self) -> &[Self] {
        &self.subtasks
    }
}

pub(crate) fn inspect_class<T: SetupTasks>() -> Vec<TaskInspector> {
    inspect_class_under::<T>(None)
}

/// Returns the tasks of a type. The stem is the name of the customization that applies the type, if one does.
pub(crate) fn inspect_class_under<T: SetupTasks>(stem: Option<&str>) -> Vec<TaskInspector> {
    let mut inspectors: Vec<TaskInspector> = Vec::new();
    for task in T::setup_tasks().iter() {
        let previous = inspectors.last().cloned().map(Arc::new);
        inspectors.push(of_class(task, stem, previous));
    }
    inspectors
}

fn of_class<T: SetupTasks>(
    task: &'static TaskDef<T>,
    stem: Option<&str>,
    previous: Option<Arc<TaskInspector>>,
) -> TaskInspector {
    let stamp_name = stem.map_or(task.name(), |stem| with_stem(stem, task.name()));
    let custom = if let Action::Value(kind) = task.action { kind.customization_dyn() } else { None };
    TaskInspector {
        name: task.name(),
        stamp_name,
        description: task.describe(),
        type_name: T::NAME,
        tags: task.tags().to_vec(),
        category: task.category(),
        previous,
        subtasks: custom.map(|custom| custom.inspect_class(stamp_name)).unwrap_or_default(),
    }
}
