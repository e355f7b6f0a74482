//! `PostgreSQL` servers in temporary directories, which the tests start and stop.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;
use tokio_postgres::{Client, NoTls};

/// The user of the database who owns the tables.
pub const OWNER: &str = "site";

/// A server in a temporary directory. It ends when this is dropped, or when the process of the tests ends.
pub struct Server {
    place: TempDir,
    programs: PathBuf,
    port: u16,
}

/// Returns the server that tests share which do not restart it, or `None` with a line on the standard error if `PostgreSQL` is not
/// installed.
pub fn shared() -> Option<&'static Server> {
    static SHARED: OnceLock<Option<Server>> = OnceLock::new();
    SHARED.get_or_init(Server::start).as_ref()
}

/// Returns the address of a new schema.
pub fn address_in(server: &Server) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}?schema=test_{}", server.address(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Server {
    /// Creates and starts a server.
    pub fn start() -> Option<Self> {
        Self::start_with("", "", |_| ())
    }

    /// Creates and starts a server with more lines in its configuration and in its list of connections. `prepare` adds files to the
    /// directory of its data.
    pub fn start_with(settings: &str, connections: &str, prepare: impl FnOnce(&Path)) -> Option<Self> {
        let Some(programs) = programs() else {
            test_kit::skip("PostgreSQL is not installed (on Debian: apt-get install postgresql)");
            return None;
        };
        let (place, port) = (new_place(), free_port());
        let (data, socket) = (place.path().join("data"), place.path().join("socket"));
        let server = Self { place, programs, port };
        let made =
            server.program("initdb").arg("-D").arg(&data).args(["-U", OWNER, "-A", "trust", "--no-sync"]).output();
        let made = made.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let settings = format!(
            "listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = '{}'\nmax_connections = 200\n\
             shared_buffers = '32MB'\n{settings}\n",
            socket.display()
        );
        // One user needs a password.
        let path = data.join("pg_hba.conf");
        let rules = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("host all guarded 127.0.0.1/32 scram-sha-256\n{connections}\n{rules}")).unwrap();
        prepare(&data);
        let path = data.join("postgresql.conf");
        let all = fs::read_to_string(&path).unwrap() + &settings;
        fs::write(&path, all).unwrap();
        server.up();
        Some(server)
    }

    /// Creates and starts a replica of this server, which receives each change before it counts. It listens on a port if one is given.
    pub async fn replica(&self, port: Option<u16>) -> Self {
        let (place, port) = (new_place(), port.unwrap_or_else(free_port));
        let replica = Self { place, programs: self.programs.clone(), port };
        let copied = replica
            .program("pg_basebackup")
            .args(["-h", "127.0.0.1", "-U", OWNER, "-R", "-c", "fast", "--no-sync", "-p", &self.port.to_string()])
            .arg("-D")
            .arg(replica.data())
            .output()
            .unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        let path = replica.data().join("postgresql.conf");
        let socket = replica.place.path().join("socket");
        let settings = format!("port = {port}\nunix_socket_directories = '{}'\n", socket.display());
        fs::write(&path, fs::read_to_string(&path).unwrap() + &settings).unwrap();
        replica.up();
        let client = self.client().await;
        client.batch_execute("ALTER SYSTEM SET synchronous_standby_names = '*'").await.unwrap();
        client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
        let synced = "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'";
        while client.query_one(synced, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        replica
    }

    /// Makes a replica the server.
    pub async fn promote(&self) {
        let client = self.client().await;
        let promoted = client.query_one("SELECT pg_promote(true, 60)", &[]).await.unwrap();
        assert!(promoted.get::<_, bool>(0));
        // The next replica copies the settings, and must not wait for a replica of its own.
        client.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").await.unwrap();
    }

    /// Returns the address of the database `postgres`.
    pub fn address(&self) -> String {
        self.address_of(OWNER)
    }

    /// Returns the address for a user.
    pub fn address_of(&self, user: &str) -> String {
        format!("postgres://{user}@127.0.0.1:{}/postgres", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    pub fn data(&self) -> PathBuf {
        self.place.path().join("data")
    }

    /// Starts the server, and waits until it accepts connections.
    pub fn up(&self) {
        let log = fs::File::options().append(true).create(true).open(self.place.path().join("log")).unwrap();
        let mut postgres = self.program("postgres");
        postgres.arg("-D").arg(self.data()).stdout(Stdio::null()).stderr(log);
        // The server receives a signal when the thread ends that has started it.
        std::thread::spawn(move || postgres.spawn().unwrap().wait());
        test_kit::until("the server accepts connections", || {
            let ready =
                self.program("pg_isready").args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status();
            ready.unwrap().success()
        });
    }

    /// Stops the server as a crash would, or in an orderly way.
    pub fn down(&self, mode: &str) {
        let stopped = self.program("pg_ctl").arg("stop").arg("-D").arg(self.data()).args(["-m", mode, "-w"]).output();
        let stopped = stopped.unwrap();
        assert!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    }

    /// Returns a connection as the owner.
    pub async fn client(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(&self.address(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client
    }

    fn program(&self, name: &str) -> Command {
        as_ordinary_user(self.programs.join(name))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.program("pg_ctl").arg("stop").arg("-D").arg(self.data()).args(["-m", "immediate"]).output();
    }
}

/// Returns a command line of a program that refuses to run as root.
pub fn as_ordinary_user(program: impl AsRef<OsStr>) -> Command {
    let Some((user, group)) = ordinary_user() else { return Command::new(program) };
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "QUIT", "--clear-groups"]);
    command.arg(format!("--reuid={user}")).arg(format!("--regid={group}")).arg(program).current_dir("/");
    command
}

/// Returns a new directory with those of the data and of the sockets.
pub fn new_place() -> TempDir {
    let place = tempfile::Builder::new().prefix("pg").tempdir().unwrap();
    fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["data", "socket"] {
        let directory = place.path().join(name);
        fs::create_dir(&directory).unwrap();
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o700)).unwrap();
        if let Some((user, group)) = ordinary_user() {
            chown(&directory, Some(user), Some(group)).unwrap();
        }
    }
    place
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Returns the directory of the server's programs.
fn programs() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let of_debian = versions.map(|version| version.path().join("bin"));
    let paths = std::env::var_os("PATH").unwrap_or_default();
    of_debian.chain(std::env::split_paths(&paths)).find(|path| path.join("initdb").exists())
}

/// Writes a file that only the server may read.
pub fn write_private(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    if let Some((user, group)) = ordinary_user() {
        chown(path, Some(user), Some(group)).unwrap();
    }
}

/// Returns the ids of a user who is not root, if this process is root. `initdb` refuses to run as root.
fn ordinary_user() -> Option<(u32, u32)> {
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return None;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let ids = |name: &str| {
        let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2).filter_map(|id| id.parse().ok());
        Some((fields.next()?, fields.next()?))
    };
    ids("postgres").or_else(|| ids("nobody"))
}
