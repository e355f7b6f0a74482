//! Simulated packages, in the file of dpkg.

use super::disk::Disk;

const STATUS: &str = "/var/lib/dpkg/status";
/// The version of a package without a requested one.
const VERSION: &str = "1.0";

/// A request to `apt-get`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Request<'a> {
    pub(super) installs: Vec<&'a str>,
    pub(super) removes: Vec<&'a str>,
}

impl<'a> Request<'a> {
    /// Reads the arguments of `apt-get`, or returns `None` for a verb that is not simulated.
    pub(super) fn parse(args: &[&'a str]) -> Option<Self> {
        let mut words = Vec::new();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match *arg {
                "-o" | "-t" => drop(args.next()),
                arg if arg.starts_with('-') => {}
                arg => words.push(arg),
            }
        }
        let (verb, packages) = words.split_first()?;
        let packages = packages.to_vec();
        match *verb {
            "update" | "clean" | "autoremove" => Some(Self::default()),
            "install" => Some(Self { installs: packages, ..Self::default() }),
            "remove" | "purge" => Some(Self { removes: packages, ..Self::default() }),
            _ => None,
        }
    }
}

/// Installs a package, which can name its version: `nginx=1.2`.
pub(super) fn install(disk: &Disk, package: &str) {
    let (name, version) = package.split_once('=').unwrap_or((package, VERSION));
    remove(disk, name);
    let stanza = format!("Package: {name}\nStatus: install ok installed\nArchitecture: all\nVersion: {version}\n\n");
    disk.edit(STATUS, |status| status + &stanza);
}

pub(super) fn remove(disk: &Disk, name: &str) {
    disk.edit(STATUS, |status| {
        let others = status.split_inclusive("\n\n").filter(|stanza| !is_of(stanza, name));
        others.collect()
    });
}

pub(super) fn is_installed(disk: &Disk, name: &str) -> bool {
    disk.read(STATUS).unwrap_or_default().split("\n\n").any(|stanza| is_of(stanza, name))
}

fn is_of(stanza: &str, name: &str) -> bool {
    stanza.lines().any(|line| line.strip_prefix("Package: ") == Some(name))
}
