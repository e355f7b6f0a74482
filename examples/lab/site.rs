//! The site file, which describes the desired state of the lab.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::Path;

use anyhow::{Context, Result, bail};
use lab_authority::AuthoritySpec;
use serde::{Deserialize, Serialize};

/// The whole site.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    pub domain: Name,
    pub authority: AuthoritySpec,
    pub certificates: CertificateSpec,
    pub gateway: HostSpec,
    pub fileserver: HostSpec,
    pub dhcp: DhcpSpec,
    #[serde(default)]
    pub share: ShareSpec,
    #[serde(default, rename = "client")]
    pub clients: Vec<HostSpec>,
}

/// The certificates of hosts.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateSpec {
    pub valid_days: u16,
    pub renew_days: u16,
}

/// The addresses that the gateway leases.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DhcpSpec {
    pub from: IpAddr,
    pub to: IpAddr,
    /// The duration of a lease, in the form of dnsmasq.
    pub lease: Lease,
}

/// The settings of the file server.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ShareSpec {
    pub port: u16,
}

impl Default for ShareSpec {
    fn default() -> Self {
        Self { port: 443 }
    }
}

/// A host.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    pub name: Name,
    pub address: IpAddr,
    #[serde(default)]
    pub names: Vec<Name>,
    /// A file under the output directory. The host is not touched until the file exists.
    pub wait_for: Option<Inside>,
    #[serde(default)]
    pub directories: Vec<Inside>,
    #[serde(default)]
    pub files: BTreeMap<Inside, String>,
}

/// A name of the domain name system.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct Name(String);

/// A duration: a number and one of the units `m`, `h`, `d`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct Lease(String);

/// A path inside a host's root directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String")]
pub struct Inside(String);

impl Site {
    /// Reads the site file. An error contains the file, the line and the key.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the site file `{}` (`--site` names another)", path.display()))?;
        Self::parse(&text, path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self> {
        let site: Self = toml::from_str(text).with_context(|| format!("in the site file `{}`", path.display()))?;
        let CertificateSpec { valid_days, renew_days } = site.certificates;
        if renew_days >= valid_days {
            bail!(
                "in the site file `{}`: certificates.renew_days ({renew_days}) must be less than \
                 certificates.valid_days ({valid_days}), or every run would renew every certificate",
                path.display()
            );
        }
        Ok(site)
    }

    /// Returns all hosts.
    pub fn hosts(&self) -> impl Iterator<Item = &HostSpec> {
        [&self.gateway, &self.fileserver].into_iter().chain(&self.clients)
    }
}

impl HostSpec {
    /// Returns all names of the host's certificate: its name and the further ones, each with and
    /// without the domain.
    pub fn certified_names(&self, domain: &Name) -> Vec<String> {
        let names = std::iter::once(&self.name).chain(&self.names);
        let mut all: Vec<_> = names.flat_map(|name| [format!("{name}.{domain}"), name.to_string()]).collect();
        all.push(self.address.to_string());
        all
    }
}

impl TryFrom<String> for Name {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        if name.len() <= 253 && name.split('.').all(label) {
            return Ok(Self(name));
        }
        Err(format!("{name:?} is no host name: write small letters, digits and `-`, as in `gateway`"))
    }
}

impl TryFrom<String> for Lease {
    type Error = String;

    fn try_from(lease: String) -> Result<Self, String> {
        let number = lease.strip_suffix(['m', 'h', 'd']).and_then(|number| number.parse::<u16>().ok());
        if number.is_some_and(|number| number > 0) {
            return Ok(Self(lease));
        }
        Err(format!("{lease:?} is no length of time: write a number and `m`, `h` or `d`, as in `12h`"))
    }
}

impl TryFrom<String> for Inside {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        use std::path::Component;
        let plain = |component: Component<'_>| matches!(component, Component::Normal(_));
        if !path.is_empty() && !path.contains('\0') && Path::new(&path).components().all(plain) {
            return Ok(Self(path));
        }
        Err(format!("{path:?} is no path inside a host: write it without a leading `/` and without `..`"))
    }
}

impl AsRef<Path> for Inside {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Inside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    /// Tries site files with random changes. `FUZZ=1000` multiplies the number of cases.
    #[test]
    fn fuzz_a_site_file_with_changed_lines_is_read_or_refused_by_name() {
        let factor = std::env::var("FUZZ").ok().and_then(|factor| factor.parse().ok()).unwrap_or(1);
        let cases = 100_u32.saturating_mul(factor);
        #[expect(clippy::print_stdout, reason = "the cases of a long run are added up")]
        {
            println!("fuzz site files: {cases} cases");
        }
        let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
        let lines: Vec<&str> = include_str!("site.toml").lines().collect();
        let part = prop::sample::select(&["x", "..", "/", "\\n", "=", "\"", "-", "99999999999", "[", "]", "\u{0}"][..]);
        let change = (any::<prop::sample::Index>(), any::<prop::sample::Index>(), part);
        proptest!(config, |(changes in vec(change, 0..4))| {
            let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            for (line, at, text) in changes {
                let line = &mut lines[line.index(line_count(include_str!("site.toml")))];
                let at = (0..=line.len()).filter(|at| line.is_char_boundary(*at)).nth(at.index(line.len() + 1)).unwrap_or(0);
                line.insert_str(at, text);
            }
            match Site::parse(&lines.join("\n"), Path::new("site.toml")) {
                Ok(site) => prop_assert!(site.hosts().count() >= 2),
                Err(error) => {
                    let error = format!("{error:#}");
                    prop_assert!(error.contains("in the site file `site.toml`"));
                }
            }
        });
    }

    fn line_count(text: &str) -> usize {
        text.lines().count()
    }
}
