//! Tasks: their kinds, their handles, and the parameter and return types of their methods.

pub(crate) mod added;
pub(crate) mod answer;
pub(crate) mod category;
pub(crate) mod check;
pub(crate) mod context;
pub(crate) mod extract;
pub(crate) mod file_change;
pub(crate) mod former_names;
pub(crate) mod handle;
pub(crate) mod helpers;
pub(crate) mod inspector;
pub(crate) mod kind;
pub(crate) mod listed;
pub(crate) mod name;
pub(crate) mod order;
pub(crate) mod outcome;
pub(crate) mod plugin;
pub(crate) mod row;
pub(crate) mod run_context;
pub(crate) mod table;
pub(crate) mod text;

pub use added::{AddTaskError, ClosureTask};
pub use answer::{Completion, IntoCompletion, IntoHashText, IntoUndone, IntoValid};
pub use extract::Extract;
pub use handle::TaskHandle;
pub use kind::{TaskKind, ValueTask};
pub use outcome::{IntoOutcome, IntoTaskError, SkipSetupTask};
pub use plugin::{PlugInError, TypeInfo, types};
#[doc(hidden)]
pub use row::TaskDef;
#[doc(hidden)]
pub use table::TaskTable;

pub use crate::drift::Difference;
