//! The record of a process that holds locks. It is JSON in the lock's file. Other processes use it
//! to name the holder and to find out whether the holder has ended.

use std::fmt;
use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

const VERSION: u32 = 2;

/// The identity of a process, by which other processes name it and find out whether it has ended.
///
/// The record of a process that has not written it, or that is damaged, names "another process".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessRecord(Option<Record>);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    version: u32,
    pid: u32,
    host: String,
    /// The boot id of the machine's kernel, which containers on the machine share. It is missing in
    /// records of version 1.
    #[serde(default)]
    boot: Option<String>,
    /// The namespace of the process id.
    #[serde(default)]
    pid_namespace: Option<String>,
    /// The start time of the process, in the kernel's ticks since its boot. A later process with
    /// the same id has another start time.
    #[serde(default)]
    started: Option<u64>,
}

/// The state of a process, as far as this process can see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Life {
    /// The process runs.
    Alive,
    /// The process has ended.
    Dead,
    /// The process cannot be seen from here, because it is on another machine or in another
    /// container.
    Unknown,
}

impl ProcessRecord {
    /// Reads the result of [`to_json`](Self::to_json).
    pub fn parse(text: &[u8]) -> Self {
        Self(serde_json::from_slice(text).ok())
    }

    /// Returns the record of this process.
    pub fn here() -> Self {
        let Machine { host, boot, pid_namespace } = machine();
        let pid = std::process::id();
        let (host, boot, pid_namespace) = (host.clone(), boot.clone(), pid_namespace.clone());
        Self(Some(Record { version: VERSION, pid, host, boot, pid_namespace, started: system::started(pid) }))
    }

    /// Sets the name of the host. Two processes with such a name do not see whether the other one has ended, because the name may
    /// stand for a container.
    #[must_use]
    pub fn on_host(mut self, name: &str) -> Self {
        if let Some(record) = &mut self.0 {
            let boot = record.boot.as_deref().unwrap_or_default();
            record.boot = Some(format!("{boot} {name}"));
            name.clone_into(&mut record.host);
        }
        self
    }

    /// Returns the record as JSON.
    pub fn to_json(&self) -> String {
        // A record consists of strings and numbers, so its serialization does not fail.
        serde_json::to_string(&self.0).unwrap_or_default()
    }

    /// Returns the state of the process, as far as this process can see it.
    pub fn life(&self) -> Life {
        let Some(record) = &self.0 else { return Life::Unknown };
        let here = machine();
        let shares_numbers = record.boot.is_some() && record.boot == here.boot && record.pid_namespace.is_some();
        if !shares_numbers || record.pid_namespace != here.pid_namespace {
            return Life::Unknown;
        }
        match (system::exists(record.pid), record.started, system::started(record.pid)) {
            (false, ..) => Life::Dead,
            (true, Some(then), Some(now)) if then != now => Life::Dead,
            _ => Life::Alive,
        }
    }

    /// Returns whether the process runs on the named machine, and not in a container on this
    /// machine.
    pub fn is_elsewhere_on(&self, host: &str) -> bool {
        self.0.as_ref().is_some_and(|record| {
            let is_this_kernel = match &record.boot {
                Some(boot) => machine().boot.as_ref() == Some(boot),
                None => record.host == machine().host,
            };
            record.host == host && !is_this_kernel
        })
    }

    /// Returns the name of the process's machine, if the process has written its record.
    pub fn host(&self) -> Option<&str> {
        self.0.as_ref().map(|record| &*record.host)
    }
}

/// Returns the identity of the clock that all processes of this machine share, or an empty text if it is unknown.
pub(crate) fn shared_clock_id() -> &'static str {
    machine().boot.as_deref().unwrap_or_default()
}

/// Returns the name of this process in errors.
pub(crate) fn this_process() -> String {
    ProcessRecord::here().to_string()
}

impl fmt::Display for ProcessRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(Record { pid, host, .. }) => write!(f, "process {pid} on {host}"),
            None => f.write_str("another process"),
        }
    }
}

/// The identity of a machine or a container, which all its processes share.
struct Machine {
    host: String,
    boot: Option<String>,
    pid_namespace: Option<String>,
}

/// Returns the identity of this machine. It is determined once, because that takes longer than a
/// lock.
fn machine() -> &'static Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    MACHINE.get_or_init(|| Machine {
        host: gethostname::gethostname().to_string_lossy().into_owned(),
        boot: system::boot(),
        pid_namespace: system::pid_namespace(),
    })
}

/// Facts from the Linux kernel.
#[cfg(target_os = "linux")]
mod system {
    pub(super) fn boot() -> Option<String> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        Some(boot.trim().to_owned())
    }

    pub(super) fn pid_namespace() -> Option<String> {
        Some(std::fs::read_link("/proc/self/ns/pid").ok()?.to_str()?.to_owned())
    }

    /// Returns the field `starttime` of `/proc/PID/stat`; see `proc_pid_stat(5)`.
    pub(super) fn started(pid: u32) -> Option<u64> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name of the program is in parentheses and may contain any characters. 20 fields
        // follow before this one.
        stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
    }

    pub(super) fn exists(pid: u32) -> bool {
        use rustix::io::Errno;
        use rustix::process::{Pid, test_kill_process};
        let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
        // A process to which this one may not send signals exists, too.
        pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
    }
}

/// A replacement for other systems. Nothing proves there that a holder has ended, so every holder
/// keeps its lock.
#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) fn boot() -> Option<String> {
        None
    }

    pub(super) fn pid_namespace() -> Option<String> {
        None
    }

    pub(super) fn started(_: u32) -> Option<u64> {
        None
    }

    pub(super) fn exists(_: u32) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn here() -> Record {
        ProcessRecord::here().0.unwrap()
    }

    fn life(record: Record) -> Life {
        ProcessRecord(Some(record)).life()
    }

    /// Returns the id of a process that has ended. The system does not reuse it before the test
    /// ends.
    fn ended() -> u32 {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        pid
    }

    #[test]
    fn a_holder_that_runs_is_alive_and_one_that_has_ended_is_dead() {
        assert_eq!(ProcessRecord::here().life(), Life::Alive);
        assert_eq!(life(Record { pid: ended(), ..here() }), Life::Dead);
        let later = here().started.map(|started| started + 1);
        assert_eq!(life(Record { started: later, ..here() }), Life::Dead, "its number was given again");
        assert_eq!(life(Record { started: None, ..here() }), Life::Alive);
        let pid_one = Record { pid: 1, started: None, ..here() };
        assert_eq!(life(pid_one), Life::Alive, "it may be of another user");
    }

    #[test]
    fn a_holder_in_another_container_or_on_another_machine_is_never_taken_for_dead() {
        let elsewhere = Some("another".to_owned());
        for record in [
            Record { pid_namespace: elsewhere.clone(), pid: ended(), ..here() },
            Record { boot: elsewhere.clone(), pid: ended(), ..here() },
            Record { boot: None, pid_namespace: None, started: None, pid: ended(), ..here() },
            Record { host: "another".to_owned(), boot: elsewhere, pid: ended(), ..here() },
        ] {
            assert_eq!(life(record), Life::Unknown);
        }
        assert_eq!(ProcessRecord(None).life(), Life::Unknown, "it has no record yet");
    }

    #[test]
    fn a_container_of_this_machine_is_never_elsewhere_whatever_its_name() {
        let container = Record { host: "web".to_owned(), pid_namespace: Some("another".to_owned()), ..here() };
        assert!(!ProcessRecord(Some(container)).is_elsewhere_on("web"));
        let machine = || Record { host: "web".to_owned(), boot: Some("another".to_owned()), ..here() };
        assert!(ProcessRecord(Some(machine())).is_elsewhere_on("web"));
        assert!(!ProcessRecord(Some(machine())).is_elsewhere_on("other"));
        // A record of the first version has only the name of the host.
        let old = |host: &str| ProcessRecord::parse(format!(r#"{{"version":1,"pid":7,"host":"{host}"}}"#).as_bytes());
        assert!(old("web").is_elsewhere_on("web") && !old(&here().host).is_elsewhere_on(&here().host));
    }
}
