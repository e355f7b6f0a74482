//! Facts about a machine, which the agent sends first.

use serde::{Deserialize, Serialize};

/// Facts about a machine. The agent sends them with the hello, so they cost no round trip.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Facts {
    /// The id of the operating system, as `ID` of `/etc/os-release`, such as `debian`.
    pub os: String,
    /// The ids of the systems from which it is derived, as `ID_LIKE`.
    pub os_like: Vec<String>,
    /// The version of the operating system, as `VERSION_ID`, such as `12`. Rolling distributions have none.
    pub os_version: String,
    /// The code name of the version, as `VERSION_CODENAME`, such as `bookworm`.
    pub os_codename: String,
    /// The architecture, as `uname -m` prints it, such as `x86_64`.
    pub architecture: String,
    /// The name of the kernel, such as `Linux`.
    pub kernel: String,
    /// The release of the kernel, such as `6.1.0-18-amd64`.
    pub kernel_release: String,
    /// The name of the host.
    pub hostname: String,
    /// The package manager, if one is known.
    pub package_manager: Option<PackageManager>,
    /// The init system.
    pub init: Init,
    /// The name of the user that the agent runs as.
    pub user: String,
    /// The number of that user.
    pub uid: u32,
    /// The memory in bytes.
    pub memory: u64,
    /// The number of processors that the agent may use.
    pub cpus: u32,
    /// The id of the boot, which differs after each start of the machine.
    pub boot_id: String,
    /// The process id of the agent.
    pub pid: u32,
}

/// A package manager.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PackageManager {
    /// Debian, Ubuntu and their derivatives.
    Apt,
    /// Fedora, RHEL and their derivatives.
    Dnf,
    /// Alpine.
    Apk,
    /// Arch.
    Pacman,
}

/// An init system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Init {
    /// systemd is running.
    Systemd,
    /// Another init system, or none, as in most containers.
    #[default]
    Other,
}

impl Facts {
    /// Returns whether the operating system is this one or is derived from it.
    pub fn is_like(&self, os: &str) -> bool {
        self.os == os || self.os_like.iter().any(|like| like == os)
    }
}
