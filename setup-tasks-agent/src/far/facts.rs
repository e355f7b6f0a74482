//! The facts about the machine.

use super::Far;
use crate::protocol::{Facts, Init, PackageManager};

/// Collects the facts. A fact that cannot be found is empty, since most tasks need none.
pub(super) fn of(far: &Far) -> Facts {
    let release = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| {
        let path = far.resolve(path).ok()?;
        far.read_text(path).ok().flatten()
    });
    let release = release.unwrap_or_default();
    let field = |name: &str| value(&release, name).unwrap_or_default();
    let system = rustix::system::uname();
    let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
    let uid = rustix::process::geteuid().as_raw();
    let hostname = if far.is_whole() {
        text(system.nodename())
    } else {
        far.read_text("/etc/hostname").ok().flatten().unwrap_or_default().trim().to_owned()
    };
    Facts {
        os: field("ID"),
        os_like: field("ID_LIKE").split_whitespace().map(str::to_owned).collect(),
        os_version: field("VERSION_ID"),
        os_codename: field("VERSION_CODENAME"),
        architecture: text(system.machine()),
        kernel: text(system.sysname()),
        kernel_release: text(system.release()),
        hostname,
        package_manager: package_manager(far),
        init: if exists(far, "/run/systemd/system") { Init::Systemd } else { Init::Other },
        user: user(far, uid),
        uid,
        memory: memory(far).unwrap_or_default(),
        cpus: std::thread::available_parallelism().map_or(1, |cpus| u32::try_from(cpus.get()).unwrap_or(u32::MAX)),
        boot_id: std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned(),
        pid: std::process::id(),
    }
}

fn exists(far: &Far, path: &str) -> bool {
    far.resolve(path).and_then(|path| far.stat(path)).is_ok_and(|stat| stat.is_some())
}

/// Returns the value of a variable of `os-release`, which is quoted as for a shell.
fn value(release: &str, name: &str) -> Option<String> {
    let value = release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?.trim();
    let inner = ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote));
    Some(inner.unwrap_or(value).replace('\\', ""))
}

fn package_manager(far: &Far) -> Option<PackageManager> {
    let programs = [
        (PackageManager::Apt, "/usr/bin/apt-get"),
        (PackageManager::Dnf, "/usr/bin/dnf"),
        (PackageManager::Apk, "/sbin/apk"),
        (PackageManager::Pacman, "/usr/bin/pacman"),
    ];
    programs.into_iter().find(|(_, program)| exists(far, program)).map(|(manager, _)| manager)
}

fn user(far: &Far, uid: u32) -> String {
    let accounts = far.read_text("/etc/passwd").ok().flatten().unwrap_or_default();
    let name = accounts.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(uid)).then(|| name.to_owned())
    });
    name.or_else(|| std::env::var("USER").ok()).unwrap_or_else(|| uid.to_string())
}

fn memory(far: &Far) -> Option<u64> {
    // The file of the kernel, also for a machine in a directory.
    let text = if far.is_whole() {
        far.read_text("/proc/meminfo").ok()??
    } else {
        std::fs::read_to_string("/proc/meminfo").ok()?
    };
    let kib: u64 =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}
