//! Tests of the test machines themselves.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use setup_tasks_test::{NetnsError, TestNetwork};

use crate::wait_until;

/// Runs `ssh` in the network.
fn ssh(network: &TestNetwork, args: &[&str]) -> Output {
    Command::new(network.ssh_program()).args(args).stdin(Stdio::null()).output().unwrap()
}

/// Returns the standard output of `ssh`, which must succeed.
fn answer(network: &TestNetwork, args: &[&str]) -> String {
    let output = ssh(network, args);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the ids and the command lines of the processes in the namespaces.
fn members(namespaces: &[String]) -> Vec<(String, String)> {
    let processes = fs::read_dir("/proc").unwrap().map(|process| process.unwrap().path());
    let member = |process: &PathBuf| {
        let links = ["mnt", "net"].map(|kind| fs::read_link(process.join("ns").join(kind)).unwrap_or_default());
        links.iter().any(|link| namespaces.contains(&link.display().to_string()))
    };
    let line = |process: &PathBuf| fs::read_to_string(process.join("cmdline")).unwrap_or_default();
    processes
        .filter(member)
        .map(|process| (process.file_name().unwrap().display().to_string(), line(&process)))
        .collect()
}

/// Asserts that no process is in the namespaces, no mount leads into the directory, and the directory is gone.
fn assert_gone(directory: &Path, namespaces: &[String]) {
    wait_until("the directory goes", || !directory.exists());
    let name = directory.file_name().unwrap();
    for groups in ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"] {
        assert!(!Path::new(groups).join(name).exists(), "a control group stays in {groups}");
    }
    wait_until("all processes end", || members(namespaces).is_empty());
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(directory.to_str().unwrap()), "{mounts}");
}

#[test]
fn several_machines_boot_and_answer_and_go() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machines = network.machines(["web1", "web2", "web3"]).unwrap();
    for machine in &machines {
        assert_eq!(answer(&network, &[machine.name(), "hostname; id -un"]), format!("{}\nroot\n", machine.name()));
    }
    // They have the same Debian, and no file in common.
    machines[0].run("echo one >/srv/file").unwrap();
    assert_eq!(answer(&network, &["web2", "test -e /srv/file; echo $?; cat /etc/debian_version"])[..4], *"1\n12");
    // They reach each other, and nobody else.
    assert_eq!(
        machines[0]
            .run(&format!("bash -c 'read -r hello </dev/tcp/{}/22; echo ${{hello%%-*}}'", machines[1].address()))
            .unwrap(),
        "SSH\n"
    );
    assert!(machines[0].run("bash -c ': </dev/tcp/1.1.1.1/443'").is_err());

    let (directory, namespaces) = (network.directory().to_owned(), network.namespaces(&machines).unwrap());
    assert_eq!(namespaces.len(), 8);
    drop((machines, network));
    assert_gone(&directory, &namespaces);
}

#[test]
fn systemd_runs_services_and_packages_come_without_a_network() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("full").systemd().boot().unwrap();
    assert_eq!(
        answer(&network, &["full", "systemctl is-system-running; systemctl is-active ssh"]),
        "running\nactive\n"
    );
    let install = |what: &str| machine.run(&format!("DEBIAN_FRONTEND=noninteractive apt-get -qq install {what} 2>&1"));
    install("tiny-hello=1.0-1 tiny-daemon").unwrap();
    assert_eq!(
        machine
            .run("cat /usr/share/tiny-hello/version; systemctl start tiny-daemon; systemctl is-active tiny-daemon")
            .unwrap(),
        "1.0-1\nactive\n"
    );
    install("tiny-friend tiny-hello").unwrap();
    assert_eq!(
        machine.run("dpkg-query -W -f '${Package} ${Version}\\n' tiny-hello tiny-friend").unwrap(),
        "tiny-friend 1.0-1\ntiny-hello 2.0-1\n"
    );
    let error = install("tiny-broken").unwrap_err().to_string();
    assert!(error.contains("the disk of the test is on fire"), "{error}");
    // The settings of the host's kernel cannot be changed, those of the machine's network can.
    machine.run("echo 1 >/proc/sys/net/ipv4/ip_forward").unwrap();
    let error = machine.run("echo 1 >/proc/sys/vm/swappiness").unwrap_err().to_string();
    assert!(error.contains("Read-only file system"), "{error}");
}

#[test]
fn a_bastion_is_the_only_way() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let bastion = network.machine("bastion").boot().unwrap();
    let inner = network.machine("inner").behind(&bastion).boot().unwrap();
    assert_eq!(answer(&network, &["inner", "hostname; echo ${SSH_CLIENT%% *}"]), format!("inner\n10.77.{}.1\n", 2));
    let direct = ssh(&network, &["-o", "ProxyJump=none", "-o", "ConnectTimeout=2", inner.name(), "true"]);
    assert_eq!(direct.status.code(), Some(255));
    bastion.power_off();
    assert_eq!(ssh(&network, &["-o", "ConnectTimeout=2", "inner", "true"]).status.code(), Some(255));
}

#[test]
fn a_cut_cable_loses_packets_without_an_error_until_it_is_restored() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("cut").boot().unwrap();
    let mut open = Command::new(network.ssh_program());
    let mut open = open
        .args(["cut", "echo begun; read line; echo $line"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(open.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "begun");

    machine.cut().unwrap();
    let started = Instant::now();
    let refused = ssh(&network, &["-o", "ConnectTimeout=1", "cut", "true"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("timed out"), "{refused:?}");
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert!(open.try_wait().unwrap().is_none(), "the open connection waits");

    machine.restore().unwrap();
    std::io::Write::write_all(&mut open.stdin.take().unwrap(), b"still here\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "still here");
    assert!(open.wait().unwrap().success());
}

#[test]
fn nothing_stays_after_a_kill() {
    if TestNetwork::start_or_skip().is_none() {
        return;
    }
    let mut doomed = Command::new(env!("CARGO_BIN_EXE_doomed")).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(doomed.stdout.take().unwrap()).lines();
    let mut line = || lines.next().unwrap().unwrap();
    let (directory, namespaces) = (line(), line());
    assert_eq!(line(), "connected");
    assert!(Path::new(&directory).exists());
    doomed.kill().unwrap();
    doomed.wait().unwrap();
    let namespaces: Vec<String> = namespaces.split(' ').map(str::to_owned).collect();
    assert_gone(Path::new(&directory), &namespaces);
}

#[test]
fn machines_end_with_the_keeper_of_their_namespaces() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("orphan").boot().unwrap();
    let namespaces = network.namespaces([&machine]).unwrap();
    let keeper = format!("keeper\0{}", network.directory().display());
    let processes = members(&namespaces);
    let (pid, _) = processes.iter().find(|(_, line)| line.contains(&keeper)).unwrap();
    assert!(Command::new("kill").args(["-KILL", pid]).status().unwrap().success());
    wait_until("the machine ends", || members(&namespaces).is_empty());
}

#[test]
fn nothing_stays_after_a_panic() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let (directory, namespaces) = std::thread::scope(|scope| {
        let (sender, receiver) = std::sync::mpsc::channel();
        let test = scope.spawn(move || {
            let machine = network.machine("panic").boot().unwrap();
            sender.send((network.directory().to_owned(), network.namespaces([&machine]).unwrap())).unwrap();
            panic!("as a failed assertion does");
        });
        let names = receiver.recv().unwrap();
        assert!(test.join().is_err());
        names
    });
    assert_gone(&directory, &namespaces);
}

#[test]
fn names_are_host_names_and_belong_to_one_machine() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let boot = |name: &str| network.machine(name).boot();
    for name in ["", "-web", "Web", "web.example", "a-name-too-long"] {
        assert!(matches!(boot(name), Err(NetnsError::Name { .. })), "{name}");
    }
    let web = boot("web").unwrap();
    assert!(matches!(boot("web"), Err(NetnsError::Duplicate { .. })));
    let address = web.address();
    web.run("touch /etc/marked").unwrap();
    web.power_off();
    // The next machine of the name has its address, and an empty disk.
    let again = boot("web").unwrap();
    assert_eq!(again.address(), address);
    assert_eq!(answer(&network, &["web", "ls /etc/marked 2>/dev/null || echo empty"]), "empty\n");
}

#[test]
fn this_process_can_offer_a_machine_a_service_on_its_loopback_interface() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let [web, other] = network.machines(["web", "other"]).unwrap().try_into().ok().unwrap();
    let listener = web.listen(8080).unwrap();
    let script = "exec 3<>/dev/tcp/127.0.0.1/8080 && cat <&3";
    let reader = std::thread::spawn(move || web.run(&format!("bash -c '{script}'")));
    std::io::Write::write_all(&mut listener.accept().unwrap().0, b"an offer\n").unwrap();
    assert_eq!(reader.join().unwrap().unwrap(), "an offer\n");
    // Only that machine has it.
    assert!(other.run(&format!("bash -c '{script}'")).is_err());
}
