//! The cache, state and log directories of an object.

use std::borrow::Cow;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::config::{Config, ConfigError};
use crate::error_help;
use crate::private_dir::{Identity, PrivateDir, RESERVED, Roots, help, is_in_place};

/// The error of a path of an object that is not available.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The operating system returned an error.
    #[error("cannot {action} `{}`", path.display())]
    Io {
        /// The operation.
        action: &'static str,
        /// The path of the operation.
        path: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// The subdir is not a plain relative path.
    #[error("the subdir {subdir:?} {problem}")]
    Subdir {
        /// The subdir of the model.
        subdir: String,
        /// The problem with it.
        problem: &'static str,
    },
    /// A directory was removed, moved or replaced during the run.
    #[error("`{}` was removed, moved or replaced while the run used it: the data in it is lost", path.display())]
    Moved {
        /// The directory.
        path: PathBuf,
    },
    /// The configuration of the object's injector cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

error_help!(PathError);

impl PathError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Io { source, .. } => Some(help(source).into()),
            Self::Subdir { .. } => Some(
                "a subdir is a relative path such as `hosts/gateway`; see `#[setup_tasks(subdir = \"…\")]` of its type"
                    .into(),
            ),
            Self::Moved { .. } => Some("restore it, or run again".into()),
            Self::Config(error) => error.help(),
        }
    }
}

/// Returns a subdir in its normal form, without `.` components and doubled or trailing slashes.
pub(crate) fn normal_subdir(subdir: &str) -> Result<String, PathError> {
    if is_normal(subdir) {
        return Ok(subdir.to_owned());
    }
    let refuse = |problem| Err(PathError::Subdir { subdir: subdir.to_owned(), problem });
    if subdir.contains('\0') {
        return refuse("contains a NUL byte");
    }
    let mut parts = Vec::new();
    for component in Path::new(subdir).components() {
        match component {
            Component::Normal(part) => parts.extend(part.to_str()),
            Component::CurDir => {}
            Component::ParentDir => return refuse("contains `..`"),
            Component::RootDir | Component::Prefix(_) => return refuse("is absolute"),
        }
    }
    if parts.iter().any(|part| part.len() > MAX_NAME) {
        return refuse("has a component of more than 255 bytes, which is too long for the name of a directory");
    }
    if parts.iter().any(|part| is_stamp_file(part)) {
        return refuse("has a component that is named like a stamp file");
    }
    match parts.first() {
        None => refuse("is empty"),
        Some(&RESERVED) => refuse("is reserved for files of setup-tasks"),
        Some(_) => Ok(parts.join("/")),
    }
}

/// The maximum length of a directory's name, in bytes.
const MAX_NAME: usize = 255;

/// Returns whether a directory with this name, within another object's directory, could be mistaken
/// for a stamp file.
fn is_stamp_file(part: &str) -> bool {
    part.starts_with('.') && [".stamp-", ".detail-", ".attempt-"].iter().any(|prefix| part.starts_with(prefix))
}

/// Returns whether a subdir is certainly in its normal form. Nearly all are, and this check is
/// cheaper than splitting a path into components.
fn is_normal(subdir: &str) -> bool {
    let is_plain =
        |part: &str| !matches!(part, "" | "." | ".." | RESERVED) && part.len() <= MAX_NAME && !is_stamp_file(part);
    !subdir.contains(['\0', '\\', ':']) && subdir.split('/').all(is_plain)
}

/// The directories of one object, which are created on first use.
#[derive(Debug)]
pub(crate) struct Paths {
    config: Arc<Config>,
    stamp: LazyDir,
    state: LazyDir,
    log: LazyDir,
    /// The error of the object's own configuration, if it cannot be used.
    config_error: Option<ConfigError>,
}

/// A directory that is created on first use. Its path is computed on first use, too: most objects use one of their three
/// directories. The figure is under "Measured changes" in `docs/src/internals/performance.md`.
#[derive(Debug)]
struct LazyDir {
    /// Returns the configured directory, as it is configured.
    configured: fn(&Config) -> &Path,
    subdir: Arc<str>,
    path: OnceLock<PathBuf>,
    /// The identity of the configured directory, once the object's directory was created in this
    /// process.
    identity: OnceLock<Identity>,
}

impl LazyDir {
    fn new(configured: fn(&Config) -> &Path, subdir: Arc<str>) -> Self {
        Self { configured, subdir, path: OnceLock::new(), identity: OnceLock::new() }
    }

    /// Returns the configured directory.
    fn root(&self, config: &Config) -> PathBuf {
        config.base_dir.join((self.configured)(config))
    }

    fn path(&self, config: &Config) -> &Path {
        self.path.get_or_init(|| {
            let parts = [&config.base_dir, (self.configured)(config), Path::new(&*self.subdir)];
            let mut path = PathBuf::with_capacity(parts.iter().map(|part| part.as_os_str().len() + 1).sum());
            parts.iter().for_each(|part| path.push(part));
            path
        })
    }

    /// Creates the directory unless it exists, and records that it is used.
    fn make(&self, config: &Config, roots: &Roots) -> Result<(), PathError> {
        let made = roots.make_closed(&self.root(config), &self.subdir);
        self.note_use(made.map_err(|source| self.not_created(config, source))?);
        Ok(())
    }

    /// Opens the directory, creates it if it is missing, and records that it is used.
    fn open(&self, config: &Config, roots: &Roots) -> Result<PrivateDir, PathError> {
        let made = roots.make(&self.root(config), &self.subdir);
        let (directory, identity) = made.map_err(|source| self.not_created(config, source))?;
        self.note_use(identity);
        Ok(directory)
    }

    /// Opens the directory if it exists.
    fn find(&self, config: &Config) -> io::Result<Option<PrivateDir>> {
        let root = PrivateDir::open(&self.root(config))?;
        root.map_or(Ok(None), |root| root.find(&*self.subdir))
    }

    fn note_use(&self, root: Identity) {
        // Another thread may have created the directory in the meantime.
        let _ = self.identity.set(root);
    }

    fn not_created(&self, config: &Config, source: io::Error) -> PathError {
        PathError::Io { action: "create the directory", path: self.path(config).to_owned(), source }
    }

    fn check(&self, config: &Config) -> Result<(), PathError> {
        let Some(identity) = self.identity.get() else { return Ok(()) };
        let path = self.root(config);
        if is_in_place(&path, *identity) { Ok(()) } else { Err(PathError::Moved { path }) }
    }
}

impl Paths {
    /// Returns the directories of an object, which are created on first use. `is_checked` is true
    /// for a configuration that was validated when it was loaded.
    pub(crate) fn new(config: Arc<Config>, subdir: &Arc<str>, is_checked: bool) -> Self {
        let config_error = if is_checked { None } else { (*config).clone().validated().err() };
        Self { config_error, ..Self::at(config, [subdir, subdir, subdir].map(Arc::clone)) }
    }

    /// Returns directories that a plan reads, each at a subdir of its own: those for the cache, for
    /// the state and for logs.
    pub(crate) fn at(config: Arc<Config>, [stamp, state, log]: [Arc<str>; 3]) -> Self {
        let stamp = LazyDir::new(|config| &config.cache_dir, stamp);
        let state = LazyDir::new(|config| &config.state_dir, state);
        let log = LazyDir::new(|config| &config.log_dir, log);
        Self { config, stamp, state, log, config_error: None }
    }

    /// Returns the stamp path without creating it.
    pub(crate) fn stamp_path(&self) -> &Path {
        self.stamp.path(&self.config)
    }

    /// Returns the state path without creating it.
    pub(crate) fn state_path(&self) -> &Path {
        self.state.path(&self.config)
    }

    /// Returns the log path without creating it.
    pub(crate) fn log_path(&self) -> &Path {
        self.log.path(&self.config)
    }

    pub(crate) fn stamp(&self, roots: &Roots) -> Result<&Path, PathError> {
        self.get(&self.stamp, roots)
    }

    pub(crate) fn state(&self, roots: &Roots) -> Result<&Path, PathError> {
        self.get(&self.state, roots)
    }

    pub(crate) fn log(&self, roots: &Roots) -> Result<&Path, PathError> {
        self.get(&self.log, roots)
    }

    /// Opens the log directory, and creates it if it is missing.
    pub(crate) fn open_log(&self, roots: &Roots) -> Result<PrivateDir, PathError> {
        self.check_config()?;
        self.log.open(&self.config, roots)
    }

    /// Opens the log directory if it exists.
    pub(crate) fn find_log(&self) -> io::Result<Option<PrivateDir>> {
        self.log.find(&self.config)
    }

    fn get<'p>(&'p self, lazy: &'p LazyDir, roots: &Roots) -> Result<&'p Path, PathError> {
        if lazy.identity.get().is_none() {
            self.check_config()?;
            lazy.make(&self.config, roots)?;
        }
        Ok(lazy.path(&self.config))
    }

    fn check_config(&self) -> Result<(), PathError> {
        self.config_error.clone().map_or(Ok(()), |config_error| Err(config_error.into()))
    }

    /// Returns whether the state directory was used in this process.
    pub(crate) fn has_state(&self) -> bool {
        self.state.identity.get().is_some()
    }

    /// Returns an error if a directory that was used is no longer in its place.
    pub(crate) fn check(&self) -> Result<(), PathError> {
        [&self.stamp, &self.state, &self.log].into_iter().try_for_each(|lazy| lazy.check(&self.config))
    }

    /// Returns whether the stamp path holds more than the directories `keep`, which belong to other
    /// objects and are relative to it.
    pub(crate) fn has_cache(&self, keep: &[PathBuf]) -> Result<bool, PathError> {
        let look = || -> io::Result<bool> {
            let Some(directory) = self.stamp.find(&self.config)? else { return Ok(false) };
            directory.has_own(&keep.iter().map(PathBuf::as_path).collect::<Vec<_>>())
        };
        look().map_err(|source| PathError::Io {
            action: "read the directory",
            path: self.stamp_path().to_owned(),
            source,
        })
    }

    /// Removes everything under the stamp path except the directories `keep`, which belong to other
    /// objects and are relative to it.
    pub(crate) fn clear(&self, keep: &[PathBuf]) -> Result<(), PathError> {
        self.check_config()?;
        let clear = || -> io::Result<()> {
            let Some(directory) = self.stamp.find(&self.config)? else { return Ok(()) };
            directory.clear(&keep.iter().map(PathBuf::as_path).collect::<Vec<_>>())
        };
        clear().map_err(|source| PathError::Io { action: "clear", path: self.stamp_path().to_owned(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdirs_have_one_spelling() {
        for subdir in ["a\nb", "Hosts/GW", ".stamps", "a b", &"x".repeat(255)] {
            assert_eq!(normal_subdir(subdir).unwrap(), subdir);
        }
        for subdir in ["hosts/gw", "hosts//gw/", "./hosts/./gw", "hosts/gw/."] {
            assert_eq!(normal_subdir(subdir).unwrap(), "hosts/gw");
        }
    }

    #[test]
    fn subdirs_that_lead_elsewhere_are_refused() {
        for (subdir, problem) in [
            ("", "is empty"),
            (".", "is empty"),
            ("/etc", "is absolute"),
            ("a/../../b", "contains `..`"),
            ("a\0b", "contains a NUL byte"),
            (".setup-tasks/locks", "is reserved for files"),
            ("hosts/.stamp-mount", "named like a stamp file"),
            (".attempt-x/y", "named like a stamp file"),
            (&"x".repeat(256), "more than 255 bytes"),
            (&format!("a/{}/b", "ü".repeat(128)), "more than 255 bytes"),
        ] {
            let error = normal_subdir(subdir).unwrap_err().to_string();
            assert!(error.contains(problem), "{subdir:?}: {error}");
        }
    }
}
