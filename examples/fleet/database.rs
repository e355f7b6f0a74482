//! The database, with its owner and its backup.

use std::io::Read;

use lab_authority::whole_file;
use setup_tasks::Secret;
use setup_tasks::prelude::*;
use setup_tasks_machines::resources::{Content, Directory, File, Packages, Service, Timer, User};
use setup_tasks_machines::{Ensure, Machine};

use crate::host::Host;
use crate::inventory::DatabaseSpec;

/// A database server on a machine, with one database. Its owner is a role and an account of the same name.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "database")]
pub struct Database {
    pub spec: DatabaseSpec,
    #[machine]
    pub machine: Machine,
    #[depends_on(Host::PACKAGES)]
    pub host: Object<Host>,
}

#[setup_tasks]
impl Database {
    /// Install the database server
    #[setup_task(subscribe = [Self::host_packages])]
    const PACKAGES: Ensure<Self, Packages> =
        Ensure::maybe(|database| database.host.if_machine(|| Packages::installed(["postgresql"]).without_recommends()));

    /// Configure it
    #[setup_task(subscribe = [PACKAGES])]
    const SETTINGS: Ensure<Self, File> = Ensure::new(|database| {
        let settings = "listen_addresses = 'localhost'\nmax_connections = 50\n";
        database.host.file("/etc/postgresql/15/main/conf.d/fleet.conf").content(settings).mode(0o644)
    });

    /// Restart it with the configuration
    #[setup_task(subscribe = [SETTINGS])]
    const RESTART: Ensure<Self, Service> =
        Ensure::maybe(|database| database.host.if_machine(|| Service::restart("postgresql@15-main")));

    /// Keep it running
    #[setup_task(subscribe = [PACKAGES])]
    const RUNNING: Ensure<Self, Service> =
        Ensure::maybe(|database| database.host.if_machine(|| Service::running("postgresql@15-main")));

    #[setup_task("Choose a password for the owner", check_completed = has_password)]
    fn password(&self, cx: &TaskContext) -> Result<()> {
        let mut bytes = [0; 24];
        std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
        let password: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        whole_file::write(&cx.state_path()?.join("password"), &password, 0o600)
    }

    fn has_password(&self, cx: &TaskContext) -> Result<bool> {
        Ok(cx.state_path()?.join("password").exists())
    }

    #[setup_task("Create the owner and the database", subscribe = [PACKAGES, password], hash = owner)]
    async fn create(&self, cx: &TaskContext) -> Result<Outcome> {
        let (name, password) = (&self.spec.name, read_password(cx)?);
        let sql = format!(
            "SELECT 'CREATE ROLE {name} LOGIN' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{name}') \\gexec\n\
             ALTER ROLE {name} PASSWORD '{}';\n\
             SELECT 'CREATE DATABASE {name} OWNER {name}' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{name}') \\gexec\n",
            password.expose()
        );
        self.sql(cx, "postgres", sql).await
    }

    /// Returns the owner and the password. A stamp only has a hash of it.
    fn owner(&self, cx: &TaskContext) -> Result<String> {
        Ok(if self.has_password(cx)? {
            format!("{} {}", self.spec.name, read_password(cx)?.expose())
        } else {
            String::new()
        })
    }

    #[setup_task("Create the tables", subscribe = [create])]
    async fn tables(&self, cx: &TaskContext) -> Result<Outcome> {
        let name = &self.spec.name;
        let sql = format!(
            "SET ROLE {name};\nCREATE TABLE IF NOT EXISTS products (name text PRIMARY KEY, cents integer NOT NULL);\n\
             INSERT INTO products VALUES ('tea', 450), ('biscuits', 320) ON CONFLICT DO NOTHING;\n"
        );
        self.sql(cx, name, sql).await
    }

    /// Create the owner's account
    #[setup_task(subscribe = [Self::host_packages])]
    const ACCOUNT: Ensure<Self, User> = Ensure::maybe(|database| {
        let account = User::named(&database.spec.name).system().home("/var/lib/fleet");
        database.host.if_machine(|| account.shell("/usr/sbin/nologin"))
    });

    /// Give the password to the owner
    #[setup_task(subscribe = [ACCOUNT, password])]
    const PASSWORD_FILE: Ensure<Self, File> = Ensure::with(|database, cx| {
        if !database.has_password(cx)? {
            return Ok(None);
        }
        let name = &database.spec.name;
        let line = format!("localhost:5432:{name}:{name}:{}\n", read_password(cx)?.expose());
        let file = database.host.file("/var/lib/fleet/.pgpass").content(Content::from(line).secret()).mode(0o600);
        Ok(Some(if database.host.is_machine() { file.owner(name) } else { file }))
    });

    /// Make a place for the backups
    #[setup_task(subscribe = [ACCOUNT])]
    const BACKUPS: Ensure<Self, Directory> = Ensure::new(|database| {
        let backups = Directory::at(database.host.path("/var/backups/fleet")).mode(0o700);
        if database.host.is_machine() { backups.owner(&database.spec.name) } else { backups }
    });

    /// Write the backup's script
    #[setup_task(subscribe = [Self::host_packages])]
    const SCRIPT: Ensure<Self, File> = Ensure::new(|database| {
        let name = &database.spec.name;
        let script = format!(
            "#!/bin/sh\n# Keeps the last seven backups.\nset -eu\ncd /var/backups/fleet\nexport PGPASSFILE=/var/lib/fleet/.pgpass\n\
             pg_dump --no-password --host localhost --username {name} {name} >draft.sql\n\
             mv draft.sql \"{name}-$(date +%Y%m%d-%H%M%S).sql\"\nls -t {name}-*.sql | tail -n +8 | xargs -r rm\n"
        );
        database.host.file("/usr/local/bin/fleet-backup").content(script).mode(0o755)
    });

    /// Back up every night
    #[setup_task(subscribe = [SCRIPT])]
    const TIMER: Ensure<Self, Timer> = Ensure::maybe(|database| {
        let timer = Timer::named("fleet-backup").runs("/usr/local/bin/fleet-backup").user(&database.spec.name);
        database.host.if_machine(|| timer.on_calendar(&database.spec.backup))
    });

    #[setup_task("Back up once", subscribe = [tables, PASSWORD_FILE, BACKUPS, SCRIPT, TIMER])]
    pub async fn backup(&self, cx: &TaskContext) -> Result<()> {
        if self.host.is_machine() {
            let backup =
                self.machine.command(cx, "runuser").args(["-u", &self.spec.name, "--", "/usr/local/bin/fleet-backup"]);
            backup.directory("/").run().await?;
        }
        Ok(())
    }
}

impl Database {
    /// Runs statements in a database, as the superuser. They come by standard input, since arguments are visible to all.
    async fn sql(&self, cx: &TaskContext, database: &str, statements: String) -> Result<Outcome> {
        if !self.host.is_machine() {
            return Ok(Outcome::Unchanged);
        }
        let psql =
            self.machine.command(cx, "runuser").args(["-u", "postgres", "--", "psql", "-qtA", "-v", "ON_ERROR_STOP=1"]);
        psql.arg(database).directory("/").stdin(statements).run().await?;
        Ok(Outcome::Done)
    }
}

/// Reads the password of the owner.
fn read_password(cx: &TaskContext) -> Result<Secret<String>> {
    Ok(Secret::new(whole_file::read(&cx.state_path()?.join("password"))?))
}
