//! The 50 resources of a machine, as a model and as data for the other tools.

use serde::Serialize;
use setup_tasks::prelude::*;
use setup_tasks_machines::resources::{AuthorizedKeys, Directory, File, Group, Line, Packages, Symlink, Sysctl, User};
use setup_tasks_machines::{Ensure, Machine};

/// The number of resources.
pub const COUNT: usize = 50;

/// The number of resources that a new machine lacks. It has the packages and the group `backup`.
pub const CHANGES: usize = 45;

/// The tasks of the model.
pub const TASKS: [&str; 9] =
    ["groups", "users", "keys", "directories", "files", "links", "lines", "packages", "settings"];

/// The packages, which the machines have from the start.
pub const PACKAGES: [&str; 4] = ["openssh-server", "ca-certificates", "git", "sudo"];

const GROUPS: [&str; 4] = ["web", "ops", "deploys", "backup"];

/// The users with their groups.
const USERS: [(&str, &str); 5] =
    [("ada", "ops"), ("grace", "ops"), ("edsger", "web"), ("barbara", "web"), ("donald", "backup")];

const SETTINGS: [(&str, &str); 2] = [("net.ipv4.ip_forward", "1"), ("net.ipv4.conf.all.rp_filter", "1")];

/// The resources as data.
#[derive(Serialize)]
pub struct Data {
    pub groups: Vec<String>,
    pub users: Vec<Login>,
    pub directories: Vec<String>,
    /// Paths and contents.
    pub files: Vec<(String, String)>,
    /// Paths and targets.
    pub links: Vec<(String, String)>,
    /// Lines of `/etc/hosts`.
    pub lines: Vec<String>,
    pub packages: Vec<String>,
    /// Keys, values, and the files in which they are kept.
    pub settings: Vec<(String, String, String)>,
}

/// A user of the machine.
#[derive(Serialize)]
pub struct Login {
    pub name: String,
    pub group: String,
    pub key: String,
}

/// Returns the resources.
pub fn data() -> Data {
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let login = |(name, group): &(&str, &str)| Login {
        name: (*name).to_owned(),
        group: (*group).to_owned(),
        key: format!(
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJlhyGoQ0Q0Q0Q0Q0Q0Q0Q0Q0Q0Q0Q0Q0Q0Q0Q0{} {name}@x",
            name.len()
        ),
    };
    let setting = |(key, value): &(&str, &str)| {
        ((*key).to_owned(), (*value).to_owned(), format!("/etc/sysctl.d/90-setup-tasks-{key}.conf"))
    };
    Data {
        groups: owned(&GROUPS),
        users: USERS.iter().map(login).collect(),
        directories: (0..8).map(|i| format!("/srv/app/d{i}")).collect(),
        files: (0..12).map(|i| (format!("/srv/app/d{}/conf{i}.ini", i % 8), content(i, 200 + i * 300))).collect(),
        links: (0..5).map(|i| (format!("/srv/app/current{i}"), format!("/srv/app/d{i}"))).collect(),
        lines: (0..5).map(|i| format!("10.9.0.{i} node{i}.fleet.example")).collect(),
        packages: owned(&PACKAGES),
        settings: SETTINGS.iter().map(setting).collect(),
    }
}

/// Returns lines of settings with at least this many bytes.
fn content(of: usize, bytes: usize) -> String {
    let mut text = String::new();
    for line in 0.. {
        if text.len() >= bytes {
            break;
        }
        text.extend(["setting_", &of.to_string(), "_", &line.to_string(), " = value "]);
        text.extend([&(line * 7919 % 1000).to_string(), "\n"]);
    }
    text
}

/// The resources of one machine, as a user of this library writes them.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "sites/{name}")]
pub struct Site {
    pub name: String,
    /// The number of further files.
    pub more: usize,
    #[machine]
    pub machine: Machine,
}

#[setup_tasks]
impl Site {
    /// Create the groups
    #[setup_task]
    const GROUPS: Ensure<Self, Group> = Ensure::all(|_| data().groups.into_iter().map(Group::named).collect());

    /// Create the users
    #[setup_task(subscribe = [])]
    const USERS: Ensure<Self, User> = Ensure::all(|_| {
        data().users.into_iter().map(|user| User::named(user.name).group(user.group).shell("/bin/bash")).collect()
    });

    /// Let them in
    #[setup_task(subscribe = [])]
    const KEYS: Ensure<Self, AuthorizedKeys> =
        Ensure::all(|_| data().users.into_iter().map(|user| AuthorizedKeys::of(user.name, [user.key])).collect());

    /// Create the directories
    #[setup_task(subscribe = [])]
    const DIRECTORIES: Ensure<Self, Directory> = Ensure::all(|_| {
        data().directories.into_iter().map(|path| Directory::at(path).mode(0o755).owner("root")).collect()
    });

    /// Write the files
    #[setup_task(subscribe = [])]
    const FILES: Ensure<Self, File> = Ensure::all(|site| {
        let more = (0..site.more).map(|i| (format!("/srv/app/d{}/more{i}.ini", i % 8), content(i, 1000)));
        let files = data().files.into_iter().chain(more);
        files.map(|(path, content)| File::at(path).content(content).mode(0o644).owner("root")).collect()
    });

    /// Create the links
    #[setup_task(subscribe = [])]
    const LINKS: Ensure<Self, Symlink> =
        Ensure::all(|_| data().links.into_iter().map(|(path, to)| Symlink::at(path).to(to)).collect());

    /// Name the other machines
    #[setup_task(subscribe = [])]
    const LINES: Ensure<Self, Line> =
        Ensure::all(|_| data().lines.into_iter().map(|line| Line::in_file("/etc/hosts", line)).collect());

    /// Install the packages
    #[setup_task(subscribe = [])]
    const PACKAGES: Ensure<Self, Packages> =
        Ensure::all(|_| data().packages.into_iter().map(|package| Packages::installed([package])).collect());

    /// Set up the kernel
    #[setup_task(subscribe = [])]
    const SETTINGS: Ensure<Self, Sysctl> =
        Ensure::all(|_| data().settings.into_iter().map(|(key, value, _)| Sysctl::set(key, value)).collect());
}
