//! Troubles with a database are reported with the place, the reason and advice, and lose nothing.

use setup_tasks::prelude::*;
use setup_tasks::secret::Secret;
use setup_tasks::stamp::HistoryFilter;
use setup_tasks::{Config, Layout};
use setup_tasks_postgres::Postgres;
use tempfile::TempDir;

use crate::operators::{Site, failed, succeeded};
use crate::server::{OWNER, address_in, shared};

#[test]
fn a_server_that_cannot_be_used_is_named_with_the_reason() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    let up = |address: &str| failed(site.operator_at(address, "north", &["up"]).output().unwrap());
    let text = up("postgres://site@127.0.0.1:1/site");
    assert!(text.contains("cannot connect to the database `site` on 127.0.0.1, port 1"), "{text}");
    assert!(text.contains("Connection refused") && text.contains("help: compare host and port"), "{text}");
    let text = up("postgres://site@no-such-host.invalid/site");
    assert!(text.contains("no-such-host.invalid"), "{text}");
    let text = up(&format!("postgres://site@127.0.0.1:{}/nowhere", server.port()));
    assert!(text.contains("database \"nowhere\" does not exist") && text.contains("`createdb`"), "{text}");
    for address in ["postgres:/x", "postgres://db:x/site", "mysql://db/site", "postgres://db/site?sslmode=disable"] {
        let text = up(address);
        assert!(text.contains("help: "), "{text}");
    }
    let text = up("mysql://db/site");
    assert!(text.contains("knows no store with addresses `mysql://"), "{text}");
}

#[tokio::test]
async fn a_wrong_password_is_reported_and_a_right_one_is_found_and_never_shown() {
    let Some(server) = shared() else { return };
    let client = server.client().await;
    client.batch_execute("CREATE ROLE guarded LOGIN PASSWORD 'open sesame 7'").await.unwrap();
    client.batch_execute("GRANT CREATE ON DATABASE postgres TO guarded").await.unwrap();
    let site = Site::new(server, 30);
    let address = site.address.replace(OWNER, "guarded");
    let up = || site.operator_at(&address, "north", &["up", "-vv"]);
    let text = failed(up().output().unwrap());
    assert!(text.contains("does not let the user `guarded` in") && text.contains(".pgpass"), "{text}");
    let text = failed(up().env("PGPASSWORD", "wrong sesame 7").output().unwrap());
    assert!(text.contains("password authentication failed") && !text.contains("wrong sesame 7"), "{text}");
    let passwords = site.base("north").join("passwords");
    std::fs::write(&passwords, "127.0.0.1:*:postgres:guarded:open sesame 7\n").unwrap();
    let text = failed(up().env("PGPASSFILE", &passwords).output().unwrap());
    assert!(text.contains("others may read it"), "{text}");
    std::fs::set_permissions(&passwords, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = succeeded(up().env("PGPASSFILE", &passwords).output().unwrap());
    assert!(!text.contains("open sesame 7"), "{text}");
    site.expect_each_once(2);
}

#[tokio::test]
async fn newer_tables_are_refused_with_both_versions() {
    let Some(server) = shared() else { return };
    let site = Site::new(server, 30);
    site.run("north", &["up"]);
    let client = server.client().await;
    client.batch_execute(&format!("UPDATE {}.setup SET version = 99", site.schema())).await.unwrap();
    for command in ["up", "plan", "history"] {
        let text = failed(site.operator("south", &[command]).output().unwrap());
        assert!(text.contains("version 99") && text.contains("newer than version 2"), "{text}");
        assert!(text.contains("help: update this program"), "{text}");
    }
    client.batch_execute(&format!("UPDATE {}.setup SET version = 1", site.schema())).await.unwrap();
    site.run("south", &["up"]);
    site.expect_each_once(2);
}

#[tokio::test]
async fn a_role_that_may_only_read_can_plan_and_cannot_run() {
    let Some(server) = shared() else { return };
    let (site, client) = (Site::new(server, 30), server.client().await);
    client.batch_execute("CREATE ROLE reader LOGIN; CREATE ROLE worker LOGIN").await.unwrap();
    let site_of = |user: &str, args: &[&str]| site.operator_at(&site.address.replace(OWNER, user), user, args);
    // Without tables, there is nothing to read, and none are created.
    succeeded(site_of("reader", &["plan"]).output().unwrap());
    let text = failed(site_of("worker", &["up"]).output().unwrap());
    assert!(text.contains("does not permit to prepare the tables"), "{text}");
    site.run("north", &["up", "h0"]);
    let schema = site.schema();
    client
        .batch_execute(&format!(
            "GRANT USAGE ON SCHEMA {schema} TO worker, reader; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO worker, reader;
             GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO worker"
        ))
        .await
        .unwrap();
    for command in [&["plan"][..], &["status"], &["history"], &["why", "h1/first"]] {
        let text = succeeded(site_of("reader", command).output().unwrap());
        assert!(text.contains("h0") || text.contains("h1"), "{text}");
    }
    let text = succeeded(site_of("reader", &["ps"]).output().unwrap());
    assert!(text.contains("nothing is running"), "{text}");
    let text = failed(site_of("reader", &["up"]).output().unwrap());
    assert!(text.contains("permission denied") && text.contains("a role that may write"), "{text}");
    assert_eq!(site.ledger().len(), 6, "{:?}", site.ledger());
    succeeded(site_of("worker", &["up"]).output().unwrap());
    site.expect_each_once(2);
    client.batch_execute("ALTER ROLE worker SET default_transaction_read_only = on").await.unwrap();
    let text = failed(site_of("worker", &["clear", "h0", "--yes"]).output().unwrap());
    assert!(text.contains("read-only transaction"), "{text}");
    succeeded(site_of("worker", &["plan"]).output().unwrap());
}

/// A model with a hostile name, whose task fails once.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "hosts/{name}", id = "{name}")]
struct Hostile {
    name: String,
    fails: bool,
    secret: Secret<String>,
}

#[setup_tasks]
impl Hostile {
    #[setup_task("Do it", hash = text)]
    async fn act(&self) -> Result<()> {
        anyhow::ensure!(!self.fails, "no: \0 '; DROP TABLE entries; -- {}", self.secret.expose());
        Ok(())
    }

    fn text(&self) -> String {
        format!("{} \0 {}", self.name, self.secret.expose())
    }
}

#[tokio::test]
async fn hostile_names_and_texts_are_data_and_no_secret_is_in_any_row() {
    const SECRET: &str = "correct horse battery staple 42";
    let Some(server) = shared() else { return };
    let (address, directory) = (address_in(server), TempDir::new().unwrap());
    let names = [
        "'; DROP TABLE objects; --",
        "$1",
        "\" OR 1=1",
        "{a,b}",
        "NULL",
        "%s \\' \\x00",
        "ü \u{202e} \u{1f600}",
        "a\nb\tc",
        "hosts",
    ];
    let layout = |fails: bool| {
        let store = Postgres::open(&address).unwrap();
        let config = Config::new(directory.path());
        let layout = Layout::with_store_and_leases(config, store.clone(), store);
        for name in names {
            let secret = Secret::new(SECRET.to_owned());
            layout.add(Hostile { name: name.to_owned(), fails, secret }).unwrap();
        }
        layout
    };
    assert!(!layout(true).run().await.unwrap().is_success());
    assert!(layout(false).run().await.unwrap().is_success());
    let again = layout(false);
    assert!(again.run().await.unwrap().is_success());
    let history = again.history(&HistoryFilter::new()).await.unwrap();
    assert_eq!(history.len(), 2 * names.len());
    let failed = history.iter().find_map(|line| line.error.as_deref()).unwrap();
    assert!(failed.contains("\0 '; DROP TABLE entries; -- [secret]"), "{failed}");
    let mut stored: Vec<_> =
        again.store().objects().await.unwrap().into_iter().filter_map(|object| object.id).collect();
    let mut expected: Vec<_> = names.map(str::to_owned).into();
    stored.sort();
    expected.sort();
    assert_eq!(stored, expected);
    // No row contains the secret, in whatever encoding of a column.
    let (client, schema) = (server.client().await, address.split_once("schema=").unwrap().1);
    for table in ["setup", "processes", "writers", "objects", "entries", "history"] {
        let dump = format!("SELECT coalesce(string_agg(t::text, ' '), '') FROM {schema}.{table} t");
        let text: String = client.query_one(&dump, &[]).await.unwrap().get(0);
        let in_hex: String = SECRET.bytes().map(|byte| format!("{byte:02x}")).collect();
        assert!(!text.contains(SECRET) && !text.contains(&in_hex), "{table}: {text}");
    }
}

#[tokio::test]
async fn a_full_disk_is_reported_and_loses_no_stamp() {
    let Some(server) = shared() else { return };
    let disk = TempDir::new().unwrap();
    let mut mount = std::process::Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=2m,mode=777", "tmpfs"]).arg(disk.path());
    if !mount.output().is_ok_and(|output| output.status.success()) {
        test_kit::skip("a small disk cannot be mounted here");
        return;
    }
    let unmount = Unmount(disk.path().to_owned());
    let place = disk.path().join("space");
    std::fs::create_dir(&place).unwrap();
    let made = std::process::Command::new("chown").args(["postgres"]).arg(&place).status().unwrap();
    assert!(made.success());
    let (site, client) = (Site::new(server, 30), server.client().await);
    site.run("north", &["up", "h0"]);
    let schema = site.schema();
    client.batch_execute(&format!("CREATE TABLESPACE small LOCATION '{}'", place.display())).await.unwrap();
    client.batch_execute(&format!("ALTER TABLE {schema}.history SET TABLESPACE small")).await.unwrap();
    // The table grows until the disk is full, and its last page, too.
    for (rows, length) in [(20, 60), (1, 60), (1, 0)] {
        let fill = format!(
            "INSERT INTO {schema}.history (object, task, time, line)
             SELECT 'x', 'y', 0, (SELECT coalesce(string_agg(md5(random()::text), ''), '') FROM generate_series(1, {length}))
             FROM generate_series(1, {rows})"
        );
        while client.batch_execute(&fill).await.is_ok() {}
    }
    let text = failed(site.operator("south", &["up"]).output().unwrap());
    assert!(text.contains("has no room to write stamps") && text.contains("No space left on device"), "{text}");
    assert!(text.contains("help: make room"), "{text}");
    client.batch_execute(&format!("ALTER TABLE {schema}.history SET TABLESPACE pg_default")).await.unwrap();
    site.run("south", &["up"]);
    assert_eq!(site.times("end h0/first"), 1, "{:?}", site.ledger());
    assert_eq!(site.times("end h1/third"), 1, "{:?}", site.ledger());
    client.batch_execute("DROP TABLESPACE small").await.unwrap();
    drop(unmount);
}

/// A mounted disk, which is unmounted when this is dropped.
struct Unmount(std::path::PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}
