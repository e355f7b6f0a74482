//! The former names of tasks: `#[setup_task(formerly = "…")]`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::kind::DynTaskKind;
use super::row::Action;
use super::table::TaskTable;
use crate::stamp::{Records, Renamed, TaskRename, present_name};

/// The former names of the tasks of one object, with those of its customizations.
///
/// Most objects have none. They pay for one pointer, and a run with nothing to do takes no lock.
#[derive(Debug, Default)]
pub(crate) struct FormerNames(OnceLock<Box<Renames>>);

#[derive(Debug, Default)]
struct Renames {
    renames: Mutex<Vec<TaskRename>>,
    /// Whether a warning about names with records of their own was given.
    has_warned: AtomicBool,
}

impl FormerNames {
    /// Adds the former names of the tasks of a table.
    pub(crate) fn add_table<T: 'static>(&self, table: &TaskTable<T>) {
        if table.may_have_former_names() {
            let mut renames = Vec::new();
            add_former_names(table, None, &mut renames);
            self.add(renames);
        }
    }

    /// Adds the former names of a task that was added at run time.
    pub(crate) fn add_task(&self, task: &str, formerly: &[&str]) {
        self.add(formerly.iter().map(|&from| TaskRename { from: from.into(), to: task.into() }).collect());
    }

    /// Returns the former names of a task, and of the customizations that it belongs to.
    pub(crate) fn of_task(&self, task: &str) -> Vec<String> {
        let renames = self.renames().unwrap_or_default();
        let former = |rename: &TaskRename| {
            let rest = task.strip_prefix(&*rename.to)?;
            (rest.is_empty() || rest.starts_with('.')).then(|| format!("{}{rest}", rename.from))
        };
        renames.iter().filter_map(former).collect()
    }

    /// Adds the former names of the tasks of a customization that was added at run time.
    pub(crate) fn add_kind<T: 'static>(&self, task: &str, kind: &dyn DynTaskKind<T>) {
        let mut renames = Vec::new();
        if let Some(customization) = kind.customization_dyn() {
            customization.add_former_names(task, &mut renames);
        }
        self.add(renames);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.get().is_none()
    }

    fn add(&self, renames: Vec<TaskRename>) {
        if !renames.is_empty() {
            let own = self.0.get_or_init(Box::default);
            own.renames.lock().unwrap_or_else(PoisonError::into_inner).extend(renames);
        }
    }

    /// Returns all renames in their order, or `None` if there are none.
    fn renames(&self) -> Option<Vec<TaskRename>> {
        Some(self.0.get()?.renames.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Gives the entries that were read from a store the present names of their tasks. Warns once if
    /// a task has records under both names.
    pub(crate) fn apply(&self, object: &str, records: &mut Records) -> Option<Renamed> {
        let renamed = records.rename(&self.renames()?);
        let warns = || self.0.get().is_some_and(|own| !own.has_warned.swap(true, Ordering::Relaxed));
        if !renamed.conflicts.is_empty() && warns() {
            for TaskRename { from, to } in &renamed.conflicts {
                tracing::warn!(
                    object,
                    "`{object}/{to}` and its former name `{from}` both have records, so those of `{from}` are not taken over; remove `formerly = \"{from}\"`"
                );
            }
        }
        Some(renamed)
    }

    /// Returns the present name of a task that has the former name `task`.
    pub(crate) fn present(&self, task: &str) -> Option<String> {
        present_name(&self.renames()?, task).map(String::from)
    }
}

/// Adds the former names of the tasks of a table. Names of a customization begin with its stem. Those
/// of a task come before those within it, because the names within it contain its present name.
pub(crate) fn add_former_names<T: 'static>(table: &TaskTable<T>, stem: Option<&str>, to: &mut Vec<TaskRename>) {
    let full = |name: &str| stem.map_or_else(|| name.to_owned(), |stem| format!("{stem}.{name}"));
    for task in table.iter() {
        let name = full(task.name());
        let former = table.former_names(task).into_iter();
        to.extend(former.map(|former| TaskRename { from: full(former).into(), to: name.as_str().into() }));
        if let Action::Value(kind) = task.action
            && let Some(customization) = kind.customization_dyn()
        {
            customization.add_former_names(&name, to);
        }
    }
}
