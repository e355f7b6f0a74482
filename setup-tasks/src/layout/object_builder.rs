//! The builder that adds a model to a layout, and its errors.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Layout, Objects};
use crate::config::ConfigError;
use crate::depends::{RelatedTask, Relative};
use crate::error_help;
use crate::injector::Injector;
use crate::object::{AnyObject, DynObject, FormerObject, Object, ObjectCore, Placed, Placing, SetupTasks};
use crate::paths::{PathError, normal_subdir};
use crate::secret;
use crate::task::added::{AddTaskError, AddedRow, NewPosition};
use crate::task::name::intern;
use crate::task::plugin::{PlugInError, table_of};

/// The error of an object that cannot be added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The layout's configuration cannot be used. It was built in code and not loaded.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Another object has the id.
    #[error("two objects have the id `{id}`: a {first} and a {second}")]
    Id {
        /// The id.
        id: String,
        /// The type of the existing object.
        first: &'static str,
        /// The type of the new object.
        second: &'static str,
    },
    /// Another object has the subdir.
    #[error("`{first}` and `{second}` have the same subdir `{subdir}`: their stamps and files would mix")]
    Subdir {
        /// The id of the existing object.
        first: String,
        /// The id of the new object.
        second: String,
        /// The subdir.
        subdir: String,
    },
    /// The subdir is not a plain relative path.
    #[error("`{id}` cannot be added")]
    Path {
        /// The object's id.
        id: String,
        /// The problem with the subdir.
        source: PathError,
    },
    /// The id or the subdir contains a [secret](crate::Secret). Both are names of files and are
    /// shown in many places.
    #[error("an object of type {type_name} cannot be added: its {what} `{shown}` contains a secret")]
    Secret {
        /// The type of the object.
        type_name: &'static str,
        /// `id`, `subdir` or `group`.
        what: &'static str,
        /// The name with the secret replaced.
        shown: String,
    },
    /// An object that is in the layout has the former name of another one.
    #[error("`{id}` was formerly `{former}`, but `{other}` has this name now")]
    FormerIsPresent {
        /// The id of the object with the former name.
        id: String,
        /// The former name.
        former: String,
        /// The id of the object that has the name now.
        other: String,
    },
    /// An object that is not retired depends on a [retired](ObjectBuilder::retired) one.
    #[error("`{id}` depends on task `{other}/{task}`, but `{other}` is retired")]
    DependsOnRetired {
        /// The id of the object.
        id: String,
        /// The id of the retired object.
        other: String,
        /// The task that the object depends on.
        task: String,
    },
    /// Two objects have the same former name.
    #[error("`{first}` and `{second}` both were formerly `{former}`")]
    FormerTwice {
        /// The id of the existing object.
        first: String,
        /// The id of the new object.
        second: String,
        /// The former name.
        former: String,
    },
    /// Tasks that a plug-in adds to the type cannot be added.
    #[error(transparent)]
    PlugIn(#[from] PlugInError),
    /// A dependency of the object cannot be added.
    #[error(transparent)]
    Dependency(#[from] AddTaskError),
    /// The object depends on a task that the related object does not have.
    #[error("`{id}` depends on task `{other}/{task}`, but `{other}` has no setup task `{task}`; it has {known}")]
    UnknownTask {
        /// The object's id.
        id: String,
        /// The related object's id.
        other: String,
        /// The unknown task name.
        task: String,
        /// The existing task names.
        known: String,
    },
}

error_help!(AddError);

impl AddError {
    /// Returns advice for the user. The cause of the error may have its own.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Config(error) => error.help(),
            Self::Id { .. } => Some("give one of them another id".into()),
            Self::Subdir { .. } => Some("include a field in `subdir` that differs between them".into()),
            Self::Secret { what, .. } => Some(format!("build the {what} from values that may be shown").into()),
            Self::FormerIsPresent { other, .. } => {
                Some(format!("remove `formerly`, or take `{other}` out of the layout").into())
            }
            Self::DependsOnRetired { id, .. } => {
                Some(format!("retire `{id}` as well, or remove its dependency").into())
            }
            Self::FormerTwice { former, .. } => {
                Some(format!("keep `formerly` on the object that takes over what `{former}` left").into())
            }
            Self::PlugIn(error) => error.help(),
            Self::Dependency(error) => error.help(),
            Self::Path { .. } | Self::UnknownTask { .. } => None,
        }
    }
}

/// A builder that adds a model to a layout with more settings than [`Layout::add`] has.
/// [`add`](Self::add) completes it.
///
/// ```
/// use setup_tasks::prelude::*;
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
/// # #[setup_tasks] impl Door { #[setup_task("Paint it")] fn paint(&self) {} }
/// let layout = setup_tasks::Layout::in_memory()?;
/// let door = layout.object_builder(Door).id("front door").readonly(true).add()?;
/// assert_eq!(door.as_any().id(), "front door");
/// # Ok::<(), anyhow::Error>(())
/// ```
#[must_use = "a builder does nothing until `add`"]
pub struct ObjectBuilder<'l, T> {
    layout: &'l Layout,
    model: T,
    id: Option<String>,
    readonly: Option<bool>,
    groups: Vec<Arc<str>>,
    injector: Option<Injector>,
    dependencies: Vec<Dependency>,
    formerly: Vec<String>,
    on: Option<Arc<str>>,
    is_retired: bool,
}

impl<T: SetupTasks> std::fmt::Debug for ObjectBuilder<'_, T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectBuilder").field("type", &T::NAME).field("id", &self.id).finish_non_exhaustive()
    }
}

/// A dependency of one object on a named task of another one: [`AnyObject::depends_on`].
///
/// ```
/// use setup_tasks::prelude::*;
///
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "server")] struct Server;
/// # #[setup_tasks] impl Server { #[setup_task("Publish the files")] fn publish(&self) {} }
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "client")] struct Client;
/// # #[setup_tasks] impl Client { #[setup_task("Mount the share")] fn mount(&self) {} }
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let server = layout.add(Server)?;
/// let published = server.as_any().depends_on("publish").before("mount");
/// let client = layout.object_builder(Client).depends_on(published).add()?;
///
/// client.run_setup_tasks().await?; // publishes, then mounts
/// assert!(server.check_stamp("publish").await?.is_some());
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a dependency does nothing until an object is added with it"]
pub struct Dependency {
    other: AnyObject,
    task: String,
    ready: bool,
    leave: bool,
    before: Vec<String>,
}

impl Dependency {
    pub(crate) fn new(other: AnyObject, task: String) -> Self {
        Self { other, task, ready: false, leave: false, before: Vec::new() }
    }

    /// Brings the other object to ready first.
    pub fn ready(mut self) -> Self {
        self.ready = true;
        self
    }

    /// Sets whether the other object's tasks up to the named one run if the named one must run. The
    /// default is true.
    pub fn run_if_needed(mut self, run: bool) -> Self {
        self.leave = !run;
        self
    }

    /// Places the dependency before a task of the object. By default, it is placed before the first
    /// task of the type itself.
    pub fn before(mut self, task: impl Into<String>) -> Self {
        self.before.push(task.into());
        self
    }

    /// Returns the other object and the name of its task.
    pub(crate) fn names(&self) -> (&AnyObject, &str) {
        (&self.other, &self.task)
    }

    /// Returns the other object and the request for its task.
    pub(crate) fn parts(self) -> (AnyObject, RelatedTask) {
        let task = RelatedTask::new(intern(&self.task));
        (self.other, RelatedTask { ready: self.ready, run_if_needed: !self.leave, by_name: true, ..task })
    }

    fn into_row<T: SetupTasks>(mut self) -> AddedRow<T> {
        let before = std::mem::take(&mut self.before);
        let (other, to) = self.parts();
        let task = to.task;
        let name: String = format!("{}_{task}", other.id());
        let name: String = name.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
        let mut place = NewPosition::new(&name);
        let first = T::BLOCK.first_own().map(str::to_owned);
        place.put_before(if before.is_empty() { first.into_iter().collect() } else { before });
        let description = format!("Depend on {task} of {}", other.id());
        AddedRow::relation(place, description, Relative::Object(other), to)
    }
}

impl<'l, T: SetupTasks> ObjectBuilder<'l, T> {
    pub(super) fn new(layout: &'l Layout, model: T) -> Self {
        let (dependencies, formerly, groups) = (Vec::new(), Vec::new(), Vec::new());
        let (id, readonly, injector, on, is_retired) = (None, None, None, None, false);
        Self { layout, model, id, readonly, groups, injector, dependencies, formerly, on, is_retired }
    }

    /// Sets an id in place of the model's own.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Sets the readonly flag of the object, which takes precedence over the flags of its model and
    /// its injectors.
    pub fn readonly(mut self, readonly: bool) -> Self {
        self.readonly = Some(readonly);
        self
    }

    /// Adds the object to a group, by which a fleet can select it
    /// ([`FleetRun::group`](crate::fleet::FleetRun::group)). An object can be in several groups.
    ///
    /// ```
    /// # use setup_tasks::prelude::*;
    /// #[derive(SetupTasks)]
    /// #[setup_tasks(subdir = "{name}")]
    /// struct Host { name: &'static str }
    ///
    /// #[setup_tasks]
    /// impl Host {
    ///     #[setup_task("Greet")]
    ///     fn greet(&self) {}
    /// }
    ///
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// let layout = setup_tasks::Layout::in_memory()?;
    /// for name in ["web1", "web2", "web3"] {
    ///     layout.object_builder(Host { name }).group("web").group("public").add()?;
    /// }
    /// layout.add(Host { name: "files" })?;
    /// let report = layout.run().group("web").batch(2).max_failures(0).await?;
    /// assert_eq!(report.summary(), "done: 3 objects; 3 tasks ran");
    /// # Ok(()) }
    /// ```
    pub fn group(mut self, name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        if !self.groups.contains(&name) {
            self.groups.push(name);
        }
        self
    }

    /// Places the object on a host: if several hosts share the store, only a worker of this host runs it. Without this, the key
    /// [`placement`](field@crate::Config::placement) of the configuration decides. Otherwise, an object whose files are on a host
    /// runs there, and all others run anywhere.
    pub fn on(mut self, host: impl Into<Arc<str>>) -> Self {
        self.on = Some(host.into());
        self
    }

    /// Sets the parent of the object's injector. The default is the injector of the layout.
    pub fn under(mut self, injector: &Injector) -> Self {
        self.injector = Some(injector.clone());
        self
    }

    /// Adds a dependency on a named task of another object.
    pub fn depends_on(mut self, dependency: Dependency) -> Self {
        self.dependencies.push(dependency);
        self
    }

    /// Names the object as it was called before: by its old `subdir`, or by its old id. The first
    /// run moves stamps, cache, state and logs to the present name, so that no task runs because of
    /// the new name. A plan reads them in their old place. Several calls name several old names.
    ///
    /// ```
    /// use setup_tasks::{Config, Layout, prelude::*};
    ///
    /// #[derive(SetupTasks)]
    /// #[setup_tasks(subdir = "hosts/{name}")]
    /// struct Host { name: &'static str }
    ///
    /// #[setup_tasks]
    /// impl Host {
    ///     #[setup_task("Install the system")]
    ///     fn install(&self) {}
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
    /// # let place = tempfile::tempdir()?;
    /// # let config = Config::new(place.path());
    /// let layout = Layout::new(config.clone());
    /// layout.add(Host { name: "old" })?.run_setup_tasks().await?;
    /// # drop(layout);
    ///
    /// // A later version of the program:
    /// let layout = Layout::new(config);
    /// let host = layout.object_builder(Host { name: "new" }).formerly("hosts/old").add()?;
    /// assert!(host.run_setup_tasks().await?.is_up_to_date());
    /// # Ok(()) }
    /// ```
    pub fn formerly(mut self, name: impl Into<String>) -> Self {
        self.formerly.push(name.into());
        self
    }

    /// Declares that the object is to be gone. A run of the layout brings it down and removes its
    /// cache, as [`Layout::down`] does for other objects, and none of its tasks runs. Its state stays
    /// until it is pruned. An object that is not retired cannot depend on it.
    ///
    /// ```
    /// use setup_tasks::{Config, Layout, fleet::ObjectStatus, prelude::*};
    ///
    /// #[derive(SetupTasks)]
    /// #[setup_tasks(subdir = "hosts/{name}")]
    /// struct Host { name: &'static str }
    ///
    /// #[setup_tasks]
    /// impl Host {
    ///     #[setup_task("Announce it", undo = withdraw)]
    ///     fn announce(&self) {}
    ///     fn withdraw(&self) {}
    /// }
    ///
    /// # #[tokio::main] async fn main() -> Result<()> {
    /// # let place = tempfile::tempdir()?;
    /// # let config = Config::new(place.path());
    /// let layout = Layout::new(config.clone());
    /// layout.add(Host { name: "old" })?;
    /// layout.run().await?;
    /// # drop(layout);
    ///
    /// // A later version of the program:
    /// let layout = Layout::new(config);
    /// layout.object_builder(Host { name: "old" }).retired().add()?;
    /// let report = layout.run().await?;
    /// assert_eq!(report.object("hosts/old").unwrap().outcome, ObjectStatus::BroughtDown);
    /// # Ok(()) }
    /// ```
    pub fn retired(mut self) -> Self {
        self.is_retired = true;
        self
    }

    /// Adds the object to the layout.
    ///
    /// # Errors
    ///
    /// As for [`Layout::add`], and if a dependency names a task that does not exist.
    pub fn add(self) -> Result<Object<T>, AddError> {
        if let Some(error) = self.layout.config_error() {
            return Err(error.clone().into());
        }
        let table = table_of::<T>()?;
        let id = self.id.unwrap_or_else(|| self.model.object_id());
        let subdir = self.model.stamp_subdir();
        for (what, name) in [("id", &id), ("subdir", &subdir)] {
            if secret::holds(name) {
                return Err(AddError::Secret { type_name: T::NAME, what, shown: secret::redact(name).into_owned() });
            }
        }
        if let Some(group) = self.groups.iter().find(|group| secret::holds(group)) {
            let shown = secret::redact(group).into_owned();
            return Err(AddError::Secret { type_name: T::NAME, what: "group", shown });
        }
        let subdir = normal_subdir(&subdir).map_err(|source| AddError::Path { id: id.clone(), source })?;
        let former = former_names(self.formerly, &id, &subdir)?;
        let id = Arc::<str>::from(id);
        let subdir = if *subdir == *id { id.clone() } else { subdir.into() };
        let placing = Placing {
            id: id.clone(),
            subdir: subdir.clone(),
            parent: self.injector.as_ref().unwrap_or(self.layout.injector()).clone(),
            layout: self.layout.of_object(),
            host: None,
            readonly: self.readonly,
            former: (!former.is_empty()).then(|| Arc::new(FormerObject::new(former.clone()))),
            groups: self.groups,
            on: self.on,
            is_retired: self.is_retired,
        };
        let object = Object::new(Arc::new(Placed::new(ObjectCore::new(placing, &self.model), table, self.model)));
        self.dependencies.into_iter().try_for_each(|dependency| object.add_row(dependency.into_row()))?;
        check_names(object.as_dyn())?;
        let mut objects = self.layout.objects();
        if objects.has_retired {
            check_retired(object.as_dyn())?;
        }
        if let Some(&first) = objects.by_id.get(&id) {
            let first = objects.all[first].type_name();
            return Err(AddError::Id { id: id.to_string(), first, second: T::NAME });
        }
        if let Some(first) = objects.at(&subdir) {
            let first = first.id().to_owned();
            return Err(AddError::Subdir { first, second: id.to_string(), subdir: subdir.to_string() });
        }
        check_former_names(&objects, &id, &subdir, &former)?;
        objects.has_retired |= self.is_retired;
        let at = objects.all.len();
        objects.former.extend(former.into_iter().map(|name| (name, at)));
        if subdir != id {
            objects.by_subdir.insert(subdir, at);
        }
        objects.by_id.insert(id, at);
        objects.all.push(object.as_any().clone());
        Ok(object)
    }
}

/// Returns the former names of an object in the normal form of subdirs, each once.
fn former_names(names: Vec<String>, id: &str, subdir: &str) -> Result<Vec<Arc<str>>, AddError> {
    let mut former: Vec<Arc<str>> = Vec::new();
    for name in names {
        let normal = normal_subdir(&name).map_err(|source| AddError::Path { id: id.to_owned(), source })?;
        if normal == subdir || normal == id {
            return Err(AddError::FormerIsPresent { id: id.to_owned(), former: name, other: id.to_owned() });
        }
        if !former.iter().any(|known| **known == *normal) {
            former.push(normal.into());
        }
    }
    Ok(former)
}

/// Checks that no object has the former name of another one, and that no two have the same.
fn check_former_names(objects: &Objects, id: &str, subdir: &str, former: &[Arc<str>]) -> Result<(), AddError> {
    let id_of = |at: &usize| objects.all[*at].id().to_owned();
    for name in [id, subdir] {
        if let Some(claimant) = objects.former.get(name) {
            let (former, other) = (name.to_owned(), id.to_owned());
            return Err(AddError::FormerIsPresent { id: id_of(claimant), former, other });
        }
    }
    for name in former {
        if let Some(other) = objects.by_id.get(name).map(|at| &objects.all[*at]).or_else(|| objects.at(name)) {
            let (id, former, other) = (id.to_owned(), name.to_string(), other.id().to_owned());
            return Err(AddError::FormerIsPresent { id, former, other });
        }
        if let Some(first) = objects.former.get(name) {
            let (second, former) = (id.to_owned(), name.to_string());
            return Err(AddError::FormerTwice { first: id_of(first), second, former });
        }
    }
    Ok(())
}

/// Checks that every task that a relationship names by a string exists, as far as the related
/// objects are known.
fn check_names(object: &Arc<dyn DynObject>) -> Result<(), AddError> {
    if !object.relates() {
        return Ok(());
    }
    for row in object.order().iter() {
        let Some(to) = object.related(row).filter(|to| to.by_name) else { continue };
        for other in object.relatives_now(row, &to) {
            if other.0.row(to.task).is_none() {
                let (id, other_id) = (object.core().id.to_string(), other.id().to_owned());
                let (task, known) = (to.task.to_owned(), other.0.known_tasks());
                return Err(AddError::UnknownTask { id, other: other_id, task, known });
            }
        }
    }
    Ok(())
}

/// Checks that an object that is not retired depends on no retired one, as far as the related objects
/// are known.
fn check_retired(object: &Arc<dyn DynObject>) -> Result<(), AddError> {
    if object.core().is_retired() || !object.relates() {
        return Ok(());
    }
    for row in object.order().iter() {
        if let Some((other, to)) = object.needs_now(row).into_iter().find(|(other, _)| other.is_retired()) {
            let (id, other, task) = (object.core().id.to_string(), other.id().to_owned(), to.task.to_owned());
            return Err(AddError::DependsOnRetired { id, other, task });
        }
    }
    Ok(())
}
