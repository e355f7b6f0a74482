//! Secrets: values whose text appears in no log, event, diff, error or stamp, whoever says it.

mod error;
mod gate;
mod registry;
mod spelling;
mod view;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use error::clean;
pub(crate) use gate::Gate;
pub use gate::{holds, redact, redact_json};
pub(crate) use registry::any;

/// A value that is not to be shown: a password, a token, a key.
///
/// Its `Debug` shows nothing of it, and it has no `Display`. Beyond that, its text is known to the process from then on: where it
/// appears in what a task or a command says, in an event, an error, a panic, a diff, a record or a report, `[secret]` stands in its
/// place. An error that held it keeps its chain of messages, and loses its types. An object whose id or subdir holds a secret is
/// refused, since both are names of files.
///
/// The text is recognised
///
/// - as it is, and quoted for a shell, escaped as in Rust's `{:?}`, JSON, XML or a URL, up to three of these within each other;
/// - in base64 (both alphabets, also in the middle of a longer text), in hexadecimal, and as a list of decimal numbers;
/// - with colours of a terminal in the middle, indented, and broken over lines, also where a command says it in parts.
///
/// Of a text with several lines, each line of 8 bytes or more is recognised by itself; shorter ones are recognised beside the lines
/// before and after them. Text of less than 4 characters is not looked for: too much else would go with it.
///
/// Serialized, it is its value: that is how it gets into a template. A rendered file that holds a secret is readable by its owner
/// alone unless the task says otherwise. Of a hash text that holds a secret, only a hash is kept.
///
/// Not covered are what the process does not see (arguments in the system's list of processes: hand a secret to a command by its
/// standard input or its environment; the log of a [detached](crate::command::TaskCommand::detached) process, which writes it
/// itself), other encodings and ciphers, and what a task itself writes into files.
///
/// ```
/// use setup_tasks::{Secret, prelude::*};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "database")]
/// struct Database { password: Secret<String> }
///
/// #[setup_tasks]
/// impl Database {
///     #[setup_task("Set the password")]
///     async fn set_password(&self, cx: &TaskContext) -> Result<()> {
///         cx.command("cat").stdin(self.password.expose().as_str()).run().await?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// let database = layout.add(Database { password: Secret::new("correct horse".to_owned()) })?;
/// database.run_setup_tasks().await?;
/// let log = &setup_tasks::log::logs_of(database.as_any(), None)?[0];
/// assert!(std::fs::read_to_string(&log.path)?.contains("$ cat\n[secret]\n"));
/// # Ok(()) }
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Secret<T>(T);

impl<T: AsRef<str>> Secret<T> {
    /// Makes a value a secret.
    pub fn new(value: T) -> Self {
        registry::register(value.as_ref());
        Self(value)
    }
}

impl<T> Secret<T> {
    /// The value, to be used.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The name of the newtype that a [`Secret`] is to serde, by which templates know that a text is one.
#[doc(hidden)]
pub const SERDE_NAME: &str = "$setup_tasks::Secret";

impl<T: Serialize> Serialize for Secret<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_newtype_struct(SERDE_NAME, &self.0)
    }
}

impl<'de, T: Deserialize<'de> + AsRef<str>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        T::deserialize(deserializer).map(Self::new)
    }
}
