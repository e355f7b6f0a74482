//! The web server, with TLS.

use lab_authority::{Authority, authority, certificate, whole_file};
use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks_machines::resources::{Absent, Content, Directory, File, Packages, Service, Tree};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_templates::{TemplateTask, template};

use crate::host::Host;
use crate::inventory::CertificateSpec;

/// nginx on a machine, with a certificate of the authority.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "site")]
pub struct Web {
    /// The name of the site.
    pub name: String,
    /// The directory with its pages, as nginx sees it.
    pub pages: String,
    #[serde(skip)]
    pub certificate: CertificateSpec,
    #[machine]
    #[serde(skip)]
    pub machine: Machine,
    #[depends_on(Host::PACKAGES)]
    #[serde(skip)]
    pub host: Object<Host>,
    #[depends_on(Authority::certificate)]
    #[serde(skip)]
    pub authority: Object<Authority>,
}

#[setup_tasks]
impl Web {
    #[setup_task("Make the key", check_completed = has_key)]
    fn key(&self, cx: &TaskContext) -> Result<()> {
        certificate::make_key(&cx.state_path()?.join("site.key"))
    }

    fn has_key(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.state_path()?.join("site.key").exists())
    }

    #[setup_task(
        "Get a certificate signed",
        subscribe = [key, Self::authority_certificate],
        hash = certified,
        invalidator = certificate_holds
    )]
    fn certificate(&self, cx: &TaskContext) -> Result<()> {
        let (authority_key, authority) = authority::files(&self.authority)?;
        let pem = certificate::host(
            vec![self.name.clone()],
            self.certificate.valid_days,
            &certificate::read_key(&cx.state_path()?.join("site.key"))?,
            &whole_file::read(&authority)?,
            certificate::read_key(&authority_key)?,
        )?;
        whole_file::write(&cx.stamp_path()?.join("site.pem"), &pem, 0o644)
    }

    fn certified(&self) -> String {
        format!("{} for {} days", self.name, self.certificate.valid_days)
    }

    fn certificate_holds(&self, cx: &TaskContext) -> Result<bool> {
        let key = certificate::read_key(&cx.state_path()?.join("site.key"))?;
        certificate::is_good(&cx.stamp_path()?.join("site.pem"), &key, self.certificate.renew_days)
    }

    /// Install nginx
    #[setup_task(subscribe = [Self::host_packages])]
    const PACKAGES: Ensure<Self, Packages> =
        Ensure::maybe(|web| web.host.if_machine(|| Packages::installed(["nginx-light", "curl"]).without_recommends()));

    /// Install the key and the certificates
    #[setup_task(subscribe = [Self::host_packages, certificate])]
    const TLS: Ensure<Self, Tree> = Ensure::with(|web, cx| {
        let (key, pem) = (cx.state_path()?.join("site.key"), cx.stamp_path()?.join("site.pem"));
        let (_, authority) = authority::files(&web.authority)?;
        if !key.exists() || !pem.exists() || !authority.exists() {
            return Ok(None);
        }
        let tls = Tree::at(web.host.path("/etc/nginx/tls"));
        let tls = tls.file("site.key", Content::of_file(key)?.secret(), 0o600);
        Ok(Some(tls.file("site.pem", Content::of_file(pem)?, 0o644).file(
            "authority.pem",
            Content::of_file(authority)?,
            0o644,
        )))
    });

    /// Make a place for the pages
    #[setup_task(subscribe = [Self::host_packages])]
    const PAGES: Ensure<Self, Directory> = Ensure::new(|web| Directory::at(web.host.path(&web.pages)).mode(0o755));

    /// Remove the welcome page
    #[setup_task(subscribe = [PACKAGES])]
    const WELCOME: Ensure<Self, Absent> =
        Ensure::maybe(|web| web.host.if_machine(|| Absent::at("/etc/nginx/sites-enabled/default")));

    /// Render the configuration
    #[setup_task(subscribe = [])]
    const CONFIGURATION: TemplateTask = TemplateTask::new(template!("templates/site.conf.tera"));

    /// Install the configuration
    #[setup_task(subscribe = [PACKAGES, TLS, CONFIGURATION])]
    const SITE: Ensure<Self, File> = Ensure::with(|web, cx| {
        let rendered = cx.stamp_path()?.join("site.conf");
        if !rendered.exists() {
            return Ok(None);
        }
        let site = web.host.file("/etc/nginx/conf.d/site.conf").content(Content::of_file(rendered)?).mode(0o644);
        Ok(Some(if web.host.is_machine() { site.validate("nginx -t") } else { site }))
    });

    /// Keep nginx running
    #[setup_task(subscribe = [PACKAGES])]
    const RUNNING: Ensure<Self, Service> = Ensure::maybe(|web| web.host.if_machine(|| Service::enabled("nginx")));

    /// Let nginx read the configuration
    #[setup_task(subscribe = [TLS, WELCOME, SITE])]
    pub const RELOAD: Ensure<Self, Service> = Ensure::maybe(|web| web.host.if_machine(|| Service::reload("nginx")));
}
