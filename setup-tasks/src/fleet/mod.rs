//! Many objects: brought to ready together, dependencies first.

mod name;
mod path;
mod prefetch;
mod report;
mod runner;
mod schedule;

use std::any::TypeId;
use std::time::SystemTime;

pub use report::{FleetReport, ObjectResult, ObjectStatus};

use crate::BoxFuture;
use crate::layout::Layout;
use crate::object::{AnyObject, SetupTasks};
use crate::stamp::StampError;
use crate::text::name_help;
pub use crate::work::Stop;
use crate::work::{CachePadded, FleetOptions, ObjectName, Stops, TaskName};

/// How many objects are run at once by default, for each processor.
const A_PROCESSOR: usize = 8;

/// A run of many objects that is about to begin: await it. From [`Layout::run`].
///
/// Each object is brought to ready anew, at most once, in a task of its own of the tokio runtime that this is awaited in. An
/// object begins once those that it depends on have ended; those that depend on each other begin together. After a failure,
/// what does not depend on it goes on.
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
#[derive(Debug)]
#[must_use = "a fleet does nothing until it is awaited"]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct FleetRun {
    layout: Layout,
    jobs: Option<usize>,
    fail_fast: bool,
    dry_run: bool,
    diff: bool,
    include: Vec<String>,
    exclude: Vec<String>,
    types: Vec<OfType>,
    tags: Vec<String>,
    force: Vec<String>,
    force_all: bool,
    only_forced: bool,
    stop: Option<Stop>,
}

#[derive(Debug)]
enum OfType {
    Id(TypeId, &'static str),
    Name(String),
}

/// Why a fleet does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// A pattern cannot be read.
    #[error(
        "`{pattern}` is no pattern: {problem}\nhelp: `*` stands for any text, `?` for one character, `[ab]` for one of those"
    )]
    Pattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The stamps cannot be read.
    #[error(transparent)]
    Stamp(#[from] StampError),
    /// A filter chooses nothing.
    #[error("no {what} `{wanted}`\nhelp: {known}")]
    Nothing {
        /// What there is none of: `object matches`, `object is a`, `task has the tag`, `task is called`.
        what: &'static str,
        /// What was wanted.
        wanted: String,
        /// What there is.
        known: String,
    },
}

impl Layout {
    /// Brings objects to ready, several at once, dependencies first. Await it; see [`FleetRun`] for its options.
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
            include: Vec::new(),
            exclude: Vec::new(),
            types: Vec::new(),
            tags: Vec::new(),
            force: Vec::new(),
            force_all: false,
            only_forced: false,
            stop: None,
        }
    }

    /// How many objects are run at once; at least one. By default eight times as many as there are processors.
    pub fn jobs(mut self, jobs: usize) -> Self {
        self.jobs = Some(jobs.max(1));
        self
    }

    fn is_plan(&self) -> bool {
        self.dry_run || self.layout.is_dry_run()
    }

    /// How many of so many objects are run at once.
    fn workers(&self, objects: usize) -> usize {
        // Most tasks wait for something else than a processor. How many of those there are takes some twenty looks at files.
        let by_default = || match objects {
            0..=A_PROCESSOR => A_PROCESSOR,
            _ => A_PROCESSOR * std::thread::available_parallelism().map_or(1, usize::from),
        };
        self.jobs.unwrap_or_else(by_default).min(objects)
    }

    /// Begins no further object once one failed; what runs then is brought to its end.
    pub fn fail_fast(mut self) -> Self {
        self.fail_fast = true;
        self
    }

    /// Goes on after a failure with what does not depend on it: the default.
    pub fn keep_going(mut self) -> Self {
        self.fail_fast = false;
        self
    }

    /// Runs nothing and changes nothing on disk; the report says what would run, and why.
    pub fn dry_run(mut self) -> Self {
        self.dry_run = true;
        self
    }

    /// As [`dry_run`](Self::dry_run); the report also has what tasks that would run would change in files.
    pub fn diff(mut self) -> Self {
        self.diff = true;
        self.dry_run()
    }

    /// Chooses an object by its id, or the objects whose id matches a pattern (`*`, `?`, `[ab]`); several choose what any of them
    /// chooses. The id of an object that exists is taken as it is written, and never as a pattern. What the chosen objects depend
    /// on runs as far as they need it.
    pub fn include(mut self, pattern: impl Into<String>) -> Self {
        self.include.push(pattern.into());
        self
    }

    /// Leaves out an object by its id, or the objects whose id matches a pattern, as in [`include`](Self::include): nothing runs
    /// on them, not even for those that depend on them.
    pub fn exclude(mut self, pattern: impl Into<String>) -> Self {
        self.exclude.push(pattern.into());
        self
    }

    /// Chooses the objects of a type; several choose those of any of them.
    pub fn of_type<M: SetupTasks>(mut self) -> Self {
        self.types.push(OfType::Id(TypeId::of::<M>(), M::NAME));
        self
    }

    /// As [`of_type`](Self::of_type), by the type's name.
    pub fn of_type_named(mut self, name: impl Into<String>) -> Self {
        self.types.push(OfType::Name(name.into()));
        self
    }

    /// Chooses the tasks with a tag, of the objects that have such; several choose those with any of them. Relationships are
    /// looked at all the same; tasks that are left out count by their stamps.
    pub fn tag(mut self, tag: impl Into<String>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Runs tasks whether or not they must: those of an object by its id, one task as `object/task`, or whatever matches a pattern
    /// over either. The id of an object that exists is taken as it is written, also in front of a task.
    pub fn force(mut self, pattern: impl Into<String>) -> Self {
        self.force.push(pattern.into());
        self
    }

    /// Runs every task whether or not it must.
    pub fn force_all(mut self) -> Self {
        self.force_all = true;
        self
    }

    /// Chooses only objects with a task that [`force`](Self::force) names.
    pub fn only_forced(mut self) -> Self {
        self.only_forced = true;
        self
    }

    /// Stops once it is asked to, or the layout is: [`Layout::stop`].
    pub fn stop_when(mut self, stop: Stop) -> Self {
        self.stop = Some(stop);
        self
    }

    /// The objects that are chosen, in the order of adding.
    ///
    /// # Errors
    ///
    /// A pattern that is none, a filter that chooses nothing.
    pub fn objects(&self) -> Result<Vec<AnyObject>, FleetError> {
        self.choose().map(|(objects, _)| objects)
    }

    /// The objects that are chosen, and what their runs must know.
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
                && (self.tags.is_empty() || tags(object).any(|tag| self.tags.iter().any(|wanted| wanted == tag)))
        };
        let objects: Vec<_> = all.into_iter().filter(chosen).collect();
        let options = FleetOptions {
            exclude,
            tags: self.tags.clone(),
            force,
            force_all: self.force_all,
            diff: self.diff,
            stop: Stops::new(self.layout.stop(), self.stop.clone()),
            since: SystemTime::now(),
            objects: objects.len(),
            prefetched: Vec::new(),
            ended: CachePadded::default(),
        };
        Ok((objects, options))
    }
}

impl IntoFuture for FleetRun {
    type Output = Result<FleetReport, FleetError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let (objects, options) = self.choose()?;
            // One error for all, rather than one for each object.
            self.layout.observe_store(self.is_plan()).await?;
            Ok(runner::run(&self, objects, options).await)
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
    let known = name_help(wanted, what_are, known);
    FleetError::Nothing { what, wanted: wanted.to_owned(), known }
}
