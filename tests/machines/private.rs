//! Promises of privacy on a machine with other users: nothing of ours is readable, no planted name is followed, and no secret is seen.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Mutex;

use setup_tasks::{Config, Layout, Object, Secret, prelude::*};
use setup_tasks_machines::resources::{Content, Directory, File};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::setting;

use crate::{machine, wait_until};

/// A text that nothing but its file may contain.
const WORD: &str = "tulip-hammer-eleven";
/// The password of the user `ada`.
const PASSWORD: &str = "correct-horse-battery";

/// Returns a network with one machine, on which the users `ada` and `bob` exist, and `ada` may use sudo with her password.
fn one_machine() -> Option<(TestNetwork, NetnsMachine)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").boot().unwrap();
    host.run(&format!(
        "useradd -m -s /bin/bash ada; useradd -m -s /bin/bash bob; mkdir /home/ada/.ssh; cp .ssh/authorized_keys /home/ada/.ssh/; \
         chown -R ada: /home/ada; chmod 755 /home/ada; mkdir -p /home/ada/.cache; chown ada: /home/ada/.cache; \
         echo 'ada:{PASSWORD}' | chpasswd; echo 'ada ALL=(ALL) ALL' >/etc/sudoers.d/ada"
    ))
    .unwrap();
    let program = host.root().join("srv/watcher");
    std::fs::copy(env!("CARGO_BIN_EXE_watcher"), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    Some((network, host))
}

/// A program of the user `bob`, which ends when this is dropped.
struct Watcher {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Watcher {
    fn start(host: &NetnsMachine, args: &[&str]) -> Self {
        let mut command = host.command();
        command.args(["setpriv", "--reuid=bob", "--regid=bob", "--clear-groups", "/srv/watcher"]).args(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n");
        Self { child, output }
    }

    /// Ends the program, and returns what it has seen.
    fn seen(mut self, host: &NetnsMachine) -> Vec<String> {
        host.run("pkill -KILL watcher").unwrap();
        self.child.wait().unwrap();
        self.output.lines().map(Result::unwrap).collect()
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "keeper")]
struct Keeper {
    round: Mutex<u64>,
    key: Secret<String>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Keeper {
    /// Write the keys, a short one and one that is too long for a message
    #[setup_task]
    const KEYS: Ensure<Self, File> = Ensure::all(|keeper| {
        let text = format!("{}\n{}\n", keeper.key.expose(), keeper.round.lock().unwrap());
        let file = |name: &str, text: String| {
            File::at(format!("/srv/open/{name}")).content(Content::new(text).secret()).mode(0o600)
        };
        vec![file("short", text.clone()), file("long", text.repeat(80_000))]
    });

    #[setup_task("Use the key", hash = number)]
    async fn use_it(&self, cx: &TaskContext) -> Result<()> {
        let script = "umask; read -r key; touch /srv/used; while [ -e /srv/wait ]; do sleep 0.02; done; echo \"received $key\" >&2";
        self.machine.command(cx, "sh").args(["-c", script]).stdin(format!("{}\n", self.key.expose())).run().await
    }

    fn number(&self) -> String {
        self.round.lock().unwrap().to_string()
    }
}

fn keeper(directory: &std::path::Path, machine: Machine) -> (Layout, Object<Keeper>) {
    let layout = Layout::new(Config::new(directory));
    let keeper = layout.add(Keeper { round: Mutex::new(0), key: Secret::new(WORD.to_owned()), machine }).unwrap();
    (layout, keeper)
}

#[tokio::test]
async fn nothing_is_readable_by_another_user_even_for_a_moment() {
    let Some((network, host)) = one_machine() else { return };
    host.run("mkdir -m 755 /srv/open; rm -f /srv/wait").unwrap();
    let places =
        ["/home/ada", "/home/ada/.cache", "/var/tmp", "/tmp", "/dev/shm", "/run", "/srv/open", "/var/lib/setup-tasks"];
    let watcher = Watcher::start(&host, &[&["read", WORD], &places[..]].concat());
    let directory = tempfile::tempdir().unwrap();
    let password = || Secret::new(PASSWORD.to_owned());
    let (_layout, keeper) =
        keeper(directory.path(), machine(&network, "ada@web").become_root().sudo_password(password()));
    for round in 0..setting("MACHINE_WATCHES", 6) {
        *keeper.round.lock().unwrap() = round;
        keeper.run_setup_tasks().await.unwrap();
        // The agent of that user is copied again, to the first place or to the next one.
        let in_home = if round % 2 == 0 {
            "umount /home/ada/.cache || true"
        } else {
            "mount -t tmpfs -o noexec,mode=777 tmpfs /home/ada/.cache"
        };
        host.run(&format!("rm -rf /home/ada/.cache/setup-tasks-agent /var/tmp/setup-tasks-agent-*; {in_home}"))
            .unwrap();
        machine(&network, "ada@web").persist(false).facts().await.unwrap();
    }
    assert_eq!(watcher.seen(&host), [""; 0]);
    assert_eq!(
        host.run("stat -c '%a %U %n' /srv/open/*").unwrap(),
        "600 root /srv/open/long\n600 root /srv/open/short\n"
    );
    // Nothing of a run is left but the agent.
    let left = host.run("find / /tmp /run /dev/shm -xdev -name '*setup-tasks*' -printf '%m %y %p\\n' | sort").unwrap();
    for line in left.lines() {
        assert!(line.starts_with("700 d ") || line.starts_with("600 f /run/setup-tasks-agent.lock"), "{left}");
    }
}

#[derive(SetupTasks)]
#[setup_tasks(subdir = "site")]
struct Site {
    round: Mutex<u64>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Site {
    /// Write into a directory of another user
    #[setup_task]
    const FILES: Ensure<Self, File> = Ensure::all(|site| {
        let round = *site.round.lock().unwrap();
        let file = |name| File::at(format!("/home/bob/{name}/shadow")).content(format!("round {round}\n")).mode(0o644);
        vec![file("there")]
    });

    /// Create a directory in it
    #[setup_task]
    const DIRECTORIES: Ensure<Self, Directory> =
        Ensure::all(|site| vec![Directory::at(format!("/home/bob/there/d{}", site.round.lock().unwrap())).mode(0o777)]);
}

#[tokio::test]
async fn a_directory_that_its_owner_swaps_for_a_link_leads_nowhere() {
    let Some((network, host)) = one_machine() else { return };
    let plant = "mkdir /home/bob/there /root/victim; echo precious >/root/victim/shadow; chmod 600 /root/victim/shadow; \
                 ln -s /root/victim /home/bob/link; chown -h bob: /home/bob/there /home/bob/link";
    host.run(plant).unwrap();
    let watcher = Watcher::start(&host, &["swap", "/home/bob/there", "/home/bob/link"]);
    let layout = Layout::in_memory().unwrap();
    let site = layout.add(Site { round: Mutex::new(0), machine: machine(&network, "web") }).unwrap();
    let mut refused = 0;
    for round in 0..setting("MACHINE_SWAPS", 40) {
        *site.round.lock().unwrap() = round;
        refused += u64::from(site.run_setup_tasks().await.is_err());
    }
    watcher.seen(&host);
    assert!(refused > 0, "the link was never there when a run came to it");
    assert_eq!(
        host.run("cd /root/victim; stat -c '%a %U %n' . *; cat shadow").unwrap(),
        "755 root .\n600 root shadow\nprecious\n"
    );
}

/// Asserts that no command line and no environment of any process that this one can see has a text, besides this process itself.
fn assert_no_process_shows(text: &str) {
    // The text comes from standard input, so that the search does not find itself.
    let search = "grep -laFf - /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null || true";
    let mut grep =
        Command::new("sh").args(["-c", search]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut grep.stdin.take().unwrap(), text.as_bytes()).unwrap();
    let found = String::from_utf8(grep.wait_with_output().unwrap().stdout).unwrap();
    assert_eq!(found, "", "{text}");
}

#[tokio::test]
async fn secrets_are_seen_neither_in_processes_nor_in_what_a_crash_leaves() {
    let Some((network, host)) = one_machine() else { return };
    host.run("mkdir -m 755 /srv/open; touch /srv/wait").unwrap();
    let directory = tempfile::tempdir().unwrap();
    let password = Secret::new(PASSWORD.to_owned());
    let (_layout, keeper) =
        keeper(directory.path(), machine(&network, "ada@web").become_root().sudo_password(password));
    let running = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.run_setup_tasks().await.map(drop) }
    });
    let (root, used) = (host.root(), host.root().join("srv/used"));
    tokio::task::spawn_blocking(move || wait_until("the command runs", || used.exists())).await.unwrap();
    // The processes of the machine are visible from here, too.
    for text in [WORD, PASSWORD] {
        assert_no_process_shows(text);
    }
    // A crash of the agent leaves no image of its memory, and nobody but root can read it: the system gives all of it to root.
    let plain = machine(&network, "ada@web");
    plain.facts().await.unwrap();
    let find = "for p in /proc/[0-9]*; do case $(readlink $p/exe) in */agent-*) echo ${p#/proc/};; esac; done";
    let agents = host.run(find).unwrap();
    assert_eq!(agents.lines().count(), 2, "{agents}");
    for agent in agents.lines() {
        assert_eq!(host.run(&format!("stat -c %U /proc/{agent}/mem /proc/{agent}/environ")).unwrap(), "root\nroot\n");
    }
    host.run(&format!("kill -ABRT {}", agents.replace('\n', " "))).unwrap();
    let error = running.await.unwrap().unwrap_err();
    let shown = format!("{} {error:?} {error}", setup_tasks::error::explain(&error));
    assert!(shown.contains("lost the connection") && !shown.contains(WORD) && !shown.contains(PASSWORD), "{shown}");
    host.run("rm /srv/wait").unwrap();

    // Neither the files of the machine nor those of the controller have them.
    keeper.run_setup_tasks().await.unwrap();
    std::fs::write(root.join("dev/words"), format!("{WORD}\n{PASSWORD}")).unwrap();
    let search = "grep -rlFf /dev/words /etc /home /root /run /srv /tmp /var /dev/shm 2>/dev/null | sort; ls /core* /root/core* 2>/dev/null || true";
    assert_eq!(host.run(search).unwrap(), "/srv/open/long\n/srv/open/short\n");
    for text in [WORD, PASSWORD] {
        let kept = Command::new("grep").args(["-rlaF", text]).arg(directory.path()).output().unwrap();
        assert_eq!(String::from_utf8(kept.stdout).unwrap(), "", "{text}");
    }
}
