//! The three directories of an object: cache, state, log.

use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use crate::config::{Config, ConfigError};
use crate::private_dir::{Identity, PrivateDir, RESERVED, Roots, help, is_in_place};

/// Why a path of an object cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The operating system refused.
    #[error("cannot {action} `{}`\nhelp: {}", path.display(), help(source))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The subdir is no plain relative path.
    #[error(
        "the subdir {subdir:?} {problem}\nhelp: a subdir is a relative path such as `hosts/gateway`; see `#[setup_tasks(subdir = \"…\")]` of its type"
    )]
    Subdir {
        /// The subdir as its model gives it.
        subdir: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A directory is not where it was when the run began to use it.
    #[error("`{}` was removed, moved or replaced while the run used it: what was kept there is lost\nhelp: put it back, or run again", path.display())]
    Moved {
        /// The directory.
        path: PathBuf,
    },
    /// The configuration that the object's injector provides cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// A subdir in its one spelling: without `.` components and doubled or trailing slashes.
pub(crate) fn normal_subdir(subdir: &str) -> Result<String, PathError> {
    if is_normal(subdir) {
        return Ok(subdir.to_owned());
    }
    let refuse = |problem| Err(PathError::Subdir { subdir: subdir.to_owned(), problem });
    if subdir.contains('\0') {
        return refuse("holds a NUL");
    }
    let mut parts = Vec::new();
    for component in Path::new(subdir).components() {
        match component {
            Component::Normal(part) => parts.extend(part.to_str()),
            Component::CurDir => {}
            Component::ParentDir => return refuse("holds `..`"),
            Component::RootDir | Component::Prefix(_) => return refuse("is absolute"),
        }
    }
    if parts.iter().any(|part| part.len() > LONGEST_PART) {
        return refuse("has a part of more than 255 bytes, which is too long for a directory's name");
    }
    if parts.iter().any(|part| is_a_stamps(part)) {
        return refuse("has a part that is named as files of stamps are");
    }
    match parts.first() {
        None => refuse("is empty"),
        Some(&RESERVED) => refuse("is where setup-tasks keeps its own files"),
        Some(_) => Ok(parts.join("/")),
    }
}

/// The longest name that a directory may have.
const LONGEST_PART: usize = 255;

/// Returns whether a directory of that name, in another object's, could be taken for a file of its plain stamps.
fn is_a_stamps(part: &str) -> bool {
    part.starts_with('.') && [".stamp-", ".detail-", ".attempt-"].iter().any(|prefix| part.starts_with(prefix))
}

/// Whether it is in its one spelling beyond doubt, as nearly all are: to take a path to pieces costs more than to see that.
fn is_normal(subdir: &str) -> bool {
    let is_plain =
        |part: &str| !matches!(part, "" | "." | ".." | RESERVED) && part.len() <= LONGEST_PART && !is_a_stamps(part);
    !subdir.contains(['\0', '\\', ':']) && subdir.split('/').all(is_plain)
}

/// The directories of one object, made on first use.
#[derive(Debug)]
pub(crate) struct Paths {
    stamp: Lazy,
    state: Lazy,
    log: Lazy,
    subdir: Box<str>,
    /// Why the configuration cannot be used, if it is one of the object's injector.
    refused: Option<ConfigError>,
}

#[derive(Debug)]
struct Lazy {
    /// The directory that the configuration names.
    root: PathBuf,
    path: PathBuf,
    /// The root's identity, once the directory was made.
    made: OnceLock<Identity>,
}

impl Lazy {
    fn new(root: PathBuf, subdir: &str) -> Self {
        Self { path: root.join(subdir), root, made: OnceLock::new() }
    }

    fn make(&self, subdir: &str, roots: &Roots) -> Result<PrivateDir, PathError> {
        let made = || -> io::Result<(PrivateDir, Identity)> {
            let root = roots.make(&self.root)?;
            Ok((root.make(subdir)?, root.identity()))
        };
        let io = |source| PathError::Io { action: "create the directory", path: self.path.clone(), source };
        let (directory, identity) = made().map_err(io)?;
        // Another thread may have made it meanwhile.
        let _ = self.made.set(identity);
        Ok(directory)
    }

    fn check(&self) -> Result<(), PathError> {
        match self.made.get() {
            Some(made) if !is_in_place(&self.root, *made) => Err(PathError::Moved { path: self.root.clone() }),
            _ => Ok(()),
        }
    }
}

impl Paths {
    /// The directories of an object. `is_checked` says whether the configuration is one that was looked at when it was loaded.
    pub(crate) fn new(config: &Config, subdir: &str, is_checked: bool) -> Self {
        let under = |root: PathBuf| Lazy::new(root, subdir);
        let refused = if is_checked { None } else { config.clone().settled().err() };
        let (stamp, state, log) = (under(config.cache_dir()), under(config.state_dir()), under(config.log_dir()));
        Self { stamp, state, log, subdir: subdir.into(), refused }
    }

    /// The stamp path, whether or not it is there.
    pub(crate) fn stamp_unmade(&self) -> &Path {
        &self.stamp.path
    }

    /// The state path, whether or not it is there.
    pub(crate) fn state_unmade(&self) -> &Path {
        &self.state.path
    }

    /// The log path, whether or not it is there.
    pub(crate) fn log_unmade(&self) -> &Path {
        &self.log.path
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

    /// Opens the log path, making it if it is missing.
    pub(crate) fn open_log(&self, roots: &Roots) -> Result<PrivateDir, PathError> {
        self.refuse()?;
        self.log.make(&self.subdir, roots)
    }

    /// Opens the log path, if it is there.
    pub(crate) fn find_log(&self) -> io::Result<Option<PrivateDir>> {
        let root = PrivateDir::open(&self.log.root)?;
        root.map_or(Ok(None), |root| root.find(&*self.subdir))
    }

    fn get<'p>(&self, lazy: &'p Lazy, roots: &Roots) -> Result<&'p Path, PathError> {
        if lazy.made.get().is_none() {
            self.refuse()?;
            lazy.make(&self.subdir, roots)?;
        }
        Ok(&lazy.path)
    }

    fn refuse(&self) -> Result<(), PathError> {
        self.refused.clone().map_or(Ok(()), |refused| Err(refused.into()))
    }

    /// Refuses directories that are not where they were when they were first used.
    pub(crate) fn check(&self) -> Result<(), PathError> {
        [&self.stamp, &self.state, &self.log].into_iter().try_for_each(Lazy::check)
    }

    /// Removes what is under the stamp path, save the directories `keep`, which belong to other objects and are relative to it.
    pub(crate) fn clear(&self, keep: &[PathBuf]) -> Result<(), PathError> {
        self.refuse()?;
        let clear = || -> io::Result<()> {
            let Some(cache) = PrivateDir::open(&self.stamp.root)? else { return Ok(()) };
            let Some(directory) = cache.find(&*self.subdir)? else { return Ok(()) };
            directory.clear(&keep.iter().map(PathBuf::as_path).collect::<Vec<_>>())
        };
        clear().map_err(|source| PathError::Io { action: "clear", path: self.stamp.path.clone(), source })
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
            ("a/../../b", "holds `..`"),
            ("a\0b", "holds a NUL"),
            (".setup-tasks/locks", "keeps its own files"),
            ("hosts/.stamp-mount", "named as files of stamps"),
            (".attempt-x/y", "named as files of stamps"),
            (&"x".repeat(256), "more than 255 bytes"),
            (&format!("a/{}/b", "ü".repeat(128)), "more than 255 bytes"),
        ] {
            let error = normal_subdir(subdir).unwrap_err().to_string();
            assert!(error.contains(problem), "{subdir:?}: {error}");
        }
    }
}
