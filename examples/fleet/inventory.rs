//! The inventory, which describes the desired state of the fleet.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, bail};
use lab_authority::AuthoritySpec;
use serde::{Deserialize, Serialize};

/// The whole inventory.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    pub domain: String,
    /// The packages of every machine.
    #[serde(default)]
    pub packages: Vec<String>,
    pub authority: AuthoritySpec,
    pub certificate: CertificateSpec,
    /// The settings of every kernel.
    #[serde(default)]
    pub sysctl: BTreeMap<String, String>,
    #[serde(rename = "host")]
    pub hosts: Vec<HostSpec>,
    pub database: DatabaseSpec,
    #[serde(default, rename = "user")]
    pub users: Vec<UserSpec>,
}

/// The certificate of the site.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateSpec {
    pub valid_days: u16,
    pub renew_days: u16,
}

/// A machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct HostSpec {
    pub name: String,
    #[serde(default)]
    pub role: Role,
    /// The machine through which `ssh` reaches this one.
    pub behind: Option<String>,
}

/// The purpose of a machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    #[default]
    Bastion,
    Web,
    Database,
}

/// A database, its owner and its backup.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseSpec {
    pub name: String,
    pub backup: String,
}

/// A person with an account on every machine.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct UserSpec {
    pub name: String,
    #[serde(default)]
    pub full_name: String,
    #[serde(default)]
    pub keys: Vec<String>,
    /// Whether the person may become root.
    #[serde(default)]
    pub sudo: bool,
}

impl Inventory {
    /// Reads the inventory. An error contains the file, the line and the key.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the inventory `{}` (`--inventory` names another)", path.display()))?;
        let inventory = || {
            let inventory: Self = toml::from_str(&text)?;
            inventory.check()?;
            Ok(inventory)
        };
        inventory().map_err(|error: anyhow::Error| error.context(format!("in the inventory `{}`", path.display())))
    }

    fn check(&self) -> Result<()> {
        let mut known = BTreeSet::new();
        for host in &self.hosts {
            if let Some(behind) = host.behind.as_ref().filter(|behind| !known.contains(*behind)) {
                bail!("`{}` is behind `{behind}`, which is no machine above it", host.name);
            }
            known.insert(&host.name);
        }
        let CertificateSpec { valid_days, renew_days } = self.certificate;
        if renew_days >= valid_days {
            bail!("certificate.renew_days ({renew_days}) must be less than certificate.valid_days ({valid_days})");
        }
        let name = &self.database.name;
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_lowercase()) {
            bail!("the name {name:?} of the database must consist of small letters");
        }
        Ok(())
    }
}
