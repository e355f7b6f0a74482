//! Changes of packages by apt.

use super::dpkg;
use crate::Result;
use crate::far::{Far, FarCommand};
use crate::protocol::{Cause, Failure};

const LISTS: &str = "/var/lib/apt/lists";
/// Words of apt about packages that newer lists can contain.
const OUTDATED: &[&str] = &["Unable to locate package", "has no installation candidate", "was not found", "404 "];

/// Prepares `apt-get`, which asks no questions and keeps changed configuration.
fn apt_get(far: &Far) -> FarCommand<'_> {
    far.command("apt-get")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .env("APT_LISTCHANGES_FRONTEND", "none")
        .args(["--yes", "--quiet", "-o", "DPkg::Lock::Timeout=120"])
        .args([
            "-o",
            "Dpkg::Options::=--force-confdef",
            "-o",
            "Dpkg::Options::=--force-confold",
            "-o",
            "Dpkg::Use-Pty=0",
        ])
}

/// Completes a transaction that was interrupted, since apt refuses all others until then.
pub(super) fn finish_interrupted(far: &mut Far) -> Result<()> {
    let journal =
        far.list("/var/lib/dpkg/updates")?.iter().any(|name| name.as_encoded_bytes().iter().all(u8::is_ascii_digit));
    if !journal && !dpkg::status(far)?.is_interrupted() {
        return Ok(());
    }
    let dpkg = far.command("dpkg").env("DEBIAN_FRONTEND", "noninteractive");
    dpkg.args(["--force-confdef", "--force-confold", "--configure", "--pending"])
        .output("complete an interrupted installation")
        .map(drop)
}

/// Installs packages. The lists of packages are fetched if there are none, or if they do not contain what is wanted.
pub(super) fn install(far: &Far, packages: &[String], recommends: bool) -> Result<()> {
    let has_lists = far.list(LISTS)?.iter().any(|name| name.to_string_lossy().contains("_Packages"));
    if !has_lists {
        update(far)?;
    }
    let recommends = (!recommends).then_some("--no-install-recommends");
    let install = || {
        let command = apt_get(far).args(recommends).args(["--allow-downgrades", "install"]);
        command.args(packages).output("install the packages").map(drop)
    };
    match install() {
        Err(Failure { cause: Cause::Program { output, .. }, .. })
            if has_lists && OUTDATED.iter().any(|words| output.contains(words)) =>
        {
            update(far)?;
            install()
        }
        done => done,
    }
}

fn update(far: &Far) -> Result<()> {
    apt_get(far).arg("update").output("fetch the lists of packages").map(drop)
}

pub(super) fn remove(far: &Far, packages: &[String], purge: bool) -> Result<()> {
    apt_get(far).arg(if purge { "purge" } else { "remove" }).args(packages).output("remove the packages").map(drop)
}
