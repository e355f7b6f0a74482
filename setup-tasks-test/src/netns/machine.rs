//! One test machine.

use std::fs;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

#[cfg(target_os = "linux")]
use rustix::thread::LinkNameSpaceType;

use super::error::{AtPath, NetnsError, Result};
use super::network::TestNetwork;
use super::requirements::{command, run};

/// The program that starts a machine.
const SCRIPT: &str = include_str!("boot.sh");

/// The time in which a machine must come up.
const PATIENCE: Duration = Duration::from_mins(1);

/// The first program of a machine.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Init {
    /// Only the SSH server.
    Sshd,
    /// Systemd, which starts the SSH server and all else.
    Systemd,
}

/// The description of a machine that boots next.
#[must_use = "`boot` starts the machine"]
pub struct NetnsMachineBuilder {
    network: TestNetwork,
    name: String,
    init: Init,
    bastion: Option<(u32, String)>,
}

impl NetnsMachineBuilder {
    pub(super) fn new(network: TestNetwork, name: String) -> Self {
        Self { network, name, init: Init::Sshd, bastion: None }
    }

    /// Boots systemd instead of the SSH server alone. This takes a few seconds.
    pub fn systemd(mut self) -> Self {
        self.init = Init::Systemd;
        self
    }

    /// Connects the machine to another one instead of to the client. The configuration of `ssh` names that one as its jump host.
    pub fn behind(mut self, bastion: &NetnsMachine) -> Self {
        self.bastion = Some((bastion.pid, bastion.name.clone()));
        self
    }

    /// Boots the machine and waits until it accepts connections.
    pub fn boot(self) -> Result<NetnsMachine> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        // The name is also part of the name of a network interface, which has at most 15 bytes.
        if !(1..=11).contains(&self.name.len()) || !self.name.chars().all(allowed) || self.name.starts_with('-') {
            return Err(NetnsError::Name { name: self.name });
        }
        let number = self.network.shared.reserve(&self.name)?;
        let started =
            self.start().and_then(|(child, pid)| Ok((child, pid, open_process(pid).at(format!("/proc/{pid}"))?)));
        let (child, pid, first) = started.inspect_err(|_| self.network.shared.release(&self.name))?;
        let machine = NetnsMachine {
            parent: self.bastion.as_ref().map_or(self.network.shared.keeper.pid(), |(pid, _)| *pid),
            jump: self.bastion.map(|(_, name)| name),
            network: self.network,
            name: self.name,
            number,
            child,
            pid,
            first,
        };
        machine.connect()?;
        machine.wait(self.init)?;
        machine.introduce()?;
        Ok(machine)
    }

    /// Starts the first process of the machine, and returns its process id as this process sees it.
    fn start(&self) -> Result<(Child, u32)> {
        let shared = &self.network.shared;
        let mut boot = shared.keeper.command();
        let unshare = "exec unshare --pid --fork --mount --uts --ipc --net --kill-child";
        match (self.init, shared.keeper.cgroup()) {
            (Init::Sshd, _) => boot.args(["sh", "-c", &format!("{unshare} \"$@\""), "boot"]),
            // The control group of the machine becomes the root of all groups that systemd sees.
            (Init::Systemd, Some(group)) => {
                let group = format!("{group}/{}", self.name);
                let script =
                    format!("mkdir -p '{group}' && echo 0 >'{group}/cgroup.procs' && {unshare} --cgroup \"$@\"");
                boot.args(["sh", "-c", &script, "boot"])
            }
            (Init::Systemd, None) => {
                let reason = "systemd needs the second version of control groups".to_owned();
                return Err(NetnsError::Unavailable { reason });
            }
        };
        boot.args(["sh", "-c", SCRIPT, "boot", &self.name]).arg(shared.path("machines")).arg(shared.path("key.pub"));
        boot.arg(if self.init == Init::Systemd { "systemd" } else { "sshd" });
        boot.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = boot.spawn().map_err(|source| NetnsError::Start { program: "nsenter".to_owned(), source })?;
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take().expect("it is piped")).read_line(&mut line);
        match line.trim().strip_prefix("pid ").and_then(|pid| pid.parse().ok()) {
            Some(pid) => Ok((child, pid)),
            None => {
                let mut output = String::new();
                let _ = child.stderr.take().expect("it is piped").read_to_string(&mut output);
                let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                Err(NetnsError::Command { what: format!("the start of the machine {:?}", self.name), status, output })
            }
        }
    }
}

/// A Debian machine in namespaces of its own, with a real SSH server. It ends when it is dropped.
///
/// It has a boot id of its own. The program `reboot` of a machine without systemd ends all processes, and starts the SSH server again
/// with another boot id.
pub struct NetnsMachine {
    network: TestNetwork,
    name: String,
    number: usize,
    child: Child,
    /// The first process of the machine, as this process sees it.
    pid: u32,
    /// The same process. Its number could be that of another one after its end.
    first: OwnedFd,
    /// The process in whose network namespace the other end of the cable is.
    parent: u32,
    jump: Option<String>,
}

impl NetnsMachine {
    /// Returns the name of the machine, which is also its destination for `ssh`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the network of the machine.
    pub fn network(&self) -> &TestNetwork {
        &self.network
    }

    /// Returns the machine's address.
    pub fn address(&self) -> String {
        self.subnet(2)
    }

    /// Returns the root directory of the machine, as this process sees it. An absolute symlink below it would lead to the files of
    /// this system, so use [`run`](Self::run) where links can occur.
    pub fn root(&self) -> PathBuf {
        format!("/proc/{}/root", self.pid).into()
    }

    /// Runs a shell script on the machine as root, not over SSH, and returns its standard output.
    pub fn run(&self, script: &str) -> Result<String> {
        let what = format!("a script on the machine {:?}", self.name);
        run(self.command().args(["sh", "-euc", script]), what)
    }

    /// Returns a command on the machine, as root, not over SSH.
    pub fn command(&self) -> Command {
        let mut nsenter = command("nsenter");
        nsenter.args([
            &format!("--target={}", self.pid),
            "--mount",
            "--uts",
            "--ipc",
            "--net",
            "--pid",
            "--wd=/root",
            "--",
        ]);
        nsenter.args(["env", "-i", "-C", "/root", "HOME=/root", "LC_ALL=C.UTF-8"]);
        nsenter.arg("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        nsenter
    }

    /// Returns a listener on a port of the machine's loopback interface. This process accepts its connections, so that it can offer
    /// the machine something that is not in its network.
    #[cfg(target_os = "linux")]
    pub fn listen(&self, port: u16) -> Result<TcpListener> {
        let path = format!("/proc/{}/ns/net", self.pid);
        let namespace = fs::File::open(&path).at(&path)?;
        // A socket belongs to the namespace of the thread that creates it. The thread ends afterwards.
        let listen = || {
            rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))?;
            TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        };
        let listener = std::thread::scope(|scope| scope.spawn(listen).join());
        listener.unwrap_or_else(|panic| std::panic::resume_unwind(panic)).at(format!("port {port} of {}", self.name))
    }

    /// Cuts the cable: packets in both directions get lost from now on, without an error for anybody.
    pub fn cut(&self) -> Result<()> {
        // Packets to a hardware address that nobody has are dropped by the receiver.
        let nobody = "lladdr 02:00:00:00:00:01 nud permanent";
        self.cables(
            &format!("ip neigh replace {} {nobody} dev", self.address()),
            &format!("ip neigh replace {} {nobody} dev", self.gateway()),
        )
    }

    /// Repairs the cable after [`cut`](Self::cut).
    pub fn restore(&self) -> Result<()> {
        self.cables(&format!("ip neigh del {} dev", self.address()), &format!("ip neigh del {} dev", self.gateway()))
    }

    /// Switches the machine off, as a loss of power does. Its disk is lost, too.
    pub fn power_off(self) {}

    /// Returns the command lines of all processes of the machine.
    pub fn processes(&self) -> Result<Vec<String>> {
        let script = "for p in /proc/[0-9]*; do tr '\\0' ' ' <$p/cmdline 2>/dev/null && echo; done; true";
        let lines = self.run(script)?;
        let own = |line: &&str| !line.trim().is_empty() && !line.contains("/proc/[0-9]*");
        Ok(lines.lines().filter(own).map(|line| line.trim().to_owned()).collect())
    }

    /// Returns the process id of the machine's first process, as this process sees it.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the address of the other end of the cable.
    fn gateway(&self) -> String {
        self.subnet(1)
    }

    /// Returns an address in the network of the cable.
    fn subnet(&self, host: u8) -> String {
        format!("10.{}.{}.{host}", 77 + self.number / 256, self.number % 256)
    }

    /// Runs a command at each end of the cable. The name of the network interface is appended.
    fn cables(&self, here: &str, there: &str) -> Result<()> {
        for (pid, line) in [(self.parent, format!("{here} to-{}", self.name)), (self.pid, format!("{there} eth0"))] {
            let mut ip = command("nsenter");
            ip.args([&format!("--net=/proc/{pid}/ns/net"), "sh", "-euc", &line]);
            run(&mut ip, format!("a change of the cable of the machine {:?}", self.name))?;
        }
        Ok(())
    }

    /// Connects the machine by a cable.
    fn connect(&self) -> Result<()> {
        let (name, pid, gateway, address) = (&self.name, self.pid, self.gateway(), self.address());
        self.cables(
            &format!(
                "ip link delete to-{name} 2>/dev/null || true; ip link add to-{name} type veth peer name eth0 netns {pid}; ip address add {gateway}/30 dev to-{name}; ip link set up dev"
            ),
            &format!("ip address add {address}/30 dev eth0; ip link set eth0 up; ip route add default via {gateway} dev"),
        )
    }

    /// Waits until the SSH server accepts connections, and systemd has started all units.
    fn wait(&self, init: Init) -> Result<()> {
        let started = Instant::now();
        // The server writes this file when it listens.
        let ready = self.root().join("run/sshd.pid");
        while !ready.exists() {
            if started.elapsed() > PATIENCE || !self.root().exists() {
                let log = fs::read_to_string(self.root().join("var/log/sshd.log")).unwrap_or_default();
                return Err(NetnsError::Boot { name: self.name.clone(), seconds: PATIENCE.as_secs(), log });
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        if init == Init::Systemd {
            self.run("systemctl is-system-running --wait || { systemctl --failed; exit 1; }")?;
        }
        Ok(())
    }

    /// Adds the machine to the configuration and the known hosts of the client.
    fn introduce(&self) -> Result<()> {
        let (name, address) = (&self.name, self.address());
        let path = self.root().join("etc/ssh/ssh_host_ed25519_key.pub");
        let key = fs::read_to_string(&path).at(&path)?;
        let jump = self.jump.as_ref().map(|jump| format!("  ProxyJump {jump}\n")).unwrap_or_default();
        let host = format!("Host {name}\n  HostName {address}\n  HostKeyAlias {name}\n  User root\n{jump}\n");
        self.network.shared.append("known_hosts", &format!("{name} {key}"))?;
        self.network.shared.append("ssh_config", &host)
    }
}

impl Drop for NetnsMachine {
    fn drop(&mut self) {
        // With the first process of a process namespace, all its processes end.
        #[cfg(target_os = "linux")]
        let _ = rustix::process::pidfd_send_signal(&self.first, rustix::process::Signal::KILL);
        let _ = self.child.wait();
        self.network.shared.release(&self.name);
    }
}

/// Returns a handle of a process.
#[cfg(target_os = "linux")]
fn open_process(pid: u32) -> io::Result<OwnedFd> {
    let pid = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())?)
}

/// Returns an error, because other systems have no such handles, and no machines.
#[cfg(not(target_os = "linux"))]
fn open_process(_pid: u32) -> io::Result<OwnedFd> {
    Err(io::ErrorKind::Unsupported.into())
}
