//! Tests of machines that restart: a task waits for them, and the first question after a restart does not fail.

use std::time::Duration;

use setup_tasks::error::explain;
use setup_tasks::{Layout, Object, prelude::*};
use setup_tasks_machines::resources::{File, Reboot};
use setup_tasks_machines::{Ensure, Machine};
use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::lines;

use crate::machine;

#[derive(SetupTasks)]
#[setup_tasks(subdir = "kernel")]
struct Kernel {
    within: Duration,
    /// Whether it restarts in any case.
    now: bool,
    #[machine]
    machine: Machine,
}

#[setup_tasks]
impl Kernel {
    /// Install the kernel
    #[setup_task]
    const KERNEL: Ensure<Self, File> = Ensure::new(|_| File::at("/srv/kernel").content("6.1\n"));

    /// Restart into it
    #[setup_task]
    const RESTART: Ensure<Self, Reboot> = Ensure::new(|kernel: &Self| {
        let reboot = if kernel.now { Reboot::now() } else { Reboot::if_required() };
        reboot.within(kernel.within)
    });

    /// Note it
    #[setup_task]
    const NOTE: Ensure<Self, File> = Ensure::new(|_| File::at("/srv/note").content("done\n"));
}

fn kernel(within: u64, now: bool) -> Option<(TestNetwork, NetnsMachine, Layout, Object<Kernel>)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").boot().unwrap();
    let machine = machine(&network, "web").connect_timeout(Duration::from_secs(1));
    let within = Duration::from_secs(within);
    let layout = Layout::in_memory().unwrap();
    let kernel = layout.add(Kernel { within, now, machine }).unwrap();
    Some((network, host, layout, kernel))
}

fn boot_id(host: &NetnsMachine) -> String {
    host.run("cat /proc/sys/kernel/random/boot_id").unwrap()
}

#[tokio::test]
async fn a_task_restarts_the_machine_and_waits_for_it() {
    let Some((network, host, layout, kernel)) = kernel(60, true) else { return };
    let before = boot_id(&host);
    let mut events = layout.events();
    let report = kernel.run_setup_tasks().await.unwrap();
    assert_eq!(report.ran().count(), 3, "{:?}", lines(&report));
    assert_ne!(boot_id(&host), before);
    assert_eq!(host.run("cat /srv/note").unwrap(), "done\n");
    assert_eq!(kernel.machine.facts().await.unwrap().boot_id, boot_id(&host).trim());
    let mut said = Vec::new();
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(100), events.next()).await {
        if let setup_tasks::event::EventKind::LogLine { line } = &event.kind {
            said.push(line.clone());
        }
    }
    assert!(said.iter().any(|line| line == "waits until web has booted again"), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("web has booted again, after ")), "{said:?}");
    // A new run of another process does not meet the dead shared connection.
    assert!(machine(&network, "web").facts().await.is_ok());
}

#[tokio::test]
async fn a_restart_that_is_not_required_changes_nothing() {
    let Some((_network, host, _layout, kernel)) = kernel(60, false) else { return };
    let before = boot_id(&host);
    kernel.run_setup_tasks().await.unwrap();
    assert_eq!(boot_id(&host), before);
    host.run("touch /run/reboot-required").unwrap();
    kernel.run_setup_tasks().force_all().await.unwrap();
    assert_ne!(boot_id(&host), before);
}

#[tokio::test]
async fn a_machine_that_does_not_come_back_is_an_error_in_time() {
    let Some((_network, host, _layout, kernel)) = kernel(5, true) else { return };
    host.run("sed -i 's/exec .usr.sbin.sshd/exit/' /usr/local/sbin/reboot").unwrap();
    let error = explain(&kernel.run_setup_tasks().await.unwrap_err());
    assert!(
        error.contains("the machine web did not boot again within 5s: cannot connect to the machine web: "),
        "{error}"
    );
    assert!(error.contains("help: look at the console"), "{error}");
    host.run("/usr/sbin/sshd -E /var/log/sshd.log").unwrap();
    assert_eq!(kernel.machine.facts().await.unwrap().hostname, "web");
}

#[tokio::test]
async fn the_first_question_after_a_restart_connects_anew() {
    let Some((_network, host, _layout, kernel)) = kernel(60, false) else { return };
    kernel.run_setup_tasks().await.unwrap();
    for is_cut in [false, true] {
        // Behind a cut cable, nothing here notices the end of the connection before the question.
        if is_cut {
            host.cut().unwrap();
        }
        let before = boot_id(&host);
        host.run("rm -f /srv/note; rm -f /run/sshd.pid; reboot; until [ -e /run/sshd.pid ]; do sleep 0.02; done")
            .unwrap_or_default();
        crate::wait_until("the machine boots", || {
            host.root().join("run/sshd.pid").exists() && boot_id(&host) != before
        });
        if is_cut {
            host.restore().unwrap();
        }
        kernel.run_setup_tasks().verify().await.unwrap();
        assert_eq!(host.run("cat /srv/note").unwrap(), "done\n");
    }
}

#[tokio::test]
async fn the_first_question_over_a_dead_shared_connection_connects_anew() {
    let Some((network, host, _layout, kernel)) = kernel(60, false) else { return };
    kernel.run_setup_tasks().await.unwrap();
    // The processes of the shared connection die on this side.
    let control = format!("{}/", network.directory().display());
    let masters = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let command = |pid: &str| std::fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        all.filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|pid| {
                pid.parse::<u32>().is_ok() && command(pid).contains(&control) && command(pid).contains("[mux]")
            })
            .collect::<Vec<_>>()
    };
    for pid in masters() {
        std::process::Command::new("kill").args(["-9", &pid]).status().unwrap();
    }
    host.run("rm /srv/note").unwrap();
    kernel.run_setup_tasks().verify().await.unwrap();
    assert_eq!(host.run("cat /srv/note").unwrap(), "done\n");
}
