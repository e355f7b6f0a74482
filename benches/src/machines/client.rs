//! The place of the clients: a network namespace at a distance from the machines, and a control group that counts their CPU time.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use setup_tasks_test::TestNetwork;

use super::distance::Distance;

/// The network device between the client and the machines.
const DEVICE: &str = "distance";

/// The script of the process that holds the namespaces. It ends at the end of its input.
const HOLDER: &str = "set -eu; ip link set lo up; mkdir -p \"$1\"; mount -t cgroup2 cgroup \"$1\"; mkdir \"$1/$2\"; echo ready; \
                      cat >/dev/null; echo 1 >\"$1/$2/cgroup.kill\"; while ! rmdir \"$1/$2\" 2>/dev/null; do sleep 0.05; done";

/// The client.
pub struct Client {
    holder: Child,
    /// The control group, as this process sees it.
    group: PathBuf,
    /// The control group, as the client sees it.
    inner: PathBuf,
    /// The directory for sockets of connections, which end with [`disconnect`](Self::disconnect).
    control: PathBuf,
    directory: PathBuf,
    distance: Distance,
    /// The variables of all programs.
    variables: Vec<(&'static str, String)>,
}

/// A run of a program.
pub struct Ran {
    pub took: Duration,
    /// The CPU time of the program and all its children, also of those that are still alive.
    pub cpu: Duration,
    /// The bytes in both directions, with the headers of IP.
    pub bytes: u64,
    /// Whether it ended by itself within the limit.
    pub is_finished: bool,
    pub is_success: bool,
    /// Standard output and standard error.
    pub output: String,
}

impl Client {
    /// Starts a client of the machines of a network. This library uses the agent.
    pub fn start(network: &TestNetwork, agent: &Path) -> Result<Self> {
        let directory = network.directory().join("client");
        let (mount, control) = (directory.join("cgroup"), directory.join("control"));
        fs::create_dir_all(&control)?;
        let name = format!("client-{}", std::process::id());
        let mut holder = Command::new("setpriv");
        holder.args(["--pdeathsig", "TERM", "unshare", "--net", "--mount", "sh", "-c", HOLDER, "holder"]);
        holder.arg(&mount).arg(&name).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut holder = holder.spawn().context("cannot start the holder of the client's namespaces")?;
        let mut line = String::new();
        BufReader::new(holder.stdout.take().context("it is piped")?).read_line(&mut line)?;
        ensure!(
            line == "ready\n",
            "the client's namespaces cannot be made; it needs the second version of control groups"
        );
        let keeper = network.pid();
        let distance = Distance::between(DEVICE, [holder.id(), keeper])?;
        for (pid, address, route) in [
            (holder.id(), "192.168.77.1/30", "ip route add default via 192.168.77.2"),
            (keeper, "192.168.77.2/30", "true"),
        ] {
            let script = format!("ip address add {address} dev {DEVICE}; ip link set {DEVICE} up; {route}");
            let mut nsenter = Command::new("nsenter");
            nsenter.arg(format!("--net=/proc/{pid}/ns/net")).args(["sh", "-euc", &script]);
            ensure!(nsenter.status()?.success(), "the client cannot be connected");
        }
        let inner = mount.join(name);
        let group = PathBuf::from(format!("/proc/{}/root", holder.id())).join(inner.strip_prefix("/")?);
        let variables = vec![
            ("XDG_RUNTIME_DIR", control.display().to_string()),
            ("SETUP_TASKS_AGENT", agent.display().to_string()),
        ];
        Ok(Self { holder, group, inner, control, directory, distance, variables })
    }

    /// Returns a directory for files of the clients. It goes with the network.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Returns the directory for sockets of connections.
    pub fn control(&self) -> &Path {
        &self.control
    }

    /// Sets the time of a round trip between the client and the machines.
    pub fn round_trip(&self, milliseconds: u64) {
        self.distance.set(Duration::from_millis(milliseconds));
    }

    /// Ends all processes of the client, and so all connections.
    pub fn disconnect(&self) -> Result<()> {
        fs::write(self.group.join("cgroup.kill"), "1")?;
        let processes = self.group.join("cgroup.procs");
        while !fs::read_to_string(&processes)?.is_empty() {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The last packets of the connections are still on their way.
        let mut before = 0;
        while before != self.bytes()? {
            before = self.bytes()?;
            std::thread::sleep(Duration::from_millis(200));
        }
        fs::remove_dir_all(&self.control)?;
        Ok(fs::create_dir(&self.control)?)
    }

    /// Runs a program, and ends it after the limit.
    pub fn run(&self, program: &Command, limit: Duration) -> Result<Ran> {
        let log = self.directory.join("output");
        let output = File::create(&log)?;
        let mut command = Command::new("nsenter");
        command.args([&format!("--target={}", self.holder.id()), "--mount", "--net", "--"]);
        command.args(["sh", "-c", "echo 0 >\"$0/cgroup.procs\" && cd \"$1\" && shift && exec \"$@\""]);
        command.arg(&self.inner).arg(program.get_current_dir().unwrap_or(&self.directory));
        command.arg(program.get_program()).args(program.get_args()).envs(self.variables.iter().cloned());
        command.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        // A connection that stays open would keep a pipe open.
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let before = (self.cpu()?, self.bytes()?);
        let began = Instant::now();
        let mut child = command.spawn().context("cannot start nsenter")?;
        let (ended, watch) = mpsc::channel::<()>();
        let kill = self.group.join("cgroup.kill");
        let watch = std::thread::spawn(move || {
            let is_late = watch.recv_timeout(limit) == Err(mpsc::RecvTimeoutError::Timeout);
            if is_late {
                let _ = fs::write(kill, "1");
            }
            !is_late
        });
        let status = child.wait()?;
        let took = began.elapsed();
        drop(ended);
        let is_finished = watch.join().unwrap_or(false);
        let output = String::from_utf8_lossy(&fs::read(&log)?).into_owned();
        let (cpu, bytes) = (self.cpu()?.saturating_sub(before.0), self.bytes()? - before.1);
        Ok(Ran { took, cpu, bytes, is_finished, is_success: status.success(), output })
    }

    /// Returns the CPU time that all processes of the client have taken so far.
    fn cpu(&self) -> Result<Duration> {
        let text = fs::read_to_string(self.group.join("cpu.stat"))?;
        let micros = text.lines().find_map(|line| line.strip_prefix("usage_usec ")?.parse().ok());
        micros.map(Duration::from_micros).context("the control group has no CPU time")
    }

    /// Returns the number of bytes that have passed so far.
    fn bytes(&self) -> Result<u64> {
        let text = fs::read_to_string(format!("/proc/{}/net/dev", self.holder.id()))?;
        let line = text.lines().find_map(|line| line.trim().strip_prefix(DEVICE)?.strip_prefix(':'));
        let counts: Vec<u64> =
            line.unwrap_or_default().split_whitespace().filter_map(|word| word.parse().ok()).collect();
        // The first column has the received bytes, and the ninth the sent ones.
        Ok(counts.first().context("the device has no counters")?
            + counts.get(8).context("the device has no counters")?)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        let _ = self.holder.wait();
    }
}
