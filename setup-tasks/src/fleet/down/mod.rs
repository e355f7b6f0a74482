//! Runs that bring objects down: their tasks are undone in reverse order, dependents first.

mod graph;
mod retired;
mod runner;
mod summary;

use tracing::Instrument;

use super::{FleetError, FleetReport, FleetRun, Stop};
use crate::BoxFuture;
use crate::layout::Layout;
use crate::object::{AnyObject, SetupTasks};
use crate::span::WorkSpan;

pub(super) use retired::{Retired, bring_down_retired};
pub(super) use summary::summary;

/// A run that brings objects down. [`Layout::down`] creates it, and awaiting it starts it.
///
/// Every task that has a record is undone, also one that failed or was interrupted, and every task
/// with an undo whose completion check reports it as complete. Tasks are undone in reverse order, and the objects
/// that depend on the selected ones come before them. `#[setup_task("…", undo = method)]` names the
/// method that undoes a task. A task without one only loses its stamp, in its turn. All tasks of the
/// objects run in the next run of the layout.
///
/// From its beginning, an undo revokes the stamp of its task. If the process ends before the undo
/// does, the next run that brings the object down repeats the undo. After a failure, the object stops.
/// The tasks before the failed one stay as they are, and so do the objects on which the object depends.
///
/// Readonly objects are left alone and reported, and so are the objects on which they depend.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "{name}")]
/// struct Share { name: &'static str }
///
/// #[setup_tasks]
/// impl Share {
///     #[setup_task("Install the client")]
///     fn install(&self) {}
///     #[setup_task("Mount the share", undo = unmount)]
///     fn mount(&self) {}
///     fn unmount(&self) {}
/// }
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Share { name: "music" })?;
/// layout.run().await?;
/// let report = layout.down().await?;
/// assert_eq!(report.summary(), "brought down: 1 object; 1 task undone, 1 without an undo");
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// Awaiting the run returns a [`FleetError`] if it cannot begin. The failure of an object is not such
/// an error: the [`FleetReport`] contains it.
#[derive(Debug)]
#[must_use = "a run does nothing until it is awaited"]
pub struct FleetDown(FleetRun);

impl Layout {
    /// Brings objects down, all by default, dependents first. The run starts when it is awaited. See
    /// [`FleetDown`] for its options.
    pub fn down(&self) -> FleetDown {
        FleetDown(FleetRun::new(self.clone()))
    }
}

impl AnyObject {
    /// Brings the object down, after the objects that depend on it. The run starts when it is awaited.
    /// See [`FleetDown`].
    pub fn down(&self) -> FleetDown {
        self.0.core().layout.down().include(self.id())
    }
}

impl FleetDown {
    /// Sets the number of objects that are brought down at the same time, at least one. The default is
    /// eight per processor.
    pub fn jobs(self, jobs: usize) -> Self {
        Self(self.0.jobs(jobs))
    }

    /// Begins with no further object after a failure.
    pub fn fail_fast(self) -> Self {
        Self(self.0.fail_fast())
    }

    /// Undoes nothing and changes nothing on disk. The report contains the tasks that would be undone.
    pub fn dry_run(self) -> Self {
        Self(self.0.dry_run())
    }

    /// Selects an object by its id, or all objects whose id matches a pattern, as
    /// [`FleetRun::include`] does. The objects that depend on it are selected, too.
    pub fn include(self, pattern: impl Into<String>) -> Self {
        Self(self.0.include(pattern))
    }

    /// Excludes an object by its id, or all objects whose id matches a pattern. It is an error to
    /// exclude an object that depends on a selected one.
    pub fn exclude(self, pattern: impl Into<String>) -> Self {
        Self(self.0.exclude(pattern))
    }

    /// Selects the objects of a type, and those that depend on them. Several calls select the union.
    pub fn of_type<M: SetupTasks>(self) -> Self {
        Self(self.0.of_type::<M>())
    }

    /// Selects the objects of a type by the type's name, as [`of_type`](Self::of_type) does.
    pub fn of_type_named(self, name: impl Into<String>) -> Self {
        Self(self.0.of_type_named(name))
    }

    /// Selects the objects of a group, and those that depend on them. Several calls select the union.
    pub fn group(self, name: impl Into<String>) -> Self {
        Self(self.0.group(name))
    }

    /// Stops the run once this stop or that of the layout ([`Layout::stop`]) is requested. An undo in
    /// progress finishes.
    pub fn stop_when(self, stop: Stop) -> Self {
        Self(self.0.stop_when(stop))
    }

    /// Returns the selected objects in the order of adding, without those that depend on them.
    ///
    /// # Errors
    ///
    /// As for [`FleetRun::objects`].
    pub fn objects(&self) -> Result<Vec<AnyObject>, FleetError> {
        self.0.objects()
    }
}

impl IntoFuture for FleetDown {
    type Output = Result<FleetReport, FleetError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self(fleet) = self;
            let (chosen, options) = fleet.choose()?;
            fleet.layout.observe_store(fleet.mode()).await?;
            let run = fleet.layout.run_id();
            let span = WorkSpan::of_run(run, "down", fleet.mode().is_plan(), chosen.len());
            let report = runner::run(&fleet, &chosen, options).instrument(span.span()).await;
            match &report {
                Ok(report) => report.record(&span),
                Err(error) => span.failed(error),
            }
            report
        })
    }
}
