//! Bring things (machines, containers, networks, services, whole fleets) into the state they should be in: step by step,
//! once, and again only when something changed.
//!
//! A **model** is a plain struct with [`#[derive(SetupTasks)]`](derive@SetupTasks). Its **setup tasks** are the methods
//! marked in a [`#[setup_tasks]`](macro@setup_tasks) block. Placed in a [`Layout`], a model is an [`Object`], whose tasks
//! run in an order fixed at compile time; a **stamp** records each that completed.
//!
//! ```
//! use setup_tasks::prelude::*;
//!
//! #[derive(SetupTasks)]
//! #[setup_tasks(subdir = "hosts/{name}")]
//! struct Host { name: String, motd: String }
//!
//! #[setup_tasks]
//! impl Host {
//!     #[setup_task("Write the message of the day", hash = motd)]
//!     async fn write_motd(&self, cx: &TaskContext) -> Result<()> {
//!         std::fs::write(cx.stamp_path()?.join("motd"), &self.motd)?;
//!         Ok(())
//!     }
//!
//!     fn motd(&self) -> String {
//!         self.motd.clone()
//!     }
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! let layout = setup_tasks::Layout::in_memory()?; // `Layout::new` keeps its stamps
//! let host = layout.add(Host { name: "gateway".into(), motd: "Welcome".into() })?;
//!
//! host.run_setup_tasks().await?; // runs the task
//! host.run_setup_tasks().await?; // runs nothing
//! assert!(host.check_stamp("write_motd")?.is_some());
//! # Ok(()) }
//! ```
//!
//! | To | use |
//! |---|---|
//! | give a struct tasks | [`derive@SetupTasks`] on it, [`macro@setup_tasks`] on one impl block |
//! | share tasks between structs | [`macro@setup_tasks`] on a trait, `mixins(…)` on the structs |
//! | make a kind of task that is a value | [`TaskKind`] |
//! | take more arguments | [`Extract`] |
//! | run | [`Object::run_setup_tasks`], or one task by its handle: [`TaskHandle::run`] |
//! | run many objects, dependencies first | [`Layout::run`] |
//! | wait until an object is as it should be | [`Object::ready`] |
//! | depend on another object's task | `#[depends_on]`: [`derive@SetupTasks`]; [`Deferred`] where two name each other; [`AnyObject::depends_on`] |
//! | add a task to one object | [`Object::add_setup_task`] |
//! | apply a model to other objects | [`Customization`] |
//! | give tasks values, objects, or what a factory makes | [`Injector`], [`Inject`], [`InjectKey`] |
//! | hear what happens | [`Injector::on_event`], [`Injector::events`] |
//! | keep a password out of all that is said | [`Secret`] |
//! | run a command in a task, its output in the task's log | [`TaskContext::command`] |
//! | find what a task said | [`log::logs_of`] |
//! | see who waits for whom | [`Layout::activities`] |
//! | look at tasks | [`SetupTasks::inspect_class`], [`Object::inspect`] |
//! | know why a task runs | [`Reason`], and its table at [`decide::decide`] |

pub mod activity;
pub mod command;
pub mod config;
mod customize;
pub mod decide;
pub mod depends;
mod drift;
pub mod event;
mod flat;
pub mod fleet;
pub mod fs;
#[cfg(test)]
mod fuzz;
pub mod injector;
mod inspect;
pub mod layout;
pub mod log;
mod object;
pub mod paths;
mod private_dir;
pub mod ready;
pub mod run;
pub mod secret;
pub mod stamp;
mod task;
pub mod text;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "__bench")]
#[doc(hidden)]
#[path = "bench.rs"]
pub mod __bench;

use std::pin::Pin;

pub use config::{Config, ConfigError};
pub use customize::{Customization, NoContext};
pub use decide::Reason;
pub use depends::Deferred;
pub use drift::Difference;
pub use event::{Event, EventKey, EventKind, EventStream};
pub use fleet::{FleetReport, FleetRun, ObjectStatus};
pub use injector::{InjectionKey, Injector, KeyName, READONLY};
pub use inspect::{ObjectTaskInspector, TaskCategory, TaskInspector};
pub use layout::{AddError, Layout};
pub use object::{AnyObject, Object, SetupTasks};
pub use run::{ContextExit, RunContext, RunError, TaskContext, TaskStatus};
pub use secret::Secret;
pub use stamp::{Stamp, StampError, StampStore};
pub use task::added::{AddTaskError, ClosureTask, NewTask};
pub use task::answer::{Completion, IntoCompletion, IntoHashText, IntoValid};
pub use task::extract::{Extract, HostObject, Inject, InjectKey, LastRun, ObjectRef, Resource};
pub use task::handle::TaskHandle;
pub use task::kind::{TaskKind, ValueTask};
pub use task::outcome::{IntoOutcome, IntoTaskError, Outcome, SkipSetupTask};
pub use task::plugin::{PlugInError, TypeInfo, types};
pub use task::row::TaskDef;
pub use task::table::TaskTable;

/// The result of users' tasks: any error, with its chain.
pub type Result<T, E = anyhow::Error> = std::result::Result<T, E>;

/// A boxed future that can go to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[doc = include_str!("docs/derive.md")]
pub use setup_tasks_macros::SetupTasks;
#[doc = include_str!("docs/setup_task.md")]
pub use setup_tasks_macros::setup_task;
#[doc = include_str!("docs/setup_tasks.md")]
pub use setup_tasks_macros::setup_tasks;

/// What a file with models needs: `use setup_tasks::prelude::*;`
pub mod prelude {
    pub use crate::{LastRun, Object, Outcome, Reason, Result, SetupTasks, TaskContext, setup_task, setup_tasks};
}
