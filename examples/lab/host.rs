//! The tasks of every host: its key, certificate, directories and files.

use std::path::PathBuf;
use std::time::Duration;

use lab_authority::{Authority, authority, certificate, whole_file};
use serde::Serialize;
use setup_tasks::prelude::*;

use crate::site::{CertificateSpec, HostSpec, Name};

/// The interval at which the lab checks whether it may touch a host.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The desired state of a host.
#[derive(Serialize)]
pub struct HostPlan {
    pub spec: HostSpec,
    pub domain: Name,
    pub certificates: CertificateSpec,
}

/// The tasks that all hosts share.
#[setup_tasks]
pub trait Host {
    /// Returns the desired state of the host.
    fn plan(&self) -> &HostPlan;

    /// Returns the authority that signs the host's certificate.
    #[depends_on(Authority::certificate, before = certificate)]
    fn signer(&self) -> Object<Authority>;

    #[setup_task("Wait until it may be touched", check_completed = may_be_touched)]
    async fn wait(&self, cx: &TaskContext) {
        while !self.may_be_touched(cx) {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Returns whether the file for which the host waits by the site file exists.
    fn may_be_touched(&self, cx: &TaskContext) -> bool {
        let awaited = self.plan().spec.wait_for.as_ref();
        awaited.is_none_or(|file| cx.layout().config().base_dir.join(file).exists())
    }

    #[setup_task("Make the key", check_completed = has_key)]
    fn key(&self, cx: &TaskContext) -> Result<()> {
        certificate::make_key(&cx.state_path()?.join("host.key"))
    }

    /// Returns whether the key exists.
    fn has_key(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.state_path()?.join("host.key").exists())
    }

    #[setup_task(
        "Get a certificate signed",
        subscribe = [key, signer_certificate],
        hash = certified,
        invalidator = certificate_holds
    )]
    fn certificate(&self, cx: &TaskContext) -> Result<()> {
        let HostPlan { spec, domain, certificates } = self.plan();
        let (authority_key, authority) = authority::files(&self.signer())?;
        let pem = certificate::host(
            spec.certified_names(domain),
            certificates.valid_days,
            &certificate::read_key(&cx.state_path()?.join("host.key"))?,
            &whole_file::read(&authority)?,
            certificate::read_key(&authority_key)?,
        )?;
        whole_file::write(&cx.stamp_path()?.join("host.pem"), &pem, 0o644)
    }

    /// Returns the contents of the certificate as text.
    fn certified(&self) -> String {
        let HostPlan { spec, domain, certificates } = self.plan();
        format!("{} for {} days", spec.certified_names(domain).join(" "), certificates.valid_days)
    }

    /// Returns whether the certificate exists, belongs to the key, and does not expire soon.
    fn certificate_holds(&self, cx: &TaskContext) -> Result<bool> {
        let key = certificate::read_key(&cx.state_path()?.join("host.key"))?;
        certificate::is_good(&cx.stamp_path()?.join("host.pem"), &key, self.plan().certificates.renew_days)
    }

    #[setup_task("Make the directories", subscribe = [], hash = wanted_directories, invalidator = has_directories)]
    fn directories(&self, cx: &TaskContext) -> Result<()> {
        for directory in &self.plan().spec.directories {
            std::fs::create_dir_all(self.root(cx).join(directory))?;
        }
        Ok(())
    }

    /// Returns the directories as text.
    fn wanted_directories(&self) -> String {
        self.plan().spec.directories.iter().map(|directory| format!("{directory}\n")).collect()
    }

    /// Returns whether all directories exist.
    fn has_directories(&self, cx: &TaskContext) -> bool {
        self.plan().spec.directories.iter().all(|directory| self.root(cx).join(directory).is_dir())
    }

    #[setup_task(
        "Install the key and the certificates",
        subscribe = [key, signer_certificate, certificate],
        invalidator = is_installed
    )]
    fn install(&self, cx: &TaskContext) -> Result<()> {
        let tls = self.root(cx).join("etc/tls");
        let (_, authority) = authority::files(&self.signer())?;
        whole_file::write(&tls.join("host.key"), &whole_file::read(&cx.state_path()?.join("host.key"))?, 0o600)?;
        whole_file::write(&tls.join("host.pem"), &whole_file::read(&cx.stamp_path()?.join("host.pem"))?, 0o644)?;
        whole_file::write(&tls.join("authority.pem"), &whole_file::read(&authority)?, 0o644)
    }

    /// Returns whether the key and the certificates are installed.
    fn is_installed(&self, cx: &TaskContext) -> bool {
        let tls = self.root(cx).join("etc/tls");
        ["host.key", "host.pem", "authority.pem"].iter().all(|name| tls.join(name).exists())
    }

    #[setup_task("Write the files", subscribe = [], hash = wanted_files, invalidator = has_files)]
    fn files(&self, cx: &TaskContext) -> Result<()> {
        for (path, text) in &self.plan().spec.files {
            whole_file::write(&self.root(cx).join(path), text, 0o644)?;
        }
        Ok(())
    }

    /// Returns the files as text.
    fn wanted_files(&self) -> String {
        self.plan().spec.files.iter().map(|(path, text)| format!("{path}\n{text}\n")).collect()
    }

    /// Returns whether all files have the desired content.
    fn has_files(&self, cx: &TaskContext) -> bool {
        let holds = |path: PathBuf, text: &str| std::fs::read_to_string(path).is_ok_and(|is| is == text);
        self.plan().spec.files.iter().all(|(path, text)| holds(self.root(cx).join(path), text))
    }

    /// Returns the directory that represents the host's file system.
    fn root(&self, cx: &TaskContext) -> PathBuf {
        cx.layout().config().base_dir.join("hosts").join(self.plan().spec.name.to_string())
    }
}
