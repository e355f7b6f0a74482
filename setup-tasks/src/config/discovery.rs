//! The search for the directory of a project, upwards from the working directory.

use std::ffi::OsStr;
use std::fs::Metadata;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// The directory in the base directory that contains all others by default.
const OWN: &str = ".setup-tasks";

/// Whether the base directory is the working directory, without a search.
static IS_PINNED: AtomicBool = AtomicBool::new(false);

/// Changes the working directory of this process, and makes it the base directory of all configurations that are loaded later.
/// No directory above it is searched. This is the effect of the option `-C` of a command line.
///
/// # Errors
///
/// If the directory does not exist or cannot be entered.
pub fn work_in(directory: impl AsRef<Path>) -> io::Result<()> {
    std::env::set_current_dir(directory)?;
    IS_PINNED.store(true, Ordering::Relaxed);
    Ok(())
}

/// Returns the nearest directory with the configuration's file. Without a relative file, returns the nearest directory with a
/// `.setup-tasks` of this user. Returns the working directory if there is none. The search ends at the home directory.
pub(super) fn project(file: Option<&Path>) -> PathBuf {
    let here = || PathBuf::from(".");
    if IS_PINNED.load(Ordering::Relaxed) {
        return here();
    }
    let Ok(from) = std::env::current_dir() else { return here() };
    let home = std::env::home_dir().and_then(|home| home.canonicalize().ok());
    search(&from, home.as_deref(), file).map_or_else(here, Path::to_owned)
}

fn search<'p>(from: &'p Path, home: Option<&Path>, file: Option<&Path>) -> Option<&'p Path> {
    let mut is_above_home = false;
    let mut directories = from.ancestors().take_while(|directory| {
        let is_searched = !is_above_home;
        is_above_home = home == Some(directory);
        is_searched
    });
    match file.filter(|file| file.is_relative()) {
        // The file in the working directory may belong to anyone, as if it was named by its path.
        Some(file) => directories.find(|directory| {
            let found = directory.join(file).metadata();
            found.is_ok_and(|found| found.is_file() && (*directory == from || is_trusted(&found)))
        }),
        None => directories.find(|directory| {
            let found = directory.join(OsStr::new(OWN)).metadata();
            found.is_ok_and(|found| found.is_dir() && belongs_to_user(&found))
        }),
    }
}

/// Returns whether a file above the working directory may configure a run. A file that another user placed there may not.
fn is_trusted(found: &Metadata) -> bool {
    owner(found).is_none_or(|(owner, user)| owner == user || owner == 0)
}

fn belongs_to_user(found: &Metadata) -> bool {
    owner(found).is_none_or(|(owner, user)| owner == user)
}

/// Returns the owner of a file and the user of this process, or `None` on a system without them.
#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems have no owners")]
fn owner(found: &Metadata) -> Option<(u32, u32)> {
    use std::os::unix::fs::MetadataExt;
    Some((found.uid(), rustix::process::geteuid().as_raw()))
}

#[cfg(not(unix))]
fn owner(_: &Metadata) -> Option<(u32, u32)> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Creates files and directories, whose names end in a slash, and returns their root without links.
    fn tree(paths: &[&str]) -> (tempfile::TempDir, PathBuf) {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        for path in paths {
            let path = root.join(path);
            std::fs::create_dir_all(if path.as_os_str().as_encoded_bytes().ends_with(b"/") {
                &path
            } else {
                path.parent().unwrap()
            })
            .unwrap();
            if !path.is_dir() {
                std::fs::write(path, "").unwrap();
            }
        }
        (place, root)
    }

    fn found(root: &Path, from: &str, home: &str, file: Option<&str>) -> Option<String> {
        let (from, home) = (root.join(from), root.join(home));
        let found = search(&from, Some(&home), file.map(Path::new))?;
        Some(found.strip_prefix(root).unwrap().to_str().unwrap().to_owned())
    }

    #[test]
    fn the_nearest_directory_with_the_file_is_found() {
        let (_place, root) =
            tree(&["home/lab/site.toml", "home/lab/inner/site.toml", "home/lab/inner/a/b/", "home/c/"]);
        let found = |from| found(&root, from, "home", Some("site.toml"));
        assert_eq!(found("home/lab/inner/a/b").as_deref(), Some("home/lab/inner"));
        assert_eq!(found("home/lab").as_deref(), Some("home/lab"));
        assert_eq!(found("home/c"), None);
    }

    #[test]
    fn with_a_file_a_nearer_directory_of_the_runtime_does_not_count() {
        let (_place, root) = tree(&["home/site.toml", "home/lab/.setup-tasks/", "home/lab/a/"]);
        assert_eq!(found(&root, "home/lab/a", "home", Some("site.toml")).as_deref(), Some("home"));
        assert_eq!(found(&root, "home/lab/a", "home", None).as_deref(), Some("home/lab"));
    }

    #[test]
    fn the_search_ends_at_the_home_directory() {
        let (_place, root) = tree(&["site.toml", ".setup-tasks/", "home/lab/", "srv/lab/"]);
        assert_eq!(found(&root, "home/lab", "home", Some("site.toml")), None);
        assert_eq!(found(&root, "home/lab", "home", None), None);
        assert_eq!(found(&root, "srv/lab", "home", None).as_deref(), Some(""), "it is not below the home directory");
    }

    #[test]
    fn a_file_with_the_name_of_the_directory_is_passed_over() {
        let (_place, root) = tree(&["home/.setup-tasks/", "home/lab/.setup-tasks", "home/lab/site.toml/"]);
        assert_eq!(found(&root, "home/lab", "home", None).as_deref(), Some("home"));
        assert_eq!(found(&root, "home/lab", "home", Some("site.toml")), None);
    }
}
