//! Tests of the fleet as a user runs it: the program, its inventory, and real machines.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

const INVENTORY: &str = include_str!("../../fleet/fleet.toml");

/// A fleet in a directory of its own. Its machines end with the directory.
struct Fleet {
    directory: tempfile::TempDir,
    is_real: bool,
}

impl Fleet {
    fn new(is_real: bool) -> Self {
        let fleet = Self { directory: tempfile::tempdir().unwrap(), is_real };
        fleet.write_inventory(INVENTORY);
        fleet
    }

    fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    fn write_inventory(&self, text: &str) {
        fs::write(self.path("fleet.toml"), text).unwrap();
    }

    fn run(&self, args: &[&str]) -> Output {
        let mut fleet = Command::new(env!("CARGO_BIN_EXE_fleet"));
        fleet.args(["--inventory", "fleet.toml", "--out", "out"]).args(args).current_dir(self.directory.path());
        if !self.is_real {
            fleet.arg("--files-only");
        }
        fleet.output().unwrap()
    }

    /// Runs the fleet, and returns the lines of its output without durations. Fails if the exit code is another one.
    fn lines(&self, args: &[&str]) -> Vec<String> {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{args:?}: {text}{}", String::from_utf8_lossy(&output.stderr));
        let is_duration = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        let untimed = |line: &str| match line.rsplit_once(" in ") {
            Some((line, duration)) if is_duration(duration) => line.to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(untimed).collect()
    }

    /// Runs a script on a machine, as its root, and returns the output.
    fn ssh(&self, destination: &str, script: &str) -> String {
        let mut ssh = Command::new(self.path("out/network/ssh"));
        let output = ssh.args([destination, script]).stdin(Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{destination}: {script}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

/// Returns the objects and descriptions of the lines about tasks.
fn tasks(lines: &[String]) -> Vec<String> {
    let (_summary, tasks) = lines.split_last().unwrap();
    tasks
        .iter()
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

fn last(lines: &[String]) -> &str {
    lines.last().map_or("", String::as_str)
}

#[test]
fn without_machines_the_files_are_written_and_repaired() {
    let fleet = Fleet::new(false);
    assert_eq!(last(&fleet.lines(&["up"])), "done: 7 objects; 55 tasks ran, 12 up to date");
    assert_eq!(last(&fleet.lines(&["up"])), "up to date: 7 objects, 67 tasks, nothing to do");
    let file = |path: &str| fleet.path("out/files").join(path);
    let page = fs::read_to_string(file("web/srv/www/index.html")).unwrap();
    assert!(page.contains("<td>grace</td><td>Grace Hopper</td>"), "{page}");
    assert!(
        fs::read_to_string(file("web/etc/nginx/conf.d/site.conf")).unwrap().contains("server_name web.fleet.example;")
    );
    for secret in ["db/var/lib/fleet/.pgpass", "web/etc/nginx/tls/site.key"] {
        assert_eq!(file(secret).metadata().unwrap().permissions().mode() & 0o777, 0o600, "{secret}");
    }
    fs::write(file("web/etc/motd"), "edited\n").unwrap();
    assert_eq!(last(&fleet.lines(&["plan"])), "up to date: 7 objects, 67 tasks, nothing to do");
    let plan = fleet.lines(&["plan", "--verify", "--diff"]);
    assert!(tasks(&plan)[0].contains("/etc/motd: content differs"), "{plan:?}");
    assert!(plan.iter().any(|line| line == "    +This is web.fleet.example."), "{plan:?}");
    assert_eq!(tasks(&fleet.lines(&["up", "--verify"])), ["web Greet who logs in done"]);
    fleet.lines(&["down", "web", "--yes"]);
    assert!(!file("web").exists() && file("db").exists());
}

#[test]
fn a_wrong_inventory_is_refused_by_name() {
    let fleet = Fleet::new(false);
    for (from, to, error) in [
        ("behind = \"bastion\"", "behind = \"nobody\"", "`db` is behind `nobody`, which is no machine above it"),
        ("role = \"web\"", "role = \"bastion\"", "0 machines have the role Web, and it needs exactly one"),
        ("name = \"shop\"", "name = \"a;b\"", "the name \"a;b\" of the database must consist of small letters"),
        ("renew_days = 30", "renew_days = 90", "certificate.renew_days (90) must be less than"),
        ("domain", "realm", "unknown field `realm`"),
    ] {
        fleet.write_inventory(&INVENTORY.replacen(from, to, 1));
        let output = fleet.run(&["up"]);
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{stderr}");
        assert!(stderr.contains(error), "{stderr}");
    }
    assert!(!fleet.path("out/files").exists());
}

/// Walks through the session of the README.
#[test]
fn real_machines_come_up_and_are_repaired_extended_and_taken_down() {
    if setup_tasks_test::TestNetwork::start_or_skip().is_none() {
        return;
    }
    let fleet = Fleet::new(true);
    assert_eq!(last(&fleet.lines(&["up"])), "done: 8 objects; 57 tasks ran, 12 up to date");
    assert_eq!(last(&fleet.lines(&["up"])), "up to date: 8 objects, 69 tasks, nothing to do");
    assert_eq!(last(&fleet.lines(&["plan", "--verify"])), "up to date: 8 objects, 69 tasks, nothing to do");
    site_is_up(&fleet);
    drift_is_shown_and_repaired(&fleet);
    one_more_user_restarts_nothing(&fleet);
    one_machine_goes_and_comes_back(&fleet);
    fleet.lines(&["down", "--yes"]);
    assert!(fleet.path("out/network").symlink_metadata().is_err());
}

fn site_is_up(fleet: &Fleet) {
    let page = fleet.ssh(
        "web",
        "curl -fsS --cacert /etc/nginx/tls/authority.pem --resolve web.fleet.example:443:127.0.0.1 https://web.fleet.example/",
    );
    assert!(page.contains("<td>Ada Lovelace</td>") && page.contains("<p>2 products, 1 backups</p>"), "{page}");
    assert_eq!(
        fleet.ssh("db", "sysctl -n net.core.somaxconn; id -nG ada; systemctl is-enabled fleet-backup.timer"),
        "1024\nada sudo\nenabled\n"
    );
    let count =
        "PGPASSFILE=/var/lib/fleet/.pgpass psql -w -h localhost -U shop shop -qtAc 'SELECT count(*) FROM products'";
    assert_eq!(fleet.ssh("db", &format!("runuser -u shop -- env {count}")), "2\n");
    // The password is nowhere but in its two files.
    let password = fs::read_to_string(fleet.path("out/state/database/password")).unwrap();
    let found = Command::new("grep").args(["-rlF", &password, "out"]).current_dir(fleet.directory.path()).output();
    assert_eq!(String::from_utf8(found.unwrap().stdout).unwrap(), "out/state/database/password\n");
    let found = fleet.ssh(
        "db",
        &format!("grep -rlF --exclude-dir=proc --exclude-dir=sys {password} /etc /var /root /tmp /run || true"),
    );
    assert_eq!(found, "/var/lib/fleet/.pgpass\n");
}

fn drift_is_shown_and_repaired(fleet: &Fleet) {
    fleet.ssh("web", "echo edited >/etc/motd; sysctl -qw net.core.somaxconn=77");
    fleet.ssh("db", "systemctl stop postgresql@15-main");
    let plan = fleet.lines(&["plan", "--verify", "--diff"]);
    let reasons = ["/etc/motd: content differs", "net.core.somaxconn: 77 instead of 1024", "postgresql@15-main"];
    assert!(reasons.iter().all(|reason| plan.iter().any(|line| line.contains(reason))), "{plan:#?}");
    assert!(plan.contains(&"    -edited".to_owned()), "{plan:#?}");
    let repaired = tasks(&fleet.lines(&["up", "--verify"]));
    for task in ["database Keep it running done", "web Greet who logs in done", "web Set up the kernel done"] {
        assert!(repaired.iter().any(|repaired| repaired == task), "{task}: {repaired:?}");
    }
    assert_eq!(last(&fleet.lines(&["plan", "--verify"])), "up to date: 8 objects, 69 tasks, nothing to do");
}

fn one_more_user_restarts_nothing(fleet: &Fleet) {
    let key = fleet.path("key");
    let keygen = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&key).status().unwrap();
    assert!(keygen.success());
    let public = fs::read_to_string(key.with_extension("pub")).unwrap();
    let user = format!("\n[[user]]\nname = \"edsger\"\nkeys = [{:?}]\n", public.trim());
    let processes =
        "systemctl show --value -p MainPID nginx postgresql@15-main; systemctl show --value -p NRestarts nginx";
    let before = ["web", "db"].map(|host| fleet.ssh(host, processes));
    fleet.write_inventory(&(INVENTORY.to_owned() + &user));
    let mut ran = tasks(&fleet.lines(&["up"]));
    ran.sort();
    let mut expected = ["bastion", "db", "web"]
        .map(|host| [format!("{host} Create the users done"), format!("{host} Let them in done")])
        .concat();
    expected.extend(
        ["Look at all machines", "Publish the page", "See whether it answers"]
            .map(|task| format!("dashboard {task} done")),
    );
    expected.sort();
    assert_eq!(ran, expected);
    assert_eq!(["web", "db"].map(|host| fleet.ssh(host, processes)), before);
    let mut ssh = Command::new(fleet.path("out/network/ssh"));
    let id = ssh.arg("-i").arg(&key).args(["edsger@db", "id -un"]).stdin(Stdio::null()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&id.stdout), "edsger\n", "{id:?}");
}

fn one_machine_goes_and_comes_back(fleet: &Fleet) {
    let down = fleet.lines(&["down", "web", "--yes"]);
    assert_eq!(last(&down), "brought down: 3 objects; 1 task undone, 21 without an undo", "{down:#?}");
    assert_eq!(fleet.ssh("db", "cat /etc/motd"), "This is db.fleet.example.\n");
    let plan = fleet.lines(&["plan", "--verify"]);
    assert!(tasks(&plan).iter().all(|task| !task.starts_with("db ") && !task.starts_with("database ")), "{plan:#?}");
    let again = fleet.lines(&["up", "--verify"]);
    assert_eq!(last(&again), "done: 8 objects; 21 tasks ran, 48 up to date", "{again:#?}");
    assert_eq!(fleet.ssh("web", "id -un edsger"), "edsger\n");
}
