//! Tests of kills and cuts at random moments: no process and no draft stays, and no stamp is wrong.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::{Numbers, Scratch, setting};

use crate::wait_until;

/// The files of a complete site, by name and size.
const SITE: &str =
    "a0 10000\na1 10000\na2 10000\nb0 10000\nb1 10000\nb2 10000\nc0 10000\nc1 10000\nc2 10000\ncount 2\n";

/// Starts a program that brings the site up.
fn bring_up(network: &TestNetwork, scratch: &Scratch) -> Child {
    Command::new(env!("CARGO_BIN_EXE_runner"))
        .arg(network.ssh_program())
        .args(["web".to_owned(), format!("site {}", scratch.path().display())])
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Asserts that a further run, which trusts the stamps, completes the site, and that nothing else is there.
fn assert_completes(network: &TestNetwork, host: &NetnsMachine, scratch: &Scratch) {
    wait_until("the processes of the agent end", || {
        !host.processes().unwrap().iter().any(|line| line.contains("agent-"))
    });
    assert!(bring_up(network, scratch).wait().unwrap().success());
    assert_eq!(host.run("cd /srv/site; find . -type f -printf '%f %s\\n' | sort").unwrap(), SITE);
    assert_eq!(host.run("find ~/.cache /tmp -name 'draft-*'").unwrap(), "");
}

/// Brings the site up once, so that the agent is on the machine, and returns the time that this takes.
fn usual_time(network: &TestNetwork, host: &NetnsMachine) -> Duration {
    assert_completes(network, host, &Scratch::new());
    host.run("rm -r /srv/site").unwrap();
    let started = Instant::now();
    assert_completes(network, host, &Scratch::new());
    started.elapsed()
}

#[test]
fn a_killed_controller_leaves_nothing_and_the_next_run_completes() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let host = network.machine("web").boot().unwrap();
    let (usual, mut numbers) = (usual_time(&network, &host), Numbers::new(7));
    for _ in 0..setting("MACHINE_KILLS", 12) {
        host.run("rm -r /srv/site").unwrap();
        let scratch = Scratch::new();
        let mut controller = bring_up(&network, &scratch);
        std::thread::sleep(Duration::from_micros(numbers.below(usual.as_micros().try_into().unwrap())));
        controller.kill().unwrap();
        controller.wait().unwrap();
        assert_completes(&network, &host, &scratch);
    }
}

#[test]
fn a_killed_agent_fails_the_run_and_the_next_run_completes() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let host = network.machine("web").boot().unwrap();
    let (usual, mut numbers) = (usual_time(&network, &host), Numbers::new(8));
    for _ in 0..setting("MACHINE_KILLS", 12) {
        host.run("rm -r /srv/site").unwrap();
        let scratch = Scratch::new();
        let mut controller = bring_up(&network, &scratch);
        std::thread::sleep(Duration::from_micros(numbers.below(usual.as_micros().try_into().unwrap())));
        host.run("for p in /proc/[0-9]*; do case $(tr '\\0' ' ' <$p/cmdline 2>/dev/null) in /*/agent-*) kill -9 ${p#/proc/};; esac; done; true")
            .unwrap();
        let _ = controller.wait().unwrap();
        assert_completes(&network, &host, &scratch);
    }
}
