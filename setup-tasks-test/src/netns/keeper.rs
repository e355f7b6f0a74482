//! The process that owns the namespaces of a network.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::error::{NetnsError, Result};
use super::requirements::command;

/// The program of the keeper.
const SCRIPT: &str = include_str!("keeper.sh");

/// The keeper of a network. It ends when its standard input ends: in `drop`, or with this process.
pub(super) struct Keeper {
    child: Child,
    /// The first process of the process namespace, as this process sees it.
    first: u32,
    /// The control group for machines with systemd, if the system has the second version of control groups.
    cgroup: Option<String>,
}

impl Keeper {
    /// Starts the keeper of a network with a directory.
    pub(super) fn start(directory: &Path, root: &Path) -> Result<Self> {
        let mut unshare = command("unshare");
        unshare.args(["--mount", "--net", "sh", "-c", SCRIPT, "keeper"]).arg(directory).arg(root);
        // A signal to the group of the test must not end it before it has cleaned up.
        unshare.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            unshare.spawn().map_err(|source| NetnsError::Start { program: "unshare".to_owned(), source })?;
        let (mut first, mut cgroup) = (None, None);
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        while first.is_none() || cgroup.is_none() {
            let line = lines.next().and_then(std::result::Result::ok);
            match line.as_deref().and_then(|line| line.split_once(' ')) {
                Some(("first", pid)) => first = pid.parse().ok(),
                Some(("cgroup", path)) => cgroup = Some((!path.is_empty()).then(|| path.to_owned())),
                _ => return Err(Self::failed(child)),
            }
        }
        let (first, cgroup) = (first.expect("the loop has read it"), cgroup.expect("the loop has read it"));
        Ok(Self { child, first, cgroup })
    }

    /// Returns the error of a keeper that did not start.
    fn failed(mut child: Child) -> NetnsError {
        drop(child.stdin.take());
        let output = child.wait_with_output().map(|output| String::from_utf8_lossy(&output.stderr).into_owned());
        let reason = output.unwrap_or_default();
        NetnsError::Unavailable { reason: format!("namespaces cannot be made: {}", reason.trim()) }
    }

    /// Returns the path of the control group for machines with systemd.
    pub(super) fn cgroup(&self) -> Option<&str> {
        self.cgroup.as_deref()
    }

    /// Returns the keeper's process id.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Returns a command in the mount, network and process namespace of the network. It cannot outlive the keeper.
    pub(super) fn command(&self) -> Command {
        let mut nsenter = command("nsenter");
        nsenter.args([&format!("--target={}", self.pid()), "--mount", "--net"]);
        nsenter.args([&format!("--pid=/proc/{}/ns/pid", self.first), "--"]);
        nsenter
    }
}

impl Drop for Keeper {
    /// Ends everything and waits until it is gone.
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
