//! A command line of [setup-tasks](setup_tasks) for your own binary:
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use setup_tasks::{Config, Layout, prelude::*};
//!
//! #[derive(SetupTasks)]
//! #[setup_tasks(subdir = "hosts/{name}")]
//! struct Host { name: String }
//!
//! #[setup_tasks]
//! impl Host {
//!     #[setup_task("Install the packages")]
//!     async fn packages(&self, cx: &TaskContext) -> Result<()> {
//!         cx.command("apt-get").args(["install", "-y", "nginx-light"]).run().await?;
//!         Ok(())
//!     }
//! }
//!
//! fn build_layout() -> Result<Layout> {
//!     let layout = Layout::new(Config::builder().environment("HOSTS").load()?);
//!     layout.add(Host { name: "web".into() })?;
//!     Ok(layout)
//! }
//!
//! fn main() -> ExitCode {
//!     setup_tasks_cli::main(build_layout)
//! }
//! ```
//!
//! `hosts up` runs what must run and shows its progress. `hosts plan` shows what would run and why. `hosts why web/packages`
//! shows the chain of causes, and `hosts --help` lists all commands. A binary with its own options or commands creates an
//! [`App`].
//!
//! | exit code | meaning |
//! |---|---|
//! | 0 | everything is up to date |
//! | 1 | something failed, or an output could not be written |
//! | 2 | the command line is wrong, or names something that does not exist |
//! | 3 | `plan --exit-code`: a task would run |
//! | 130 | Ctrl-C ended the run early |
//! | 128 + n | signal n ended it: 129 SIGHUP, 131 SIGQUIT, 143 SIGTERM |
//!
//! The first Ctrl-C waits for running tasks to end and starts no others. A second Ctrl-C, SIGTERM, SIGHUP and SIGQUIT stop at
//! once and end all commands that tasks and checks started. A command that runs no tasks stops at the first Ctrl-C. Ctrl-Z stops
//! and continues commands together with the run. No signal leaves a wrong stamp: interrupted tasks run again.
//!
//! Output that cannot be written, for example to a full disk, is an error. A closed pipe is not.

#![warn(missing_docs, missing_debug_implementations)]

mod app;
mod args;
mod causes;
mod commands;
mod complete;
mod exit;
mod former;
mod global;
mod graph;
mod interrupt;
pub mod linked;
mod log_reader;
mod logging;
mod notifying;
mod output;
mod progress;
mod start;
mod telemetry;
mod watched;

#[doc(hidden)]
#[path = "parts.rs"]
pub mod __parts;

pub use app::{App, NoOptions, Session};
pub use logging::TaskLogs;

use std::process::ExitCode;

use setup_tasks::{Layout, Result};

/// Runs the command of the process's command line with the layout that `build` returns. See the [crate's page](crate).
pub fn main(build: impl Fn() -> Result<Layout> + 'static) -> ExitCode {
    App::new(build).run()
}
