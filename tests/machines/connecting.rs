//! Tests of connections: login shells, other users, places for the agent, and failures.

use std::time::{Duration, Instant};

use setup_tasks::Secret;
use setup_tasks::error::explain;
use setup_tasks_machines::{Machine, MachineError};
use setup_tasks_test::{NetnsMachine, TestNetwork};

use crate::{machine, with_agent};

/// A script that makes the SSH server read its files again, and waits until it listens.
const RELOAD: &str =
    "p=$(cat /run/sshd.pid); rm /run/sshd.pid; kill -HUP $p; until [ -e /run/sshd.pid ]; do sleep 0.01; done";

/// Returns a network with one machine, on which the users `ada` and `bob` can log in.
fn one_machine() -> Option<(TestNetwork, NetnsMachine)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").boot().unwrap();
    for user in ["ada", "bob"] {
        host.run(&format!(
            "useradd -m -s /bin/bash {user}; mkdir -p /home/{user}/.ssh; cp .ssh/authorized_keys /home/{user}/.ssh/; \
             chown -R {user}: /home/{user}"
        ))
        .unwrap();
    }
    Some((network, host))
}

/// Returns the name of the user that the agent runs as.
async fn user(machine: &Machine) -> Result<String, MachineError> {
    Ok(machine.facts().await?.user.clone())
}

/// Returns the text of an error with its causes and the advice.
async fn failure(machine: &Machine) -> String {
    explain(&machine.facts().await.unwrap_err())
}

#[tokio::test]
async fn a_machine_connects_and_connects_again_without_a_copy() {
    let Some((network, host)) = one_machine() else { return };
    let root = machine(&network, "web");
    assert_eq!(root.facts().await.unwrap().hostname, "web");
    assert_eq!(user(&root).await.unwrap(), "root");
    let files = "cd ~/.cache/setup-tasks-agent && stat -c '%a %U %n' . * && stat -c '%i %Z' *";
    let copied = host.run(files).unwrap();
    assert!(copied.starts_with("700 root .\n500 root agent-"), "{copied}");
    assert_eq!(user(&machine(&network, "web")).await.unwrap(), "root");
    assert_eq!(host.run(files).unwrap(), copied);
}

#[tokio::test]
async fn every_login_shell_works_and_so_does_noise() {
    let Some((network, host)) = one_machine() else { return };
    host.run(
        "ln -s /bin/busybox /bin/ash; ls /etc/profile.d; echo 'echo WELCOME; echo -n no line break' >/home/ada/.bashrc",
    )
    .unwrap();
    for shell in ["/bin/bash", "/bin/dash", "/usr/bin/fish", "/bin/ash"] {
        host.run(&format!("usermod -s {shell} ada")).unwrap();
        let ada = machine(&network, "ada@web").persist(false);
        assert_eq!(user(&ada).await.unwrap(), "ada", "{shell}");
    }
    host.run("usermod -s /bin/bash ada; printf 'export LANG=xx_YY LC_ALL=tlh_QO.EBCDIC\\necho noise >&2\\nyes | head -2000\\n' >/home/ada/.bashrc").unwrap();
    assert_eq!(user(&machine(&network, "ada@web")).await.unwrap(), "ada");
}

#[tokio::test]
async fn sudo_works_without_a_password_and_with_one() {
    let Some((network, host)) = one_machine() else { return };
    let password = |text: &str| Secret::new(text.to_owned());
    let ada = || machine(&network, "ada@web").become_root();
    let error = failure(&ada()).await;
    assert!(
        error.starts_with("sudo on the machine ada@web requires a password to become the user root\nhelp: "),
        "{error}"
    );

    host.run("echo 'ada:correct horse' | chpasswd; echo 'ada ALL=(ALL) ALL' >/etc/sudoers.d/ada").unwrap();
    assert_eq!(user(&ada().sudo_password(password("correct horse"))).await.unwrap(), "root");
    let error = failure(&ada().sudo_password(password("battery staple"))).await;
    assert!(error.starts_with("sudo on the machine ada@web rejected the password\nhelp: check"), "{error}");
    assert!(!error.contains("battery"), "{error}");

    // A user who may not use sudo, with a password.
    host.run("echo 'bob:correct horse' | chpasswd").unwrap();
    let bob = machine(&network, "bob@web").become_root().sudo_password(password("correct horse"));
    let error = failure(&bob).await;
    assert!(
        error.starts_with("cannot become the user root on the machine bob@web: bob is not in the sudoers file"),
        "{error}"
    );

    // A password that sudo does not request is not sent.
    host.run("echo 'ada ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ada").unwrap();
    assert_eq!(user(&ada()).await.unwrap(), "root");
    assert_eq!(user(&ada().sudo_password(password("not requested"))).await.unwrap(), "root");
    assert_eq!(user(&machine(&network, "web").become_user("bob")).await.unwrap(), "bob");
    let error = failure(&machine(&network, "web").become_user("nobody-of-this-name")).await;
    assert!(
        error.contains(
            "cannot become the user nobody-of-this-name on the machine web\nsudo: unknown user nobody-of-this-name\n"
        ),
        "{error}"
    );
    let error = failure(&machine(&network, "web").become_user("it's")).await;
    assert_eq!(error, "\"it's\" is not the name of a user on the machine web");
}

#[tokio::test]
async fn an_unreachable_host_fails_in_time_and_others_go_on() {
    let Some((network, host)) = one_machine() else { return };
    let other = network.machine("other").boot().unwrap();
    host.cut().unwrap();
    let (lost, fine) = (machine(&network, "web").connect_timeout(Duration::from_secs(2)), machine(&network, "other"));
    let started = Instant::now();
    let (error, facts) = tokio::join!(failure(&lost), fine.facts());
    assert!(started.elapsed() < Duration::from_secs(20), "{:?}", started.elapsed());
    assert_eq!(facts.unwrap().hostname, "other");
    assert!(
        error.starts_with(
            "cannot connect to the machine web: ssh: connect to host 10.77.1.2 port 22: Connection timed out"
        ),
        "{error}"
    );
    host.restore().unwrap();
    assert_eq!(user(&machine(&network, "web")).await.unwrap(), "root");
    drop((other, fine));
    let error = failure(&machine(&network, "other")).await;
    assert!(error.starts_with("cannot connect to the machine other: ssh: connect to host 10.77.2.2"), "{error}");
    assert!(failure(&machine(&network, "no-such-host")).await.contains("Could not resolve hostname no-such-host"));
    assert_eq!(
        failure(&machine(&network, "-oProxyCommand=touch")).await,
        "\"-oProxyCommand=touch\" is not a destination for ssh"
    );
}

#[tokio::test]
async fn a_refused_connection_is_tried_once_more() {
    let Some((network, _host)) = one_machine() else { return };
    // A program in the place of `ssh` counts the attempts, and the first of them, or each, fails as `ssh` does.
    let (program, attempts) = (network.directory().join("flaky"), network.directory().join("attempts"));
    let attempts_with = |refused: u32, message: &str| {
        let script = format!(
            "#!/bin/sh\ncase \" $* \" in *\" -G \"*) exec '{ssh}' \"$@\";; esac\necho >>'{attempts}'\n\
             if [ $(wc -l <'{attempts}') -le {refused} ]; then echo '{message}' >&2; exit 255; fi\nexec '{ssh}' \"$@\"\n",
            ssh = network.ssh_program().display(),
            attempts = attempts.display(),
        );
        std::fs::write(&program, script).unwrap();
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let _ = std::fs::remove_file(&attempts);
        let web = with_agent(Machine::ssh("web").ssh_program(program.display().to_string())).persist(false);
        let attempts = attempts.clone();
        async move {
            // A slow system has the time for a second attempt, too.
            let result =
                web.connect_timeout(Duration::from_mins(1)).facts().await.map(drop).map_err(|error| explain(&error));
            (result, std::fs::read_to_string(attempts).unwrap().lines().count())
        }
    };
    let refused = "ssh: connect to host web port 22: Connection refused";
    assert_eq!(attempts_with(1, refused).await, (Ok(()), 2));
    let error = format!("cannot connect to the machine web: {refused}");
    assert_eq!(attempts_with(9, refused).await, (Err(error), 2));
    // What is the same in each attempt is not tried again.
    for lasting in ["Host key verification failed.", "ada@web: Permission denied (publickey)."] {
        let (result, attempts) = attempts_with(9, lasting).await;
        assert!(result.unwrap_err().contains(lasting));
        assert_eq!(attempts, 1);
    }
}

#[tokio::test]
async fn a_changed_host_key_is_reported_in_the_words_of_ssh() {
    let Some((network, host)) = one_machine() else { return };
    host.run("rm /etc/ssh/ssh_host_*; ssh-keygen -q -t ed25519 -N '' -f /etc/ssh/ssh_host_ed25519_key").unwrap();
    host.run(RELOAD).unwrap();
    let error = failure(&machine(&network, "web")).await;
    assert!(error.contains("WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!"), "{error}");
    assert!(error.contains("help: if the machine was set up anew"), "{error}");
    // An unknown key is not accepted either, since the setting of the user counts.
    std::fs::write(network.known_hosts(), "").unwrap();
    let error = failure(&machine(&network, "web")).await;
    assert!(error.contains("Host key verification failed."), "{error}");
    assert!(error.contains("help: connect once with `ssh web`"), "{error}");
}

#[tokio::test]
async fn the_agent_finds_a_place_where_programs_run() {
    let Some((network, host)) = one_machine() else { return };
    let place = "find /home/ada /var/tmp /dev/shm -xdev -name 'agent-*' -printf '%h\\n' -o -name 'draft-*' -printf 'a draft is left: %p\\n'";
    let connect = async || {
        let ada = machine(&network, "ada@web").persist(false);
        let result = user(&ada).await;
        (result, host.run(place).unwrap())
    };
    // No program runs in the home directory.
    host.run("mkdir -p /home/ada/.cache; mount -t tmpfs -o noexec,mode=777 tmpfs /home/ada/.cache").unwrap();
    let uid = host.run("id -u ada").unwrap().trim().to_owned();
    assert_eq!(connect().await.1, format!("/var/tmp/setup-tasks-agent-{uid}\n"));

    // The next place belongs to somebody else, who made it first.
    host.run(&format!("rm -r /var/tmp/setup-tasks-agent-*; install -d -o bob -m 700 /var/tmp/setup-tasks-agent-{uid}"))
        .unwrap();
    assert_eq!(connect().await.1, format!("/dev/shm/setup-tasks-agent-{uid}\n"));

    // Links, directories that others can enter, and full disks do not suit.
    host.run(&format!(
        "rm -r /var/tmp/setup-tasks-agent-* /dev/shm/setup-tasks-agent-*; install -d -o ada -m 700 /home/ada/private; \
         ln -s /home/ada/private /var/tmp/setup-tasks-agent-{uid}; umount /home/ada/.cache; \
         mount -t tmpfs -o size=40k,mode=777 tmpfs /home/ada/.cache; install -d -o ada -m 755 /dev/shm/setup-tasks-agent-{uid}"
    ))
    .unwrap();
    let (error, left) = connect().await;
    let error = explain(&error.unwrap_err());
    let expected = format!(
        "the machine ada@web has no directory for the agent\n\
         /home/ada/.cache/setup-tasks-agent has no space for the agent\n\
         /var/tmp/setup-tasks-agent-{uid} is not a directory that only this user can enter\n\
         /dev/shm/setup-tasks-agent-{uid} is not a directory that only this user can enter\n\
         help: free some space"
    );
    assert!(error.starts_with(&expected), "{error}");
    assert_eq!(left, "");
}

#[tokio::test]
async fn a_program_without_an_agent_has_advice() {
    let Some((network, host)) = one_machine() else { return };
    let web = Machine::ssh("web").ssh_program(network.ssh_program().display().to_string());
    let error = failure(&web).await;
    assert!(
        error.starts_with(
            "this program has no agent for the machine web\nhelp: call `setup_tasks_machines::serve_as_agent`"
        ),
        "{error}"
    );
    // A program for another architecture.
    let other = tempfile::NamedTempFile::new().unwrap();
    let mut program = vec![0; 128];
    program[..6].copy_from_slice(b"\x7fELF\x02\x01");
    (program[18], program[32], program[54], program[56]) = (0xb7, 64, 56, 1);
    program[96] = 0xff;
    program.extend_from_slice(setup_tasks_agent::agent::RELEASE_LINE.as_bytes());
    // The only segment reaches to the end.
    program[72..80].copy_from_slice(&0_u64.to_le_bytes());
    let length = u64::try_from(program.len()).unwrap();
    program[96..104].copy_from_slice(&length.to_le_bytes());
    std::fs::write(other.path(), program).unwrap();
    let error = failure(&web.agent(other.path())).await;
    assert!(error.starts_with("there is no agent for the machine web, a system of type Linux "), "{error}");
    assert_eq!(host.run("ls .cache/setup-tasks-agent").unwrap(), "");
}

#[tokio::test]
async fn a_broken_copy_is_replaced() {
    let Some((network, host)) = one_machine() else { return };
    assert_eq!(user(&machine(&network, "web")).await.unwrap(), "root");
    let copies = "cat .cache/setup-tasks-agent/agent-* | sha256sum";
    let whole = host.run(copies).unwrap();
    // A program that is another one under the same name.
    host.run("for f in .cache/setup-tasks-agent/agent-*; do cp $f x; printf x >>x; mv -f x $f; done").unwrap();
    assert_ne!(host.run(copies).unwrap(), whole);
    assert_eq!(user(&machine(&network, "web")).await.unwrap(), "root");
    assert_eq!(host.run(copies).unwrap(), whole);
}

#[tokio::test]
async fn a_connection_is_shared_with_the_next_run_unless_it_is_broken() {
    let Some((network, host)) = one_machine() else { return };
    let logins = || host.run("grep -c 'Accepted publickey' /var/log/sshd.log || true").unwrap().trim().to_owned();
    for _ in 0..3 {
        assert_eq!(user(&machine(&network, "web")).await.unwrap(), "root");
    }
    assert_eq!(logins(), "1");
    assert_eq!(user(&machine(&network, "web").persist(false)).await.unwrap(), "root");
    assert_eq!(logins(), "2");
    // The server no longer answers on the shared connection, so a new one is made.
    let stop = "for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline 2>/dev/null) in 'sshd: root'*) kill -STOP ${p#/proc/};; esac; done";
    host.run(stop).unwrap();
    let impatient = machine(&network, "web").connect_timeout(Duration::from_secs(4));
    assert_eq!(user(&impatient).await.unwrap(), "root");
    assert_eq!(logins(), "3");
}

#[tokio::test]
async fn a_server_with_one_session_per_connection_suffices() {
    let Some((network, host)) = one_machine() else { return };
    host.run("echo MaxSessions 1 >>/etc/ssh/sshd_config.d/tests.conf").unwrap();
    host.run(RELOAD).unwrap();
    let root = machine(&network, "web");
    let ada = machine(&network, "web").become_user("ada");
    assert_eq!(user(&root).await.unwrap(), "root");
    assert_eq!(user(&ada).await.unwrap(), "ada");
    assert_eq!(user(&root).await.unwrap(), "root");
}

#[tokio::test]
async fn a_bastion_leads_to_the_machine_behind_it() {
    let Some((network, bastion)) = one_machine() else { return };
    let inner = network.machine("inner").behind(&bastion).boot().unwrap();
    assert_eq!(machine(&network, "inner").facts().await.unwrap().hostname, "inner");
    // The same without help of the configuration.
    let config = std::fs::read_to_string(network.ssh_config()).unwrap();
    std::fs::write(network.ssh_config(), config.replace("  ProxyJump web\n", "")).unwrap();
    assert!(
        failure(&machine(&network, "inner").connect_timeout(Duration::from_secs(1))).await.contains("cannot connect")
    );
    let jumped = machine(&network, "inner").jump("web").persist(false);
    assert_eq!(jumped.facts().await.unwrap().hostname, "inner");
    drop(inner);
}

#[tokio::test]
async fn a_control_path_of_the_user_is_left_alone() {
    let Some((network, host)) = one_machine() else { return };
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("own");
    let config = std::fs::read_to_string(network.ssh_config()).unwrap();
    let own = format!("Host *\n  ControlMaster auto\n  ControlPersist 10\n  ControlPath {}\n", path.display());
    std::fs::write(network.ssh_config(), own + &config).unwrap();
    assert_eq!(user(&machine(&network, "web")).await.unwrap(), "root");
    assert!(path.exists());
    drop(host);
}

#[tokio::test]
async fn a_machine_without_ssh_works_the_same_way() {
    let Some((network, host)) = one_machine() else { return };
    let enter = format!(
        "nsenter --target={} --mount --uts --net --pid env -i -C / HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin",
        host.pid()
    );
    let inside = || with_agent(Machine::exec(enter.split(' ')));
    assert_eq!(inside().facts().await.unwrap().hostname, "web");
    assert_eq!(user(&inside().become_user("ada")).await.unwrap(), "ada");
    let error = failure(&with_agent(Machine::exec(["no-such-program"]))).await;
    assert!(error.starts_with("cannot start `no-such-program` for the machine no-such-program: "), "{error}");
    drop(network);
}

#[tokio::test]
async fn a_cut_connection_is_lost_within_two_heartbeats() {
    let Some((network, host)) = one_machine() else { return };
    let heartbeat = Duration::from_millis(1500);
    let web = machine(&network, "web").heartbeat(heartbeat);
    assert_eq!(user(&web).await.unwrap(), "root");
    host.cut().unwrap();
    let started = Instant::now();
    let error = explain(&web.fetch("/etc/motd").await.unwrap_err());
    assert!(started.elapsed() < heartbeat * 2 * 10, "{:?}", started.elapsed());
    assert!(error.starts_with("lost the connection to the machine web: no sign of life for 3s"), "{error}");
    host.restore().unwrap();
    assert_eq!(user(&web).await.unwrap(), "root");
}
