//! The kinds of hosts, and the layout of the site.

use std::path::Path;

use anyhow::Context;
use lab_authority::{Authority, whole_file};
use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};
use setup_tasks_templates::{FilesystemAccess, InstallTemplates, RootedDirectory, TemplateTask, template};

use crate::host::{Host, HostPlan};
use crate::site::{DhcpSpec, HostSpec, ShareSpec, Site};

/// The gateway, which also resolves the names of all hosts.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "hosts/{plan.spec.name}", id = "{plan.spec.name}", mixins(Host))]
struct Gateway {
    plan: HostPlan,
    /// Every host of the site.
    hosts: Vec<HostSpec>,
    dhcp: DhcpSpec,
    #[serde(skip)]
    authority: Object<Authority>,
}

#[setup_tasks]
impl Gateway {
    /// Render the table of hosts
    #[setup_task(before = Host::key)]
    const HOSTS: TemplateTask = TemplateTask::new(template!("templates/hosts.tera")).output("etc/hosts");

    /// Render dnsmasq's configuration
    #[setup_task(before = Host::key)]
    const DNSMASQ: TemplateTask =
        TemplateTask::new(template!("templates/dnsmasq.conf.tera")).output("etc/dnsmasq.conf");

    /// Render dnsmasq's unit
    #[setup_task(before = Host::key)]
    const DNS_SERVICE: TemplateTask =
        TemplateTask::new(template!("templates/dns.service.tera")).output("etc/systemd/system/dns.service");

    /// Install the configuration
    #[setup_task(before = Host::key)]
    const CONFIGURE: InstallTemplates<Gateway, Gateway> = InstallTemplates::own();
}

/// The file server.
#[derive(SetupTasks, Serialize)]
#[setup_tasks(subdir = "hosts/{plan.spec.name}", id = "{plan.spec.name}", mixins(Host))]
struct FileServer {
    plan: HostPlan,
    share: ShareSpec,
    #[serde(skip)]
    authority: Object<Authority>,
}

#[setup_tasks]
impl FileServer {
    /// Render nginx's configuration
    #[setup_task(before = Host::key)]
    const NGINX: TemplateTask =
        TemplateTask::new(template!("templates/nginx.conf.tera")).output("etc/nginx/nginx.conf");

    /// Render nginx's unit
    #[setup_task(before = Host::key)]
    const SHARE_SERVICE: TemplateTask =
        TemplateTask::new(template!("templates/share.service.tera")).output("etc/systemd/system/share.service");

    /// Install the configuration
    #[setup_task(before = Host::key)]
    const CONFIGURE: InstallTemplates<FileServer, FileServer> = InstallTemplates::own();

    #[setup_task("Publish the share", subscribe = [], hash = export)]
    fn publish(&self, cx: &TaskContext) -> Result<()> {
        whole_file::write(&self.root(cx).join("etc/exports"), &self.export(), 0o644)
    }

    fn export(&self) -> String {
        format!("/srv/share *.{}(ro)\n", self.plan.domain)
    }
}

/// The machine of a user.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{plan.spec.name}", id = "{plan.spec.name}", mixins(Host))]
struct Client {
    plan: HostPlan,
    authority: Object<Authority>,
    #[depends_on(FileServer::publish)]
    server: Object<FileServer>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share", subscribe = [Self::server_publish], hash = mount_line)]
    fn mount(&self, cx: &TaskContext) -> Result<()> {
        whole_file::write(&self.root(cx).join("etc/fstab"), &self.mount_line(), 0o644)
    }

    fn mount_line(&self) -> String {
        format!("{}.{}:/srv/share /srv/share nfs ro 0 0\n", self.server.plan.spec.name, self.plan.domain)
    }
}

macro_rules! hosts {
    ($($model:ident),*) => {
        $(impl Host for $model {
            fn plan(&self) -> &HostPlan {
                &self.plan
            }

            fn signer(&self) -> Object<Authority> {
                self.authority.clone()
            }
        })*
    };
}

hosts!(Gateway, FileServer, Client);

macro_rules! installed {
    ($($model:ident),*) => {
        $(impl FilesystemAccess for $model {
            type Filesystem = RootedDirectory;

            async fn filesystem(&self, cx: &TaskContext) -> Result<RootedDirectory> {
                Ok(RootedDirectory::new(self.root(cx)))
            }
        })*
    };
}

installed!(Gateway, FileServer);

/// Returns a layout with all objects of the site, under the directory `out`.
pub fn layout(site: &Site, out: &Path) -> Result<Layout> {
    let base_dir = out.to_owned();
    let config = Config::builder()
        .environment("LAB")
        .set(|config| {
            config.base_dir = base_dir;
            config.cache_dir = "cache".into();
            config.state_dir = "state".into();
            config.log_dir = "log".into();
        })
        .load()?;
    let layout = Layout::new(config);
    let authority = layout.add(Authority { spec: site.authority.clone() })?;
    let plan =
        |spec: &HostSpec| HostPlan { spec: spec.clone(), domain: site.domain.clone(), certificates: site.certificates };
    let add = || -> Result<()> {
        let authority = || authority.clone();
        let (hosts, dhcp) = (site.hosts().cloned().collect(), site.dhcp.clone());
        layout.add(Gateway { plan: plan(&site.gateway), hosts, dhcp, authority: authority() })?;
        let server =
            layout.add(FileServer { plan: plan(&site.fileserver), share: site.share, authority: authority() })?;
        for client in &site.clients {
            layout.add(Client { plan: plan(client), authority: authority(), server: server.clone() })?;
        }
        Ok(())
    };
    add().context("the hosts of the site file do not fit together")?;
    Ok(layout)
}
