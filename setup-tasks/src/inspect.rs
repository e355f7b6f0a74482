//! Inspection of the tasks of an object.

use std::ops::Deref;
use std::sync::Arc;

use tokio::sync::OnceCell;

use crate::decide::{Decision, Reason};
use crate::object::{AnyObject, DynObject, RowId};
use crate::report::{ObjectReport, RunError, TaskStatus};
use crate::run::TaskSnapshot;
use crate::stamp::{PathPattern, Stamp, StampError, Timestamp};
pub use crate::task::category::TaskCategory;
pub use crate::task::inspector::TaskInspector;

/// An inspector of a task of an object, which [`AnyObject::inspect`] returns. It derefs to the
/// inspector of the task without the object.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let door = layout.add(Door)?;
/// let paint = &door.as_any().inspect()[0];
/// assert_eq!(paint.should_run().await?, Some(Reason::NeverRan));
/// assert!(paint.last_run().await?.is_none());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct ObjectTaskInspector {
    class: TaskInspector,
    /// The object that has the row: the inspected object or one of its customizations.
    level: AnyObject,
    row: RowId,
    /// The task of the inspected object to which the task belongs, or the task itself.
    row_name: &'static str,
    previous: Option<Arc<Self>>,
    subtasks: Vec<Self>,
    shared: Arc<Shared>,
}

impl Deref for ObjectTaskInspector {
    type Target = TaskInspector;

    fn deref(&self) -> &TaskInspector {
        &self.class
    }
}

/// The data that the inspectors of one object share. Each part is computed once.
#[derive(Debug)]
struct Shared {
    object: AnyObject,
    /// The report of a dry run.
    report: OnceCell<Result<ObjectReport, RunError>>,
    snapshots: OnceCell<Result<Vec<TaskSnapshot>, StampError>>,
}

impl ObjectTaskInspector {
    /// Returns the id of the object.
    pub fn object_id(&self) -> &str {
        self.shared.object.id()
    }

    /// Returns the task that runs before this one. For the first task of a customization, it is the
    /// last task before the customization.
    pub fn previous(&self) -> Option<&Self> {
        self.previous.as_deref()
    }

    /// Returns the tasks of a customization.
    pub fn subtasks(&self) -> &[Self] {
        &self.subtasks
    }

    /// Returns this task, or the tasks of a customization in its place. Nested customizations are
    /// replaced by their tasks, too.
    pub fn into_leaves(self) -> Vec<Self> {
        if self.subtasks.is_empty() {
            vec![self]
        } else {
            self.subtasks.into_iter().flat_map(Self::into_leaves).collect()
        }
    }

    /// Returns the tasks of other objects on which this task depends, each with its object, as far
    /// as they are known without waiting. A relationship method is not called. Its result from the
    /// last run or dry run of this process is used instead.
    pub fn depends_on(&self) -> Vec<(AnyObject, String)> {
        let object = &self.level.0;
        if let Some(to) = object.related(self.row).filter(|to| to.by_method) {
            let known = object.core().relatives.latest(self.row).unwrap_or_default();
            return known.into_iter().map(|other| (other, to.task.to_owned())).collect();
        }
        object.needs_now(self.row).into_iter().map(|(other, to)| (other, to.task.to_owned())).collect()
    }

    /// Returns the declared input files: paths and globs relative to the layout's base directory.
    pub fn inputs(&self) -> Vec<PathPattern> {
        self.level.0.inputs(self.row).unwrap_or_default()
    }

    /// Returns the declared outputs: paths and globs, as the task declares them.
    pub fn outputs(&self) -> Vec<PathPattern> {
        self.level.0.outputs(self.row).unwrap_or_default()
    }

    /// Returns the stamp of the task, unless a later attempt failed or was interrupted. All
    /// inspectors of one [`AnyObject::inspect`] call read the stamps once.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn last_run(&self) -> Result<Option<Stamp>, StampError> {
        Ok(self.snapshot().await?.and_then(|snapshot| snapshot.stamp.clone()))
    }

    /// Returns the time when the task last changed something, by stamps alone. It is earlier than the
    /// stamp if the last run changed nothing. All inspectors of one [`AnyObject::inspect`] call read
    /// the stamps once.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn last_change(&self) -> Result<Option<Timestamp>, StampError> {
        Ok(self.snapshot().await?.and_then(|snapshot| snapshot.changed))
    }

    /// Returns the decision by stamps alone, without calling any method. Returns `None` for a task
    /// with a completion check, for a relationship and for a customization. All inspectors of one
    /// [`AnyObject::inspect`] call read the stamps once.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    pub async fn peek(&self) -> Result<Option<Decision>, StampError> {
        Ok(self.snapshot().await?.and_then(|snapshot| snapshot.decision.clone()))
    }

    async fn snapshot(&self) -> Result<Option<&TaskSnapshot>, StampError> {
        fn find<'s>(snapshots: &'s [TaskSnapshot], task: &str) -> Option<&'s TaskSnapshot> {
            let inner = |one: &'s TaskSnapshot| if one.task == task { Some(one) } else { find(&one.subtasks, task) };
            snapshots.iter().find_map(inner)
        }
        let snapshots = self.shared.snapshots.get_or_init(|| self.shared.object.peek()).await;
        snapshots.as_ref().map(|all| find(all, self.stamp_name())).map_err(Clone::clone)
    }

    /// Returns the reason for which the task would run, or `None` if it would not run. Methods are
    /// called as in a dry run, once for all inspectors of one [`AnyObject::inspect`] call.
    ///
    /// # Errors
    ///
    /// As for [`AnyObject::plan`], if the error belongs to this task or to one before it.
    /// [`RunError::Undecided`] if the decision depends on an earlier task that has not run.
    pub async fn should_run(&self) -> Result<Option<Reason>, RunError> {
        let report = self.shared.report.get_or_init(|| async { self.shared.object.plan().await }).await;
        let failed = match report {
            Ok(report) => return self.reason_by(report),
            Err(error) => error,
        };
        let up_to_here = self.shared.object.run_setup_tasks().dry_run().stop_after(self.row_name).await;
        match up_to_here {
            Ok(report) => self.reason_by(&report),
            Err(_) => Err(failed.clone()),
        }
    }
}

impl ObjectTaskInspector {
    fn reason_by(&self, report: &ObjectReport) -> Result<Option<Reason>, RunError> {
        let Some(task) = report.find(self.stamp_name()) else { return Ok(None) };
        match &task.undecided {
            Some(undecided) if task.status == TaskStatus::Undecided => Err(RunError::Undecided {
                object: self.object_id().to_owned(),
                task: self.stamp_name().to_owned(),
                undecided: undecided.clone(),
            }),
            _ => Ok(task.reason.clone()),
        }
    }
}

/// Returns the inspectors of all tasks of an object.
pub(crate) fn inspect(object: &Arc<dyn DynObject>) -> Vec<ObjectTaskInspector> {
    let object = AnyObject(object.clone());
    let shared = Arc::new(Shared { object, report: OnceCell::new(), snapshots: OnceCell::new() });
    level(&shared.object.0, None, &mut None, &shared)
}

fn level(
    object: &Arc<dyn DynObject>,
    row_name: Option<&'static str>,
    previous: &mut Option<Arc<ObjectTaskInspector>>,
    shared: &Arc<Shared>,
) -> Vec<ObjectTaskInspector> {
    let rows: Vec<_> = object.order().iter().collect();
    let mut inspectors = Vec::with_capacity(rows.len());
    for row in rows {
        let before = previous.clone();
        let row_name = row_name.unwrap_or_else(|| object.name(row));
        let category = object.category(row);
        // The run reports a customization whose object cannot be created.
        let custom =
            if category == TaskCategory::Customization { object.clone().customization(row).ok() } else { None };
        let subtasks = custom.map(|custom| level(&custom, Some(row_name), previous, shared)).unwrap_or_default();
        let class = TaskInspector {
            name: object.name(row),
            stamp_name: object.stamp_name(row),
            description: object.describe(row),
            type_name: object.core().type_name,
            tags: object.tags(row),
            category,
            previous: before.as_ref().map(|before| Arc::new(before.class.clone())),
            subtasks: subtasks.iter().map(|subtask| subtask.class.clone()).collect(),
        };
        let level = AnyObject(object.clone());
        let inspector =
            ObjectTaskInspector { class, level, row, row_name, previous: before, subtasks, shared: shared.clone() };
        *previous = Some(Arc::new(inspector.clone()));
        inspectors.push(inspector);
    }
    inspectors
}

impl AnyObject {
    /// Returns the inspectors of the tasks in run order.
    pub fn inspect(&self) -> Vec<ObjectTaskInspector> {
        inspect(&self.0)
    }
}
