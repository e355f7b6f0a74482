//! Validation of the configured directories. Directories that would mix with each other or with the
//! user's files are rejected.

use std::collections::HashMap;
use std::path::{Component, Path, PathBuf};

use super::{Config, ConfigError};

/// Makes the base directory absolute. Checks the other directories against it and each other, with
/// links resolved.
pub(super) fn validate(mut config: Config) -> Result<Config, ConfigError> {
    if config.base_dir.as_os_str().is_empty() {
        return Err(ConfigError::of_directories("`base_dir` is empty"));
    }
    config.base_dir = std::path::absolute(&config.base_dir)
        .map_err(|error| ConfigError::of_directories(format!("the working directory cannot be found: {error}")))?;
    for (name, path) in own(&config) {
        if path.as_os_str().is_empty() {
            return Err(ConfigError::of_directories(format!("`{name}` is empty")));
        }
        if path.as_os_str().as_encoded_bytes().contains(&0) {
            return Err(ConfigError::of_directories(format!("`{name}` contains a NUL byte")));
        }
    }
    let mut paths = ResolvedPaths::default();
    let base = ConfiguredDir::new("base_dir", &config.base_dir, &mut paths);
    let [cache, state, log] =
        own(&config).map(|(name, path)| ConfiguredDir::new(name, &config.base_dir.join(path), &mut paths));
    for own in [&cache, &state, &log] {
        own.check_not_containing(&base)?;
    }
    for (one, other) in [(&cache, &state), (&cache, &log), (&state, &log)] {
        one.check_not_containing(other)?;
        other.check_not_containing(one)?;
    }
    Ok(config)
}

fn own(config: &Config) -> [(&'static str, &Path); 3] {
    [("cache_dir", &config.cache_dir), ("state_dir", &config.state_dir), ("log_dir", &config.log_dir)]
}

/// A directory with its key, its path without links, and the identities of itself and its
/// ancestors, as far as they exist.
struct ConfiguredDir {
    name: &'static str,
    path: PathBuf,
    identity: Option<Identity>,
    within: Vec<Identity>,
}

/// The device number and the inode number of a directory. A directory that is mounted in two places
/// has only one identity.
type Identity = (u64, u64);

impl ConfiguredDir {
    fn new(name: &'static str, path: &Path, paths: &mut ResolvedPaths) -> Self {
        let path = paths.resolve(path);
        let within = path.ancestors().filter_map(|ancestor| paths.identity(ancestor)).collect();
        let identity = paths.identity(&path);
        Self { name, path, identity, within }
    }

    fn check_not_containing(&self, other: &Self) -> Result<(), ConfigError> {
        let own = self.identity;
        if !other.path.starts_with(&self.path) && !own.is_some_and(|own| other.within.contains(&own)) {
            return Ok(());
        }
        let are_one = self.path == other.path || own.is_some() && own == other.identity;
        let relation = if are_one { "is the same directory as" } else { "contains" };
        let (own, others) = (self.path.display(), other.path.display());
        Err(ConfigError::of_directories(format!("`{}` (`{own}`) {relation} `{}` (`{others}`)", self.name, other.name)))
    }
}

/// The paths that were looked up. The directories share most of their ancestors, and one look at each
/// ancestor saves a tenth of a run of one object.
#[derive(Default)]
struct ResolvedPaths {
    real: HashMap<PathBuf, PathBuf>,
    identities: HashMap<PathBuf, Option<Identity>>,
}

impl ResolvedPaths {
    /// Returns a path without links and `..`, even if its end does not exist yet.
    fn resolve(&mut self, path: &Path) -> PathBuf {
        if let Some(real) = self.real.get(path) {
            return real.clone();
        }
        let Some(parent) = path.parent() else { return path.to_owned() };
        let mut real = self.resolve(parent);
        match path.components().next_back() {
            Some(Component::Normal(name)) => {
                real.push(name);
                let meta = real.symlink_metadata().ok();
                if meta.as_ref().is_some_and(std::fs::Metadata::is_symlink) {
                    real = real.canonicalize().unwrap_or(real);
                } else {
                    self.identities.insert(real.clone(), meta.as_ref().and_then(identity));
                }
            }
            Some(Component::ParentDir) => drop(real.pop()),
            _ => {}
        }
        self.real.insert(path.to_owned(), real.clone());
        real
    }

    /// Returns the identity of a path without links, or `None` if it does not exist.
    fn identity(&mut self, path: &Path) -> Option<Identity> {
        if let Some(known) = self.identities.get(path) {
            return *known;
        }
        let identity = path.metadata().ok().as_ref().and_then(identity);
        self.identities.insert(path.to_owned(), identity);
        identity
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no identities")]
fn identity(meta: &std::fs::Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((meta.dev(), meta.ino()))
}

#[cfg(not(unix))]
fn identity(_: &std::fs::Metadata) -> Option<Identity> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(base: &Path, edit: impl FnOnce(&mut Config)) -> Option<String> {
        let mut config = Config { base_dir: base.to_owned(), ..Config::default() };
        edit(&mut config);
        validate(config).err().map(|error| crate::error::explain(&error))
    }

    fn is_refused(base: &Path, edit: impl FnOnce(&mut Config), parts: [&str; 2]) {
        let text = problem(base, edit).expect("it is refused");
        assert!(parts.iter().all(|part| text.contains(part)) && text.contains("help: give"), "{text}");
    }

    #[test]
    fn directories_that_are_empty_are_refused() {
        let base = Path::new("/nowhere/lab");
        is_refused(Path::new(""), |_| {}, ["`base_dir` is empty", ""]);
        is_refused(base, |c| c.cache_dir = "".into(), ["`cache_dir` is empty", ""]);
        is_refused(base, |c| c.state_dir = "".into(), ["`state_dir` is empty", ""]);
        is_refused(base, |c| c.log_dir = "".into(), ["`log_dir` is empty", ""]);
        is_refused(base, |c| c.log_dir = "a\0b".into(), ["`log_dir` contains a NUL", ""]);
    }

    #[test]
    fn directories_that_are_or_contain_each_other_are_refused_by_name() {
        let base = Path::new("/nowhere/lab");
        is_refused(
            base,
            |c| c.cache_dir = ".setup-tasks/state".into(),
            ["`cache_dir` (", "is the same directory as `state_dir`"],
        );
        is_refused(
            base,
            |c| c.cache_dir = ".setup-tasks".into(),
            ["`cache_dir` (`/nowhere/lab/.setup-tasks`) contains `state_dir`", ""],
        );
        is_refused(base, |c| c.log_dir = ".setup-tasks/cache/log".into(), ["`cache_dir` (", "contains `log_dir`"]);
        is_refused(base, |c| c.state_dir = ".setup-tasks/x/../log/y".into(), ["`log_dir` (", "contains `state_dir`"]);
        is_refused(
            base,
            |c| c.state_dir = "./.setup-tasks//log/.".into(),
            ["`state_dir` (", "is the same directory as `log_dir`"],
        );
    }

    #[test]
    fn directories_that_are_or_contain_the_base_directory_are_refused() {
        let base = Path::new("/nowhere/lab");
        for path in [".", "./", "..", "../..", "/", "/nowhere", "/nowhere/lab/", "x/..", "x/../../lab"] {
            is_refused(base, |c| c.cache_dir = path.into(), ["`cache_dir` (", "`base_dir` (`/nowhere/lab`)"]);
            is_refused(base, |c| c.state_dir = path.into(), ["`state_dir` (", "`base_dir` (`/nowhere/lab`)"]);
            is_refused(base, |c| c.log_dir = path.into(), ["`log_dir` (", "`base_dir` (`/nowhere/lab`)"]);
        }
    }

    #[test]
    fn directories_beside_each_other_are_taken_also_where_names_begin_alike() {
        let base = Path::new("/nowhere/lab");
        assert_eq!(problem(base, |_| {}), None);
        let beside = |c: &mut Config| {
            (c.cache_dir, c.state_dir, c.log_dir) = ("/var/lab".into(), "/var/lab-state".into(), "../lab-log".into());
        };
        assert_eq!(problem(base, beside), None);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_resolved_also_those_of_parents() {
        let place = tempfile::tempdir().unwrap();
        let base = place.path().join("lab");
        std::fs::create_dir_all(base.join("real/inner")).unwrap();
        std::os::unix::fs::symlink("real", base.join("link")).unwrap();
        std::os::unix::fs::symlink(&base, place.path().join("alias")).unwrap();
        is_refused(
            &base,
            |c| (c.cache_dir, c.state_dir) = ("link".into(), "real".into()),
            ["`cache_dir` (", "is the same directory as `state_dir`"],
        );
        is_refused(
            &base,
            |c| (c.cache_dir, c.state_dir) = ("link/new".into(), "real".into()),
            ["`state_dir` (", "contains `cache_dir`"],
        );
        is_refused(
            &base,
            |c| c.cache_dir = "../alias".into(),
            ["`cache_dir` (", "is the same directory as `base_dir`"],
        );
        is_refused(
            &place.path().join("alias"),
            |c| c.cache_dir = base.clone(),
            ["`cache_dir` (", "is the same directory as `base_dir`"],
        );
        // `..` after a link is the parent of the link's target.
        std::os::unix::fs::symlink("real/inner", base.join("deep")).unwrap();
        is_refused(
            &base,
            |c| (c.cache_dir, c.state_dir) = ("deep/../x".into(), "real/x/y".into()),
            ["`cache_dir` (", "contains `state_dir`"],
        );
    }
}
