//! Tera templates as setup tasks.
//!
//! A [`TemplateTask`] is a [kind of task](setup_tasks::task::TaskKind): a constant of a model's block. It renders a template with the
//! model into a file under the object's `stamp_path`, and runs again when the rendering changes. [`template!`] embeds the template
//! and checks it. [`InstallTemplates`] copies rendered files into the filesystem of a machine.
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
//! In a template, `instance` is the model, as serde serializes it. Nothing is escaped. An undefined variable is an error. The filters
//! and functions are those of Tera.
//!
//! A rendering is the same in every process: structs, `BTreeMap`, `IndexMap` and `serde_json` values keep their order; other maps,
//! such as `HashMap`, are sorted by their keys, and hashed sets by their elements. An [`Object`](setup_tasks::Object) is
//! serialized as its model.

#![warn(missing_docs, missing_debug_implementations)]

mod drift;
mod engine;
mod error;
mod file_record;
mod filesystem;
mod install;
mod masking;
mod mode;
mod output;
mod owners;
mod rooted_directory;
mod task;
mod template;
mod value;
mod value_cache;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use error::TemplateError;
pub use filesystem::{
    ExpectedFile, FileAttributes, FileKind, FileStat, FileState, Filesystem, FilesystemAccess, InstallError,
};
pub use install::InstallTemplates;
pub use rooted_directory::RootedDirectory;
pub use task::{TEMPLATE_DIRECTORY, TemplateTask};
pub use template::Template;

/// Embeds a template and checks it at compile time:
/// `template!("dnsmasq.conf.tera", "partials/", lease = "12h", network: NETWORK)`.
///
/// The first file is the template. The files and directories behind it are those that it extends, includes or takes components
/// from. Templates refer to each by its path here, such as `partials/header.tera`. As with `include_str!`, paths start from the
/// directory of the source file. Temporary files of editors (`.#x`, `#x#`, `x~`, `.x.swp`) in a directory are left out.
///
/// The remaining arguments are the template's variables besides `instance`: `name = value`, or `name: KEY` for a value of the
/// object's injector. The model and `value` are serialized for each rendering. A value of the injector is serialized once, so a
/// value that changes internally belongs in the model.
///
/// # Errors
///
/// These mistakes are compile errors, with the line in the template: a mistake in the syntax, an unknown filter, an unknown template
/// or component, a variable without a value. A file that is missing, is not UTF-8 or cannot be read is one as well. (The compiler
/// notices a new file in a directory when it next compiles the crate.)
pub use setup_tasks_templates_macros::template;
