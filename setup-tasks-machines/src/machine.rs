//! A machine: how to reach it, and its connection.

use std::ffi::OsStr;
use std::fmt;
use std::io::{PipeReader, PipeWriter};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use setup_tasks::{Secret, TaskContext};
use setup_tasks_agent::protocol::{Begin, Facts};

use crate::agent::Agents;
use crate::command::MachineCommand;
use crate::connection::{Connection, Joined};
use crate::error::MachineError;
use crate::session::Session;
use crate::transport::{InProcess, Ssh, Transport};

/// A machine. Clones share one connection, which is opened when it is first needed.
///
/// The methods that take `self` change the settings of a machine, and belong before its first use.
#[derive(Clone)]
pub struct Machine {
    shared: Arc<Shared>,
}

struct Shared {
    settings: Settings,
    /// The connection of the last use, which is kept open.
    connection: Mutex<Option<Arc<Connection>>>,
}

/// The settings of a machine.
#[derive(Clone)]
pub(crate) struct Settings {
    name: String,
    route: Route,
    password: Option<Secret<String>>,
    lock_wait: Duration,
    /// A check whether the machine exists.
    exists: Option<Exists>,
}

/// A check whether a machine exists.
type Exists = Arc<dyn Fn() -> bool + Send + Sync>;

/// The settings that decide where a connection leads, and how it behaves.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Route {
    transport: Transport,
    become_user: Option<String>,
    agents: Vec<PathBuf>,
    connect_timeout: Duration,
    heartbeat: Duration,
}

impl Machine {
    /// Returns a machine at a destination of `ssh`: an alias of its configuration, a host, or `user@host`.
    ///
    /// The system's `ssh` connects, so all of the user's configuration counts: keys and agents, jump hosts, known hosts.
    pub fn ssh(destination: impl Into<String>) -> Self {
        let destination = destination.into();
        Self::new(destination.clone(), Transport::Ssh(Ssh::new(destination)))
    }

    /// Returns the machine on which this process runs.
    pub fn local() -> Self {
        Self::new("localhost".to_owned(), Transport::Local)
    }

    /// Returns a machine within which a command runs another command, such as `docker exec -i web`, `nsenter … --` or `chroot /srv/root`.
    ///
    /// The command passes its standard input and outputs on as they are.
    pub fn exec<W: Into<String>>(command: impl IntoIterator<Item = W>) -> Self {
        let command: Vec<String> = command.into_iter().map(Into::into).collect();
        Self::new(command.join(" "), Transport::Exec(command))
    }

    /// Returns a machine whose agent is a function of this process, which serves a connection without a hello. Tests use this.
    #[doc(hidden)]
    pub fn served_by(name: impl Into<String>, serve: impl Fn(PipeReader, PipeWriter) + Send + Sync + 'static) -> Self {
        Self::new(name.into(), Transport::InProcess(InProcess::new(Arc::new(serve))))
    }

    fn new(name: String, transport: Transport) -> Self {
        let (connect_timeout, heartbeat) = (Duration::from_secs(5), Duration::from_secs(5));
        let route = Route { transport, become_user: None, agents: Vec::new(), connect_timeout, heartbeat };
        let settings = Settings { name, route, password: None, lock_wait: Duration::from_mins(1), exists: None };
        Self { shared: Arc::new(Shared { settings, connection: Mutex::default() }) }
    }

    /// Goes through these hosts, as the option `-J` of `ssh`. A machine without SSH stays as it is.
    pub fn jump(self, through: impl Into<String>) -> Self {
        self.with_ssh(|ssh| ssh.jump = Some(through.into()))
    }

    /// Uses another program than `ssh`, with the same options.
    pub fn ssh_program(self, program: impl Into<String>) -> Self {
        self.with_ssh(|ssh| ssh.program = program.into())
    }

    /// Sets whether the connection stays open for 60 seconds after its last use, so that the next run needs no new one. It does by
    /// default. A `ControlPath` in the user's configuration takes precedence.
    pub fn persist(self, persist: bool) -> Self {
        self.with_ssh(|ssh| ssh.persist = persist)
    }

    /// Becomes the user `root` with sudo.
    pub fn become_root(self) -> Self {
        self.become_user("root")
    }

    /// Becomes another user with sudo.
    pub fn become_user(self, user: impl Into<String>) -> Self {
        self.with(|settings| settings.route.become_user = Some(user.into()))
    }

    /// Sets the password for sudo. It is sent only if sudo requests it.
    pub fn sudo_password(self, password: Secret<String>) -> Self {
        self.with(|settings| settings.password = Some(password))
    }

    /// Sets a check whether the machine exists, for a machine that an earlier task creates. The check is quick and changes nothing.
    ///
    /// While the machine does not exist, nothing connects to it. A plan then reports that the state of everything on it is undecided.
    ///
    /// ```
    /// use setup_tasks_machines::Machine;
    ///
    /// let machine = Machine::ssh("web1").exists_when(|| std::path::Path::new("/run/machines/web1").exists());
    /// ```
    pub fn exists_when(self, exists: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        self.with(|settings| settings.exists = Some(Arc::new(exists)))
    }

    /// Adds a binary of the agent, such as one for another architecture.
    pub fn agent(self, path: impl Into<PathBuf>) -> Self {
        self.with(|settings| settings.route.agents.push(path.into()))
    }

    /// Sets the time after which a connection attempt fails, unless the configuration of `ssh` sets it. The default is 5 seconds.
    pub fn connect_timeout(self, limit: Duration) -> Self {
        self.with(|settings| {
            settings.route.connect_timeout = limit;
            if let Transport::Ssh(ssh) = &mut settings.route.transport {
                ssh.timeout = limit;
            }
        })
    }

    /// Sets the interval of signs of life. A connection without one for two intervals is lost. The default is 5 seconds.
    pub fn heartbeat(self, interval: Duration) -> Self {
        self.with(|settings| settings.route.heartbeat = interval)
    }

    /// Returns the name for messages: the destination, or the command.
    pub fn name(&self) -> &str {
        self.shared.settings.name()
    }

    /// Returns a text that is equal for machines that reach the same host as the same user. Errors contain it.
    pub(crate) fn key(&self) -> String {
        let Route { transport, become_user, .. } = &self.shared.settings.route;
        let route = blake3::hash(format!("{transport:?} {become_user:?}").as_bytes()).to_hex();
        format!("the machine {} (by route {})", self.name(), &route[..8])
    }

    /// Returns whether the machine exists, as far as is known without a connection.
    pub(crate) fn exists(&self) -> bool {
        self.shared.settings.exists.as_ref().is_none_or(|exists| exists())
    }

    /// Returns facts about the machine. They come with the connection.
    pub async fn facts(&self) -> Result<Arc<Facts>, MachineError> {
        let Joined { session, is_old } = self.join()?;
        match session.facts().await {
            Err(error) if is_old && error.is_lost() => self.join()?.session.facts().await,
            facts => facts,
        }
    }

    /// Returns a command that runs on the machine as a part of the task.
    pub fn command(&self, cx: &TaskContext, program: impl AsRef<OsStr>) -> MachineCommand {
        MachineCommand::new(self.clone(), cx, program.as_ref())
    }

    /// Returns the open session, or opens one.
    pub(crate) fn session(&self) -> Result<Session, MachineError> {
        Ok(self.join()?.session)
    }

    /// Returns the open session, or opens one, and whether it was open before.
    pub(crate) fn join(&self) -> Result<Joined, MachineError> {
        if !self.exists() {
            return Err(MachineError::NotThere { machine: self.name().to_owned() });
        }
        self.connection().session(&self.shared.settings)
    }

    /// Returns the connection, and keeps it for further uses.
    pub(crate) fn connection(&self) -> Arc<Connection> {
        let connection = Connection::of(&self.shared.settings.route);
        *self.shared.connection.lock().unwrap_or_else(PoisonError::into_inner) = Some(connection.clone());
        connection
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    fn with(self, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = self.shared.settings.clone();
        change(&mut settings);
        Self { shared: Arc::new(Shared { settings, connection: Mutex::default() }) }
    }

    fn with_ssh(self, change: impl FnOnce(&mut Ssh)) -> Self {
        self.with(|settings| {
            if let Transport::Ssh(ssh) = &mut settings.route.transport {
                change(ssh);
            }
        })
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let settings = &self.shared.settings;
        f.debug_struct("Machine")
            .field("name", &settings.name)
            .field("user", &settings.route.become_user)
            .finish_non_exhaustive()
    }
}

impl Settings {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn transport(&self) -> &Transport {
        &self.route.transport
    }

    pub(crate) fn become_user(&self) -> Option<&str> {
        self.route.become_user.as_deref()
    }

    pub(crate) fn password(&self) -> Option<&Secret<String>> {
        self.password.as_ref()
    }

    pub(crate) fn connect_timeout(&self) -> Duration {
        self.route.connect_timeout
    }

    /// Returns the interval of signs of life, or `None` for connections that cannot be cut.
    pub(crate) fn heartbeat(&self) -> Option<Duration> {
        self.route.transport.can_be_cut().then_some(self.route.heartbeat)
    }

    /// Returns the settings that the agent receives.
    pub(crate) fn begin(&self) -> Begin {
        let milliseconds = |time: Duration| u32::try_from(time.as_millis()).unwrap_or(u32::MAX);
        let user = std::env::var("USER").unwrap_or_else(|_| "somebody".to_owned());
        let host = rustix::system::uname();
        let host = host.nodename().to_string_lossy();
        Begin {
            controller: format!("{user}@{host}, process {}", std::process::id()),
            heartbeat: self.heartbeat().map_or(0, milliseconds),
            lock_wait: milliseconds(self.lock_wait),
        }
    }

    /// Returns the agents for the machine.
    pub(crate) fn agents(&self) -> Result<Agents, MachineError> {
        Agents::of(&self.route.agents)
    }

    /// Checks the name of the other user.
    pub(crate) fn check(&self) -> Result<(), MachineError> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        match &self.route.become_user {
            Some(user) if user.is_empty() || user.starts_with('-') || !user.chars().all(allowed) => {
                Err(MachineError::User { machine: self.name.clone(), user: user.clone() })
            }
            _ => Ok(()),
        }
    }
}
