//! Tasks that are resources of the model's machine.

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use setup_tasks::observer::{Answer, Observed, Question};
use setup_tasks::run::FileChange;
use setup_tasks::task::{Difference, TaskKind};
use setup_tasks::{HasMachine, Outcome, Result, TaskContext};
use setup_tasks_agent::protocol::{Change, MAX_TEXT, Texts};
use setup_tasks_agent::resource::Resource;
use setup_tasks_agent::resources::Content;

use super::ResourceList;
use super::observer::{Asked, Found};
use crate::error::MachineError;
use crate::machine::Machine;

/// A task that brings resources of the model's machine into their state.
///
/// Its value is a recipe: it makes the resources from the model. The task runs if the recipe makes other resources than in the last
/// run, and in runs that verify also if a resource differs on the machine. Such a run observes all resources of a machine by one
/// request.
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks_machines::resources::{Directory, File};
/// use setup_tasks_machines::{Ensure, Machine};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "web/{domain}")]
/// struct Web {
///     domain: String,
///     #[machine]
///     machine: Machine,
/// }
///
/// #[setup_tasks]
/// impl Web {
///     /// Create the directories
///     #[setup_task]
///     const DIRECTORIES: Ensure<Self, Directory> =
///         Ensure::all(|_| ["/srv/www", "/srv/logs"].map(|path| Directory::at(path).mode(0o755)).into());
///
///     /// Name the site
///     #[setup_task]
///     const NAME: Ensure<Self, File> = Ensure::new(|web| File::at("/srv/www/name").content(&*web.domain));
/// }
/// ```
#[must_use = "a task does nothing until it is a constant of a model"]
pub struct Ensure<T, R> {
    recipe: Recipe<T, R>,
    is_undone: bool,
    /// The time for the confirmation of a change, if it is guarded.
    guard: Option<Duration>,
}

enum Recipe<T, R> {
    One(fn(&T) -> R),
    All(fn(&T) -> Vec<R>),
    Maybe(fn(&T) -> Option<R>),
    With(fn(&T, &TaskContext) -> Result<Option<R>>),
    AllWith(fn(&T, &TaskContext) -> Result<Option<Vec<R>>>),
}

impl<T, R: Resource> Ensure<T, R> {
    /// Returns a task for one resource.
    pub const fn new(recipe: fn(&T) -> R) -> Self {
        Self { recipe: Recipe::One(recipe), is_undone: false, guard: None }
    }

    /// Returns a task for several resources, which are applied in their order.
    pub const fn all(recipe: fn(&T) -> Vec<R>) -> Self {
        Self { recipe: Recipe::All(recipe), is_undone: false, guard: None }
    }

    /// Returns a task for a resource that some models do not have, such as one that a setting turns on. Without a resource, the task does
    /// nothing. A resource that was applied before stays.
    ///
    /// ```
    /// # use setup_tasks_machines::{Ensure, resources::Packages};
    /// struct Web { has_cache: bool }
    ///
    /// const CACHE: Ensure<Web, Packages> = Ensure::maybe(|web| web.has_cache.then(|| Packages::installed(["varnish"])));
    /// ```
    pub const fn maybe(recipe: fn(&T) -> Option<R>) -> Self {
        Self { recipe: Recipe::Maybe(recipe), is_undone: false, guard: None }
    }

    /// Returns a task for a resource that depends on the context. The recipe returns `None` if it needs something that an earlier task
    /// creates. It is then called again after that task.
    pub const fn with(recipe: fn(&T, &TaskContext) -> Result<Option<R>>) -> Self {
        Self { recipe: Recipe::With(recipe), is_undone: false, guard: None }
    }

    /// Returns a task for several resources that depend on the context, as [`with`](Self::with) does for one.
    pub const fn all_with(recipe: fn(&T, &TaskContext) -> Result<Option<Vec<R>>>) -> Self {
        Self { recipe: Recipe::AllWith(recipe), is_undone: false, guard: None }
    }

    /// Takes the resources away again when the object is brought down. Otherwise they stay. The recipe then needs the type of its
    /// parameter: `Ensure::new(|web: &Self| …).undone()`.
    ///
    /// A type of resources that cannot be taken away does not compile:
    ///
    /// ```compile_fail,E0080
    /// # use setup_tasks_machines::{Ensure, resources::Hostname};
    /// const NAME: Ensure<(), Hostname> = Ensure::new(|_: &()| Hostname::set("web1")).undone();
    /// # fn main() { let _ = NAME; }
    /// ```
    pub const fn undone(self) -> Self {
        const { assert!(R::HAS_UNDO, "a resource of this type cannot be taken away again") };
        Self { is_undone: true, ..self }
    }

    /// Guards the change, since it can lock this process out, such as one of the SSH server or of a firewall. The machine takes the
    /// change back unless a new connection to it succeeds within 30 seconds, and the task then fails.
    ///
    /// [`Together`](crate::resources::Together) joins a file with the reload that makes it effective.
    ///
    /// ```
    /// use setup_tasks::prelude::*;
    /// use setup_tasks_machines::resources::{File, Service, Together};
    /// use setup_tasks_machines::{Ensure, Machine};
    ///
    /// #[derive(SetupTasks)]
    /// #[setup_tasks(subdir = "gate")]
    /// struct Gate {
    ///     #[machine]
    ///     machine: Machine,
    /// }
    ///
    /// #[setup_tasks]
    /// impl Gate {
    ///     /// Refuse passwords
    ///     #[setup_task]
    ///     const SSH: Ensure<Self, Together> = Ensure::new(|_| {
    ///         Together::of(File::at("/etc/ssh/sshd_config.d/site.conf").content("PasswordAuthentication no\n"))
    ///             .and(Service::reload("ssh"))
    ///     })
    ///     .guarded();
    /// }
    /// ```
    pub const fn guarded(self) -> Self {
        self.guarded_for(Duration::from_secs(30))
    }

    /// Guards the change as [`guarded`](Self::guarded), with another time for the new connection, in whole seconds.
    pub const fn guarded_for(self, within: Duration) -> Self {
        Self { guard: Some(within), ..self }
    }

    /// Changes the machine, under guard if there is one.
    async fn change(&self, machine: &Machine, cx: &TaskContext, list: &ResourceList, change: Change) -> Result<Outcome>
    where
        T: Sync,
    {
        match self.guard {
            Some(within) => machine.apply_guarded(cx, list, change, within).await,
            None => machine.apply(cx, list, change).await,
        }
    }

    /// Returns the resources, or `None` if they cannot be made yet.
    fn list(&self, model: &T, cx: &TaskContext) -> Result<Option<ResourceList>> {
        Ok(match self.recipe {
            Recipe::One(recipe) => Some(ResourceList::of([recipe(model)])),
            Recipe::All(recipe) => Some(ResourceList::of(recipe(model))),
            Recipe::Maybe(recipe) => Some(ResourceList::of(recipe(model))),
            Recipe::With(recipe) => recipe(model, cx)?.map(|resource| ResourceList::of([resource])),
            Recipe::AllWith(recipe) => recipe(model, cx)?.map(ResourceList::of),
        })
    }
}

impl<T: HasMachine<Machine = Machine> + Sync + 'static, R: Resource> TaskKind<T> for Ensure<T, R> {
    const HAS_HASH: bool = true;
    const OBSERVED: Observed = Observed::WhenVerified;

    fn describe(&self) -> Cow<'static, str> {
        let name = type_name::<R>();
        Cow::Borrowed(name.rsplit("::").next().unwrap_or(name))
    }

    async fn hash(&self, model: &T, cx: &TaskContext) -> Result<String> {
        // The resources may contain secrets.
        let Some(list) = self.list(model, cx)? else { return Ok(String::new()) };
        let hash = cx.keyed_hash(&list.fingerprint())?;
        // With this prefix, reasons contain only the first digits.
        Ok(format!("blake3-keyed:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
    }

    async fn question(&self, model: &T, cx: &TaskContext) -> Result<Option<Question>> {
        let Some(list) = self.list(model, cx)? else { return Ok(Some(Question::later())) };
        let resources = list.observed();
        let observer = || Arc::new(model.machine().clone());
        Ok((!resources.is_empty()).then(|| Question::new(observer(), Asked::Resources(resources))))
    }

    fn differences(&self, _model: &T, _cx: &TaskContext, answer: &Answer) -> Result<Vec<Difference>> {
        Ok(answer.get::<Found>()?.iter().map(difference).collect())
    }

    async fn changes(&self, model: &T, cx: &TaskContext) -> Result<Vec<FileChange>> {
        let Some(answer) = cx.answer().filter(|answer| !answer.is_later()) else { return Ok(Vec::new()) };
        let found = answer.get::<Found>()?;
        if found.is_empty() {
            return Ok(Vec::new());
        }
        let list = self.list(model, cx)?.unwrap_or_default();
        Ok(found.iter().filter_map(|found| change(found, &list)).collect())
    }

    async fn would_change(&self, model: &T, cx: &TaskContext) -> Result<Option<bool>> {
        let Some(answer) = cx.answer().filter(|answer| !answer.is_later()) else { return Ok(None) };
        let has_actions = self.list(model, cx)?.is_none_or(|list| list.has_actions());
        Ok(if has_actions { Some(true) } else { Some(!answer.get::<Found>()?.is_empty()) })
    }

    async fn run(&self, model: &T, cx: &TaskContext) -> Result<Outcome> {
        let machine = model.machine();
        let list = self
            .list(model, cx)?
            .ok_or_else(|| MachineError::NotMade { machine: machine.name().to_owned(), task: cx.task().to_owned() })?;
        // A fresh observation without differences needs no request.
        let is_right = cx.answer().filter(|answer| !answer.is_later()).map(|answer| answer.get::<Found>());
        if !list.has_actions()
            && let Some(found) = is_right
            && found?.is_empty()
        {
            return Ok(Outcome::Unchanged);
        }
        self.change(machine, cx, &list, Change::Apply).await
    }

    fn has_undo(&self) -> bool {
        self.is_undone
    }

    async fn undo(&self, model: &T, cx: &TaskContext) -> Result<()> {
        // A resource that could not be made was not applied either.
        let Some(list) = self.list(model, cx)? else { return Ok(()) };
        self.change(model.machine(), cx, &list.reversed(), Change::Undo).await.map(drop)
    }
}

impl<T, R> fmt::Debug for Ensure<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Ensure").field(&type_name::<R>()).finish()
    }
}

/// Returns a difference as the runtime knows it.
fn difference(found: &setup_tasks_agent::protocol::Difference) -> Difference {
    let difference = Difference::new(&found.what, &found.is);
    match &found.should_be {
        Some(should_be) => difference.instead_of(should_be),
        None => difference,
    }
}

/// Returns the change of a file, if the difference is one of its content.
fn change(found: &setup_tasks_agent::protocol::Difference, list: &ResourceList) -> Option<FileChange> {
    if found.secret {
        return Some(FileChange::of_secret(&found.what, Some("old"), "new"));
    }
    let Texts { old, new } = found.texts.clone()?;
    // The question contained only the hash of the content.
    let new = match list.content_of(&found.what) {
        Some(content) => text(content)?,
        None => new.unwrap_or_default(),
    };
    Some(FileChange::new(&found.what, old, new))
}

/// Returns content as text, unless it is long or binary.
fn text(content: &Content) -> Option<String> {
    let bytes = content.bytes().ok().filter(|bytes| bytes.len() <= MAX_TEXT && !bytes.contains(&0))?;
    String::from_utf8(bytes.into_owned()).ok()
}
