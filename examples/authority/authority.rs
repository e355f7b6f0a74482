//! The certificate authority.

use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::Context;
use serde::Deserialize;
use setup_tasks::paths::PathError;
use setup_tasks::prelude::*;
use time::OffsetDateTime;
use time::macros::format_description;

use crate::{certificate, whole_file};

/// The desired state of the certificate authority.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthoritySpec {
    /// Its name in its certificate.
    pub name: String,
    /// The time for which its certificate is valid.
    pub valid_days: u16,
}

/// Signs the certificates of the hosts. Its key and certificate are state: clearing the cache does
/// not touch them.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "authority")]
pub struct Authority {
    /// Its desired state.
    pub spec: AuthoritySpec,
}

#[setup_tasks]
impl Authority {
    #[setup_task("Make the authority's key", check_completed = has_key)]
    fn key(&self, cx: &TaskContext) -> Result<()> {
        certificate::make_key(&cx.state_path()?.join("authority.key"))
    }

    fn has_key(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.state_path()?.join("authority.key").exists())
    }

    /// Sign the authority's own certificate.
    #[setup_task(check_completed = certified_since)]
    pub fn certificate(&self, cx: &TaskContext) -> Result<()> {
        let directory = cx.state_path()?;
        let key = certificate::read_key(&directory.join("authority.key"))?;
        let AuthoritySpec { name, valid_days } = &self.spec;
        let pem = certificate::authority(name, *valid_days, &key)?;
        whole_file::write(&directory.join("authority.pem"), &pem, 0o600)?;
        whole_file::write(&directory.join("authority.for"), &self.certified(), 0o600)
    }

    /// Returns the contents of the certificate as text. A different text requires a different certificate.
    fn certified(&self) -> String {
        format!("{} for {} days\n", self.spec.name, self.spec.valid_days)
    }

    /// Returns the time of the certificate if it belongs to the key, matches the site file, and has
    /// at least a tenth of its validity left.
    fn certified_since(&self, cx: &TaskContext) -> Result<Option<SystemTime>> {
        let directory = cx.state_path()?;
        let (key, pem) = (directory.join("authority.key"), directory.join("authority.pem"));
        if !key.exists() || !pem.exists() {
            return Ok(None);
        }
        let as_wanted = std::fs::read_to_string(directory.join("authority.for")).is_ok_and(|is| is == self.certified());
        let good = certificate::is_good(&pem, &certificate::read_key(&key)?, self.spec.valid_days / 10)?;
        Ok(if as_wanted && good { Some(pem.metadata()?.modified()?) } else { None })
    }
}

/// Returns the paths of the authority's key and certificate.
pub fn files(authority: &Object<Authority>) -> Result<(PathBuf, PathBuf), PathError> {
    let directory = authority.state_path()?;
    Ok((directory.join("authority.key"), directory.join("authority.pem")))
}

/// Renames the authority's key to a name with the time, so that the next run creates a new one.
pub fn retire_key(authority: &Object<Authority>) -> Result<()> {
    let (key, _) = files(authority)?;
    if !key.exists() {
        return Ok(());
    }
    let now = OffsetDateTime::now_utc().format(format_description!("[year][month][day]-[hour][minute][second]"))?;
    let old = key.with_file_name(format!("authority-until-{now}.key"));
    std::fs::rename(&key, &old).with_context(|| format!("cannot put `{}` aside", key.display()))
}
