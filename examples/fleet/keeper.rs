//! The keeper of the network: the process that the machines need in order to exist.
//!
//! All machines end with it, so nothing stays when it is killed. It also ends when the link to its directory is removed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use setup_tasks_test::{NetnsMachine, TestNetwork};

use crate::proxy;

/// The argument for the process that makes the Debian root.
pub const PREPARE: &str = "__prepare";
/// The argument for the keeper, before the path of the link.
pub const KEEP: &str = "__keep";
/// The name of the socket, in the directory of the network.
pub const SOCKET: &str = "keeper";

struct Keeper {
    link: PathBuf,
    network: TestNetwork,
    machines: Mutex<BTreeMap<String, Running>>,
}

/// A machine that runs.
struct Running {
    machine: Arc<NetnsMachine>,
    bastion: Option<String>,
}

/// Runs this process as the keeper, if its arguments request that.
pub fn main() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let done = match args.next()?.to_str()? {
        // The lines go to the log of the task, and the last one is in its progress.
        PREPARE => TestNetwork::prepare(|line| println!("{line}")).map_err(Into::into),
        KEEP => keep(&PathBuf::from(args.next()?)),
        _ => return None,
    };
    Some(done.map_or_else(
        |error| {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    ))
}

/// Sends a request to the keeper of the network that is at a link.
pub fn request(link: &Path, request: &str) -> Result<()> {
    let socket = std::fs::read_link(link).context("there is no network")?.join(SOCKET);
    let mut stream = UnixStream::connect(socket).context("the network is gone")?;
    writeln!(stream, "{request}")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    match reply.as_str() {
        "ok" => Ok(()),
        error => bail!("the keeper of the network: {error}"),
    }
}

/// Returns the reason for which this system cannot have such machines.
pub fn unavailable() -> Option<&'static str> {
    if !cfg!(target_os = "linux") {
        return Some("this system is not Linux");
    }
    (!rustix::process::geteuid().is_root()).then_some("this user is not root")
}

/// Starts a network, and serves requests until the network is to end.
fn keep(link: &Path) -> Result<()> {
    let network = TestNetwork::start()?;
    let directory = network.directory().to_owned();
    let listener = UnixListener::bind(directory.join(SOCKET))?;
    let _ = std::fs::remove_file(link);
    symlink(&directory, link).with_context(|| format!("cannot create the link `{}`", link.display()))?;
    let keeper = Arc::new(Keeper { link: link.to_owned(), network, machines: Mutex::default() });
    std::thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            let keeper = keeper.clone();
            std::thread::spawn(move || keeper.serve(connection));
        }
    });
    while std::fs::read_link(link).is_ok_and(|target| target == directory) {
        std::thread::sleep(Duration::from_millis(500));
    }
    // The namespaces and the directory go with this process.
    Ok(())
}

impl Keeper {
    /// Answers one request.
    fn serve(&self, mut connection: UnixStream) {
        let mut request = String::new();
        let _ = BufReader::new(&connection).read_line(&mut request);
        let words: Vec<_> = request.split_whitespace().collect();
        let done = match words[..] {
            ["ping"] => Ok(()),
            ["boot", name] => self.boot(name, None),
            ["boot", name, bastion] => self.boot(name, Some(bastion)),
            ["status", name] if self.is_running(name) => Ok(()),
            ["status", name] => Err(anyhow::anyhow!("{name} is off")),
            ["off", name] => {
                self.power_off(name);
                Ok(())
            }
            ["stop"] => std::fs::remove_file(&self.link).map_err(Into::into),
            _ => Err(anyhow::anyhow!("unknown request: {request:?}")),
        };
        let reply = done.map_or_else(|error| format!("{error:#}"), |()| "ok".to_owned());
        let _ = connection.write_all(reply.as_bytes());
    }

    /// Boots a machine, and offers it the package server of Debian.
    fn boot(&self, name: &str, bastion: Option<&str>) -> Result<()> {
        self.power_off(name);
        let mut builder = self.network.machine(name).systemd();
        let through = bastion.map(|bastion| self.machine(bastion)).transpose()?;
        if let Some(through) = &through {
            builder = builder.behind(through);
        }
        let machine = Arc::new(builder.boot()?);
        proxy::serve(machine.listen(proxy::PORT)?);
        let running = Running { machine, bastion: bastion.map(str::to_owned) };
        self.machines.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), running);
        Ok(())
    }

    /// Ends a machine, and those behind it, whose cable ends there.
    fn power_off(&self, name: &str) {
        let mut machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        machines.retain(|other, running| other != name && running.bastion.as_deref() != Some(name));
    }

    fn machine(&self, name: &str) -> Result<Arc<NetnsMachine>> {
        let machines = self.machines.lock().unwrap_or_else(PoisonError::into_inner);
        match machines.get(name) {
            Some(running) => Ok(running.machine.clone()),
            None => bail!("{name} is off"),
        }
    }

    fn is_running(&self, name: &str) -> bool {
        self.machine(name).is_ok_and(|machine| machine.root().exists())
    }
}
