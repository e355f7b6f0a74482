//! Configuration: defaults, then a TOML file, then environment variables, then code.

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
/// # Ok::<(), setup_tasks::ConfigError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What `inputs` and `outputs` of tasks and the directories below are relative to. Default: the working directory.
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
    pub expensive_checks: bool,
    /// Whether stamps survive a loss of power: each is synced to the disk before it counts. Default: no; the last ones can be
    /// lost then, and their tasks run again.
    pub durable_stamps: bool,
    /// For how many seconds a run waits for another process that runs the same object. Default: 600.
    pub lock_timeout_secs: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_dir: ".".into(),
            cache_dir: ".setup-tasks/cache".into(),
            state_dir: ".setup-tasks/state".into(),
            log_dir: ".setup-tasks/log".into(),
            dry_run: false,
            expensive_checks: false,
            durable_stamps: false,
            lock_timeout_secs: 600,
        }
    }
}

impl Config {
    /// Loads configuration from several places.
    pub fn builder() -> ConfigBuilder {
        ConfigBuilder { file: None, prefix: None, code: Vec::new() }
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

    /// How long a run waits for another process that runs the same object.
    pub fn lock_timeout(&self) -> Duration {
        Duration::from_secs(self.lock_timeout_secs)
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
#[derive(Debug, thiserror::Error)]
#[error(
    "{origin}: {problem}\nhelp: the keys are base_dir, cache_dir, state_dir, log_dir, dry_run, expensive_checks, durable_stamps, lock_timeout_secs"
)]
pub struct ConfigError {
    origin: String,
    problem: String,
}

impl ConfigBuilder {
    /// Reads a TOML file, which must exist.
    pub fn file(mut self, path: impl Into<PathBuf>) -> Self {
        self.file = Some(path.into());
        self
    }

    /// Reads environment variables: with the prefix `LAB`, `LAB_CACHE_DIR` sets `cache_dir`.
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
    /// A file that is missing or is not TOML, an unknown key, a value of the wrong type: each names its origin.
    pub fn load(self) -> Result<Config, ConfigError> {
        let mut sources = config::Config::builder();
        if let Some(path) = &self.file {
            sources = sources.add_source(toml_file(path));
            check(sources.clone(), || path.display().to_string())?;
        }
        if let Some(prefix) = &self.prefix {
            let variables = config::Environment::with_prefix(prefix).prefix_separator("_").try_parsing(true);
            sources = sources.add_source(variables);
            check(sources.clone(), || format!("environment variables {}_*", prefix.to_uppercase()))?;
        }
        let mut config = check(sources, || "configuration".to_owned())?;
        self.code.into_iter().for_each(|edit| edit(&mut config));
        Ok(config)
    }
}

fn toml_file(path: &Path) -> config::File<config::FileSourceFile, config::FileFormat> {
    config::File::from(path).format(config::FileFormat::Toml)
}

/// Loads what there is so far, so that an error has one origin.
fn check(
    sources: config::ConfigBuilder<config::builder::DefaultState>,
    origin: impl FnOnce() -> String,
) -> Result<Config, ConfigError> {
    sources
        .build()
        .and_then(config::Config::try_deserialize)
        .map_err(|error| ConfigError { origin: origin(), problem: error.to_string() })
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
}
