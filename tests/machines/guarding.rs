//! Tests of guarded changes: one that locks this process out is taken back, and a good one is confirmed.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use setup_tasks::error::explain;
use setup_tasks::{Layout, Object, prelude::*};
use setup_tasks_machines::resources::{Command, File, Together};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::lines;

use crate::{machine, wait_until};

#[derive(SetupTasks)]
#[setup_tasks(subdir = "gate")]
struct Gate {
    /// The path of the file, its content, and the command that makes it effective.
    change: Arc<Mutex<[&'static str; 3]>>,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Gate {
    /// Change the gate
    #[setup_task]
    const GATE: Ensure<Self, Together> = Ensure::new(|gate: &Self| {
        let [path, content, command] = *gate.change.lock().unwrap();
        Together::of(File::at(path).content(content)).and(Command::shell(command))
    })
    .guarded_for(Duration::from_secs(4));
}

const SSHD: &str = "/etc/ssh/sshd_config.d/gate.conf";
const RELOAD: &str =
    "p=$(cat /run/sshd.pid); rm /run/sshd.pid; kill -HUP $p; until [ -e /run/sshd.pid ]; do sleep 0.01; done";

fn gate(change: [&'static str; 3]) -> Option<(TestNetwork, NetnsMachine, Object<Gate>)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").boot().unwrap();
    let machine = machine(&network, "web").connect_timeout(Duration::from_secs(1)).heartbeat(Duration::from_secs(1));
    let change = Arc::new(Mutex::new(change));
    let gate = Layout::in_memory().unwrap().add(Gate { change, machine }).unwrap();
    Some((network, host, gate))
}

async fn failure(gate: &Object<Gate>) -> String {
    let report = gate.run_setup_tasks().verify().await;
    explain(&report.expect_err("the change locks this process out"))
}

fn guards(host: &NetnsMachine) -> String {
    host.run("ls /var/lib/setup-tasks/guards").unwrap()
}

#[tokio::test]
async fn a_change_that_locks_the_controller_out_is_taken_back() {
    let Some((network, host, gate)) = gate([SSHD, "MaxAuthTries 3\n", RELOAD]) else { return };
    let logins = || host.run("grep -c 'Accepted publickey' /var/log/sshd.log").unwrap().trim().parse::<u32>().unwrap();
    // A good change is confirmed, over a connection of its own.
    gate.run_setup_tasks().await.unwrap();
    assert_eq!(logins(), 2);
    wait_until("the guardian ends", || guards(&host).is_empty());
    let again = gate.run_setup_tasks().verify().await.unwrap();
    assert_eq!(lines(&again), ["gate up to date"]);
    assert_eq!(logins(), 2, "nothing to confirm");

    for (content, reason) in [("Port 2222\n", "Connection refused"), ("DenyUsers root\n", "Permission denied")] {
        gate.change.lock().unwrap()[1] = content;
        let error = failure(&gate).await;
        assert!(
            error.contains("the change was taken back, since the machine web accepted no new connection within 4s: cannot connect to the machine web: "),
            "{error}"
        );
        assert!(error.contains(reason), "{error}");
        assert!(error.contains("\nhelp: "), "{error}");
        assert_eq!(host.run(&format!("cat {SSHD}")).unwrap(), "MaxAuthTries 3\n");
        assert!(machine(&network, "web").persist(false).facts().await.is_ok());
    }
    gate.change.lock().unwrap()[1] = "MaxAuthTries 5\n";
    gate.run_setup_tasks().await.unwrap();
    assert_eq!(host.run(&format!("cat {SSHD}")).unwrap(), "MaxAuthTries 5\n");
}

#[tokio::test]
async fn a_change_that_cuts_its_own_connection_is_taken_back() {
    // The file is a script, as that of a firewall.
    let Some((network, host, gate)) = gate(["/etc/wall", "busybox ip link set eth0 up\n", "sh /etc/wall"]) else {
        return;
    };
    gate.run_setup_tasks().await.unwrap();
    gate.change.lock().unwrap()[1] = "busybox ip link set eth0 down\n";
    let error = failure(&gate).await;
    assert!(
        error.contains("the change was taken back, since the machine web accepted no new connection within 4s: "),
        "{error}"
    );
    assert_eq!(host.run("cat /etc/wall").unwrap(), "busybox ip link set eth0 up\n");
    assert!(machine(&network, "web").persist(false).facts().await.is_ok());
}

#[tokio::test]
async fn a_guarded_change_that_fails_is_taken_back_at_once() {
    let Some((_network, host, gate)) = gate([SSHD, "MaxAuthTries 3\n", "echo no such rule >&2; exit 7"]) else {
        return;
    };
    let error = failure(&gate).await;
    assert!(error.contains("exited with code 7: no such rule"), "{error}");
    wait_until("the change is taken back", || !host.root().join(&SSHD[1..]).exists());
}
