//! The layout: all objects of the fleet.

use std::collections::BTreeMap;
use std::path::{Path, absolute};

use anyhow::{Context, bail};
use lab_authority::Authority;
use setup_tasks::prelude::*;
use setup_tasks::{Config, Layout};
use setup_tasks_machines::Machine;

use crate::dashboard::Dashboard;
use crate::database::Database;
use crate::host::{Host, Place};
use crate::inventory::{HostSpec, Inventory, Role};
use crate::network::Network;
use crate::web::Web;

/// Returns a layout with all objects of the fleet, whose files are under the directory `out`.
pub fn layout(inventory: &Inventory, out: &Path, files_only: bool) -> Result<Layout> {
    let out = absolute(out)?;
    let base_dir = out.clone();
    let config = Config::builder()
        .environment("FLEET")
        .set(|config| {
            config.base_dir = base_dir;
            config.cache_dir = "cache".into();
            config.state_dir = "state".into();
            config.log_dir = "log".into();
        })
        .load()?;
    let layout = Layout::new(config);
    let authority = layout.add(Authority { spec: inventory.authority.clone() })?;
    let link = out.join("network");
    let network = if files_only { None } else { Some(layout.add(Network { link: link.clone() })?) };
    let mut hosts: BTreeMap<&str, Object<Host>> = BTreeMap::new();
    for spec in &inventory.hosts {
        let (place, machine) = match &network {
            Some(network) => (Place::Machine(network.clone()), Network::machine(&link, &spec.name)),
            None => (Place::Directory(out.join("files").join(&spec.name)), Machine::local()),
        };
        let host = Host {
            spec: spec.clone(),
            domain: inventory.domain.clone(),
            users: inventory.users.clone(),
            sysctl: inventory.sysctl.clone(),
            packages: inventory.packages.clone(),
            place,
            machine,
            bastion: spec.behind.as_deref().and_then(|name| hosts.get(name)).cloned(),
        };
        hosts.insert(&spec.name, layout.add(host)?);
    }
    add_site(&layout, inventory, &hosts, authority).context("the machines of the inventory do not fit together")?;
    Ok(layout)
}

/// Adds the objects of the site.
fn add_site(
    layout: &Layout,
    inventory: &Inventory,
    hosts: &BTreeMap<&str, Object<Host>>,
    authority: Object<Authority>,
) -> Result<()> {
    let of_role = |role: Role| -> Result<Object<Host>> {
        let named: Vec<&HostSpec> = inventory.hosts.iter().filter(|host| host.role == role).collect();
        match named[..] {
            [host] => Ok(hosts[&*host.name].clone()),
            _ => bail!("{} machines have the role {role:?}, and it needs exactly one", named.len()),
        }
    };
    let (web_host, database_host) = (of_role(Role::Web)?, of_role(Role::Database)?);
    let database = layout.add(Database {
        spec: inventory.database.clone(),
        machine: database_host.machine.clone(),
        host: database_host,
    })?;
    let web = layout.add(Web {
        name: format!("{}.{}", web_host.spec.name, inventory.domain),
        pages: "/srv/www".to_owned(),
        certificate: inventory.certificate,
        machine: web_host.machine.clone(),
        host: web_host.clone(),
        authority,
    })?;
    let hosts = inventory.hosts.iter().map(|host| hosts[&*host.name].clone()).collect();
    layout.add(Dashboard { machine: web_host.machine.clone(), hosts, database, web })?;
    Ok(())
}
