//! The packages that dpkg knows, from its own file. A query through `dpkg-query` would take 20 ms.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::Result;
use crate::far::Far;
use crate::protocol::Difference;

const STATUS: &str = "/var/lib/dpkg/status";

/// The packages that dpkg knows.
pub(super) struct Status {
    packages: BTreeMap<String, Package>,
    /// The names that installed packages provide.
    provided: BTreeSet<String>,
}

struct Package {
    /// The state, such as `installed` or `config-files`.
    state: String,
    version: String,
}

/// Returns the packages. They are read once for all resources of a request.
pub(super) fn status(far: &mut Far) -> Result<Arc<Status>> {
    far.shared(|far| Ok(Status::parse(&String::from_utf8_lossy(&far.read(STATUS)?.unwrap_or_default()))))
}

impl Status {
    fn parse(text: &str) -> Self {
        let mut status = Self { packages: BTreeMap::new(), provided: BTreeSet::new() };
        text.split("\n\n").for_each(|stanza| status.add(stanza));
        status
    }

    fn add(&mut self, stanza: &str) {
        let field =
            |name: &str| stanza.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(str::trim));
        let (Some(name), Some(state)) = (field("Package"), field("Status")) else { return };
        let state = state.rsplit(' ').next().unwrap_or_default().to_owned();
        let version = field("Version").unwrap_or_default().to_owned();
        if state == "installed" {
            let provided = field("Provides").unwrap_or_default().split(',');
            let names = provided.filter_map(|one| one.split_whitespace().next());
            self.provided.extend(names.map(|one| one.split(':').next().unwrap_or(one).to_owned()));
        }
        if let Some(architecture) = field("Architecture") {
            self.packages
                .insert(format!("{name}:{architecture}"), Package { state: state.clone(), version: version.clone() });
        }
        // A package that is installed in several architectures is known by the one that is installed.
        let known = self.packages.get(name).is_some_and(|package| package.state == "installed");
        if !known {
            self.packages.insert(name.to_owned(), Package { state, version });
        }
    }

    /// Returns the difference of a package that should be installed.
    pub(super) fn lacks(&self, name: &str, version: Option<&str>) -> Option<Difference> {
        match self.packages.get(name) {
            Some(package) if package.state == "installed" => {
                let version = version.filter(|version| !matches(&package.version, version))?;
                Some(Difference::new(name, &package.version).instead_of(version))
            }
            Some(package) if !["not-installed", "config-files"].contains(&&*package.state) => {
                Some(Difference::new(name, &package.state).instead_of("installed"))
            }
            _ if version.is_none() && self.provided.contains(name) => None,
            _ => Some(Difference::new(name, "absent")),
        }
    }

    /// Returns the difference of a package that should not be installed.
    pub(super) fn has(&self, name: &str, purge: bool) -> Option<Difference> {
        let package = self.packages.get(name)?;
        match &*package.state {
            "not-installed" => None,
            "config-files" => purge.then(|| Difference::new(name, "configuration is left").instead_of("absent")),
            "installed" => Some(Difference::new(name, &package.version).instead_of("absent")),
            state => Some(Difference::new(name, state).instead_of("absent")),
        }
    }

    /// Returns whether an earlier transaction was interrupted.
    pub(super) fn is_interrupted(&self) -> bool {
        const DONE: &[&str] = &["installed", "not-installed", "config-files", "triggers-awaited", "triggers-pending"];
        self.packages.values().any(|package| !DONE.contains(&&*package.state))
    }
}

fn matches(version: &str, wanted: &str) -> bool {
    match wanted.strip_suffix('*') {
        Some(prefix) => version.starts_with(prefix),
        None => version == wanted,
    }
}
