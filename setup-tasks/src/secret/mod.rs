//! Secret values, whose text is replaced in logs, events, diffs, errors, stamps and reports.

mod error;
mod filter;
mod registry;
mod spelling;
mod view;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use error::clean;
pub(crate) use filter::SecretFilter;
pub use filter::{holds, redact, redact_json};
pub(crate) use registry::any;

/// A value that must not be shown, such as a password, a token or a key.
///
/// `Debug` shows nothing of the value, and there is no `Display`. The process remembers the text of
/// each secret for its lifetime. Wherever the text appears in the output of a task or a command, in
/// an event, an error, a panic, a diff, a record or a report, it is replaced by `[secret]`. An
/// error that contains a secret keeps its chain of messages and loses its types. An object whose id
/// or subdir contains a secret is rejected, because both become names of files.
///
/// The text is recognised
///
/// - as it is, and quoted for a shell or escaped as in Rust's `{:?}`, JSON, XML or a URL, with up
///   to three of these nested;
/// - in base64 (both alphabets, also in the middle of a longer text), in hexadecimal, and as a list
///   of decimal numbers;
/// - with terminal colours in the middle, indented, and broken over lines, even if a command writes
///   it in several parts.
///
/// In a secret with several lines, each line of at least 8 bytes is also recognised alone. Shorter
/// lines are recognised only next to the lines before and after them. Texts of less than 4
/// characters are not searched for, because this would replace too much other text.
///
/// A secret serializes as its value, so that templates can use it. Unless the task specifies
/// another mode, only the owner can read a rendered file that contains a secret. If the input text
/// of a hash contains a secret, only the hash is stored.
///
/// The following is not covered:
///
/// - data that does not pass through this process: the arguments in the system's process list (pass
///   a secret to a command by its standard input or its environment), and the log of a
///   [detached](crate::command::TaskCommand::detached) process, which the process writes itself;
/// - other encodings and ciphers;
/// - files that a task writes itself.
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
    /// Wraps a value and registers its text as a secret for the lifetime of the process.
    pub fn new(value: T) -> Self {
        registry::register(value.as_ref());
        Self(value)
    }
}

impl<T> Secret<T> {
    /// Returns the value.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The name under which a [`Secret`] is serialized as a newtype. Templates recognise secrets by it.
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
