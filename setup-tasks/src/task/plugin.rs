//! Plug-ins, which add tasks to a type of another crate, and the list of all annotated types. Both
//! use `inventory`.

use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, OnceLock, PoisonError};

use super::table::{Block, Mixin, TaskTable};
use super::text::Message;
use crate::error_help;
use crate::object::SetupTasks;

/// A mixin that a crate adds to a type of another crate. [`plug_in!`](crate::plug_in) registers it.
pub struct PlugIn {
    target: TypeId,
    mixin: &'static (dyn Any + Send + Sync),
    name: &'static str,
}

impl std::fmt::Debug for PlugIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PlugIn").field("name", &self.name).finish_non_exhaustive()
    }
}

inventory::collect!(PlugIn);

impl PlugIn {
    /// Creates a plug-in that adds the tasks of a mixin to `T`.
    pub const fn new<T: SetupTasks>(mixin: &'static Mixin<T>, name: &'static str) -> Self {
        Self { target: TypeId::of::<T>(), mixin, name }
    }
}

/// Adds the tasks of a mixin trait, which the type must implement, to a type of another crate. The
/// trait needs the key `plug_in`. The key allows a type to implement the trait without listing it
/// in its `mixins(…)`, since the list of a type of another crate cannot be extended. The mixin's
/// tasks run after the type's own. A task whose name the type already has is left out.
///
/// ```
/// use setup_tasks::prelude::*;
/// # #[derive(SetupTasks)] #[setup_tasks(subdir = "door")] struct Door;
///
/// // `Door` comes from another crate.
/// #[setup_tasks(plug_in)]
/// trait Insured {
///     #[setup_task("Insure it")]
///     fn insure(&self) {}
/// }
/// impl Insured for Door {}
/// setup_tasks::plug_in!(Door: Insured);
///
/// let layout = setup_tasks::Layout::in_memory()?;
/// assert_eq!(layout.add(Door)?.as_any().task_names(), ["insure"]);
/// # Ok::<(), anyhow::Error>(())
/// ```
#[macro_export]
macro_rules! plug_in {
    ($target:ty: $mixin:path) => {
        const _: () = {
            static MIXIN: $crate::__private::Mixin<$target> =
                $crate::__private::Mixin::new(&<$target as $mixin>::__MIXIN_TASKS);
            $crate::__private::inventory::submit! {
                $crate::__private::PlugIn::new::<$target>(&MIXIN, ::core::stringify!($mixin))
            }
        };
    };
}

/// The description of an annotated type of this binary.
#[derive(Clone, Copy)]
pub struct TypeInfo {
    name: &'static str,
    module: &'static str,
    tasks: fn() -> Vec<(&'static str, &'static str)>,
    check: fn() -> Result<(), PlugInError>,
}

impl std::fmt::Debug for TypeInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TypeInfo").field("name", &self.name).field("module", &self.module).finish_non_exhaustive()
    }
}

inventory::collect!(TypeInfo);

impl TypeInfo {
    /// Describes a type that is not generic.
    pub const fn of<T: SetupTasks>(module: &'static str) -> Self {
        let tasks = || T::setup_tasks().iter().map(|task| (task.name(), task.description())).collect();
        Self { name: T::NAME, module, tasks, check: || table_of::<T>().map(drop) }
    }

    /// Describes a generic type. Its tasks are unknown until its parameters are known.
    pub const fn generic(name: &'static str, module: &'static str) -> Self {
        Self { name, module, tasks: Vec::new, check: || Ok(()) }
    }

    /// Checks that the tasks of the type and of its plug-ins can be combined. A generic type
    /// passes; it is checked when an object of it is added.
    ///
    /// # Errors
    ///
    /// Returns an error if the tasks cannot be combined.
    pub fn check(&self) -> Result<(), PlugInError> {
        (self.check)()
    }

    /// Returns the type's name.
    pub const fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the module that declares the type.
    pub const fn module(&self) -> &'static str {
        self.module
    }

    /// Returns the name and the description of each task in run order. The list is empty for a generic type.
    pub fn tasks(&self) -> Vec<(&'static str, &'static str)> {
        (self.tasks)()
    }
}

/// Returns all annotated types of this binary, sorted by module and name.
pub fn types() -> Vec<TypeInfo> {
    let mut types: Vec<_> = inventory::iter::<TypeInfo>().copied().collect();
    types.sort_by_key(|info| (info.module, info.name));
    types
}

/// The reason why the tasks of a type and of its plug-ins cannot be combined.
#[derive(Debug, thiserror::Error)]
#[error("plug-ins of `{type_name}` ({}): {problem}", .plug_ins.join(", "))]
pub struct PlugInError {
    type_name: &'static str,
    plug_ins: Vec<&'static str>,
    problem: String,
    help: &'static str,
}

error_help!(PlugInError);

impl PlugInError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        Some(self.help.into())
    }
}

type Merged = HashMap<TypeId, &'static (dyn Any + Send + Sync)>;

/// Returns the table of `T` with its plug-ins. Without plug-ins, this is the const table. Otherwise
/// the first call merges the tables and later calls return the same table.
pub(crate) fn table_of<T: SetupTasks>() -> Result<&'static TaskTable<T>, PlugInError> {
    static TARGETS: OnceLock<HashMap<TypeId, Vec<&'static PlugIn>>> = OnceLock::new();
    static MERGED: Mutex<Option<Merged>> = Mutex::new(None);
    let targets = TARGETS.get_or_init(|| {
        let mut targets: HashMap<_, Vec<_>> = HashMap::new();
        for plug_in in inventory::iter::<PlugIn>() {
            targets.entry(plug_in.target).or_default().push(plug_in);
        }
        // `inventory` iterates in no particular order, so the names determine it.
        targets.values_mut().for_each(|list| list.sort_by_key(|plug_in| plug_in.name));
        targets
    });
    let Some(plug_ins) = targets.get(&TypeId::of::<T>()) else { return Ok(T::setup_tasks()) };
    let mut merged = MERGED.lock().unwrap_or_else(PoisonError::into_inner);
    let merged = merged.get_or_insert_default();
    if let Some(table) = merged.get(&TypeId::of::<T>()).and_then(|table| table.downcast_ref()) {
        return Ok(table);
    }
    let table: &'static TaskTable<T> = Box::leak(Box::new(merge::<T>(plug_ins)?));
    merged.insert(TypeId::of::<T>(), table);
    Ok(table)
}

fn merge<T: SetupTasks>(plug_ins: &[&'static PlugIn]) -> Result<TaskTable<T>, PlugInError> {
    let mixins = std::iter::once(Mixin::new(T::BLOCK))
        .chain(plug_ins.iter().filter_map(|plug_in| plug_in.mixin.downcast_ref::<Mixin<T>>().copied()));
    // Created once per type and kept for the life of the process, as the const tables are.
    let mixins: &'static [Mixin<T>] = Box::leak(mixins.collect());
    let block: &'static Block<T> = Box::leak(Box::new(Block::new("", T::NAME, mixins, &[])));
    TaskTable::try_build(block).map_err(|error| {
        let mut message = Message::new();
        error.describe(block, &mut message);
        PlugInError {
            type_name: T::NAME,
            plug_ins: plug_ins.iter().map(|plug_in| plug_in.name).collect(),
            problem: message.as_str().to_owned(),
            help: error.help(),
        }
    })
}
