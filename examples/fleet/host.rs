//! A machine, and the state that all machines share.

use std::collections::BTreeMap;
use std::path::PathBuf;

use setup_tasks::prelude::*;
use setup_tasks_machines::resources::{AptSource, AuthorizedKeys, File, Packages, Sysctl, User};
use setup_tasks_machines::{Ensure, Machine};

use crate::inventory::{HostSpec, UserSpec};
use crate::network::Network;
use crate::proxy;

/// A machine of the fleet, from its boot to its users and packages.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{spec.name}", id = "{spec.name}")]
pub struct Host {
    pub spec: HostSpec,
    pub domain: String,
    pub users: Vec<UserSpec>,
    pub sysctl: BTreeMap<String, String>,
    pub packages: Vec<String>,
    pub place: Place,
    #[machine]
    pub machine: Machine,
    #[depends_on(Host::boot)]
    pub bastion: Option<Object<Host>>,
}

/// The place of a machine.
pub enum Place {
    /// A machine of its own, in a network.
    Machine(Object<Network>),
    /// A directory, which has only the files of the machine.
    Directory(PathBuf),
}

#[setup_tasks]
impl Host {
    #[depends_on(Network::start)]
    fn network(&self) -> Option<Object<Network>> {
        match &self.place {
            Place::Machine(network) => Some(network.clone()),
            Place::Directory(_) => None,
        }
    }

    #[setup_task("Boot it", check_completed = is_running, undo = power_off)]
    pub async fn boot(&self) -> Result<()> {
        match &self.place {
            Place::Machine(network) => {
                let behind = self.spec.behind.as_deref().unwrap_or_default();
                network.request(format!("boot {} {behind}", self.spec.name)).await
            }
            Place::Directory(root) => Ok(std::fs::create_dir_all(root)?),
        }
    }

    async fn is_running(&self) -> bool {
        match &self.place {
            Place::Machine(network) => network.request(format!("status {}", self.spec.name)).await.is_ok(),
            Place::Directory(root) => root.is_dir(),
        }
    }

    /// Ends the machine. Its disk is lost.
    async fn power_off(&self) -> Result<()> {
        match &self.place {
            _ if !self.is_running().await => Ok(()),
            Place::Machine(network) => network.request(format!("off {}", self.spec.name)).await,
            Place::Directory(root) => Ok(std::fs::remove_dir_all(root)?),
        }
    }

    /// Greet who logs in
    #[setup_task(subscribe = [boot])]
    const GREETING: Ensure<Self, File> = Ensure::new(|host| {
        host.file("/etc/motd").content(format!("This is {}.{}.\n", host.spec.name, host.domain)).mode(0o644)
    });

    /// Create the users
    #[setup_task(subscribe = [boot])]
    const USERS: Ensure<Self, User> = Ensure::all(|host| {
        host.on_machine(host.users.iter().map(|user| {
            let groups = if user.sudo { &["sudo"][..] } else { &[] };
            User::named(&user.name).comment(&user.full_name).shell("/bin/bash").groups(groups.iter().copied())
        }))
    });

    /// Let them in
    #[setup_task(subscribe = [USERS])]
    const KEYS: Ensure<Self, AuthorizedKeys> = Ensure::all(|host| {
        host.on_machine(host.users.iter().map(|user| AuthorizedKeys::of(&user.name, user.keys.clone()).exclusive()))
    });

    /// Let some become root
    #[setup_task(subscribe = [boot])]
    const SUDO: Ensure<Self, File> = Ensure::maybe(|host| {
        let sudo = "%sudo ALL=(ALL) NOPASSWD: ALL\n";
        host.if_machine(|| File::at("/etc/sudoers.d/fleet").content(sudo).mode(0o440).validate("visudo -cf {}"))
    });

    /// Set up the kernel
    #[setup_task(subscribe = [boot])]
    const SYSCTL: Ensure<Self, Sysctl> =
        Ensure::all(|host| host.on_machine(host.sysctl.iter().map(|(key, value)| Sysctl::set(key, value))));

    /// Point apt to the proxy
    #[setup_task(subscribe = [boot])]
    const APT_PROXY: Ensure<Self, File> = Ensure::new(|host| {
        let proxy = format!("Acquire::http::Proxy \"http://127.0.0.1:{}\";\n", proxy::PORT);
        host.file("/etc/apt/apt.conf.d/80proxy").content(proxy).mode(0o644)
    });

    /// Use Debian's packages
    #[setup_task(subscribe = [boot])]
    const DEBIAN: Ensure<Self, AptSource> = Ensure::maybe(|host| {
        let debian = AptSource::named("debian").uri("http://deb.debian.org/debian");
        host.if_machine(|| debian.suite("bookworm").components(["main"]))
    });

    /// Install what every machine has
    #[setup_task(subscribe = [DEBIAN])]
    pub const PACKAGES: Ensure<Self, Packages> =
        Ensure::maybe(|host| host.if_machine(|| Packages::installed(host.packages.clone()).without_recommends()));
}

impl Host {
    /// Returns the path of a file of the machine, as the machine that writes it sees it.
    pub fn path(&self, path: &str) -> String {
        match &self.place {
            Place::Machine(_) => path.to_owned(),
            Place::Directory(root) => root.join(path.trim_start_matches('/')).display().to_string(),
        }
    }

    /// Returns whether this is a machine, and not only its files.
    pub fn is_machine(&self) -> bool {
        matches!(self.place, Place::Machine(_))
    }

    /// Returns a file of the machine. In a directory, the directories of the file are created.
    pub fn file(&self, path: &str) -> File {
        let file = File::at(self.path(path));
        if self.is_machine() { file } else { file.parents() }
    }

    /// Returns a resource that only a machine can have. A directory has none.
    pub fn if_machine<R>(&self, resource: impl FnOnce() -> R) -> Option<R> {
        self.is_machine().then(resource)
    }

    /// Returns resources that only a machine can have. A directory has none of them.
    pub fn on_machine<R>(&self, resources: impl IntoIterator<Item = R>) -> Vec<R> {
        if self.is_machine() { resources.into_iter().collect() } else { Vec::new() }
    }
}
