//! The Debian root of all test machines: made once, kept as an archive, and unpacked beside it.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::error::{AtPath, NetnsError, Result};
use super::requirements::{command, exists, run, run_with};

/// The script that makes the archive. The name of the archive contains its hash, so that a change of the script makes a new one.
const SCRIPT: &str = include_str!("image.sh");

/// The environment variable that names another mirror of Debian.
const MIRROR: &str = "SETUP_TASKS_DEBIAN_MIRROR";

/// The beginnings of the names of directories in which something is made.
const DRAFTS: [&str; 2] = ["making-", "unpacking-"];

/// Returns the directory with the unpacked root, which has these further packages of Debian. Makes the archive, which takes one to two
/// minutes, and unpacks it, if they are missing. `progress` gets each line of that.
pub(super) fn root(cache: &Path, packages: &[&str], progress: &mut dyn FnMut(&str)) -> Result<PathBuf> {
    fs::DirBuilder::new().recursive(true).mode(0o700).create(cache).at(cache)?;
    let lock_path = cache.join("image.lock");
    let lock = File::create(&lock_path).at(&lock_path)?;
    lock.lock().at(&lock_path)?;
    remove_drafts(cache)?;
    let further: String = packages.iter().map(|package| format!("{package},")).collect();
    let script = SCRIPT.replace("--include=", &format!("--include={further}"));
    let name = format!("debian-12-{}", &blake3::hash(script.as_bytes()).to_hex()[..16]);
    let (root, archive) = (cache.join(&name), cache.join(format!("{name}.tar.gz")));
    if !root.is_dir() {
        if !archive.is_file() {
            make(cache, &script, &archive, progress)?;
        }
        unpack(cache, &archive, &root)?;
    }
    Ok(root)
}

/// Removes what a process left that was killed. The caller has the lock, so nobody works on it.
fn remove_drafts(cache: &Path) -> Result<()> {
    for entry in fs::read_dir(cache).at(cache)? {
        let entry = entry.at(cache)?;
        let name = entry.file_name();
        if DRAFTS.iter().any(|draft| name.as_encoded_bytes().starts_with(draft.as_bytes())) {
            fs::remove_dir_all(entry.path()).at(entry.path())?;
        }
    }
    Ok(())
}

/// Makes the archive. It gets its name when it is complete.
fn make(cache: &Path, script: &str, archive: &Path, progress: &mut dyn FnMut(&str)) -> Result<()> {
    if !exists("debootstrap") {
        return Err(NetnsError::Unavailable {
            reason: "the program debootstrap is missing (Debian package debootstrap)".to_owned(),
        });
    }
    let work = tempfile::Builder::new().prefix(DRAFTS[0]).tempdir_in(cache).at(cache)?;
    let (file, draft) = (work.path().join("image.sh"), work.path().join("archive"));
    fs::write(&file, script).at(&file)?;
    let mirror = std::env::var(MIRROR).unwrap_or_else(|_| "http://deb.debian.org/debian".to_owned());
    let mut unshare = command("unshare");
    unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh"]);
    unshare.arg(&file).arg(work.path().join("root")).arg(&draft).arg(mirror);
    run_with(unshare, "the creation of a Debian root", progress)?;
    fs::rename(&draft, archive).at(archive)
}

/// Unpacks the archive. The directory gets its name when it is complete.
fn unpack(cache: &Path, archive: &Path, root: &Path) -> Result<()> {
    let work = tempfile::Builder::new().prefix(DRAFTS[1]).tempdir_in(cache).at(cache)?;
    let draft = work.path().join("root");
    fs::create_dir(&draft).at(&draft)?;
    let mut tar = command("tar");
    tar.arg("-C").arg(&draft).args(["--numeric-owner", "-xpzf"]).arg(archive);
    run(&mut tar, "the unpacking of the Debian root")?;
    fs::rename(&draft, root).at(root)
}

/// Returns the directory for archives: in the target directory of the running test, or in the user's cache.
pub(super) fn cache_directory() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let target = program.ancestors().find(|directory| directory.join("CACHEDIR.TAG").is_file());
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap_or_else(|| "/root".into())).join(".cache/setup-tasks");
    target.map_or_else(home, Path::to_path_buf).join("test-machines")
}
