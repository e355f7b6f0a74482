//! A model with accounts, packages and services on a machine with systemd: a second run, one more user, and repairs.

use setup_tasks::{Layout, Object, Secret, prelude::*};
use setup_tasks_machines::resources::{AuthorizedKeys, Command, Content, File, Packages, Service, User};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::lines;

use crate::machine;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "server")]
struct Server {
    users: std::sync::Mutex<Vec<&'static str>>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Server {
    /// Install the packages
    #[setup_task]
    const PACKAGES: Ensure<Self, Packages> =
        Ensure::new(|_| Packages::installed(["tiny-daemon", "tiny-hello"]).version("tiny-hello", "1.0-1"));

    /// Create the users
    #[setup_task(subscribe = [])]
    const USERS: Ensure<Self, User> = Ensure::all(|server| {
        server.users.lock().unwrap().iter().map(|name| User::named(*name).shell("/bin/bash").groups(["adm"])).collect()
    });

    /// Let them in
    #[setup_task(subscribe = [])]
    const KEYS: Ensure<Self, AuthorizedKeys> = Ensure::all(|server| {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJq0Qv0mR5pZB0xk1bq1m3m4ub9Zl4u7m0m3p7rB6l0x ops@example.org";
        server.users.lock().unwrap().iter().map(|name| AuthorizedKeys::of(*name, [key])).collect()
    });

    /// Configure the service
    #[setup_task(subscribe = [])]
    const CONFIGURE: Ensure<Self, File> = Ensure::new(|_| File::at("/etc/tiny.conf").content("colour = green\n"));

    /// Keep the service running
    #[setup_task(subscribe = [])]
    const RUNNING: Ensure<Self, Service> = Ensure::new(|_| Service::enabled("tiny-daemon"));

    /// Restart the service
    #[setup_task(subscribe = [CONFIGURE, PACKAGES])]
    const RESTART: Ensure<Self, Service> = Ensure::new(|_| Service::restart("tiny-daemon"));

    /// Count the restarts
    #[setup_task(subscribe = [RESTART])]
    const COUNT: Ensure<Self, Command> = Ensure::new(|_| Command::shell("echo restarted >>/var/log/restarts"));
}

fn server(users: &[&'static str]) -> Option<(TestNetwork, NetnsMachine, Layout, Object<Server>)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("server").systemd().boot().unwrap();
    let layout = Layout::in_memory().unwrap();
    let machine = machine(&network, "server");
    let server = layout.add(Server { users: users.to_vec().into(), machine }).unwrap();
    Some((network, host, layout, server))
}

/// Returns the tasks that ran.
fn ran(report: &setup_tasks::run::ObjectReport) -> Vec<&str> {
    report.ran().map(|task| task.task).collect()
}

#[tokio::test]
async fn a_server_comes_up_and_a_second_run_changes_nothing() {
    let Some((_network, host, _layout, server)) = server(&["ada", "grace"]) else { return };
    let report = server.run_setup_tasks().await.unwrap();
    assert_eq!(ran(&report), ["packages", "users", "keys", "configure", "running", "restart", "count"]);
    let state = "systemctl is-active tiny-daemon; systemctl is-enabled tiny-daemon; cat /usr/share/tiny-hello/version; \
                 id -nG grace; stat -c '%a %U' /home/ada/.ssh/authorized_keys; cat /var/log/restarts";
    assert_eq!(host.run(state).unwrap(), "active\nenabled\n1.0-1\ngrace adm\n600 ada\nrestarted\n");

    assert!(server.run_setup_tasks().await.unwrap().is_up_to_date());
    let verified = server.run_setup_tasks().verify().await.unwrap();
    assert!(verified.is_up_to_date(), "{:?}", lines(&verified));

    // One more user restarts nothing.
    server.users.lock().unwrap().push("barbara");
    assert_eq!(ran(&server.run_setup_tasks().await.unwrap()), ["users", "keys"]);
    assert_eq!(host.run("id -nG barbara; wc -l </var/log/restarts").unwrap(), "barbara adm\n1\n");
}

#[tokio::test]
async fn what_somebody_changed_by_hand_is_found_and_put_right() {
    let Some((_network, host, _layout, server)) = server(&["ada"]) else { return };
    server.run_setup_tasks().await.unwrap();
    host.run(
        "systemctl stop tiny-daemon; chsh -s /bin/sh ada; apt-get -qq install tiny-hello=2.0-1; rm /etc/tiny.conf",
    )
    .unwrap();
    let plan = server.run_setup_tasks().dry_run().verify().await.unwrap();
    let plan = lines(&plan);
    assert!(plan[0].starts_with("packages would run: ") && plan[0].contains("2.0-1"), "{plan:?}");
    assert!(plan[1].starts_with("users would run: ") && plan[1].contains("/bin/sh instead of /bin/bash"), "{plan:?}");
    assert_eq!(plan[2], "keys up to date");
    assert_eq!(plan[3], "configure would run: /etc/tiny.conf: absent");
    assert!(plan[4].starts_with("running would run: "), "{plan:?}");
    let repaired = server.run_setup_tasks().verify().await.unwrap();
    assert_eq!(ran(&repaired), ["packages", "users", "configure", "running", "restart", "count"]);
    let state = "systemctl is-active tiny-daemon; cat /usr/share/tiny-hello/version /etc/tiny.conf; getent passwd ada | cut -d: -f7";
    assert_eq!(host.run(state).unwrap(), "active\n1.0-1\ncolour = green\n/bin/bash\n");
    assert!(server.run_setup_tasks().verify().await.unwrap().is_up_to_date());
}

/// A text that nothing but its file may contain.
const KEY: &str = "correct-horse-battery-staple";

#[derive(SetupTasks)]
#[setup_tasks(subdir = "keeper")]
struct Keeper {
    key: Secret<String>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Keeper {
    /// Write the key
    #[setup_task]
    const KEY: Ensure<Self, File> = Ensure::new(|keeper| {
        File::at("/etc/key").content(Content::new(keeper.key.expose().as_str()).secret()).mode(0o600)
    });

    #[setup_task("Use the key")]
    async fn use_it(&self, cx: &TaskContext) -> Result<()> {
        let script =
            "read -r key; tr '\\0' '\\n' </proc/self/cmdline; echo \"received $key\"; touch /srv/used; sleep 1";
        self.machine.command(cx, "sh").args(["-c", script]).stdin(format!("{}\n", self.key.expose())).run().await
    }
}

#[tokio::test]
async fn a_secret_is_in_its_file_and_nowhere_else() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let host = network.machine("keeper").boot().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let layout = Layout::new(setup_tasks::Config::new(directory.path()));
    let machine = machine(&network, "keeper");
    let keeper = layout.add(Keeper { key: Secret::new(KEY.to_owned()), machine }).unwrap();
    let running = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.run_setup_tasks().await.map(drop) }
    });
    while !host.root().join("srv/used").exists() {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    // While the command runs: no argument, no environment and no other file of the machine has it.
    // The word comes from a file, so that the search does not find itself.
    std::fs::write(host.root().join("dev/word"), KEY).unwrap();
    let search = "grep -laFf /dev/word /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true; \
                  grep -rlFf /dev/word /etc /root /run /srv /tmp /var /dev/shm 2>/dev/null || true";
    assert_eq!(host.run(search).unwrap(), "/etc/key\n");
    running.await.unwrap().unwrap();

    // On this side: neither logs nor stamps nor differences have it.
    host.run("echo edited >/etc/key").unwrap();
    let plan = keeper.run_setup_tasks().diff().verify().await.unwrap();
    let change = &plan.task("key").unwrap().changes[0];
    assert!(!change.unified().contains(KEY) && !change.unified().contains("edited"), "{}", change.unified());
    let kept = std::process::Command::new("grep").args(["-rlaF", KEY]).arg(directory.path()).output().unwrap();
    assert_eq!(String::from_utf8(kept.stdout).unwrap(), "");
}
