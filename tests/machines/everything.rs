//! Tests of all resources together, on a machine with systemd: a second run changes nothing, drift is put right, and `down` takes away
//! all that has an undo.

use std::process::Command as Program;

use setup_tasks::fleet::{FleetReport, ObjectStatus};
use setup_tasks::{Layout, Object, prelude::*};
use setup_tasks_machines::resources::{
    Absent, AptSource, Archive, AuthorizedKeys, Block, Command, Content, Directory, File, Git, Group, Hostname, Line,
    Mount, Packages, Service, Symlink, Sysctl, Timer, Tree, Unit, User,
};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_test::{NetnsMachine, TestNetwork, second_run_changes_nothing};
use test_kit::lines;

use crate::{machine, with_agent};

/// A model with every resource that can be taken away again, and those that cannot.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "everything")]
struct Everything {
    archive: Vec<u8>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Everything {
    /// Add the source
    #[setup_task]
    const SOURCE: Ensure<Self, AptSource> =
        Ensure::new(|_: &Self| AptSource::named("tiny").uri("file:/srv/packages").suite("./").trusted()).undone();

    /// Install the packages
    #[setup_task(subscribe = [])]
    const PACKAGES: Ensure<Self, Packages> =
        Ensure::new(|_: &Self| Packages::installed(["tiny-hello", "tiny-daemon"])).undone();

    /// Create the group
    #[setup_task(subscribe = [])]
    const GROUP: Ensure<Self, Group> = Ensure::new(|_: &Self| Group::named("ops").gid(2000)).undone();

    /// Create the user
    #[setup_task(subscribe = [])]
    const USER: Ensure<Self, User> = Ensure::new(|_: &Self| {
        User::named("deploy")
            .uid(2001)
            .groups(["ops"])
            .shell("/bin/bash")
            .comment("Deploys")
            .password_hash("$6$salt$hash")
    })
    .undone();

    /// Let the operators in
    #[setup_task(subscribe = [])]
    const KEYS: Ensure<Self, AuthorizedKeys> = Ensure::new(|_: &Self| {
        AuthorizedKeys::of("deploy", ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAda ada"]).exclusive()
    })
    .undone();

    /// Create the directories
    #[setup_task(subscribe = [])]
    const DIRECTORIES: Ensure<Self, Directory> = Ensure::all(|_: &Self| {
        ["/srv/www", "/srv/www/pages"].map(|path| Directory::at(path).mode(0o750).owner("deploy").group("ops")).into()
    })
    .undone();

    /// Write the page
    #[setup_task(subscribe = [])]
    const PAGE: Ensure<Self, File> =
        Ensure::new(|_: &Self| File::at("/srv/www/pages/index").content("Welcome\n").mode(0o640).owner("deploy"))
            .undone();

    /// Copy the pictures
    #[setup_task(subscribe = [])]
    const PICTURES: Ensure<Self, Tree> = Ensure::new(|_: &Self| {
        Tree::at("/srv/pictures").file("a/cat", "meow\n", 0o644).directory("empty", 0o700).owner("deploy")
    })
    .undone();

    /// Point to the pages
    #[setup_task(subscribe = [])]
    const CURRENT: Ensure<Self, Symlink> =
        Ensure::new(|_: &Self| Symlink::at("/srv/current").to("/srv/www/pages")).undone();

    /// Remove the old pages
    #[setup_task(subscribe = [])]
    const OLD: Ensure<Self, Absent> = Ensure::new(|_| Absent::at("/srv/old"));

    /// Note the site
    #[setup_task(subscribe = [])]
    const NOTE: Ensure<Self, Line> = Ensure::new(|_: &Self| Line::in_file("/etc/sites", "site one")).undone();

    /// Describe the site
    #[setup_task(subscribe = [])]
    const DESCRIPTION: Ensure<Self, Block> =
        Ensure::new(|_: &Self| Block::in_file("/etc/sites", "one", "port 80\nport 443\n")).undone();

    /// Add the worker
    #[setup_task(subscribe = [])]
    const WORKER: Ensure<Self, Unit> = Ensure::all(|_: &Self| {
        vec![
            Unit::named("worker")
                .content("[Service]\nExecStart=/bin/sleep infinity\n[Install]\nWantedBy=multi-user.target\n"),
            Unit::drop_in("worker", "limits").content("[Service]\nLimitNOFILE=4096\n"),
        ]
    })
    .undone();

    /// Run the services
    #[setup_task(subscribe = [])]
    const SERVICES: Ensure<Self, Service> =
        Ensure::all(|_: &Self| vec![Service::enabled("tiny-daemon"), Service::running("worker")]).undone();

    /// Restart the worker
    #[setup_task(subscribe = [WORKER])]
    const RESTART: Ensure<Self, Service> = Ensure::new(|_| Service::restart("worker"));

    /// Back up at night
    #[setup_task(subscribe = [])]
    const BACKUP: Ensure<Self, Timer> =
        Ensure::new(|_: &Self| Timer::named("backup").runs("/bin/true").on_calendar("*-*-* 03:00").user("deploy"))
            .undone();

    /// Set the time to live
    #[setup_task(subscribe = [])]
    const TTL: Ensure<Self, Sysctl> = Ensure::new(|_: &Self| Sysctl::set("net.ipv4.ip_default_ttl", "77")).undone();

    /// Mount the data
    #[setup_task(subscribe = [])]
    const DATA: Ensure<Self, Mount> =
        Ensure::new(|_: &Self| Mount::at("/data").source("tmpfs").kind("tmpfs").options("size=1m")).undone();

    /// Name the host
    #[setup_task(subscribe = [])]
    const NAME: Ensure<Self, Hostname> = Ensure::new(|_| Hostname::set("web1.example.org"));

    /// Unpack the tool
    #[setup_task(subscribe = [])]
    const TOOL: Ensure<Self, Archive> =
        Ensure::new(|all: &Self| Archive::to("/opt/tool").content(Content::new(all.archive.clone())).owner("deploy"))
            .undone();

    /// Make what a command makes
    #[setup_task(subscribe = [])]
    const MADE: Ensure<Self, Command> = Ensure::all(|_: &Self| {
        vec![
            Command::shell("echo made >/srv/made").creates("/srv/made").undone_by("rm -f /srv/made"),
            Command::shell("echo done >/srv/done").unless("test -e /srv/done").undone_by("rm -f /srv/done"),
        ]
    })
    .undone();

    /// Greet
    #[setup_task(subscribe = [])]
    const GREET: Ensure<Self, Command> = Ensure::new(|_| Command::shell("echo hello"));
}

/// The state of the machine, as far as the resources concern it.
const STATE: &str = "getent passwd; getent group; cat /etc/fstab /etc/sites; ls -AR /srv /opt /etc/apt/sources.list.d \
    /etc/sysctl.d /etc/systemd/system; dpkg-query -W -f '${Package} ${Status}\\n' 'tiny*' 2>/dev/null | grep ' installed' || true; \
    systemctl is-active tiny-daemon worker backup.timer || true; findmnt -rn /data || true";

fn everything() -> Option<(TestNetwork, NetnsMachine, Layout, Object<Everything>)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").systemd().boot().unwrap();
    host.run("echo 'other' >/etc/sites; mkdir -p /srv/old; touch /etc/fstab /srv/old/page").unwrap();
    let layout = Layout::in_memory().unwrap();
    let all = layout.add(Everything { archive: archive(), machine: machine(&network, "web") }).unwrap();
    Some((network, host, layout, all))
}

/// Returns a packed directory.
fn archive() -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("tool"), "#!/bin/sh\n").unwrap();
    let packed = Program::new("tar").args(["-cz", "-C"]).arg(directory.path()).arg("tool").output().unwrap();
    assert!(packed.status.success());
    packed.stdout
}

fn errors(report: &FleetReport) -> String {
    let errors = report.objects.iter().filter_map(|result| result.error.as_ref());
    errors.map(|error| setup_tasks::error::explain(error.get().as_ref())).collect()
}

#[tokio::test]
async fn a_second_run_changes_nothing_and_drift_in_everything_is_put_right() {
    let Some((_network, host, layout, all)) = everything() else { return };
    second_run_changes_nothing(&layout).await.unwrap();
    let right = host.run(STATE).unwrap();

    host.run(
        "rm /etc/apt/sources.list.d/tiny.sources; apt-get -qq remove tiny-hello >/dev/null; gpasswd -d deploy ops >/dev/null; \
         usermod -s /bin/sh -c other deploy; chmod 666 /home/deploy/.ssh/authorized_keys; chown root /srv/www; \
         chmod 700 /srv/www/pages; echo edited >>/srv/www/pages/index; rm -r /srv/pictures/a; ln -sfn /etc /srv/current; \
         mkdir -p /srv/old; echo other >/etc/sites; echo '#' >>/etc/systemd/system/worker.service; \
         rm -r /etc/systemd/system/worker.service.d; systemctl disable --now tiny-daemon 2>/dev/null; systemctl stop worker; \
         systemctl stop backup.timer; sysctl -qw net.ipv4.ip_default_ttl=64; umount /data; hostname other; rm -r /opt/tool; \
         rm /srv/made /srv/done",
    )
    .unwrap();
    let repaired = all.run_setup_tasks().verify().await.unwrap();
    let drifted: Vec<_> = lines(&repaired).into_iter().filter(|line| !line.ends_with("up to date")).collect();
    assert_eq!(
        drifted,
        [
            "source ran: /etc/apt/sources.list.d/tiny.sources: absent",
            "packages ran: tiny-hello: absent",
            "user ran: user deploy: shell /bin/sh instead of /bin/bash; user deploy: comment other instead of Deploys; \
             user deploy: no groups instead of ops",
            "keys ran: /home/deploy/.ssh/authorized_keys: mode 0666 instead of 0600",
            "directories ran: /srv/www: owner root instead of deploy; /srv/www/pages: mode 0700 instead of 0750",
            "page ran: /srv/www/pages/index: content differs",
            "pictures ran: /srv/pictures/a: absent; /srv/pictures/a/cat: absent",
            "current ran: /srv/current: a link to /etc instead of /srv/www/pages",
            "old ran: /srv/old: a directory instead of nothing",
            "note ran: /etc/sites: lacks the line",
            "description ran: /etc/sites: block one differs",
            "worker ran: /etc/systemd/system/worker.service: content differs; \
             /etc/systemd/system/worker.service.d/limits.conf: absent",
            "services ran: tiny-daemon.service: disabled instead of enabled; \
             tiny-daemon.service: inactive instead of active; worker.service: inactive instead of active",
            "restart ran: worker changed something later",
            "backup ran: backup.timer: inactive instead of active",
            "ttl ran: net.ipv4.ip_default_ttl: 64 instead of 77",
            "data ran: /data: not mounted",
            "name ran: hostname: other instead of web1.example.org",
            "tool ran: /opt/tool: absent",
            "made ran: /srv/made: absent; echo done >/srv/done: is not done",
        ]
    );
    assert_eq!(host.run(STATE).unwrap(), right);
    second_run_changes_nothing(&layout).await.unwrap();
}

#[tokio::test]
async fn down_takes_away_what_has_an_undo_and_what_is_gone_already_is_fine() {
    let Some((_network, host, layout, all)) = everything() else { return };
    host.run("rm -r /srv/old").unwrap();
    let before = host.run(STATE).unwrap();
    all.run_setup_tasks().await.unwrap();
    assert_ne!(host.run(STATE).unwrap(), before);

    let plan = layout.down().dry_run().await.unwrap().to_string();
    for line in [
        "everything/greet would be forgotten: it has no undo\neverything/made would be undone\n",
        "everything/name would be forgotten: it has no undo\neverything/data would be undone\n",
        "would bring down: 1 object; 18 tasks to undo, 4 without an undo",
    ] {
        assert!(plan.contains(line), "{plan}");
    }
    assert_ne!(host.run(STATE).unwrap(), before, "a plan changes nothing");
    let down = layout.down().await.unwrap();
    assert!(down.is_success(), "{}", errors(&down));
    assert_eq!(host.run(STATE).unwrap(), before);
    assert_eq!(host.run("hostname; ls -d /home/deploy").unwrap(), "web1.example.org\n/home/deploy\n", "these stay");
    // There is nothing more to undo.
    let again = layout.down().await.unwrap();
    assert!(again.is_success() && again.objects.iter().all(|object| object.tasks.is_empty()), "{again}");

    // Everything comes again, and somebody takes it away before `down` does.
    let up = layout.run().await.unwrap();
    assert!(up.is_success(), "{}", errors(&up));
    host.run(
        "systemctl disable --now backup.timer worker tiny-daemon 2>/dev/null; umount /data; sed -i /data/d /etc/fstab; echo other >/etc/sites; \
         rm -rf /etc/apt/sources.list.d/tiny.sources /srv/www /srv/pictures /srv/current /srv/made /srv/done /opt/tool \
         /etc/systemd/system/worker.service* /etc/systemd/system/backup.* /etc/sysctl.d/90-setup-tasks*; systemctl daemon-reload; \
         userdel deploy; groupdel ops; apt-get -qq purge tiny-hello tiny-daemon >/dev/null",
    )
    .unwrap();
    assert_eq!(host.run(STATE).unwrap(), before);
    let down = layout.down().await.unwrap();
    assert!(down.is_success(), "{}", errors(&down));
    assert_eq!(down.objects[0].outcome, ObjectStatus::BroughtDown);
    assert_eq!(host.run(STATE).unwrap(), before);
}

/// A model whose resources are the absence of something, or a state that turns something off.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "nothing")]
struct Nothing {
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Nothing {
    /// Turn the services off
    #[setup_task]
    const SERVICES: Ensure<Self, Service> = Ensure::all(|_| {
        vec![Service::masked("tiny-daemon"), Service::disabled("no-such"), Service::stopped("no-such")]
    });

    /// Remove the packages
    #[setup_task(subscribe = [])]
    const PACKAGES: Ensure<Self, Packages> = Ensure::new(|_| Packages::absent(["tiny-friend", "no-such"]).purge());

    /// Remove the user
    #[setup_task(subscribe = [])]
    const USER: Ensure<Self, User> = Ensure::new(|_| User::named("eve").absent().with_home());

    /// Remove the group
    #[setup_task(subscribe = [])]
    const GROUP: Ensure<Self, Group> = Ensure::new(|_| Group::named("evil").absent());

    /// Remove the line
    #[setup_task(subscribe = [])]
    const LINE: Ensure<Self, Line> = Ensure::new(|_| Line::in_file("/etc/sites", "site two").absent());
}

#[tokio::test]
async fn a_second_run_changes_nothing_where_something_is_to_be_absent() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let host = network.machine("web").systemd().boot().unwrap();
    host.run("useradd -m eve; groupadd evil; echo 'site two' >/etc/sites; apt-get -qq install tiny-daemon tiny-friend >/dev/null")
        .unwrap();
    host.run("systemctl enable --now tiny-daemon 2>/dev/null").unwrap();
    let layout = Layout::in_memory().unwrap();
    layout.add(Nothing { machine: machine(&network, "web") }).unwrap();
    second_run_changes_nothing(&layout).await.unwrap();
    let state = "getent passwd eve || getent group evil || cat /etc/sites; systemctl is-enabled tiny-daemon || systemctl is-active tiny-daemon || \
        dpkg-query -W tiny-friend 2>/dev/null || ls -d /home/eve 2>/dev/null || true";
    assert_eq!(host.run(state).unwrap(), "masked\ninactive\n");
}

/// A working copy, on this system.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "copy")]
struct Copy {
    directory: String,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Copy {
    /// Clone the repository
    #[setup_task]
    const CLONE: Ensure<Self, Git> = Ensure::new(|copy: &Self| {
        Git::clone_of(format!("{}/origin", copy.directory)).to(format!("{}/copy", copy.directory)).revision("main")
    })
    .undone();
}

#[tokio::test]
async fn a_second_run_changes_nothing_in_a_working_copy_and_down_removes_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().display().to_string();
    let git = |script: &str| {
        let script = format!("cd '{path}' && {script}");
        assert!(Program::new("sh").args(["-euc", &script]).status().unwrap().success());
    };
    git(
        "git init -q -b main origin; cd origin; echo 1 >f; git add f; git -c user.name=t -c user.email=t@t commit -qm one",
    );
    let layout = Layout::in_memory().unwrap();
    let copy = layout.add(Copy { directory: path.clone(), machine: with_agent(Machine::local()) }).unwrap();
    second_run_changes_nothing(&layout).await.unwrap();
    git("echo edited >copy/f");
    let edited = format!("clone ran: {path}/copy: files were changed instead of main");
    assert_eq!(lines(&copy.run_setup_tasks().verify().await.unwrap()), [edited]);
    for _ in 0..2 {
        assert!(layout.down().await.unwrap().is_success());
        assert!(!directory.path().join("copy").exists());
    }
}
