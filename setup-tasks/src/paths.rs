//! The three directories of an object: cache, state, log.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use crate::config::Config;

/// Under the cache directory, what is the runtime's own: the stamp database, locks.
pub(crate) const RESERVED: &str = ".setup-tasks";

/// Why a path of an object cannot be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// The operating system refused.
    #[error("cannot {action} `{}`\nhelp: check that it is on a writable disk and belongs to the user who runs this", path.display())]
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
    /// What would be cleared is not under the cache directory.
    #[error("`{}` is not a directory under the cache directory `{}`: nothing was removed\nhelp: see where its symbolic links lead", path.display(), cache.display())]
    Outside {
        /// What was to be cleared.
        path: PathBuf,
        /// The cache directory.
        cache: PathBuf,
    },
}

/// Returns a path that stays where it is when the working directory changes. Without a working directory, it stays relative.
pub(crate) fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
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
    match parts.first() {
        None => refuse("is empty"),
        Some(&RESERVED) => refuse("is where setup-tasks keeps its own files"),
        Some(_) => Ok(parts.join("/")),
    }
}

/// Whether it is in its one spelling beyond doubt, as nearly all are: to take a path to pieces costs more than to see that.
fn is_normal(subdir: &str) -> bool {
    let is_plain = |part: &str| !matches!(part, "" | "." | ".." | RESERVED);
    !subdir.contains(['\0', '\\', ':']) && subdir.split('/').all(is_plain)
}

/// The directories of one object, made on first use.
#[derive(Debug)]
pub(crate) struct Paths {
    stamp: Lazy,
    state: Lazy,
    log: Lazy,
}

#[derive(Debug)]
struct Lazy {
    path: PathBuf,
    made: OnceLock<()>,
}

impl Lazy {
    fn new(path: PathBuf) -> Self {
        Self { path, made: OnceLock::new() }
    }

    fn get(&self, make: fn(&Path) -> io::Result<()>) -> Result<&Path, PathError> {
        if self.made.get().is_none() {
            make(&self.path).map_err(|source| PathError::Io {
                action: "create the directory",
                path: self.path.clone(),
                source,
            })?;
            // Another thread may have made it meanwhile.
            let _ = self.made.set(());
        }
        Ok(&self.path)
    }
}

impl Paths {
    pub(crate) fn new(config: &Config, subdir: &str) -> Self {
        let under = |directory: PathBuf| Lazy::new(directory.join(subdir));
        Self { stamp: under(config.cache_dir()), state: under(config.state_dir()), log: under(config.log_dir()) }
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

    pub(crate) fn stamp(&self) -> Result<&Path, PathError> {
        self.stamp.get(|path| fs::create_dir_all(path))
    }

    pub(crate) fn state(&self) -> Result<&Path, PathError> {
        self.state.get(make_private)
    }

    pub(crate) fn log(&self) -> Result<&Path, PathError> {
        self.log.get(|path| fs::create_dir_all(path))
    }

    /// Removes what is under the stamp path, save the directories `keep`, which belong to other objects.
    pub(crate) fn clear(&self, cache: &Path, keep: &[PathBuf]) -> Result<(), PathError> {
        let path = &self.stamp.path;
        if !path.exists() {
            return Ok(());
        }
        let io = |action, source| PathError::Io { action, path: path.clone(), source };
        let real = path.canonicalize().map_err(|error| io("find", error))?;
        let real_cache = cache.canonicalize().map_err(|error| io("find the cache directory of", error))?;
        if real == real_cache || !real.starts_with(&real_cache) {
            return Err(PathError::Outside { path: path.clone(), cache: cache.to_owned() });
        }
        remove_within(path, keep)
    }
}

fn remove_within(directory: &Path, keep: &[PathBuf]) -> Result<(), PathError> {
    let io = |path: &Path, source| PathError::Io { action: "remove", path: path.to_owned(), source };
    for entry in fs::read_dir(directory).map_err(|error| io(directory, error))? {
        let entry = entry.map_err(|error| io(directory, error))?;
        let path = entry.path();
        if keep.contains(&path) {
            continue;
        }
        // A symbolic link is removed, never followed.
        let is_directory = entry.file_type().map_err(|error| io(&path, error))?.is_dir();
        if is_directory && keep.iter().any(|kept| kept.starts_with(&path)) {
            remove_within(&path, keep)?;
        } else if is_directory {
            fs::remove_dir_all(&path).map_err(|error| io(&path, error))?;
        } else {
            fs::remove_file(&path).map_err(|error| io(&path, error))?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
    fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // One that was there before may be open to others.
    if fs::metadata(path)?.permissions().mode() & 0o077 != 0 {
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

#[cfg(not(unix))]
fn make_private(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subdirs_have_one_spelling() {
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
        ] {
            let error = normal_subdir(subdir).unwrap_err().to_string();
            assert!(error.contains(problem), "{subdir:?}: {error}");
        }
    }
}
