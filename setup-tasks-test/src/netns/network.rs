//! A network of test machines, and what a client needs to reach them.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use tempfile::TempDir;

use super::error::{AtPath, NetnsError, Result};
use super::keeper::Keeper;
use super::machine::{NetnsMachine, NetnsMachineBuilder};
use super::{image, requirements};

/// A network of real Debian machines, in namespaces that belong to it alone.
///
/// Each machine is an overlay over one Debian root, in namespaces of its own, with a real SSH server. The client's keys, the known
/// hosts and the configuration of `ssh` are in a temporary directory. Nothing is changed outside of that directory and the
/// namespaces, and no packet leaves them. When the last handle is dropped, everything is gone. When the process is killed, too.
///
/// The first start on a system makes the Debian root with `debootstrap`, which takes one to two minutes and needs a mirror
/// (`SETUP_TASKS_DEBIAN_MIRROR` names another one). It is kept under the target directory of Cargo.
#[derive(Clone)]
pub struct TestNetwork {
    pub(super) shared: Arc<Shared>,
}

/// The parts of a network that its machines share.
pub(super) struct Shared {
    /// The owner of the namespaces. It is the first field, so that it ends before its directory goes.
    pub(super) keeper: Keeper,
    directory: TempDir,
    names: Mutex<BTreeMap<String, Name>>,
}

/// The name of a machine, which stays in the files of the client when the machine is gone.
struct Name {
    number: usize,
    is_used: bool,
}

impl TestNetwork {
    /// Makes the Debian root of all machines, unless an earlier network has. [`start`](Self::start) does this by itself.
    ///
    /// This can take minutes. `progress` gets each line of debootstrap's output.
    pub fn prepare(mut progress: impl FnMut(&str)) -> Result<()> {
        requirements::check()?;
        image::root(&image::cache_directory(), &[], &mut progress).map(drop)
    }

    /// Returns the directory that keeps the Debian root. Tests can keep other things there that are slow to make.
    pub fn cache_directory() -> PathBuf {
        image::cache_directory()
    }

    /// Starts a network without machines.
    pub fn start() -> Result<Self> {
        Self::start_with(&[])
    }

    /// Starts a network whose machines have further packages of Debian. Each set of packages has a Debian root of its own.
    ///
    /// ```no_run
    /// # use setup_tasks_test::TestNetwork;
    /// let network = TestNetwork::start_with(&["git", "python3"])?;
    /// # Ok::<(), setup_tasks_test::NetnsError>(())
    /// ```
    pub fn start_with(packages: &[&str]) -> Result<Self> {
        requirements::check()?;
        let root = image::root(&image::cache_directory(), packages, &mut |_| {})?;
        // The names of sockets have about 100 bytes, so the directory has a short path.
        let directory = tempfile::Builder::new().prefix("setup-tasks-net-").tempdir().at(std::env::temp_dir())?;
        let path = directory.path();
        fs::create_dir(path.join("machines")).at(path)?;
        let mut keygen = requirements::command("ssh-keygen");
        keygen.args(["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f"]).arg(path.join("key"));
        requirements::run(&mut keygen, "the creation of the client's key")?;
        let keeper = Keeper::start(path, &root)?;
        let network = Self { shared: Arc::new(Shared { keeper, directory, names: Mutex::default() }) };
        network.write_client_files()?;
        Ok(network)
    }

    /// Starts a network, or prints why this system cannot and returns `None`.
    ///
    /// # Panics
    ///
    /// Panics if the start fails for another reason. With the environment variable `CI` set, a missing condition is such a reason.
    #[expect(clippy::print_stderr, reason = "a skipped test prints the reason")]
    pub fn start_or_skip() -> Option<Self> {
        match Self::start() {
            Ok(network) => Some(network),
            Err(error @ NetnsError::Unavailable { .. }) if std::env::var_os("CI").is_none() => {
                eprintln!("\n!!! SKIPPED: {error}\n");
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Begins the description of a machine. The name is its host name and its destination for `ssh`.
    pub fn machine(&self, name: impl Into<String>) -> NetnsMachineBuilder {
        NetnsMachineBuilder::new(self.clone(), name.into())
    }

    /// Boots several machines at the same time, in the order of their names.
    pub fn machines<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<Vec<NetnsMachine>> {
        std::thread::scope(|scope| {
            let boots: Vec<_> = names.into_iter().map(|name| scope.spawn(move || self.machine(name).boot())).collect();
            boots.into_iter().map(|boot| boot.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        })
    }

    /// Returns the program that runs `ssh` within the network, with the configuration of the network.
    pub fn ssh_program(&self) -> PathBuf {
        self.shared.path("ssh")
    }

    /// Returns the configuration file of `ssh`. A test can append to it.
    pub fn ssh_config(&self) -> PathBuf {
        self.shared.path("ssh_config")
    }

    /// Returns the file with the host keys that the client knows.
    pub fn known_hosts(&self) -> PathBuf {
        self.shared.path("known_hosts")
    }

    /// Returns the private key that the root of each machine accepts. The public key is beside it, with the extension `pub`.
    pub fn client_key(&self) -> PathBuf {
        self.shared.path("key")
    }

    /// Returns the id of the process that owns the network namespace, for clients that run there: `nsenter --target PID --net`.
    pub fn pid(&self) -> u32 {
        self.shared.keeper.pid()
    }

    /// Returns the names of the kernel for the namespaces of the network and of the given machines, for checks that they are gone.
    pub fn namespaces<'a>(&self, machines: impl IntoIterator<Item = &'a NetnsMachine>) -> Result<Vec<String>> {
        let pids = std::iter::once(self.shared.keeper.pid()).chain(machines.into_iter().map(NetnsMachine::pid));
        let links = pids.flat_map(|pid| ["mnt", "net"].map(|kind| PathBuf::from(format!("/proc/{pid}/ns/{kind}"))));
        links.map(|link| Ok(fs::read_link(&link).at(&link)?.display().to_string())).collect()
    }

    /// Returns the directory with the files of the client. It goes with the network.
    pub fn directory(&self) -> &Path {
        self.shared.directory()
    }

    /// Writes the configuration of `ssh` and the program that uses it.
    fn write_client_files(&self) -> Result<()> {
        let shared = &self.shared;
        let config = format!(
            "Host *\n  IdentityFile {0}/key\n  IdentitiesOnly yes\n  UserKnownHostsFile {0}/known_hosts\n  GlobalKnownHostsFile \
             /dev/null\n  StrictHostKeyChecking yes\n  IdentityAgent none\n\n",
            shared.directory().display()
        );
        let program = format!(
            "#!/bin/sh\nexec nsenter --net=/proc/{}/ns/net -- ssh -F '{}' \"$@\"\n",
            shared.keeper.pid(),
            self.ssh_config().display()
        );
        for (path, text, mode) in [
            (self.ssh_config(), config, 0o600),
            (self.known_hosts(), String::new(), 0o600),
            (self.ssh_program(), program, 0o700),
        ] {
            fs::write(&path, text).at(&path)?;
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).at(&path)?;
        }
        Ok(())
    }
}

impl Shared {
    /// Returns the directory of the network.
    pub(super) fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the path of a file of the network.
    pub(super) fn path(&self, file: &str) -> PathBuf {
        self.directory().join(file)
    }

    /// Reserves the name of a machine and returns its number, from 1. A name that was used before keeps its number, and so its address.
    pub(super) fn reserve(&self, name: &str) -> Result<usize> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        let next = names.len() + 1;
        let known = names.entry(name.to_owned()).or_insert(Name { number: next, is_used: false });
        if std::mem::replace(&mut known.is_used, true) {
            return Err(NetnsError::Duplicate { name: name.to_owned() });
        }
        Ok(known.number)
    }

    /// Frees the name of a machine that is gone.
    pub(super) fn release(&self, name: &str) {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get_mut(name) {
            known.is_used = false;
        }
    }

    /// Appends text to a file of the client in one write.
    pub(super) fn append(&self, file: &str, text: &str) -> Result<()> {
        let path = self.path(file);
        let mut file = OpenOptions::new().append(true).open(&path).at(&path)?;
        file.write_all(text.as_bytes()).at(&path)
    }
}
