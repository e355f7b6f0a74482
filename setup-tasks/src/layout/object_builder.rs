//! Placing models in a layout: what can be said of one beforehand, and why it may be refused.

use std::sync::Arc;

use super::Layout;
use crate::config::ConfigError;
use crate::depends::{RelatedTask, Relative};
use crate::injector::Injector;
use crate::object::{AnyObject, DynObject, Object, ObjectCore, Placed, Placing, SetupTasks};
use crate::paths::{PathError, normal_subdir};
use crate::secret;
use crate::task::added::{AddTaskError, AddedRow, NewPosition};
use crate::task::name::intern;
use crate::task::plugin::{PlugInError, table_of};

/// Why an object cannot be placed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The layout's configuration, written in code, cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Its id is taken.
    #[error("two objects have the id `{id}`: a {first} and a {second}\nhelp: give one of them another id")]
    Id {
        /// The id.
        id: String,
        /// The type of the first.
        first: &'static str,
        /// The type of the second.
        second: &'static str,
    },
    /// Its subdir is another object's.
    #[error(
        "`{first}` and `{second}` have the same subdir `{subdir}`: their stamps and files would mix\nhelp: name a field that tells them apart in `subdir`"
    )]
    Subdir {
        /// The object that has it.
        first: String,
        /// The one that was to be added.
        second: String,
        /// The subdir.
        subdir: String,
    },
    /// Its subdir is no plain relative path.
    #[error("`{id}` cannot be added: {source}")]
    Path {
        /// The object's id.
        id: String,
        /// What is wrong.
        source: PathError,
    },
    /// Its id or its subdir holds a [secret](crate::Secret): both are names of files, and shown everywhere.
    #[error(
        "an object of type {type_name} cannot be added: a secret is in its {what} `{shown}`\nhelp: make the {what} of something that may be seen"
    )]
    Secret {
        /// The type of the object.
        type_name: &'static str,
        /// `id` or `subdir`.
        what: &'static str,
        /// The name without the secret.
        shown: String,
    },
    /// Tasks that another crate adds to its type do not fit.
    #[error(transparent)]
    PlugIn(#[from] PlugInError),
    /// A dependency of the object itself does not fit.
    #[error(transparent)]
    Dependency(#[from] AddTaskError),
    /// It depends on a task that the related object does not have.
    #[error("`{id}` depends on task `{other}/{task}`, but `{other}` has no setup task `{task}`; it has {known}")]
    UnknownTask {
        /// The object's id.
        id: String,
        /// The related object's id.
        other: String,
        /// The name that was not found.
        task: String,
        /// The names that there are.
        known: String,
    },
}

/// A builder that adds a model to a layout with more settings than [`Layout::add`] has. [`add`](Self::add) ends it.
#[must_use = "a builder does nothing until `add`"]
pub struct ObjectBuilder<'l, T> {
    layout: &'l Layout,
    model: T,
    id: Option<String>,
    readonly: Option<bool>,
    injector: Option<Injector>,
    dependencies: Vec<Dependency>,
}

/// A dependency of one object on a task of another, by name: [`AnyObject::depends_on`].
#[derive(Clone, Debug)]
#[must_use = "a dependency does nothing until an object is placed with it"]
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

    /// Whether the other object's tasks are run up to the named one if that must run; by default they are.
    pub fn run_if_needed(mut self, run: bool) -> Self {
        self.leave = !run;
        self
    }

    /// The task of the object that it stands ahead of; by default the first of the type's own.
    pub fn before(mut self, task: impl Into<String>) -> Self {
        self.before.push(task.into());
        self
    }

    /// Returns the other object, and the name of its task.
    pub(crate) fn names(&self) -> (&AnyObject, &str) {
        (&self.other, &self.task)
    }

    /// The other object, and what is asked of it.
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
        Self { layout, model, id: None, readonly: None, injector: None, dependencies: Vec::new() }
    }

    /// Another id than the model's own.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// The object's own flag, which goes before its model's and its injectors'.
    pub fn readonly(mut self, readonly: bool) -> Self {
        self.readonly = Some(readonly);
        self
    }

    /// The injector that the object's own is a child of; without it the layout's.
    pub fn under(mut self, injector: &Injector) -> Self {
        self.injector = Some(injector.clone());
        self
    }

    /// Makes it depend on a task of another object, by name.
    pub fn depends_on(mut self, dependency: Dependency) -> Self {
        self.dependencies.push(dependency);
        self
    }

    /// Places it.
    ///
    /// # Errors
    ///
    /// As [`Layout::add`]; and if it depends on a task that there is not.
    pub fn add(self) -> Result<Object<T>, AddError> {
        if let Some(refused) = self.layout.refused() {
            return Err(refused.clone().into());
        }
        let table = table_of::<T>()?;
        let id = self.id.unwrap_or_else(|| self.model.object_id());
        let subdir = self.model.stamp_subdir();
        for (what, name) in [("id", &id), ("subdir", &subdir)] {
            if secret::holds(name) {
                return Err(AddError::Secret { type_name: T::NAME, what, shown: secret::redact(name).into_owned() });
            }
        }
        let subdir = normal_subdir(&subdir).map_err(|source| AddError::Path { id: id.clone(), source })?;
        let id = Arc::<str>::from(id);
        let subdir = if *subdir == *id { id.clone() } else { subdir.into() };
        let placing = Placing {
            id: id.clone(),
            subdir: subdir.clone(),
            parent: self.injector.as_ref().unwrap_or(self.layout.injector()).clone(),
            layout: self.layout.of_object(),
            host: None,
            readonly: self.readonly,
        };
        let object = Object::new(Arc::new(Placed::new(ObjectCore::new(placing, &self.model), table, self.model)));
        self.dependencies.into_iter().try_for_each(|dependency| object.add_row(dependency.into_row()))?;
        check_names(object.as_dyn())?;
        let mut objects = self.layout.objects();
        if let Some(&first) = objects.by_id.get(&id) {
            let first = objects.all[first].type_name();
            return Err(AddError::Id { id: id.to_string(), first, second: T::NAME });
        }
        if let Some(first) = objects.at(&subdir) {
            let first = first.id().to_owned();
            return Err(AddError::Subdir { first, second: id.to_string(), subdir: subdir.to_string() });
        }
        let at = objects.all.len();
        if subdir != id {
            objects.by_subdir.insert(subdir, at);
        }
        objects.by_id.insert(id, at);
        objects.all.push(object.as_any().clone());
        Ok(object)
    }
}

/// Whether every task that a relationship names by a string is there, as far as the related objects are known.
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
