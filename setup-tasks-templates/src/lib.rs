//! Tera templates as setup tasks.
//!
//! A [`TemplateTask`] is a [kind of task](setup_tasks::task::TaskKind): a constant of a model's block. It renders a template, embedded
//! and checked by [`template!`], over the model into a file under the object's `stamp_path`, and again when what it renders
//! changes. [`InstallTemplates`] copies what was rendered into the filesystem of a machine.
//!
//! ```
//! use serde::Serialize;
//! use setup_tasks::{InjectionKey, prelude::*};
//! use setup_tasks_templates::{TemplateTask, template};
//!
//! const DOMAIN: InjectionKey<String> = InjectionKey::named("domain");
//!
//! #[derive(SetupTasks, Serialize)]
//! #[setup_tasks(subdir = "hosts/{name}")]
//! struct Host { name: String, addresses: Vec<String> }
//!
//! #[setup_tasks]
//! impl Host {
//!     /// Render the table of hosts
//!     #[setup_task]
//!     const HOSTS: TemplateTask = TemplateTask::new(template!("docs/hosts.tera", domain: DOMAIN, comment = "Made by us"));
//! }
//!
//! # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
//! let layout = setup_tasks::Layout::in_memory()?;
//! layout.injector().provide(DOMAIN, "lab.example".to_owned())?;
//! let host = layout.add(Host { name: "gw".into(), addresses: vec!["10.0.0.1".into(), "::1".into()] })?;
//! host.run_setup_tasks().await?;
//! let text = std::fs::read_to_string(host.stamp_path()?.join("hosts"))?;
//! assert_eq!(text, "# Made by us\n10.0.0.1 gw.lab.example gw\n::1 gw.lab.example gw\n");
//! # Ok(()) }
//! ```
//!
//! The template `docs/hosts.tera`, beside this file:
//!
//! ```text
#![doc = include_str!("docs/hosts.tera")]
//! ```
//!
//! In a template, `instance` is the model, as serde serializes it. Nothing is escaped. What is not defined is an error. Filters
//! and functions are those of Tera itself.
//!
//! A rendering is the same in every process: structs, `BTreeMap`, `IndexMap` and `serde_json` values keep their order; other maps,
//! such as `HashMap`, are sorted by their keys, and hashed sets by their elements. An [`Object`](setup_tasks::Object) is
//! serialized as its model.

mod disguise;
mod engine;
mod error;
mod filesystem;
mod install;
mod kept;
mod output;
mod shared;
mod task;
mod template;
mod value;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use error::TemplateError;
pub use filesystem::{Filesystem, FilesystemAccess, InstallError, RootedDirectory};
pub use install::InstallTemplates;
pub use task::{TEMPLATE_DIRECTORY, TemplateTask};
pub use template::Template;

/// Embeds a template, and checks it at compile time:
/// `template!("dnsmasq.conf.tera", "partials/", lease = "12h", network: NETWORK)`.
///
/// The first file is the template; then come files, or directories with all that is in them, that it extends, includes or takes
/// components from, each called as it is written here (`partials/header.tera`). All are found from the directory of the source
/// file, as with `include_str!`. Then comes what the template uses besides `instance`: `name = value`, or `name: KEY` for a
/// value that is asked for at the object's injector when the template is rendered. The model and `value` are serialized each
/// time; a value of the injector once, for all that is rendered with it (what changes within itself belongs into the model).
/// Files that editors keep beside those that are edited (`.#x`, `#x#`, `x~`, `.x.swp`) are left out of a directory.
///
/// # Errors
///
/// At compile time: a file that is not there, a mistake in a template's syntax, an unknown filter, an unknown template or
/// component, a variable that nothing provides, each with the template's line; a file that is not UTF-8 or cannot be read. (A file that is new in a directory is seen when
/// this crate is next compiled.)
pub use setup_tasks_templates_macros::template;
