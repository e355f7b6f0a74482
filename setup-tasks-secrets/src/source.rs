//! The place of a secret.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use setup_tasks::Secret;
use setup_tasks::error::Excerpt;
use setup_tasks::secret::redact;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::SecretError;

/// The time that a command has. It can ask its user for a passphrase.
const LIMIT: Duration = Duration::from_mins(2);
/// The greatest length of a secret, in bytes.
const LONGEST: usize = 1 << 20;

/// The place of a secret, which is read when it is first needed, and once per process. Clones share the value.
///
/// One line break at the end is not a part of the secret. `Debug` and errors show the place, and never the value.
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks_secrets::SecretSource;
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "database")]
/// struct Database { password: SecretSource }
///
/// #[setup_tasks]
/// impl Database {
///     #[setup_task("Set the password")]
///     async fn set_password(&self, cx: &TaskContext) -> Result<()> {
///         let password = self.password.get().await?;
///         cx.command("cat").stdin(password.expose().as_str()).run().await?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<()> {
/// let layout = setup_tasks::Layout::in_memory()?;
/// layout.add(Database { password: SecretSource::command(["echo", "correct horse"]) })?;
/// layout.run().await?;
/// # Ok(()) }
/// ```
///
/// In a site's file, a source is a table with one key:
///
/// ```toml
/// password = { env = "DB_PASSWORD" }
/// token = { file = "/run/secrets/token" }
/// key = { command = ["pass", "show", "lab/key"] }
/// ```
#[derive(Clone)]
pub struct SecretSource {
    place: Arc<Place>,
    value: Arc<OnceCell<Secret<String>>>,
}

/// The place of a secret, as a file names it.
#[derive(Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
enum Place {
    Env(String),
    File(PathBuf),
    Command(Vec<String>),
}

impl SecretSource {
    /// Returns the value of an environment variable.
    pub fn env(name: impl Into<String>) -> Self {
        Self::at(Place::Env(name.into()))
    }

    /// Returns the text of a file.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self::at(Place::File(path.into()))
    }

    /// Returns the standard output of a command, such as `["pass", "show", "lab/database"]` or `["sops", "decrypt", "--extract", …]`. The
    /// command has no standard input, and 2 minutes.
    pub fn command<W: Into<String>>(words: impl IntoIterator<Item = W>) -> Self {
        Self::at(Place::Command(words.into_iter().map(Into::into).collect()))
    }

    fn at(place: Place) -> Self {
        Self { place: Arc::new(place), value: Arc::default() }
    }

    /// Returns the secret, and reads it if this is the first call. After an error, the next call reads again.
    ///
    /// # Errors
    ///
    /// [`SecretError`] if the place does not exist or cannot be read, or if the secret is empty or not UTF-8.
    pub async fn get(&self) -> Result<Secret<String>, SecretError> {
        self.value.get_or_try_init(|| self.read()).await.cloned()
    }

    async fn read(&self) -> Result<Secret<String>, SecretError> {
        let bytes = match &*self.place {
            Place::Env(name) => from_environment(name)?,
            Place::File(path) => from_file(path).await?,
            Place::Command(words) => from_command(words).await?,
        };
        let place = || self.to_string();
        if bytes.len() > LONGEST {
            return Err(SecretError::TooLong { place: place(), longest: LONGEST });
        }
        let mut text = String::from_utf8(bytes).map_err(|_| SecretError::NotText { place: place() })?;
        let end = text.strip_suffix('\n').map(|text| text.strip_suffix('\r').unwrap_or(text).len());
        text.truncate(end.unwrap_or(text.len()));
        if text.is_empty() { Err(SecretError::Empty { place: place() }) } else { Ok(Secret::new(text)) }
    }
}

fn from_environment(name: &str) -> Result<Vec<u8>, SecretError> {
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(SecretError::Name { name: name.to_owned() });
    }
    let value = std::env::var_os(name).ok_or_else(|| SecretError::Unset { name: name.to_owned() })?;
    Ok(value.into_encoded_bytes())
}

async fn from_file(path: &Path) -> Result<Vec<u8>, SecretError> {
    use std::io::Read;

    let (from, path) = (path.to_owned(), path.to_owned());
    let limit = u64::try_from(LONGEST).unwrap_or(u64::MAX) + 1;
    // A file on a device that blocks does not hold up the other tasks.
    let read = tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        std::fs::File::open(from)?.take(limit).read_to_end(&mut bytes).map(|_| bytes)
    });
    let read = read.await.unwrap_or_else(|error| Err(std::io::Error::other(error)));
    read.map_err(|source| SecretError::File { path, source })
}

async fn from_command(words: &[String]) -> Result<Vec<u8>, SecretError> {
    let line = words.join(" ");
    let Some((program, args)) = words.split_first().filter(|(program, _)| !program.is_empty()) else {
        return Err(SecretError::NoCommand);
    };
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let output = match tokio::time::timeout(LIMIT, command.output()).await {
        Ok(output) => output.map_err(|source| SecretError::Start { command: line.clone(), source })?,
        Err(_) => return Err(SecretError::TimedOut { command: line, limit: LIMIT }),
    };
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = Excerpt::new(redact(&String::from_utf8_lossy(&output.stderr)).into_owned());
    Err(SecretError::Failed { command: line, status: output.status, stderr })
}

impl fmt::Display for SecretSource {
    /// Writes the place.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.place {
            Place::Env(name) => write!(f, "environment variable {name}"),
            Place::File(path) => write!(f, "file `{}`", path.display()),
            Place::Command(words) => write!(f, "command `{}`", words.join(" ")),
        }
    }
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretSource({self})")
    }
}

/// Sources are equal if their places are.
impl PartialEq for SecretSource {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl Eq for SecretSource {}

impl<'de> Deserialize<'de> for SecretSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Place::deserialize(deserializer).map(Self::at)
    }
}
