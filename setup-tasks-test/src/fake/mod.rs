//! A machine in memory: files in a private directory, and programs that are functions.

mod accounts;
mod disk;
mod packages;
mod programs;
mod script;
mod services;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use setup_tasks_agent::agent;
use setup_tasks_agent::far::{Far, Stat};
use setup_tasks_machines::Machine;

use accounts::ACCOUNTS;
use disk::Disk;
use programs::FakePrograms;
pub use script::{OnCommand, output};

/// The directories of a new machine, besides those of its files.
const DIRECTORIES: [&str; 16] = [
    "/etc/apt/sources.list.d",
    "/etc/cron.d",
    "/etc/sudoers.d",
    "/etc/sysctl.d",
    "/etc/systemd/system",
    "/home",
    "/opt",
    "/root",
    "/srv",
    "/tmp",
    "/usr/local/bin",
    "/usr/share",
    "/var/cache",
    "/var/log",
    "/var/tmp",
    "/var/www",
];
/// The files of a new machine.
const FILES: [(&str, &str); 8] = [
    ("/etc/os-release", "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n"),
    ("/etc/passwd", ACCOUNTS[0]),
    ("/etc/group", ACCOUNTS[1]),
    ("/etc/shadow", ACCOUNTS[2]),
    ("/usr/bin/apt-get", ""),
    ("/var/lib/dpkg/status", ""),
    ("/var/lib/apt/lists/debian_Packages", ""),
    ("/run/systemd/system/.keep", ""),
];

/// A machine in memory, for tests of tasks that work on machines. The agent that serves it is that of real machines, in this process. It
/// needs neither root nor a network.
///
/// - **Files** are those of a private directory, which is removed with the machine. Owners and permissions are those that the tasks set.
/// - **Packages**, **services** and **accounts** change as on Debian 12: `apt-get`, `systemctl`, `useradd` and their like are simulated. Every
///   package exists, and brings a service of its own name, which then runs and is enabled.
/// - **Other programs** have the answers of the test: [`on`](Self::on). A program without an answer is an error that names the nearest one.
/// - [`ran`](Self::ran) lists all programs that ran.
///
/// ```
/// use setup_tasks::prelude::*;
/// use setup_tasks_machines::resources::Packages;
/// use setup_tasks_machines::{Ensure, Machine};
/// use setup_tasks_test::{FakeMachine, TestLayout, assert_ran};
///
/// #[derive(SetupTasks)]
/// #[setup_tasks(subdir = "web")]
/// struct Web {
///     #[machine]
///     machine: Machine,
/// }
///
/// #[setup_tasks]
/// impl Web {
///     /// Install nginx
///     #[setup_task]
///     const PACKAGES: Ensure<Self, Packages> = Ensure::new(|_| Packages::installed(["nginx-light"]));
///
///     #[setup_task("Check the configuration", always)]
///     async fn check(&self, cx: &TaskContext) -> Result<()> {
///         self.machine.command(cx, "nginx").arg("-t").run().await?;
///         Ok(())
///     }
/// }
///
/// # #[tokio::main] async fn main() -> Result<()> {
/// let (test, web) = (TestLayout::new(), FakeMachine::new("web"));
/// web.on("nginx -t").says("the configuration is valid\n");
/// test.add(Web { machine: web.machine() })?;
/// assert_ran!(test.run().await?, ["web/packages", "web/check"]);
/// assert!(web.has_package("nginx-light") && web.is_running("nginx-light"));
/// assert_eq!(web.ran().last().unwrap(), "nginx -t");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct FakeMachine {
    name: Arc<str>,
    disk: Disk,
    programs: Arc<FakePrograms>,
    far: Arc<Mutex<Far>>,
    machine: Machine,
}

impl FakeMachine {
    /// Creates a machine with Debian 12, and no packages besides those that every system has.
    ///
    /// # Panics
    ///
    /// If its directory cannot be created.
    pub fn new(name: &str) -> Self {
        let disk = Disk::new();
        FILES.iter().for_each(|(path, text)| disk.write(path, text));
        DIRECTORIES.iter().for_each(|path| disk.create_directory(path));
        disk.write("/etc/hostname", &format!("{name}\n"));
        let programs = Arc::new(FakePrograms::new(name, disk.clone()));
        let far =
            Far::with_programs(disk.path(), programs.clone()).expect("the directory of the machine can be opened");
        let mut facts = far.facts().clone();
        (facts.user, facts.uid) = ("root".to_owned(), 0);
        let far = Arc::new(Mutex::new(far.with_facts(facts)));
        let served = far.clone();
        let machine = Machine::served_by(name, move |input, output| {
            let far = served.lock().unwrap_or_else(PoisonError::into_inner).for_another_connection();
            // The controller reports a connection that ends too early.
            let _ = agent::serve_without_hello(input, output, far);
        });
        Self { name: name.into(), disk, programs, far, machine }
    }

    /// Returns the machine, as models have it.
    pub fn machine(&self) -> Machine {
        self.machine.clone()
    }

    /// Sets the answer to a program with its arguments, as [`ran`](Self::ran) lists it. A `*` stands for any text. Unless the answer is set
    /// further, the program succeeds and writes nothing. A later call for the same programs takes precedence.
    ///
    /// ```
    /// # use setup_tasks_test::FakeMachine;
    /// let web = FakeMachine::new("web");
    /// web.on("systemctl is-active nginx").says("active\n");
    /// web.on("nginx -t");
    /// web.on("curl *").fails(7, "could not connect").says("hello\n"); // it fails once
    /// ```
    pub fn on(&self, command: impl Into<String>) -> OnCommand<'_> {
        self.programs.script().on(command.into());
        OnCommand::new(&self.programs)
    }

    /// Returns all programs that ran on the machine, with their arguments quoted for a shell where necessary, in order.
    pub fn ran(&self) -> Vec<String> {
        self.programs.script().ran.clone()
    }

    /// Writes a file, with its directories.
    ///
    /// # Panics
    ///
    /// If the system cannot write it.
    pub fn write(&self, path: &str, text: &str) {
        self.disk.write(path, text);
    }

    /// Creates a directory with its parents, for example a directory of a package.
    ///
    /// # Panics
    ///
    /// If the system cannot create it.
    pub fn create_directory(&self, path: &str) {
        self.disk.create_directory(path);
    }

    /// Returns the text of a file, or `None` if it does not exist.
    pub fn read(&self, path: &str) -> Option<String> {
        self.disk.read(path)
    }

    /// Returns the permissions of a file, such as `0o644`, or `None` if it does not exist.
    pub fn mode(&self, path: &str) -> Option<u32> {
        self.stat(path).map(|stat| stat.mode & 0o7777)
    }

    /// Returns the names of the owner and the group of a file, or `None` if it does not exist.
    pub fn owner(&self, path: &str) -> Option<(String, String)> {
        let stat = self.stat(path)?;
        let mut far = self.far();
        far.forget_shared();
        Some((far.user_name(stat.uid).ok()?, far.group_name(stat.gid).ok()?))
    }

    /// Installs a package, as a task would.
    pub fn install(&self, package: &str) {
        self.programs.install(package);
    }

    /// Returns whether a package is installed.
    pub fn has_package(&self, package: &str) -> bool {
        packages::is_installed(&self.disk, package)
    }

    /// Adds a service that is disabled and does not run.
    pub fn add_service(&self, service: &str) {
        self.programs.services().add(service);
    }

    /// Returns whether a service runs.
    pub fn is_running(&self, service: &str) -> bool {
        self.programs.services().is_running(service)
    }

    /// Returns whether a service starts with the machine.
    pub fn is_enabled(&self, service: &str) -> bool {
        self.programs.services().is_enabled(service)
    }

    /// Returns whether there is an account with this name.
    pub fn has_user(&self, user: &str) -> bool {
        accounts::has(&self.disk, "/etc/passwd", user)
    }

    /// Returns whether there is a group with this name.
    pub fn has_group(&self, group: &str) -> bool {
        accounts::has(&self.disk, "/etc/group", group)
    }

    fn stat(&self, path: &str) -> Option<Stat> {
        let far = self.far();
        far.stat(far.resolve(path).ok()?).ok()?
    }

    fn far(&self) -> MutexGuard<'_, Far> {
        self.far.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FakeMachine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeMachine").field("name", &self.name).finish_non_exhaustive()
    }
}
