//! Services, units and timers, on a machine with systemd.

use setup_tasks_agent::protocol::{Init, Outcome};
use setup_tasks_agent::resources::{Packages, Service, Timer, Unit};
use setup_tasks_test::TestNetwork;

use super::client::Agent;

#[test]
fn services_are_brought_from_each_state_to_each() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("services").systemd().boot().unwrap();
    let mut agent = Agent::start(&machine);
    assert_eq!(agent.facts.init, Init::Systemd);
    let (on, off, masked) =
        (Service::enabled("tiny-daemon"), Service::disabled("tiny-daemon"), Service::masked("tiny-daemon"));
    assert_eq!(agent.observe(&on).unwrap(), ["tiny-daemon.service: absent"]);
    assert_eq!(agent.observe(&off).unwrap(), [""; 0]);
    let failure = agent.apply(&on).unwrap_err();
    assert!(failure.starts_with("service tiny-daemon.service: cannot start the service: `systemctl "), "{failure}");

    agent.apply(&Packages::installed(["tiny-daemon"])).unwrap();
    agent.apply(&on).unwrap();
    let running = [("disabled", "enabled"), ("inactive", "active")];
    agent.brings(
        &off,
        &running.map(|(no, yes)| format!("tiny-daemon.service: {yes} instead of {no}")).each_ref().map(String::as_str),
    );
    agent.brings(
        &on,
        &running.map(|(no, yes)| format!("tiny-daemon.service: {no} instead of {yes}")).each_ref().map(String::as_str),
    );
    let started = "systemctl show -P ExecMainStartTimestampMonotonic tiny-daemon";
    let before = machine.run(started).unwrap();
    assert_eq!(agent.apply(&Service::restart("tiny-daemon")).unwrap(), Outcome::Done);
    assert_ne!(machine.run(started).unwrap(), before);
    assert_eq!(agent.apply(&Service::reload("tiny-daemon")).unwrap(), Outcome::Done);
    agent.brings(
        &masked,
        &["tiny-daemon.service: enabled instead of masked", "tiny-daemon.service: active instead of inactive"],
    );
    agent.brings(
        &on,
        &["tiny-daemon.service: masked instead of enabled", "tiny-daemon.service: inactive instead of active"],
    );
    agent.undo(&on);
    assert_eq!(machine.run("systemctl is-enabled tiny-daemon || true").unwrap(), "disabled\n");
}

#[test]
fn a_unit_that_does_not_load_is_taken_back() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("units").systemd().boot().unwrap();
    let mut agent = Agent::start(&machine);
    let path = "/etc/systemd/system/worker.service";
    let good = Unit::named("worker").content("[Service]\nExecStart=/bin/sleep 600\n");
    agent.brings(&good, &[&format!("{path}: absent")]);
    let failure = agent.apply(&Unit::named("worker").content("[Service]\nType=simple\n")).unwrap_err();
    assert!(
        failure.starts_with("unit worker.service: cannot load the unit: systemd reports bad-setting: "),
        "{failure}"
    );
    assert!(failure.contains("Refusing"), "{failure}");
    assert_eq!(agent.observe(&good).unwrap(), [""; 0], "the former unit came back");
    agent.apply(&Service::running("worker")).unwrap();

    let failure = agent.apply(&Unit::named("never").content("[Service]\n")).unwrap_err();
    assert!(failure.contains("bad-setting"), "{failure}");
    assert_eq!(machine.run("ls /etc/systemd/system/never.service 2>&1 || true").unwrap().lines().count(), 1);

    machine.run(&format!("sed -i s/600/601/ {path}")).unwrap();
    agent.brings(&good, &[&format!("{path}: content differs")]);
    let limits = Unit::drop_in("worker", "limits").content("[Service]\nLimitNOFILE=4096\n");
    agent.brings(&limits, &["/etc/systemd/system/worker.service.d/limits.conf: absent"]);
    assert_eq!(machine.run("systemctl show -P LimitNOFILE worker").unwrap(), "4096\n");
    agent.undo(&limits);
    agent.undo(&good);
    assert_eq!(
        machine.run("systemctl show -P LoadState worker; pgrep -f 'sleep 60[0]' || echo none").unwrap(),
        "not-found\nnone\n"
    );
}

#[test]
fn a_service_that_fails_is_named_with_its_own_last_words() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("failing").systemd().boot().unwrap();
    let mut agent = Agent::start(&machine);
    let unit = "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo the port is taken; exit 3'\n";
    agent.apply(&Unit::named("failing").content(unit)).unwrap();
    let failure = agent.apply(&Service::running("failing")).unwrap_err();
    assert!(failure.contains("cannot start the service") && failure.contains("the port is taken"), "{failure}");
}

#[test]
fn a_timer_is_brought_and_runs_at_new_times_after_a_change() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("timers").systemd().boot().unwrap();
    let mut agent = Agent::start(&machine);
    let daily = Timer::named("backup").runs("/bin/true").on_calendar("*-*-* 03:00");
    agent.brings(
        &daily,
        &[
            "/etc/systemd/system/backup.service: absent",
            "/etc/systemd/system/backup.timer: absent",
            "backup.timer: absent",
        ],
    );
    let hourly = Timer::named("backup").runs("/bin/true").on_calendar("hourly");
    agent.brings(&hourly, &["/etc/systemd/system/backup.timer: content differs"]);
    let next = machine
        .run("systemctl list-timers --no-legend backup.timer; systemctl show -P TimersCalendar backup.timer")
        .unwrap();
    assert!(next.contains("*-*-* *:00:00"), "{next}");
    let failure = agent.apply(&Timer::named("bad").runs("/bin/true").on_calendar("at dawn")).unwrap_err();
    assert!(failure.starts_with("timer bad: cannot load the unit: "), "{failure}");
    agent.undo(&daily);
    assert_eq!(
        machine.run("systemctl show -P LoadState backup.timer backup.service | sort -u").unwrap().trim(),
        "not-found"
    );
}
