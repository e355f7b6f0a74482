//! Sources of [secrets](setup_tasks::Secret) for models of [setup-tasks](setup_tasks).
//!
//! A [`SecretSource`] names the place of a secret: an environment variable, a file, or a command such as `pass` or `sops`. The secret is read
//! when it is first needed, so a run in which no task needs it works without it.

#![warn(missing_docs, missing_debug_implementations)]

mod error;
mod source;
#[cfg(test)]
mod tests;

pub use error::SecretError;
pub use source::SecretSource;
