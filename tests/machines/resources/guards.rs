//! Guarded changes on real machines, whose agent is killed.

use std::time::Instant;

use setup_tasks_agent::protocol::{Apply, Call, Change, Guard, ResourceData};
use setup_tasks_agent::resources::{File, Packages, Service, Sysctl, Unit};
use setup_tasks_test::{NetnsMachine, TestNetwork};

use super::client::Agent;
use crate::wait_until;

fn guarded(agent: &mut Agent, resources: &[ResourceData], id: &str, seconds: u32) {
    let guard = Some(Guard { id: id.into(), seconds });
    let answer = agent.ask(resources, |resources| {
        Call::Apply(Apply { resources, change: Change::Apply, then_observe: Vec::new(), guard })
    });
    assert_eq!(answer, Ok(()));
}

fn confirm(machine: &NetnsMachine, id: &str) -> Result<(), String> {
    Agent::start(machine).ask(&[], |_| Call::Confirm { guard: id.into() })
}

#[test]
fn a_killed_agent_does_not_keep_its_change_from_being_taken_back() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("guarded").systemd().boot().unwrap();
    let mut agent = Agent::start(&machine);
    agent.apply(&Packages::installed(["tiny-daemon"])).unwrap();
    agent.apply(&Service::enabled("tiny-daemon")).unwrap();
    agent.apply(&File::at("/etc/tiny.conf").content("old\n").mode(0o600)).unwrap();
    agent
        .apply(&Unit::named("sees").content("[Service]\nType=oneshot\nExecStart=/bin/cp /etc/tiny.conf /run/seen\n"))
        .unwrap();
    let change = [
        ResourceData::of(&File::at("/etc/tiny.conf").content("new\n").mode(0o644)),
        ResourceData::of(&Sysctl::set("net.ipv4.ip_default_ttl", "99")),
        ResourceData::of(&Service::stopped("tiny-daemon")),
        ResourceData::of(&Service::restart("sees")),
    ];
    guarded(&mut agent, &change, "first", 5);
    let state = "cat /run/seen; stat -c %a /etc/tiny.conf; cat /proc/sys/net/ipv4/ip_default_ttl; systemctl is-active tiny-daemon || true";
    assert_eq!(machine.run(state).unwrap(), "new\n644\n99\ninactive\n");
    let changed = Instant::now();
    agent.kill(&machine);
    wait_until("the change is taken back", || machine.run(state).unwrap() == "old\n600\n64\nactive\n");
    assert!(changed.elapsed().as_millis() > 4_000, "{:?}", changed.elapsed());
    let failure = confirm(&machine, "first").unwrap_err();
    assert!(failure.ends_with("the change was taken back: it was not confirmed in time"), "{failure}");

    let mut agent = Agent::start(&machine);
    guarded(&mut agent, &change, "second", 20);
    agent.kill(&machine);
    assert_eq!(confirm(&machine, "second"), Ok(()));
    wait_until("the guardian ends", || !machine.processes().unwrap().iter().any(|process| process.contains("guard")));
    assert_eq!(machine.run(state).unwrap(), "new\n644\n99\ninactive\n");
    assert_eq!(
        machine.run("ls /var/lib/setup-tasks/guards").unwrap(),
        "first\n",
        "the reason of the first one is kept"
    );
}
