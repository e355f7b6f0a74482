//! Packages of the system.

mod apt;
mod dpkg;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::presence::Presence;
use crate::Result;
use crate::far::Far;
use crate::protocol::{Cause, Difference, Failure, PackageManager};
use crate::resource::{Resource, no_undo};

/// Packages of the system, which are installed or removed in one transaction. Debian and its derivatives are supported.
///
/// ```
/// use setup_tasks_agent::resources::Packages;
///
/// Packages::installed(["nginx-light", "unattended-upgrades"]);
/// Packages::installed(["postgresql-15"]).version("postgresql-15", "15.6-*").without_recommends();
/// Packages::absent(["telnetd"]).purge();
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packages {
    /// The packages, with their versions where one is given.
    wanted: BTreeMap<String, Option<String>>,
    presence: Presence,
    purge: bool,
    recommends: bool,
}

impl Packages {
    /// Creates packages that are installed, in any version.
    pub fn installed<T: Into<String>>(packages: impl IntoIterator<Item = T>) -> Self {
        let packages = packages.into_iter().map(|package| (package.into(), None)).collect();
        Self { wanted: packages, presence: Presence::Present, purge: false, recommends: true }
    }

    /// Creates packages that are not installed.
    pub fn absent<T: Into<String>>(packages: impl IntoIterator<Item = T>) -> Self {
        Self { presence: Presence::Absent, ..Self::installed(packages) }
    }

    /// Sets the version of a package. A `*` at the end stands for any rest.
    #[must_use]
    pub fn version(mut self, package: impl Into<String>, version: impl Into<String>) -> Self {
        self.wanted.insert(package.into(), Some(version.into()));
        self
    }

    /// Removes the configuration of the packages, too.
    #[must_use]
    pub fn purge(mut self) -> Self {
        self.purge = true;
        self
    }

    /// Installs no packages that are only recommended.
    #[must_use]
    pub fn without_recommends(mut self) -> Self {
        self.recommends = false;
        self
    }

    /// Refuses names that the package manager would take for something else, and machines without a known one.
    fn check(&self, far: &Far) -> Result<()> {
        let refused = |reason: String| Err(Failure::new("manage the packages", Cause::Refused(reason)));
        let plain = |text: &str, more: &str| {
            text.starts_with(|c: char| c.is_ascii_alphanumeric())
                && !text.ends_with(['+', '-'])
                && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        for (name, version) in &self.wanted {
            // The signs `+` and `-` at the end would install or remove the package, but some names end with `+`.
            if !plain(name.trim_end_matches('+'), "+-.:") {
                return refused(format!("`{name}` is not a name of a package"));
            }
            if let Some(version) = version.as_deref().filter(|version| !plain(version, "+-.:~*")) {
                return refused(format!("`{version}` is not a version of a package"));
            }
        }
        match far.facts().package_manager {
            Some(PackageManager::Apt) => Ok(()),
            Some(other) => {
                refused(format!("the packages of this machine are managed by {other:?}, which is not supported yet"))
            }
            None => refused("the machine has no known package manager".into()),
        }
    }

    /// Returns the packages to install or remove, with their differences.
    fn differing(&self, far: &mut Far) -> Result<Vec<(String, Difference)>> {
        let status = dpkg::status(far)?;
        let mut differing = Vec::new();
        for (name, version) in &self.wanted {
            let difference = match self.presence {
                Presence::Present => status.lacks(name, version.as_deref()),
                Presence::Absent => status.has(name, self.purge),
            };
            differing.extend(difference.map(|difference| {
                let version = version.iter().filter(|_| self.presence == Presence::Present);
                (version.fold(name.clone(), |name, version| format!("{name}={version}")), difference)
            }));
        }
        Ok(differing)
    }
}

impl Resource for Packages {
    const KIND: &str = "packages";

    fn name(&self) -> String {
        let names: Vec<_> = self.wanted.keys().map(String::as_str).collect();
        match names.len() {
            0..=5 => format!("packages {}", names.join(", ")),
            count => format!("packages {} and {} more", names[..5].join(", "), count - 5),
        }
    }

    fn observe(&self, far: &mut Far) -> Result<Vec<Difference>> {
        self.check(far)?;
        Ok(self.differing(far)?.into_iter().map(|(_, difference)| difference).collect())
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        self.check(far)?;
        let packages: Vec<_> = self.differing(far)?.into_iter().map(|(package, _)| package).collect();
        if packages.is_empty() {
            return Ok(());
        }
        apt::finish_interrupted(far)?;
        match self.presence {
            Presence::Present => apt::install(far, &packages, self.recommends),
            Presence::Absent => apt::remove(far, &packages, self.purge),
        }
    }

    fn undo(&self, far: &mut Far) -> Result<()> {
        match self.presence {
            Presence::Present => Self { presence: Presence::Absent, ..self.clone() }.apply(far, &[]),
            Presence::Absent => Err(no_undo("the packages that were there are not known")),
        }
    }
}
