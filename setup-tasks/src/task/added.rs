//! Tasks that are added to one object at run time.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use super::helpers::Helpers;
use super::kind::{DynTaskKind, TaskKind, ValueTask};
use super::name::intern;
use super::order::{CAPACITY, OrderError, TaskPosition, sort};
use super::outcome::{IntoOutcome, Outcome};
use super::row::TaskMeta;
use super::table::{TOO_MANY_HELP, TaskTable};
use crate::depends::{RelatedTask, Relative};
use crate::error_help;
use crate::layout::Dependency;
use crate::secret::redact;
use crate::task::context::TaskContext;
use crate::{BoxFuture, Result};

/// A task to add to an object: [`Object::add_setup_task`](crate::Object::add_setup_task).
///
/// ```
/// use std::time::Duration;
/// use setup_tasks::{NewTask, prelude::*};
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let door = layout.add(Door)?;
/// let polish = NewTask::new("polish", "Polish it", |cx: TaskContext| async move {
///     cx.command("true").run().await
/// });
/// door.add_setup_task(polish.after("paint").timeout(Duration::from_secs(60)).retries(2))?;
/// assert_eq!(door.run_setup_tasks().await?.ran().count(), 2);
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a task does nothing until it is added"]
pub struct NewTask<K> {
    pub(crate) place: NewPosition,
    description: Option<String>,
    pub(super) helpers: Helpers,
    kind: K,
}

/// The name, position, tags and limits of an added task.
#[derive(Clone, Debug)]
pub(crate) struct NewPosition {
    name: &'static str,
    order: Option<i64>,
    before: Vec<&'static str>,
    after: Vec<&'static str>,
    tags: Vec<&'static str>,
    formerly: Vec<&'static str>,
    timeout: Option<Duration>,
    retries: u32,
    /// Whether the task can report that it changed nothing.
    reports: bool,
}

impl NewPosition {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: intern(name),
            order: None,
            before: Vec::new(),
            after: Vec::new(),
            tags: Vec::new(),
            formerly: Vec::new(),
            timeout: None,
            retries: 0,
            reports: true,
        }
    }

    pub(crate) fn put_before(&mut self, tasks: Vec<String>) {
        self.before = tasks.iter().map(|task| intern(task)).collect();
    }
}

/// A task made of a closure.
#[derive(Clone, Debug)]
pub struct ClosureTask<F>(F);

/// A type-erased closure.
pub(crate) type AnyClosure = Box<dyn Fn(TaskContext) -> BoxFuture<'static, Result<Outcome>> + Send + Sync>;

#[diagnostic::do_not_recommend]
impl<T: Sync, F, A> TaskKind<T> for ClosureTask<F>
where
    F: Fn(TaskContext) -> A + Send + Sync + 'static,
    A: Future + Send,
    A::Output: IntoOutcome,
{
    async fn run(&self, _model: &T, cx: &TaskContext) -> Result<Outcome> {
        (self.0)(cx.clone()).await.into_outcome()
    }
}

impl<F, A> NewTask<ClosureTask<F>>
where
    F: Fn(TaskContext) -> A + Send + Sync + 'static,
    A: Future + Send + 'static,
    A::Output: IntoOutcome,
{
    /// Creates a task that calls a closure, which may return everything that a task method may
    /// return. The closure reaches its object through the context. A closure that holds its own
    /// object would never be dropped, and neither would the object.
    pub fn new(name: impl AsRef<str>, description: impl Into<String>, run: F) -> Self {
        let place = NewPosition { reports: A::Output::REPORTS, ..NewPosition::new(name.as_ref()) };
        Self { place, description: Some(description.into()), helpers: Helpers::default(), kind: ClosureTask(run) }
    }

    pub(crate) fn erase(self) -> NewTask<ClosureTask<AnyClosure>> {
        let Self { place, description, helpers, kind: ClosureTask(run) } = self;
        let erased: AnyClosure = Box::new(move |cx| {
            let running = run(cx);
            Box::pin(async move { running.await.into_outcome() })
        });
        NewTask { place, description, helpers, kind: ClosureTask(erased) }
    }
}

impl<K> NewTask<K> {
    /// Creates a task from a value, which also provides the description.
    pub fn value(name: impl AsRef<str>, kind: K) -> Self {
        Self { place: NewPosition::new(name.as_ref()), description: None, helpers: Helpers::default(), kind }
    }

    /// Sets the description of the task's work.
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = Some(description.into());
        self
    }

    /// Sets the position by a number. The numbers of the type's own tasks count up in steps of 100.
    /// A task without `order`, `before` and `after` runs after all others.
    pub fn order(mut self, order: i64) -> Self {
        self.place.order = Some(order);
        self
    }

    /// Places the task directly before another task of the object.
    pub fn before(mut self, task: &str) -> Self {
        self.place.before.push(intern(task));
        self
    }

    /// Places the task directly after another task of the object.
    pub fn after(mut self, task: &str) -> Self {
        self.place.after.push(intern(task));
        self
    }

    /// Adds a tag by which runs can select the task.
    pub fn tag(mut self, tag: &str) -> Self {
        self.place.tags.push(intern(tag));
        self
    }

    /// Names the task as it was called before, as the key `formerly` does. It takes over the records
    /// and the logs of that name. Several calls name several old names.
    ///
    /// ```
    /// use setup_tasks::{NewTask, prelude::*};
    ///
    /// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
    /// # #[setup_tasks] impl Door {}
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
    /// let layout = setup_tasks::Layout::in_memory()?;
    /// let door = layout.add(Door)?;
    /// door.create_stamp("varnish", "").await?; // as an earlier version of the program did
    /// door.add_setup_task(NewTask::new("polish", "Polish it", |_| async {}).formerly("varnish"))?;
    /// assert!(door.run_setup_tasks().await?.is_up_to_date());
    /// # Ok(()) }
    /// ```
    pub fn formerly(mut self, name: &str) -> Self {
        self.place.formerly.push(intern(name));
        self
    }

    /// Sets the time limit of each attempt. A longer attempt is cancelled and fails. The default
    /// is an unlimited time.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.place.timeout = Some(timeout);
        self
    }

    /// Sets the number of further attempts after a failure. The default is 0. The waits between
    /// attempts grow from about 100 ms to about a minute.
    pub fn retries(mut self, retries: u32) -> Self {
        self.place.retries = retries;
        self
    }

    pub(crate) fn into_row<T: 'static>(self) -> AddedRow<T>
    where
        K: TaskKind<T>,
    {
        let kind = Arc::new(ValueTask::new(self.place.name, self.kind));
        AddedRow {
            description: self
                .description
                .map_or_else(|| kind.describe_dyn(), |text| Cow::Owned(redact(&text).into_owned())),
            action: AddedAction::Kind(kind),
            helpers: self.helpers,
            place: self.place,
        }
    }
}

/// The reason why a task cannot be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddTaskError {
    /// The object already has a task of that name.
    #[error("`{object}` has a setup task `{task}` already")]
    Exists {
        /// The object's id.
        object: String,
        /// The name.
        task: String,
    },
    /// The name or a former name of the task is a name of another task, now or formerly.
    #[error("`{task}` of `{object}` cannot be added: `{other}` has or had the name `{name}`, too")]
    FormerName {
        /// The object's id.
        object: String,
        /// The task to add.
        task: String,
        /// The name.
        name: String,
        /// The other task.
        other: String,
    },
    /// The task is placed before or after a task that the object does not have.
    #[error("`{task}` cannot be placed beside `{target}`: `{object}` has no such setup task; it has {known}")]
    UnknownTarget {
        /// The object's id.
        object: String,
        /// The task to add.
        task: String,
        /// The name that was not found.
        target: String,
        /// The names of the object's tasks.
        known: String,
    },
    /// The task has both a number and a neighbour, which are two positions.
    #[error("`{task}` of `{object}` has both a number and a neighbour")]
    TwoPlaces {
        /// The object's id.
        object: String,
        /// The task to add.
        task: String,
    },
    /// The task would close a cycle in the order.
    #[error("with `{task}`, the setup tasks of `{object}` cannot be put in an order: {cycle}")]
    Cycle {
        /// The object's id.
        object: String,
        /// The task to add.
        task: String,
        /// The tasks of the cycle: `a -> b -> a`.
        cycle: String,
    },
    /// The task has a completion check beside a hash function or an invalidator. A completion check
    /// decides alone.
    #[error("`{task}` of `{object}` has both a completion check and a hash function or an invalidator")]
    TwoChecks {
        /// The object's id.
        object: String,
        /// The task to add.
        task: String,
    },
    /// The task depends on a task that the other object does not have.
    #[error(
        "`{task}` of `{object}` depends on task `{other}/{wanted}`, but `{other}` has no setup task `{wanted}`; it has {known}"
    )]
    UnknownDependency {
        /// The object's id.
        object: String,
        /// The task to add.
        task: String,
        /// The other object's id.
        other: String,
        /// The name that was not found.
        wanted: String,
        /// The names of the other object's tasks.
        known: String,
    },
    /// The task depends on its own object.
    #[error("`{task}` of `{object}` depends on a task of the same object")]
    OwnDependency {
        /// The object's id.
        object: String,
        /// The task to add.
        task: String,
    },
    /// The object has the largest possible number of tasks already.
    #[error("`{object}` already has {CAPACITY} setup tasks, the largest possible number")]
    TooMany {
        /// The object's id.
        object: String,
    },
}

error_help!(AddTaskError);

impl AddTaskError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Exists { .. } => Some("give this one another name".into()),
            Self::FormerName { .. } => {
                Some("give the added task another name, or remove one of the former names".into())
            }
            Self::TwoPlaces { .. } => Some("use only one of the two".into()),
            Self::TwoChecks { .. } => {
                Some("leave one of them out; a completion check decides alone and keeps no stamp".into())
            }
            Self::OwnDependency { .. } => Some(
                "place the task behind the other one with `after`; all earlier tasks of the same object count as \
                 dependencies"
                    .into(),
            ),
            Self::Cycle { .. } => Some("leave out one of these calls of `before` and `after`".into()),
            Self::TooMany { .. } => Some(TOO_MANY_HELP.into()),
            Self::UnknownTarget { .. } | Self::UnknownDependency { .. } => None,
        }
    }
}

/// The row of an added task.
pub(crate) struct AddedRow<T: 'static> {
    pub(crate) description: Cow<'static, str>,
    pub(crate) action: AddedAction<T>,
    pub(crate) helpers: Helpers,
    place: NewPosition,
}

pub(crate) enum AddedAction<T: 'static> {
    Kind(Arc<dyn DynTaskKind<T>>),
    Relation(Relative, RelatedTask),
}

impl<T: 'static> AddedRow<T> {
    pub(crate) fn relation(place: NewPosition, description: String, relative: Relative, to: RelatedTask) -> Self {
        let action = AddedAction::Relation(relative, to);
        Self { description: description.into(), action, helpers: Helpers::default(), place }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.place.name
    }

    pub(crate) fn tags(&self) -> &[&'static str] {
        &self.place.tags
    }

    pub(crate) fn meta(&self) -> TaskMeta {
        let mut meta = TaskMeta::new(self.place.name, "");
        (meta.timeout, meta.retries, meta.reports) = (self.place.timeout, self.place.retries, self.place.reports);
        meta
    }
}

/// The tasks added to an object, and the common order of these and the tasks of its type.
pub(crate) struct Added<T: 'static> {
    pub(crate) rows: Vec<Arc<AddedRow<T>>>,
    /// Indices of rows in run order. A row of the table has its position in the table as its index;
    /// added rows follow.
    pub(crate) order: Arc<[usize]>,
}

impl<T: 'static> Added<T> {
    pub(crate) fn none(table: &TaskTable<T>) -> Self {
        Self { rows: Vec::new(), order: (0..table.len()).collect() }
    }

    /// Adds a task at its position in the order.
    pub(crate) fn add(&mut self, table: &TaskTable<T>, object: &str, row: AddedRow<T>) -> Result<(), AddTaskError> {
        let (object, task) = (object.to_owned(), row.name().to_owned());
        let mut places = table.places();
        let known = |places: &[TaskPosition<'_>], name: &str| places.iter().any(|place| place.name == name);
        places.extend(self.rows.iter().map(|row| row.order_place()));
        if known(&places, row.name()) {
            return Err(AddTaskError::Exists { object, task });
        }
        if let Some((name, other)) = self.wrong_former_name(table, &places, &row) {
            let (name, other) = (name.to_owned(), other.to_owned());
            return Err(AddTaskError::FormerName { object, task, name, other });
        }
        if row.helpers.exclude_each_other() {
            return Err(AddTaskError::TwoChecks { object, task });
        }
        for (other, wanted) in row.helpers.dependencies.iter().map(Dependency::names) {
            if other.id() == object {
                return Err(AddTaskError::OwnDependency { object, task });
            }
            if other.0.row(wanted).is_none() {
                let (other, wanted, known) = (other.id().to_owned(), wanted.to_owned(), other.0.known_tasks());
                return Err(AddTaskError::UnknownDependency { object, task, other, wanted, known });
            }
        }
        let place = row.order_place();
        if let Some(target) = place.before.iter().chain(place.after).find(|target| !known(&places, target)) {
            let known = crate::text::list(places.iter().map(|place| place.name));
            return Err(AddTaskError::UnknownTarget { object, task, target: (*target).to_owned(), known });
        }
        if place.order.is_some() && !(place.before.is_empty() && place.after.is_empty()) {
            return Err(AddTaskError::TwoPlaces { object, task });
        }
        places.push(place);
        let sorted = match sort(&places) {
            Ok(sorted) => sorted,
            // The sort itself looks at no former names and no subscriptions.
            Err(OrderError::TooMany { .. } | OrderError::FormerName { .. } | OrderError::LaterSubscription { .. }) => {
                return Err(AddTaskError::TooMany { object });
            }
            Err(OrderError::Cycle { members, len }) => {
                let names: Vec<_> =
                    members[..len].iter().chain(&members[..1]).map(|&i| places[usize::from(i)].name).collect();
                return Err(AddTaskError::Cycle { object, task, cycle: names.join(" -> ") });
            }
        };
        let of_table = places.len() - 1 - self.rows.len();
        let row_of = |i: u8| match usize::from(i) {
            i if i < of_table => table.position(places[i].name).unwrap_or(i),
            i => i,
        };
        self.order = sorted[..places.len()].iter().map(|&i| row_of(i)).collect();
        self.rows.push(Arc::new(row));
        Ok(())
    }
}

impl<T: 'static> Added<T> {
    /// Returns a name that another task has or had, and that task.
    fn wrong_former_name<'r>(
        &'r self,
        table: &TaskTable<T>,
        places: &[TaskPosition<'r>],
        row: &'r AddedRow<T>,
    ) -> Option<(&'r str, &'r str)> {
        let of_table = table.iter().map(|task| (task.name(), table.former_names(task)));
        let added = self.rows.iter().map(|row| (row.name(), row.place.formerly.clone()));
        let others: Vec<_> = of_table.chain(added).collect();
        for &former in &row.place.formerly {
            let present = places.iter().map(|place| place.name).find(|name| *name == former);
            let claimed = || others.iter().find(|(_, names)| names.contains(&former)).map(|(name, _)| *name);
            let own = || (former == row.name()).then(|| row.name());
            if let Some(other) = present.or_else(claimed).or_else(own) {
                return Some((former, other));
            }
        }
        let (other, _) = others.iter().find(|(_, names)| names.contains(&row.name()))?;
        Some((row.name(), other))
    }
}

impl<T: 'static> AddedRow<T> {
    /// Returns the former names of the task.
    pub(crate) fn formerly(&self) -> &[&'static str] {
        &self.place.formerly
    }

    fn order_place(&self) -> TaskPosition<'_> {
        let NewPosition { name, order, before, after, .. } = &self.place;
        TaskPosition { name, order: *order, before, after }
    }
}
