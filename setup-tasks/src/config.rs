//! Configuration: defaults, then a TOML file, then environment variables, then code.

mod environment;
mod places;

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The configuration of a layout.
///
/// ```
/// use setup_tasks::Config;
///
/// let config = Config::builder().set(|config| config.base_dir = "/srv/lab".into()).load()?;
/// assert_eq!(config.cache_dir(), std::path::Path::new("/srv/lab/.setup-tasks/cache"));
/// # Ok::<(), setup_tasks::config::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What `inputs` and `outputs` of tasks and the directories below are relative to. Default: the working directory. A
    /// relative one is made absolute when the configuration is loaded or a layout is made with it, so that a task that changes
    /// the working directory moves nothing.
    pub base_dir: PathBuf,
    /// Stamps and what can be made again. Default: `.setup-tasks/cache`.
    pub cache_dir: PathBuf,
    /// Keys, tokens, assignments: what must not be lost. Default: `.setup-tasks/state`.
    pub state_dir: PathBuf,
    /// Logs. Default: `.setup-tasks/log`.
    pub log_dir: PathBuf,
    /// Whether every run is a dry run. Default: no.
    pub dry_run: bool,
    /// Whether slow invalidators are asked. Default: no.
    pub slow_invalidators: bool,
    /// Whether stamps survive a loss of power: each is synced to the disk before it counts. Default: no; the last ones can be
    /// lost then, and their tasks run again.
    pub durable_stamps: bool,
    /// For how many seconds a run waits for another process that runs the same object. Default: 600.
    pub lock_timeout_secs: u64,
    /// How many KiB the log of an attempt holds; of a longer one, the head and the tail are kept. 0 is no limit. Default: 16384.
    pub log_limit_kib: u64,
    /// How many KiB of a command's output are captured; a command that says more fails. 0 is no limit. Default: 16384.
    pub output_limit_kib: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_dir: ".".into(),
            cache_dir: ".setup-tasks/cache".into(),
            state_dir: ".setup-tasks/state".into(),
            log_dir: ".setup-tasks/log".into(),
            dry_run: false,
            slow_invalidators: false,
            durable_stamps: false,
            lock_timeout_secs: 600,
            log_limit_kib: 16 * 1024,
            output_limit_kib: 16 * 1024,
        }
    }
}

impl Config {
    /// Loads configuration from several places.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { file: None, prefix: None, code: Vec::new() }
    }

    /// Returns the same with an absolute base directory, or says why its directories cannot be used.
    pub(crate) fn settled(self) -> Result<Self, ConfigError> {
        places::settle(self)
    }

    /// The directory for stamps and what can be made again.
    pub fn cache_dir(&self) -> PathBuf {
        self.base_dir.join(&self.cache_dir)
    }

    /// The directory for what must not be lost.
    pub fn state_dir(&self) -> PathBuf {
        self.base_dir.join(&self.state_dir)
    }

    /// The directory for logs.
    pub fn log_dir(&self) -> PathBuf {
        self.base_dir.join(&self.log_dir)
    }

    /// Returns the directories that runs write to: they are not inputs of a task that has a directory above them as its input.
    pub(crate) fn own_directories(&self) -> [PathBuf; 3] {
        [self.cache_dir(), self.state_dir(), self.log_dir()]
    }

    /// How long a run waits for another process that runs the same object.
    pub fn lock_timeout(&self) -> Duration {
        Duration::from_secs(self.lock_timeout_secs)
    }

    /// How many bytes the log of an attempt holds; 0 is no limit.
    pub(crate) fn log_limit(&self) -> u64 {
        self.log_limit_kib.saturating_mul(1024)
    }

    /// How many bytes of a command's output are captured; `None` is no limit.
    pub(crate) fn output_limit(&self) -> Option<usize> {
        let limit = usize::try_from(self.output_limit_kib.saturating_mul(1024)).unwrap_or(usize::MAX);
        Some(limit).filter(|limit| *limit > 0)
    }
}

type Edit = Box<dyn FnOnce(&mut Config)>;

/// Loads a [`Config`]: each later place overrides the earlier ones.
pub struct ConfigBuilder {
    file: Option<PathBuf>,
    prefix: Option<String>,
    code: Vec<Edit>,
}

/// Why a configuration cannot be loaded.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{origin}: {problem}\nhelp: {help}")]
pub struct ConfigError {
    origin: String,
    problem: String,
    help: String,
}

impl ConfigError {
    /// Returns an error whose help lists the keys.
    fn of_key(origin: impl Into<String>, problem: impl Into<String>) -> Self {
        let keys: Vec<_> = defaults().keys().cloned().collect();
        Self { origin: origin.into(), problem: problem.into(), help: format!("the keys are {}", keys.join(", ")) }
    }

    /// Returns an error about the directories.
    fn of_places(problem: impl Into<String>) -> Self {
        let help = "give cache_dir, state_dir and log_dir a directory each, beside each other and below no other one that is used; \
                    by default they are in `.setup-tasks` in the base directory";
        Self { origin: "configuration".to_owned(), problem: problem.into(), help: help.to_owned() }
    }
}

impl ConfigBuilder {
    /// Reads a TOML file, which must exist.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads environment variables: with the prefix `LAB`, `LAB_CACHE_DIR` sets `cache_dir`. The value of a path is taken as it
    /// is; a number or a boolean is read from its text.
    pub fn environment(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = Some(prefix.into());
        self
    }

    /// Sets values in code.
    pub fn set(mut self, edit: impl FnOnce(&mut Config) + 'static) -> Self {
        self.code.push(Box::new(edit));
        self
    }

    /// Loads.
    ///
    /// # Errors
    ///
    /// A file that is missing or is not TOML, an unknown key, a value of the wrong type: each names its origin. Directories
    /// for cache, state and logs that are empty, or that are or contain each other or the base directory.
    pub fn load(self) -> Result<Config, ConfigError> {
        let mut values = match &self.file {
            Some(path) => read_file(path)?,
            None => toml::Table::new(),
        };
        if let Some(prefix) = &self.prefix {
            values.extend(environment::read(prefix, std::env::vars_os())?);
        }
        let mut config: Config = values
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::of_key("configuration", error.message()))?;
        self.code.into_iter().for_each(|edit| edit(&mut config));
        config.settled()
    }
}

fn read_file(path: &Path) -> Result<toml::Table, ConfigError> {
    let refuse = |problem: String| ConfigError::of_key(path.display().to_string(), problem);
    let text = std::fs::read_to_string(path).map_err(|error| refuse(format!("cannot be read: {error}")))?;
    // Read as a configuration first, so that an error shows the line.
    let checked: Result<Config, _> = toml::from_str(&text);
    checked.map_err(|error| refuse(error.to_string().trim_end().to_owned()))?;
    toml::from_str(&text).map_err(|error| refuse(error.to_string()))
}

/// Returns every key with its default value.
fn defaults() -> toml::Table {
    // Every field of a configuration has a form in TOML.
    toml::Table::try_from(Config::default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let text = Config::builder().file(file.path()).load().unwrap_err().to_string();
        assert!(text.contains("cache_dri") && text.contains(file.path().to_str().unwrap()), "{text}");
    }

    #[test]
    fn a_value_of_the_wrong_type_names_its_key() {
        let file = file("lock_timeout_secs = 'soon'");
        let text = Config::builder().file(file.path()).load().unwrap_err().to_string();
        assert!(text.contains("lock_timeout_secs"), "{text}");
    }

    #[test]
    fn a_missing_file_is_named() {
        let text = Config::builder().file("/nowhere/config.toml").load().unwrap_err().to_string();
        assert!(text.contains("/nowhere/config.toml"), "{text}");
    }

    #[test]
    fn a_path_in_the_file_is_never_made_of_a_number() {
        let file = file("dry_run = true\ncache_dir = 1.10");
        let text = Config::builder().file(file.path()).load().unwrap_err().to_string();
        assert!(text.contains("line 2") && text.contains("cache_dir"), "{text}");
    }
}
