//! The command line of [setup-tasks](setup_tasks), for a binary of your own:
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
//! `hosts up` then runs what must run, with progress on a terminal; `hosts plan` says what would run and why, `hosts why
//! web/packages` the chain of causes, `hosts --help` all the rest. A binary with options or commands of its own makes an
//! [`App`].
//!
//! | exit code | says |
//! |---|---|
//! | 0 | all is as it should be |
//! | 1 | something failed, or an output could not be written |
//! | 2 | the command line is wrong, or names what is not there |
//! | 3 | `plan --exit-code`: something would change |
//! | 130 | a Ctrl-C ended it early |
//! | 128 + n | signal n ended it: 129 SIGHUP, 131 SIGQUIT, 143 SIGTERM |
//!
//! The first Ctrl-C lets the tasks that run come to their end, and begins no other. A second one stops at once, and so do SIGTERM,
//! SIGHUP and SIGQUIT: every command that tasks and checks started ends, too. A command line that runs no tasks stops at once at the
//! first Ctrl-C. Ctrl-Z stops and continues commands together with the run. None leaves a stamp that is not true: what was
//! interrupted runs again.
//!
//! An output that cannot be written, as on a full disk, is an error. A closed pipe is none.

mod app;
mod args;
mod causes;
mod commands;
mod exit;
mod graph;
mod interrupt;
mod logging;
mod output;
mod progress;
mod start;

pub use app::{App, NoOptions, Session};
pub use logging::TaskLogs;

use std::process::ExitCode;

use setup_tasks::{Layout, Result};

/// Does what the command line says with the layout that `build` makes; see the [crate's page](crate).
pub fn main(build: impl Fn() -> Result<Layout> + 'static) -> ExitCode {
    App::new(build).run()
}
