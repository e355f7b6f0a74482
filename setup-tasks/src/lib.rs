//! Brings machines, containers, networks, services and fleets into their desired state. It works step by step, runs each step
//! once, and runs it again only when something changed.
//!
//! A **model** is a plain struct with [`#[derive(SetupTasks)]`](derive@SetupTasks). Its **setup tasks** are the methods
//! marked in a [`#[setup_tasks]`](macro@setup_tasks) block. A model in a [`Layout`] is an [`Object`]. The tasks of an object
//! run in an order that is fixed at compile time, and a **stamp** records each task that completed.
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
//! assert!(host.check_stamp("write_motd").await?.is_some());
//! # Ok(()) }
//! ```
//!
//! | purpose | item |
//! |---|---|
//! | give a struct tasks | [`derive@SetupTasks`] on it, [`macro@setup_tasks`] on one impl block |
//! | share tasks between structs | [`macro@setup_tasks`] on a trait, `mixins(…)` on the structs |
//! | write a kind of task that is a value | [`task::TaskKind`] |
//! | take more arguments | [`task::Extract`] |
//! | run an object | [`Object::run_setup_tasks`], or one task through its handle: [`task::TaskHandle::run`] |
//! | run many objects, dependencies first | [`Layout::run`] |
//! | wait until an object is in its desired state | [`Object::ready`] |
//! | depend on a task of another object | `#[depends_on]`: [`derive@SetupTasks`]; [`Deferred`] for two objects that refer to each other; [`AnyObject::depends_on`] |
//! | add a task to one object | [`Object::add_setup_task`] |
//! | apply a model to other objects | [`Customization`] |
//! | supply values, objects, or results of a factory to tasks | [`Injector`], [`Inject`], [`InjectKey`] |
//! | receive events | [`Injector::on_event`], [`Injector::events`] |
//! | keep a password out of all output | [`Secret`] |
//! | run a command in a task, with its output in the task's log | [`TaskContext::command`] |
//! | find the logs of a task | [`log::logs_of`] |
//! | see running tasks and their waits | [`Layout::activities`] |
//! | inspect tasks | [`SetupTasks::inspect_class`], [`AnyObject::inspect`] |
//! | know why a task runs | [`Reason`] |
//! | print an error with its causes and advice | [`error`] |

#![warn(missing_docs, missing_debug_implementations)]

// Unit tests declare models, whose generated code names this crate.
#[cfg(test)]
extern crate self as setup_tasks;

pub mod activity;
mod agents;
mod assembly;
pub mod command;
pub mod config;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod customize;
#[doc(hidden)]
pub mod decide;
pub mod depends;
pub mod dispatch;
mod drift;
mod earlier;
pub mod error;
pub mod event;
mod flat;
pub mod fleet;
pub mod fs;
#[cfg(test)]
mod fuzz;
pub mod injector;
pub mod inspect;
pub mod layout;
pub mod lease;
pub mod log;
mod neighbours;
mod object;
pub mod observer;
pub mod paths;
mod private_dir;
pub mod ready;
mod report;
mod role;
pub mod run;
mod sealed;
pub mod secret;
pub mod span;
pub mod stamp;
pub mod task;
#[doc(hidden)]
pub mod text;
mod wait;
mod work;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "__bench")]
#[doc(hidden)]
#[path = "bench.rs"]
pub mod __bench;

use std::pin::Pin;

pub use config::Config;
pub use customize::Customization;
pub use decide::Reason;
pub use depends::Deferred;
pub use injector::{InjectionKey, Injector};
pub use layout::Layout;
pub use object::{AnyObject, HasMachine, Object, SetupTasks};
pub use run::{RunContext, TaskContext};
pub use secret::Secret;
pub use task::added::NewTask;
pub use task::extract::{HostObject, Inject, InjectKey, LastRun, ObjectRef, Resource};
pub use task::outcome::Outcome;

/// The result type of tasks and helper methods. By default, its error is any error, with its causes.
pub type Result<T, E = anyhow::Error> = std::result::Result<T, E>;

/// A boxed future that can move to another thread.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

#[doc = include_str!("docs/derive.md")]
pub use setup_tasks_macros::SetupTasks;
#[doc = include_str!("docs/setup_task.md")]
pub use setup_tasks_macros::setup_task;
#[doc = include_str!("docs/setup_tasks.md")]
pub use setup_tasks_macros::setup_tasks;

/// The names that a file with models needs: `use setup_tasks::prelude::*;`
pub mod prelude {
    pub use crate::{LastRun, Object, Outcome, Reason, Result, SetupTasks, TaskContext, setup_task, setup_tasks};
}
