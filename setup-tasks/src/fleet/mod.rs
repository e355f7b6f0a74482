//! Fleets: runs that bring many objects to ready, dependencies first.

mod down;
mod hosts;
mod name;
mod order;
mod orphans;
mod path;
mod plan;
mod prefetch;
mod report;
mod rolling;
mod runner;
mod schedule;

use std::any::TypeId;
use std::borrow::Cow;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::SystemTime;

use tracing::Instrument;

pub use down::FleetDown;
#[doc(hidden)]
pub use hosts::describe_run;
pub use hosts::{MissingHost, RemoteLog, SharedRun, Worker, WorkerNews, WorkersError};
pub use plan::{FleetPlan, PlanError};
pub use report::{FleetReport, ObjectResult, ObjectStatus};

use crate::BoxFuture;
use crate::dispatch::{Dispatch, DispatchError};
use crate::error_help;
use crate::layout::Layout;
use crate::object::{AnyObject, SetupTasks};
use crate::report::RunError;
use crate::span::WorkSpan;
use crate::stamp::{StampError, Timestamp};
use crate::text::name_help;
pub use crate::work::Stop;
use crate::work::{Approved, CachePadded, FleetOptions, Mode, ObjectName, Stops, TaskName};

/// The default number of objects per processor that run at the same time.
const OBJECTS_PER_PROCESSOR: usize = 8;

/// A run of many objects. [`Layout::run`] creates it, and awaiting it starts it.
///
/// Each object is brought to ready again, at most once. Workers, which are tasks of the current
/// tokio runtime, run the objects in parallel. An object begins once the objects on which it
/// depends have ended. Objects that depend on each other run at the same time. After a failure, all
/// objects that do not depend on the failed one continue. Dropping the future of a fleet cancels it.
/// Tasks that were running then count as interrupted.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "{name}")]
/// struct Host { name: String }
///
/// #[setup_tasks]
/// impl Host {
///     #[setup_task("Greet", tags = ["talk"])]
///     fn greet(&self) {}
/// }
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// for name in ["ada", "grace", "edsger"] {
///     layout.add(Host { name: name.into() })?;
/// }
/// let report = layout.run().jobs(2).exclude("e*").await?;
/// assert_eq!(report.summary(), "done: 2 objects; 2 tasks ran");
/// # Ok(()) }
/// ```
///
/// # Errors
///
/// Awaiting the fleet returns a [`FleetError`] if it cannot begin. The failure of an object is not
/// such an error: the [`FleetReport`] contains it, and [`is_success`](FleetReport::is_success) then
/// returns `false`.
#[derive(Debug)]
#[must_use = "a fleet does nothing until it is awaited"]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent option")]
pub struct FleetRun {
    layout: Layout,
    jobs: Option<usize>,
    fail_fast: bool,
    dry_run: bool,
    diff: bool,
    verify: bool,
    include: Vec<String>,
    exclude: Vec<String>,
    types: Vec<OfType>,
    groups: Vec<String>,
    batch: Option<NonZeroUsize>,
    max_failures: usize,
    tags: Vec<String>,
    force: Vec<String>,
    force_all: bool,
    only_forced: bool,
    stop: Option<Stop>,
    /// The queue of the objects, or `None` for the schedule of this process.
    dispatch: Option<Arc<dyn Dispatch>>,
    /// Whether this process also runs objects that are placed on other hosts.
    here: bool,
    /// The time before which a stamp does not count for a task that is forced.
    forced_before: Option<Timestamp>,
    /// Whether the reports of a dry run have digests of what the tasks depend on.
    digests: bool,
    /// The plan that the fleet applies.
    approved: Option<Arc<Approved>>,
}

#[derive(Debug)]
enum OfType {
    Id(TypeId, &'static str),
    Name(String),
}

/// The reason why a fleet cannot begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// A pattern is malformed.
    #[error("`{pattern}` is not a pattern: {problem}")]
    Pattern {
        /// The pattern.
        pattern: String,
        /// The error in the pattern.
        problem: String,
    },
    /// The stamps cannot be read.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// The queue of the objects cannot be used.
    #[error(transparent)]
    Dispatch(#[from] DispatchError),
    /// The workers do not carry out the run.
    #[error(transparent)]
    Workers(#[from] WorkersError),
    /// An excluded object depends on an object that would be brought down.
    #[error("`{object}` cannot be brought down, because `{dependent}` depends on it and is excluded")]
    Excluded {
        /// The id of the object.
        object: String,
        /// The id of the excluded object.
        dependent: String,
    },
    /// The dependencies of an object are not known, so that nothing can be brought down before them.
    #[error("nothing is brought down, because the dependencies between objects are not known")]
    Dependencies {
        /// The error of the object.
        source: Box<RunError>,
    },
    /// A filter selects nothing.
    #[error("no {what} `{wanted}`")]
    Nothing {
        /// The failed condition: `object matches`, `object is a`, `object is in the group`, `task has the tag` or `task is called`.
        what: &'static str,
        /// The name or pattern of the filter.
        wanted: String,
        /// A similar name, or the existing names, as advice.
        help: String,
    },
}

error_help!(FleetError);

impl FleetError {
    fn relationship(error: RunError) -> Self {
        Self::Dependencies { source: Box::new(error) }
    }

    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Pattern { .. } => {
                Some("`*` stands for any text, `?` for one character, `[ab]` for one of those".into())
            }
            Self::Stamp(error) => error.help(),
            Self::Dispatch(error) => error.help(),
            Self::Workers(error) => error.help(),
            Self::Excluded { object, .. } => Some(format!("exclude `{object}` as well, or neither of them").into()),
            Self::Dependencies { .. } => {
                Some("correct the relationship, or remove the records of its object with `clear`".into())
            }
            Self::Nothing { help, .. } => Some(help.into()),
        }
    }
}

impl Layout {
    /// Brings all objects to ready, several at once, dependencies first. The fleet starts when it is
    /// awaited. See [`FleetRun`] for its options.
    pub fn run(&self) -> FleetRun {
        FleetRun::new(self.clone())
    }
}

impl FleetRun {
    fn new(layout: Layout) -> Self {
        Self {
            layout,
            jobs: None,
            fail_fast: false,
            dry_run: false,
            diff: false,
            verify: false,
            include: Vec::new(),
            exclude: Vec::new(),
            types: Vec::new(),
            groups: Vec::new(),
            batch: None,
            max_failures: 0,
            tags: Vec::new(),
            force: Vec::new(),
            force_all: false,
            only_forced: false,
            stop: None,
            dispatch: None,
            here: false,
            forced_before: None,
            digests: false,
            approved: None,
        }
    }

    /// Sets the number of objects that run at the same time, at least one. The default is eight per
    /// processor.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs.max(1));
        self
    }

    fn mode(&self) -> Mode {
        if self.dry_run || self.layout.is_dry_run() { Mode::Plan } else { Mode::Apply }
    }

    /// Returns the stops of the fleet itself.
    fn stops(&self) -> impl Iterator<Item = Stop> {
        self.stop.clone().into_iter().chain(self.dispatch.as_ref().and_then(|dispatch| dispatch.stop()))
    }

    /// Returns the number of job slots for this number of objects.
    fn workers(&self, objects: usize) -> usize {
        // Eight per processor, because most tasks wait for other things than a processor. The
        // number of processors is queried only for many objects because the query reads about
        // twenty files. The figure is under "Measured changes" in
        // `docs/src/internals/performance.md`.
        let by_default = || match objects {
            0..=OBJECTS_PER_PROCESSOR => OBJECTS_PER_PROCESSOR,
            _ => OBJECTS_PER_PROCESSOR * std::thread::available_parallelism().map_or(1, usize::from),
        };
        self.jobs.unwrap_or_else(by_default).min(objects)
    }

    /// Starts no further object after a failure. Objects that are running at that time run to their end.
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// Continues after a failure with the objects that do not depend on the failed one. This is the default.
    pub fn keep_going(mut self) -> Self {
        self.fail_fast = false;
        self
    }

    /// Runs no tasks and changes nothing on disk. The report contains the tasks that would run,
    /// with the reasons.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// Runs no tasks, as [`dry_run`](Self::dry_run) does. The report also contains the changes that
    /// these tasks would make to files.
    pub fn diff(self) -> Self {
        self.show_changes().dry_run()
    }

    /// Adds to the report the changes that tasks make to files, as far as their kinds can compute them
    /// before they run. Each is an event, too, just before the task runs.
    pub fn show_changes(mut self) -> Self {
        self.diff = true;
        self
    }

    /// Verifies the results of tasks that are up to date otherwise: asks observers that are not
    /// cheap, such as machines, and calls slow invalidators. Each observer is asked once for all
    /// objects. Without this, the configuration's [`verify`](field@crate::Config::verify) decides.
    pub fn verify(mut self) -> Self {
        self.verify = true;
        self
    }

    /// Selects an object by its id, or all objects whose id matches a pattern (`*`, `?`, `[ab]`).
    /// Several calls select the union. The id of an existing object is read literally, and never as
    /// a pattern. The dependencies of the selected objects run as far as these need them.
    pub fn include(mut self, pattern: impl Into<String>) -> Self {
        self.include.push(pattern.into());
        self
    }

    /// Excludes an object by its id, or all objects whose id matches a pattern, as in
    /// [`include`](Self::include). None of their tasks run, not even as dependencies of other
    /// objects.
    pub fn exclude(mut self, pattern: impl Into<String>) -> Self {
        self.exclude.push(pattern.into());
        self
    }

    /// Selects the objects of a type. Several calls select the union.
    pub fn of_type<M: SetupTasks>(mut self) -> Self {
        self.types.push(OfType::Id(TypeId::of::<M>(), M::NAME));
        self
    }

    /// Selects the objects of a type, as [`of_type`](Self::of_type) does, by the type's name.
    pub fn of_type_named(mut self, name: impl Into<String>) -> Self {
        self.types.push(OfType::Name(name.into()));
        self
    }

    /// Selects the objects of a group. Several calls select the union.
    /// [`ObjectBuilder::group`](crate::layout::ObjectBuilder::group) adds an object to a group.
    pub fn group(mut self, name: impl Into<String>) -> Self {
        self.groups.push(name.into());
        self
    }

    /// Selects the tasks with a tag, and the objects that have such tasks. Several calls select the
    /// union. Relationships are considered nevertheless. The stamps of unselected tasks still count
    /// in decisions.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Forces tasks to run: the tasks of an object by its id, one task as `object/task`, or all
    /// matches of a pattern over either. The id of an existing object is read literally, also in
    /// front of a task.
    pub fn force(mut self, pattern: impl Into<String>) -> Self {
        self.force.push(pattern.into());
        self
    }

    /// Forces every task to run.
    pub fn force_all(mut self) -> Self {
        self.force_all = true;
        self
    }

    /// Selects only objects with a task that [`force`](Self::force) selects.
    pub fn only_forced(mut self) -> Self {
        self.only_forced = true;
        self
    }

    /// Stops the fleet once this stop or that of the layout ([`Layout::stop`]) is requested.
    pub fn stop_when(mut self, stop: Stop) -> Self {
        self.stop = Some(stop);
        self
    }

    /// Also runs objects that are placed on other hosts which share the store. Objects whose files are elsewhere are bound to this host
    /// from now on.
    pub fn here(mut self) -> Self {
        self.here = true;
        self
    }

    /// Takes the objects from a queue that another process may share, instead of the schedule of this process. The queue decides
    /// about order, batches and failures. The report contains the objects that this process has run.
    pub fn dispatched_by(mut self, dispatch: impl Dispatch) -> Self {
        self.dispatch = Some(Arc::new(dispatch));
        self
    }

    /// Returns the selected objects in the order of adding.
    ///
    /// # Errors
    ///
    /// Returns an error if a pattern is malformed, or if a filter selects nothing.
    pub fn objects(&self) -> Result<Vec<AnyObject>, FleetError> {
        self.choose().map(|(objects, _)| objects)
    }

    /// Returns the selected objects, and the options for their runs.
    fn choose(&self) -> Result<(Vec<AnyObject>, FleetOptions), FleetError> {
        let names = |texts: &[String]| -> Result<Vec<_>, FleetError> {
            texts.iter().map(|text| ObjectName::new(text, &self.layout)).collect()
        };
        let (include, exclude) = (names(&self.include)?, names(&self.exclude)?);
        let force: Vec<_> =
            self.force.iter().map(|text| TaskName::new(text, &self.layout)).collect::<Result<_, _>>()?;
        let all = self.layout.all();
        for (name, wanted) in include.iter().zip(&self.include).chain(exclude.iter().zip(&self.exclude)) {
            if !all.iter().any(|object| name.matches(object.id())) {
                return Err(nothing("object matches", wanted, "the objects are", all.iter().map(AnyObject::id)));
            }
        }
        for wanted in &self.types {
            if !all.iter().any(|object| wanted.is_of(object)) {
                let types = all.iter().map(AnyObject::type_name);
                return Err(nothing("object is a", wanted.name(), "their types are", types));
            }
        }
        for wanted in &self.groups {
            if !all.iter().any(|object| object.groups().any(|group| group == wanted)) {
                let groups = all.iter().flat_map(AnyObject::groups);
                return Err(nothing("object is in the group", wanted, "the groups are", groups));
            }
        }
        for wanted in &self.tags {
            if !all.iter().any(|object| tags(object).any(|tag| tag == wanted)) {
                return Err(nothing("task has the tag", wanted, "the tags are", all.iter().flat_map(tags)));
            }
        }
        for (name, wanted) in force.iter().zip(&self.force) {
            if !all.iter().any(|object| name.names_some_of(object)) {
                let objects = all.iter().map(AnyObject::id);
                return Err(nothing("task is called", wanted, "write `object/task`; the objects are", objects));
            }
        }
        let chosen = |object: &AnyObject| {
            (include.is_empty() || include.iter().any(|name| name.matches(object.id())))
                && (!self.only_forced || self.force_all || force.iter().any(|name| name.names_some_of(object)))
                && !exclude.iter().any(|name| name.matches(object.id()))
                && (self.types.is_empty() || self.types.iter().any(|of| of.is_of(object)))
                && (self.groups.is_empty() || object.groups().any(|group| self.groups.iter().any(|of| of == group)))
                && (self.tags.is_empty() || tags(object).any(|tag| self.tags.iter().any(|wanted| wanted == tag)))
        };
        let objects: Vec<_> = all.into_iter().filter(chosen).collect();
        let options = FleetOptions {
            exclude,
            tags: self.tags.clone(),
            force,
            force_all: self.force_all,
            forced_before: self.forced_before,
            diff: self.diff,
            digests: self.digests,
            approved: self.approved.clone(),
            board: (self.verify || self.layout.config().verify).then(Arc::default),
            verdicts: None,
            stop: Stops::new(self.layout.stop(), self.stops()),
            since: SystemTime::now(),
            objects: objects.len(),
            prefetched: Vec::new(),
            ended: CachePadded::default(),
            slots: Arc::default(),
        };
        Ok((objects, options))
    }
}

impl IntoFuture for FleetRun {
    type Output = Result<FleetReport, FleetError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (objects, mut options) = self.choose()?;
            // A store that cannot be read is one error of the fleet instead of one error per object.
            let latest = self.layout.observe_store(self.mode()).await?;
            options.forced_before.get_or_insert(latest);
            let run = self.layout.run_id();
            let span = WorkSpan::of_run(run, "run", self.mode().is_plan(), objects.len());
            let report = runner::run(&self, objects, options).instrument(span.span()).await?;
            report.record(&span);
            Ok(report)
        })
    }
}

impl OfType {
    fn is_of(&self, object: &AnyObject) -> bool {
        match self {
            Self::Id(id, _) => object.0.core().type_id == *id,
            Self::Name(name) => object.type_name() == name,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Id(_, name) => name,
            Self::Name(name) => name,
        }
    }
}

fn tags(object: &AnyObject) -> impl Iterator<Item = &'static str> {
    let object = &object.0;
    object.order().iter().flat_map(|row| object.tags(row)).collect::<Vec<_>>().into_iter()
}

fn nothing<'a>(what: &'static str, wanted: &str, what_are: &str, known: impl Iterator<Item = &'a str>) -> FleetError {
    let mut known: Vec<_> = known.collect();
    known.sort_unstable();
    known.dedup();
    FleetError::Nothing { what, wanted: wanted.to_owned(), help: name_help(wanted, what_are, known) }
}
