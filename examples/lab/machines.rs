//! The kinds of hosts, and the layout that they make.

use std::path::Path;

use anyhow::Context;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};

use crate::authority::Authority;
use crate::host::{Host, HostPlan};
use crate::site::{HostSpec, Site};
use crate::whole_file;

/// Leads out of the lab, and knows every host's name.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{plan.spec.name}", id = "{plan.spec.name}", mixins(Host))]
struct Gateway {
    plan: HostPlan,
    /// Every host's address and names, as in `/etc/hosts`.
    table: String,
    #[depends_on(Authority::certificate, before = Host::certificate)]
    authority: Object<Authority>,
}

#[setup_tasks]
impl Gateway {
    #[setup_task("Write the table of hosts", hash = hosts)]
    fn write_table(&self, cx: &TaskContext) -> Result<()> {
        whole_file::write(&self.root(cx).join("etc/hosts"), &self.table, 0o644)
    }

    fn hosts(&self) -> &str {
        &self.table
    }
}

/// Shares files.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{plan.spec.name}", id = "{plan.spec.name}", mixins(Host))]
struct FileServer {
    plan: HostPlan,
    #[depends_on(Authority::certificate, before = Host::certificate)]
    authority: Object<Authority>,
}

#[setup_tasks]
impl FileServer {
    #[setup_task("Publish the share", hash = export)]
    fn publish(&self, cx: &TaskContext) -> Result<()> {
        whole_file::write(&self.root(cx).join("etc/exports"), &self.export(), 0o644)
    }

    fn export(&self) -> String {
        format!("/srv/share *.{}(ro)\n", self.plan.domain)
    }
}

/// Somebody's machine.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{plan.spec.name}", id = "{plan.spec.name}", mixins(Host))]
struct Client {
    plan: HostPlan,
    #[depends_on(Authority::certificate, before = Host::certificate)]
    authority: Object<Authority>,
    #[depends_on(FileServer::publish)]
    server: Object<FileServer>,
}

#[setup_tasks]
impl Client {
    #[setup_task("Mount the share", hash = mount_line)]
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

            fn signer(&self) -> &Object<Authority> {
                &self.authority
            }
        })*
    };
}

hosts!(Gateway, FileServer, Client);

/// Places everything of the site in a layout under `out`.
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
        layout.add(Gateway { plan: plan(&site.gateway), table: table(site), authority: authority() })?;
        let server = layout.add(FileServer { plan: plan(&site.fileserver), authority: authority() })?;
        for client in &site.clients {
            layout.add(Client { plan: plan(client), authority: authority(), server: server.clone() })?;
        }
        Ok(())
    };
    add().context("the hosts of the site file do not fit together")?;
    Ok(layout)
}

fn table(site: &Site) -> String {
    let line = |host: &HostSpec| {
        let names = std::iter::once(&host.name).chain(&host.names);
        let names: Vec<_> = names.flat_map(|name| [format!("{name}.{}", site.domain), name.to_string()]).collect();
        format!("{}\t{}\n", host.address, names.join(" "))
    };
    site.hosts().map(line).collect()
}
