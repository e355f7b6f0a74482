//! Configuration from four sources: defaults, a TOML file, environment variables and code.

mod directories;
mod discovery;
mod environment;
mod store;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use discovery::work_in;
use serde::{Deserialize, Serialize};
pub use store::{chosen_host, use_host, use_store};

use crate::error::Excerpt;
use crate::error_help;

/// The configuration of a layout.
///
/// ```
/// use setup_tasks::Config;
///
/// let config = Config::builder().set(|config| config.base_dir = "/srv/lab".into()).load()?;
/// assert_eq!(config.cache_dir(), std::path::Path::new("/srv/lab/.setup-tasks/cache"));
/// # Ok::<(), setup_tasks::config::ConfigError>(())
/// ```
///
/// Later versions may add keys. Code therefore starts from [`new`](Self::new) or `default`, and
/// edits fields:
///
/// ```
/// use setup_tasks::Config;
///
/// let config = Config::new("/srv/lab").with(|config| config.lease_timeout_secs = 20);
/// assert_eq!(config.lease_timeout().as_secs(), 20);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
#[expect(clippy::struct_excessive_bools, reason = "each is an independent key")]
pub struct Config {
    /// The base of relative `inputs` and `outputs` of tasks and of the directories below. Default:
    /// the working directory.
    ///
    /// [`ConfigBuilder::load`] searches for the default. It takes the nearest directory, upwards from
    /// the working directory, with the configuration's file. Without a file, it takes the nearest
    /// directory with a `.setup-tasks` that belongs to the user. The search ends at the home
    /// directory. A relative base in the file is relative to the directory of the file.
    ///
    /// A relative base is made absolute when the configuration is loaded or a layout is created
    /// with it. A later change of the working directory therefore has no effect.
    pub base_dir: PathBuf,
    /// The directory for stamps and other data that can be created again. Default:
    /// `.setup-tasks/cache`.
    pub cache_dir: PathBuf,
    /// The directory for data that must not be lost, such as keys, tokens and assignments. Default:
    /// `.setup-tasks/state`.
    pub state_dir: PathBuf,
    /// The directory for logs. Default: `.setup-tasks/log`.
    pub log_dir: PathBuf,
    /// The address of a store that several operators or hosts share, such as `postgres://site@db/site`. Default: empty, for the
    /// embedded store in the cache directory. A crate adds the addresses with a scheme to a program; see
    /// [`StoreScheme`](crate::stamp::StoreScheme).
    pub store: String,
    /// The hosts on which objects run if several hosts share the store: a table from ids, or patterns of ids (`*`, `?`, `[ab]`), to
    /// names of hosts. An id comes before patterns, and a longer pattern before a shorter one. Default: empty. See
    /// [`ObjectBuilder::on`](crate::layout::ObjectBuilder::on).
    pub placement: BTreeMap<String, String>,
    /// Whether all hosts that share the store see the same files in the directories below and in the base directory. Objects are then
    /// not bound to the host where their files are. Default: no.
    pub shared_files: bool,
    /// Whether every run is a dry run. Default: no.
    pub dry_run: bool,
    /// Whether every run verifies: asks observers that are not cheap, such as machines, and calls slow
    /// invalidators. Default: no.
    pub verify: bool,
    /// Whether each stamp is synced to the disk before it is used, so that it survives a power
    /// loss. Default: no. The latest stamps may then be lost, and their tasks run again.
    pub durable_stamps: bool,
    /// The number of seconds for which a run waits for another process that is running the same
    /// object. Default: 600.
    pub lease_timeout_secs: u64,
    /// The maximum size of the log of an attempt, in KiB. A longer log keeps its head and its tail.
    /// 0 means no limit. Default: 16384.
    pub log_limit_kib: u64,
    /// The maximum size of a command's captured output, in KiB. A command that writes more fails. 0
    /// means no limit. Default: 16384.
    pub output_limit_kib: u64,
    /// The commands and web addresses that the command line notifies at the end of a run that failed or changed something. Default:
    /// none. An environment variable contains one per line.
    pub notify: Vec<String>,
    /// Binaries of the agent for machines, by architecture, such as `{ aarch64 = "agents/aarch64" }`. They take precedence over
    /// those that `agents build` made. They count for all layouts of the process. Default: none.
    pub agents: BTreeMap<String, PathBuf>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_dir: ".".into(),
            cache_dir: ".setup-tasks/cache".into(),
            state_dir: ".setup-tasks/state".into(),
            log_dir: ".setup-tasks/log".into(),
            store: String::new(),
            placement: BTreeMap::new(),
            shared_files: false,
            dry_run: false,
            verify: false,
            durable_stamps: false,
            lease_timeout_secs: 600,
            log_limit_kib: 16 * 1024,
            output_limit_kib: 16 * 1024,
            notify: Vec::new(),
            agents: BTreeMap::new(),
        }
    }
}

impl Config {
    /// Returns the default configuration with a base directory.
    pub fn new(base_dir: impl Into<PathBuf>) -> Self {
        Self { base_dir: base_dir.into(), ..Self::default() }
    }

    /// Edits fields, and returns the configuration.
    #[must_use]
    pub fn with(mut self, edit: impl FnOnce(&mut Self)) -> Self {
        edit(&mut self);
        self
    }

    /// Returns a builder that loads the configuration from several sources.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { file: None, prefix: None, code: Vec::new() }
    }

    /// Returns the configuration with an absolute base directory, or an error if its directories
    /// cannot be used.
    pub(crate) fn validated(self) -> Result<Self, ConfigError> {
        directories::validate(self)
    }

    /// Returns the directory for stamps and other data that can be created again.
    pub fn cache_dir(&self) -> PathBuf {
        self.base_dir.join(&self.cache_dir)
    }

    /// Returns the directory for data that must not be lost.
    pub fn state_dir(&self) -> PathBuf {
        self.base_dir.join(&self.state_dir)
    }

    /// Returns the directory for logs.
    pub fn log_dir(&self) -> PathBuf {
        self.base_dir.join(&self.log_dir)
    }

    /// Returns the directories to which runs write. They are excluded from the inputs of tasks.
    pub(crate) fn own_directories(&self) -> [PathBuf; 3] {
        [self.cache_dir(), self.state_dir(), self.log_dir()]
    }

    /// Returns how long a run waits for another process that is running the same object.
    pub fn lease_timeout(&self) -> Duration {
        Duration::from_secs(self.lease_timeout_secs)
    }

    /// Returns the maximum number of bytes of an attempt's log, or 0 for no limit.
    pub(crate) fn log_limit(&self) -> u64 {
        self.log_limit_kib.saturating_mul(1024)
    }

    /// Returns the maximum number of bytes of a command's captured output, or `None` for no limit.
    pub(crate) fn output_limit(&self) -> Option<usize> {
        let limit = usize::try_from(self.output_limit_kib.saturating_mul(1024)).unwrap_or(usize::MAX);
        Some(limit).filter(|limit| *limit > 0)
    }
}

/// The former names of keys, with their present ones.
const FORMER_KEYS: [(&str, &str); 2] = [("expensive_checks", "verify"), ("slow_invalidators", "verify")];

type Edit = Box<dyn FnOnce(&mut Config)>;

/// A loader of a [`Config`]. Environment variables override the file, and code overrides both.
#[must_use = "a builder does nothing until `load`"]
pub struct ConfigBuilder {
    file: Option<PathBuf>,
    prefix: Option<String>,
    code: Vec<Edit>,
}

impl std::fmt::Debug for ConfigBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfigBuilder").field("file", &self.file).field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// The error of a configuration that cannot be loaded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{origin}: {problem}")]
pub struct ConfigError {
    origin: String,
    problem: String,
    help: String,
    /// The report of the parser, with the lines of the file.
    #[source]
    report: Option<Excerpt>,
}

error_help!(ConfigError);

impl ConfigError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        Some((&*self.help).into())
    }

    /// Creates an error about a key that has another name now.
    fn of_former_key(origin: impl Into<String>, key: &str, present: &str) -> Self {
        let (problem, help) = (format!("the key `{key}` is now `{present}`"), format!("write `{present}` instead"));
        Self { origin: origin.into(), problem, help, report: None }
    }

    /// Creates an error whose help lists the keys.
    fn of_key(origin: impl Into<String>, problem: impl Into<String>) -> Self {
        let keys: Vec<_> = defaults().keys().cloned().collect();
        let help = format!("the keys are {}", keys.join(", "));
        Self { origin: origin.into(), problem: problem.into(), help, report: None }
    }

    /// Creates an error about the store.
    pub(crate) fn of_store(problem: impl Into<String>, help: impl Into<String>) -> Self {
        Self { origin: "configuration".to_owned(), problem: problem.into(), help: help.into(), report: None }
    }

    /// Creates an error about the directories.
    fn of_directories(problem: impl Into<String>) -> Self {
        let help = "give cache_dir, state_dir and log_dir separate directories, none of which contains another or the base \
                    directory; the defaults are in `.setup-tasks` in the base directory";
        let (origin, help) = ("configuration".to_owned(), help.to_owned());
        Self { origin, problem: problem.into(), help, report: None }
    }
}

impl ConfigBuilder {
    /// Sets a TOML file to read, which must exist. A relative path is searched for in the working
    /// directory and in the directories above it, up to the home directory. See
    /// [`Config::base_dir`].
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads environment variables with a prefix. With the prefix `LAB`, `LAB_CACHE_DIR` sets
    /// `cache_dir`. A path is used literally. Numbers and booleans are parsed.
    pub fn environment(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Adds a function that sets values. Such functions run last, in the order of adding.
    pub fn set(mut self, edit: impl FnOnce(&mut Config) + 'static) -> Self {
        self.code.push(Box::new(edit));
        self
    }

    /// Loads the configuration.
    ///
    /// # Errors
    ///
    /// If the file is missing or not TOML, a key is unknown, or a value has the wrong type. Each of
    /// these errors names its source. Also if a directory for cache, state or logs is empty, equals
    /// another one or the base directory, or contains one of them.
    pub fn load(self) -> Result<Config, ConfigError> {
        let project = discovery::project(self.file.as_deref());
        let mut values = match &self.file {
            Some(path) => read_file(&project, path)?,
            None => toml::Table::new(),
        };
        let environment = match &self.prefix {
            Some(prefix) => environment::read(prefix, std::env::vars_os())?,
            None => toml::Table::new(),
        };
        let is_base_from_environment = environment.contains_key("base_dir");
        values.extend(environment);
        let mut config: Config = values
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::of_key("configuration", error.message()))?;
        if !is_base_from_environment {
            config.base_dir = project.join(config.base_dir);
        }
        self.code.into_iter().for_each(|edit| edit(&mut config));
        config.validated()
    }
}

fn read_file(project: &Path, path: &Path) -> Result<toml::Table, ConfigError> {
    let refuse = |problem: String| ConfigError::of_key(path.display().to_string(), problem);
    let text = std::fs::read_to_string(project.join(path)).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound if path.is_relative() => {
            refuse("cannot be found in the working directory or in a directory above it".to_owned())
        }
        _ => refuse(format!("cannot be read: {error}")),
    })?;
    let unparsed = |error: toml::de::Error| ConfigError {
        report: Excerpt::new(error.to_string()),
        ..refuse("cannot be used as a configuration".to_owned())
    };
    if let Ok(table) = toml::from_str::<toml::Table>(&text)
        && let Some((key, present)) = FORMER_KEYS.iter().find(|(key, _)| table.contains_key(*key))
    {
        return Err(ConfigError::of_former_key(path.display().to_string(), key, present));
    }
    // A configuration is parsed first, so that an error contains the line.
    toml::from_str::<Config>(&text).map_err(unparsed)?;
    toml::from_str(&text).map_err(unparsed)
}

/// Returns all keys with their default values.
fn defaults() -> toml::Table {
    // Every field of a configuration can be represented in TOML.
    toml::Table::try_from(Config::default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::explain;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".toml").tempfile().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn code_overrides_the_file_which_overrides_the_defaults() {
        let file = file("cache_dir = 'c'\nlog_dir = 'l'\ndry_run = true");
        let config = Config::builder().file(file.path()).set(|c| c.log_dir = "code".into()).load().unwrap();
        assert_eq!((config.cache_dir, config.log_dir, config.dry_run), ("c".into(), "code".into(), true));
        assert_eq!(config.state_dir, Config::default().state_dir);
    }

    #[test]
    fn an_unknown_key_is_named_with_its_file() {
        let file = file("cache_dri = 'c'");
        let text = explain(&Config::builder().file(file.path()).load().unwrap_err());
        assert!(text.contains("cache_dri") && text.contains(file.path().to_str().unwrap()), "{text}");
    }

    #[test]
    fn a_former_key_is_refused_with_its_present_name() {
        for key in ["slow_invalidators", "expensive_checks"] {
            let file = file(&format!("{key} = true"));
            let text = explain(&Config::builder().file(file.path()).load().unwrap_err());
            let at = file.path().display();
            assert_eq!(text, format!("{at}: the key `{key}` is now `verify`\nhelp: write `verify` instead"));
        }
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_key() {
        let file = file("lease_timeout_secs = 'soon'");
        let text = explain(&Config::builder().file(file.path()).load().unwrap_err());
        assert!(text.contains("lease_timeout_secs"), "{text}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let text = explain(&Config::builder().file("/nowhere/config.toml").load().unwrap_err());
        assert!(text.contains("/nowhere/config.toml"), "{text}");
    }

    #[test]
    fn a_path_in_the_file_is_never_made_of_a_number() {
        let file = file("dry_run = true\ncache_dir = 1.10");
        let text = explain(&Config::builder().file(file.path()).load().unwrap_err());
        assert!(text.contains("line 2") && text.contains("cache_dir"), "{text}");
    }
}
