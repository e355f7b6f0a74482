//! Errors of machines.

use std::borrow::Cow;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use setup_tasks::error::Excerpt;
use setup_tasks::error_help;
use setup_tasks_agent::agent::RELEASE;
use setup_tasks_agent::protocol::Failure;

use crate::agent::Architecture;

/// A part of the agent's message if /proc is not mounted.
const NO_PROC: &str = "/proc/self/exe";
const MOUNT_PROC: &str = "mount /proc in the root directory of the machine";

/// An error of a machine. Several users of one connection receive the same error.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// The destination of a machine is not one for `ssh`.
    #[error("{destination:?} is not a destination for ssh")]
    Destination {
        /// The destination.
        destination: String,
    },
    /// The name of the user to become is not one.
    #[error("{user:?} is not the name of a user on the machine {machine}")]
    User {
        /// The machine.
        machine: String,
        /// The name.
        user: String,
    },
    /// The program that connects to the machine cannot be started.
    #[error("cannot start `{program}` for the machine {machine}")]
    Start {
        /// The machine.
        machine: String,
        /// The program.
        program: String,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// The connection ended before the agent began. The source is the text of the program that connects, such as `ssh`.
    #[error("cannot connect to the machine {machine}")]
    Connect {
        /// The machine.
        machine: String,
        /// The last lines of the program that connects.
        #[source]
        output: Option<Excerpt>,
    },
    /// The machine did not answer in time.
    #[error("the machine {machine} did not answer within {limit:?}")]
    NoAnswer {
        /// The machine.
        machine: String,
        /// The time that it had.
        limit: Duration,
        /// The last lines of the program that connects.
        #[source]
        output: Option<Excerpt>,
    },
    /// The user on the machine may not become the other user.
    #[error("cannot become the user {user} on the machine {machine}")]
    Become {
        /// The machine.
        machine: String,
        /// The other user.
        user: String,
        /// The text of sudo.
        #[source]
        output: Option<Excerpt>,
    },
    /// Sudo requires a password, and none is set.
    #[error("sudo on the machine {machine} requires a password to become the user {user}")]
    NoPassword {
        /// The machine.
        machine: String,
        /// The other user.
        user: String,
    },
    /// Sudo rejected the password.
    #[error("sudo on the machine {machine} rejected the password")]
    WrongPassword {
        /// The machine.
        machine: String,
    },
    /// The machine has no place for the agent.
    #[error("the machine {machine} has no directory for the agent")]
    NoPlace {
        /// The machine.
        machine: String,
        /// The directories that were tried, with the reasons.
        #[source]
        tried: Option<Excerpt>,
    },
    /// No agent is known for the type of the machine.
    #[error("there is no agent for the machine {machine}, a system of type {system}")]
    NoAgent {
        /// The machine.
        machine: String,
        /// The system and the architecture, such as `Linux aarch64`.
        system: String,
    },
    /// No binary can be the agent.
    #[error("this program has no agent for the machine {machine}")]
    NoBinary {
        /// The machine.
        machine: String,
    },
    /// The binary of the agent cannot be read.
    #[error("cannot read the agent `{}`", path.display())]
    AgentFile {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// A file is not an agent of this release.
    #[error("`{}` is {}", path.display(), other_release(release.as_deref()))]
    OtherRelease {
        /// The path.
        path: PathBuf,
        /// The release of the agent, or `None` if it is no agent.
        release: Option<String>,
    },
    /// The agent of the configuration is for another architecture than its key.
    #[error("the agent `{}` is for {}, but the configuration names it for {wanted}", path.display(), is.unwrap_or("no known architecture"))]
    OtherArchitecture {
        /// The path.
        path: PathBuf,
        /// Its architecture, if it is a program for Linux.
        is: Option<&'static str>,
        /// The architecture of the configuration.
        wanted: &'static str,
    },
    /// An architecture is not known.
    #[error("`{name}` is not a known architecture")]
    Architecture {
        /// The name.
        name: String,
    },
    /// The compiler cannot build for an architecture.
    #[error("the compiler has no standard library for {architecture}")]
    NoTarget {
        /// The architecture.
        architecture: &'static str,
        /// The target to install.
        target: &'static str,
    },
    /// Cargo cannot be started.
    #[error("cannot start Cargo, which builds the agent")]
    NoCargo {
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// Cargo did not build the agent. Its messages are already on the terminal.
    #[error("Cargo could not build the agent for the target {target}")]
    Compile {
        /// The target.
        target: &'static str,
    },
    /// There is no directory for agents that were built.
    #[error("there is no directory for agents, since neither XDG_CACHE_HOME nor HOME is set")]
    NoHome,
    /// The agent does not run on the machine.
    #[error("the agent does not run on the machine {machine}: {problem}")]
    Agent {
        /// The machine.
        machine: String,
        /// The problem.
        problem: String,
        /// The last lines of its output.
        #[source]
        output: Option<Excerpt>,
    },
    /// The directory for the sockets of connections cannot be used.
    #[error("cannot use the directory `{}` for connections", path.display())]
    RuntimeDirectory {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// The connection was lost.
    #[error("lost the connection to the machine {machine}: {reason}")]
    Lost {
        /// The machine.
        machine: String,
        /// The reason.
        reason: String,
        /// The last lines of the program that connects.
        #[source]
        output: Option<Excerpt>,
    },
    /// A guarded change was taken back, since the machine accepted no new connection.
    #[error("the change was taken back, since the machine {machine} accepted no new connection within {limit:?}")]
    LockedOut {
        /// The machine.
        machine: String,
        /// The time that the change had.
        limit: Duration,
        /// The error of the last attempt to connect.
        source: Box<MachineError>,
    },
    /// A guarded change was not confirmed, and its end is not known.
    #[error("the machine {machine} accepts no connection after a guarded change, which it takes back by itself")]
    Unconfirmed {
        /// The machine.
        machine: String,
        /// The error of the last attempt to connect.
        source: Box<MachineError>,
    },
    /// A machine did not answer after a restart.
    #[error("the machine {machine} did not boot again within {limit:?}")]
    NotRestarted {
        /// The machine.
        machine: String,
        /// The time that it had.
        limit: Duration,
        /// The error of the last attempt to connect, or `None` if it still ran.
        source: Option<Box<MachineError>>,
    },
    /// The machine cannot do what was requested.
    #[error("the machine {machine}")]
    Failed {
        /// The machine.
        machine: String,
        /// The failure that the agent reported.
        #[source]
        failure: Box<Failure>,
    },
    /// The machine does not exist, as its check reports.
    #[error("the machine {machine} does not exist yet")]
    NotThere {
        /// The machine.
        machine: String,
    },
    /// A command was stopped before it began.
    #[error("the command on the machine {machine} was stopped before it began")]
    Stopped {
        /// The machine.
        machine: String,
    },
    /// A recipe made no resource although all earlier tasks have run.
    #[error("the task `{task}` has no resource for the machine {machine}, although all earlier tasks have run")]
    NotMade {
        /// The machine.
        machine: String,
        /// The task.
        task: String,
    },
    /// A local file with content for a machine cannot be opened.
    #[error("cannot open `{}`", path.display())]
    OpenFile {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// Content for a machine cannot be read.
    #[error("cannot read the content for the machine {machine}")]
    ReadFile {
        /// The machine.
        machine: String,
        /// The error of the system.
        source: Arc<io::Error>,
    },
    /// A file does not exist on the machine.
    #[error("there is no file `{path}` on the machine {machine}")]
    NoFile {
        /// The machine.
        machine: String,
        /// The path.
        path: String,
    },
    /// A file of the machine is too long to be kept in memory.
    #[error("the file `{path}` on the machine {machine} has more than {} MiB", limit >> 20)]
    LargeFile {
        /// The machine.
        machine: String,
        /// The path.
        path: String,
        /// The limit in bytes.
        limit: usize,
    },
    /// A local file cannot be written.
    #[error("cannot write `{}`", path.display())]
    LocalFile {
        /// The path.
        path: PathBuf,
        /// The error of the system.
        source: Arc<io::Error>,
    },
}

error_help!(MachineError);

impl MachineError {
    /// Returns advice for the user.
    pub fn help(&self) -> Option<Cow<'_, str>> {
        let help = match self {
            // The failure is in a box, which has no help of its own.
            Self::Failed { failure, .. } => return failure.help().map(Cow::Borrowed),
            Self::Connect { machine, output } => return connect_help(machine, output.as_ref()?.as_str()),
            Self::Become { output: Some(output), .. } if output.as_str().contains("No such file") => {
                "install sudo on the machine, or connect as that user"
            }
            Self::Become { .. } => "allow it in /etc/sudoers on the machine, or connect as that user",
            Self::NoPassword { .. } => "pass it with `sudo_password`, or allow sudo without a password on the machine",
            Self::WrongPassword { .. } => "check the value that is passed to `sudo_password`",
            Self::NoPlace { .. } => "free some space, or mount one of these directories without `noexec`",
            Self::NoAgent { system, .. } => return Some(no_agent_help(system)),
            Self::AgentFile { .. } => "build it with `agents build`, or correct `agents` in the configuration",
            Self::OtherRelease { .. } => "build it again with `agents build` of this program, or correct its path",
            Self::OtherArchitecture { wanted, .. } => {
                return Some(
                    format!("build it with `agents build {wanted}`, or correct `agents` in the configuration").into(),
                );
            }
            Self::Architecture { .. } => {
                return Some(format!("the architectures are {}", Architecture::names()).into());
            }
            Self::NoTarget { target, .. } => {
                return Some(format!("install it with `rustup target add {target}`").into());
            }
            Self::NoCargo { .. } => {
                "install Rust, or name an agent that was built elsewhere by `agents` in the configuration"
            }
            Self::Compile { .. } => {
                "its messages are above; run the command in the directory of the project's Cargo.toml"
            }
            Self::LockedOut { .. } => "correct the change, which would have locked you out; the former state is back",
            Self::NotRestarted { .. } => "look at the console of the machine, or raise the time with `Reboot::within`",
            Self::NoBinary { .. } => {
                "call `setup_tasks_machines::serve_as_agent` first in `main`, use `setup_tasks_cli::main`, or name the program \
                 `setup-tasks-agent` with `Machine::agent`"
            }
            Self::Agent { problem, output, .. } => {
                let output = output.as_ref().map_or("", Excerpt::as_str);
                if output.contains(NO_PROC) {
                    return Some(MOUNT_PROC.into());
                }
                // A missing loader looks like a missing program.
                let is_missing = problem.contains("code 127")
                    && ["not found", "No such file"].iter().any(|text| output.contains(text));
                if !output.contains("GLIBC") && !is_missing {
                    return None;
                }
                "the binary needs another C library than the machine has; build a static agent with `agents build`, or this \
                 program with `RUSTFLAGS=-Ctarget-feature=+crt-static` or for a musl target"
            }
            Self::NotThere { .. } => {
                "let the object depend on the task that creates the machine, with `#[depends_on(…)]`"
            }
            Self::LargeFile { .. } => "copy it to a local file with `Machine::fetch_to`",
            Self::NoAnswer { .. } => "check that the machine is not overloaded, or raise `Machine::connect_timeout`",
            _ => return None,
        };
        Some(help.into())
    }

    /// Returns whether the connection was lost, and not the machine refused something.
    pub(crate) fn is_lost(&self) -> bool {
        matches!(self, Self::Lost { .. })
    }

    /// Returns whether a server is starting or has no place for now, so that another try can help.
    pub(crate) fn is_passing(&self) -> bool {
        let Self::Connect { output: Some(output), .. } = self else { return false };
        let passing = [
            "Connection refused",
            "Connection reset by",
            "Connection closed by remote host",
            "kex_exchange_identification",
        ];
        passing.iter().any(|text| output.as_str().contains(text))
    }

    /// Returns whether the user named in the settings is the cause, so that another try cannot help.
    pub(crate) fn concerns_rights(&self) -> bool {
        matches!(self, Self::Become { .. } | Self::NoPassword { .. } | Self::WrongPassword { .. })
    }
}

/// Returns the description of a file that is not an agent of this release.
fn other_release(release: Option<&str>) -> String {
    match release {
        Some(release) => format!("an agent of the release {release}, and this program is of the release {RELEASE}"),
        None => "not an agent of setup-tasks".to_owned(),
    }
}

/// Returns advice for a system without an agent.
fn no_agent_help(system: &str) -> Cow<'static, str> {
    match system.strip_prefix("Linux ").and_then(Architecture::named) {
        Some(Architecture { name, .. }) => format!(
            "build one with `agents build {name}`, or name one by `agents = {{ {name} = \"…\" }}` in the configuration"
        )
        .into(),
        None => "agents run on Linux only".into(),
    }
}

/// Returns advice about a message of OpenSSH.
fn connect_help<'a>(machine: &str, output: &str) -> Option<Cow<'a, str>> {
    let help = if output.contains("REMOTE HOST IDENTIFICATION HAS CHANGED") {
        "if the machine was set up anew, remove its old key with `ssh-keygen -R`; otherwise somebody may be in between"
    } else if output.contains(NO_PROC) {
        MOUNT_PROC
    } else if output.contains("Host key verification failed") {
        return Some(format!("connect once with `ssh {machine}`, and compare the key of the machine").into());
    } else if output.contains("Permission denied") {
        return Some(format!("check that `ssh {machine}` connects without a question").into());
    } else {
        return None;
    };
    Some(help.into())
}
