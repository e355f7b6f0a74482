//! Plans that are reviewed before they are applied: a fleet runs exactly the tasks of its plan.

mod comparison;
mod error;
mod file;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

pub use error::PlanError;

use self::comparison::differences;
use self::file::{Contents, PlannedObject, PlannedTask};
pub(super) use self::file::{Selection, binary};
use super::{FleetReport, FleetRun};
use crate::layout::Layout;
use crate::report::TaskStatus;
use crate::work::{Approved, Mode};

/// A plan of a fleet, for review. [`FleetRun::plan`] makes it. It can be applied by
/// [`run`](Self::run), also by a later process that [reads](Self::read) it from a file.
///
/// The run applies exactly the plan: no other task runs, and an object fails whose records have
/// changed in the meantime. A task that may run stays out if nothing before it changes something.
///
/// ```
/// use setup_tasks::{fleet::FleetPlan, prelude::*};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// # #[tokio::main] async fn main() -> Result<()> {
/// # let place = tempfile::tempdir()?;
/// # let layout = setup_tasks::Layout::new(setup_tasks::Config::new(place.path()));
/// # layout.add(Door)?;
/// let file = layout.config().base_dir.join("door.plan");
/// let plan = layout.run().plan().await?;
/// println!("{}", plan.report());
/// plan.write(&file)?;
///
/// let report = FleetPlan::read(&layout, &file).await?.run().await?;
/// assert_eq!(report.summary(), "done: 1 object; 1 task ran");
/// assert!(FleetPlan::read(&layout, &file).await.is_err(), "it was applied");
/// # Ok(()) }
/// ```
#[derive(Debug)]
#[must_use = "a plan runs nothing"]
pub struct FleetPlan {
    layout: Layout,
    contents: Contents,
    report: FleetReport,
}

impl FleetRun {
    /// Makes a plan of the fleet, which can be reviewed, saved and applied. Unlike
    /// [`dry_run`](Self::dry_run), it computes the hash and the inputs of each task that would run. It
    /// creates the key of the state directory, if that is missing.
    ///
    /// # Errors
    ///
    /// Returns an error if the fleet cannot begin, or if the records or the key cannot be read. The
    /// failure of an object is not such an error, and is part of the report.
    pub async fn plan(self) -> Result<FleetPlan, PlanError> {
        let layout = self.layout.clone();
        // The key must exist before the plan computes digests of texts with secrets.
        layout.texts().digest(&(), true)?;
        let selection = Selection::of(&self);
        // Records that change during the plan differ from these, so that the plan is refused.
        let mut records = HashMap::new();
        for object in layout.all() {
            let core = object.0.core();
            let digest = core.records_digest(&core.load_in(Mode::Plan).await?)?;
            records.insert(object.id().to_owned(), digest);
        }
        let report = Self { digests: true, ..self.dry_run() }.await?;
        let mut contents = Contents {
            made: SystemTime::now().into(),
            program: file::program(),
            binary: file::binary().map_err(|source| PlanError::Binary { source })?,
            base_dir: file::base_dir(&layout),
            selection,
            objects: Vec::new(),
        };
        for result in &report.objects {
            let tasks = result.leaves().map(|task| PlannedTask::of(task, &layout)).collect::<Result<_, _>>()?;
            contents.objects.push(PlannedObject {
                object: result.object.clone(),
                type_name: result.type_name.to_owned(),
                outcome: result.outcome,
                records: records.remove(&result.object).unwrap_or_default(),
                tasks,
            });
        }
        Ok(FleetPlan { layout, contents, report })
    }
}

impl FleetPlan {
    /// Returns the report of the plan.
    pub fn report(&self) -> &FleetReport {
        &self.report
    }

    /// Writes the plan to a file, which only the owner can read and write. The file has names, reasons
    /// and digests, and no texts of tasks. The page "Files on disk" of the book describes it.
    ///
    /// # Errors
    ///
    /// Returns an error if an object of the plan failed, or if the file cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), PlanError> {
        if !self.report.is_success() {
            return Err(PlanError::Failed);
        }
        file::write(&self.contents, &self.layout, path.as_ref())
    }

    /// Reads a plan from a file, and compares it with the present state: plans again, and refuses a
    /// plan of another binary or directory, with other records, or with other digests.
    ///
    /// # Errors
    ///
    /// Returns an error if the file is not a plan, if it was edited, or if it differs from the present
    /// state. The error names what differs.
    pub async fn read(layout: &Layout, path: impl AsRef<Path>) -> Result<Self, PlanError> {
        let planned = file::read(layout, path.as_ref())?;
        if file::binary().map_err(|source| PlanError::Binary { source })? != planned.binary {
            return Err(PlanError::OtherBinary { program: planned.program });
        }
        let fleet = planned.selection.fleet(layout);
        let unknown = |error| PlanError::Differs { differences: vec![format!("{error}")] };
        fleet.objects().map_err(unknown)?;
        let now = fleet.plan().await?;
        let differences = differences(&planned, &now.contents);
        if differences.is_empty() { Ok(now) } else { Err(PlanError::Differs { differences }) }
    }

    /// Returns the run that applies the plan. Its selection is that of the plan. The number of jobs,
    /// batches and the reaction to failures can be set.
    pub fn run(&self) -> FleetRun {
        let mut approved = Approved::default();
        for object in &self.contents.objects {
            let may_run = |task: &&PlannedTask| {
                matches!(task.status, TaskStatus::WouldRun | TaskStatus::MayRun | TaskStatus::Undecided)
            };
            let tasks = object.tasks.iter().filter(may_run).map(|task| task.task.clone());
            approved.add(&object.object, &object.records, tasks);
        }
        FleetRun { approved: Some(Arc::new(approved)), ..self.contents.selection.fleet(&self.layout) }
    }
}
