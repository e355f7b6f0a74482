//! Packages, with those of the test machines.

use setup_tasks_agent::protocol::{Outcome, PackageManager};
use setup_tasks_agent::resources::{AptSource, Packages};
use setup_tasks_test::TestNetwork;

use super::client::Agent;

#[test]
fn packages_are_brought_by_one_transaction() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("packages").boot().unwrap();
    let mut agent = Agent::start(&machine);
    assert_eq!((&*agent.facts.os, agent.facts.package_manager), ("debian", Some(PackageManager::Apt)));
    let both = Packages::installed(["tiny-hello", "tiny-friend"]);
    agent.brings(&both, &["tiny-friend: absent", "tiny-hello: absent"]);
    assert_eq!(machine.run("grep -c '^Commandline' /var/log/apt/history.log").unwrap(), "1\n");
    let old = Packages::installed(["tiny-hello"]).version("tiny-hello", "1.*");
    agent.brings(&old, &["tiny-hello: 2.0-1 instead of 1.*"]);
    agent.brings(
        &Packages::installed(["tiny-hello"]).version("tiny-hello", "2.0-1"),
        &["tiny-hello: 1.0-1 instead of 2.0-1"],
    );
    agent.brings(&Packages::absent(["tiny-friend"]).purge(), &["tiny-friend: 1.0-1 instead of absent"]);
    agent.undo(&Packages::installed(["tiny-hello"]));
    assert!(machine.run("dpkg -s tiny-hello >/dev/null 2>&1 && echo there || echo gone").unwrap().contains("gone"));
}

#[test]
fn a_package_that_is_unknown_or_broken_is_named_by_the_words_of_apt() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("broken").boot().unwrap();
    let mut agent = Agent::start(&machine);
    let failure = agent.apply(&Packages::installed(["no-such-package"])).unwrap_err();
    assert!(failure.starts_with("packages no-such-package: cannot install the packages: `apt-get "), "{failure}");
    assert!(failure.contains("Unable to locate package no-such-package"), "{failure}");

    let failure = agent.apply(&Packages::installed(["tiny-broken"])).unwrap_err();
    assert!(failure.contains("cannot install the packages"), "{failure}");
    let left = agent.observe(&Packages::installed(["tiny-broken"])).unwrap();
    assert_eq!(left, ["tiny-broken: half-configured instead of installed"], "the half-done state is named");
    // What was left half done by another transaction is completed, or is the error.
    let failure = agent.apply(&Packages::installed(["tiny-hello"])).unwrap_err();
    assert!(failure.contains("cannot complete an interrupted installation: `dpkg "), "{failure}");
    machine.run("dpkg --purge --force-all tiny-broken").unwrap();
    assert!(matches!(agent.apply(&Packages::installed(["tiny-hello"])).unwrap(), Outcome::Changed(_)));
}

#[test]
fn a_source_is_added_with_its_lists_and_a_bad_one_is_taken_back() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("source").boot().unwrap();
    let mut agent = Agent::start(&machine);
    let path = "/etc/apt/sources.list.d/tiny.sources";
    let good = AptSource::named("tiny").uri("file:/srv/packages").suite("./").trusted();
    agent.brings(&good, &[&format!("{path}: absent")]);
    let bad = AptSource::named("tiny").uri("file:/no/such/directory").suite("./").trusted();
    let failure = agent.apply(&bad).unwrap_err();
    assert!(failure.starts_with("apt source tiny: cannot fetch the lists of the source: `apt-get update"), "{failure}");
    assert_eq!(agent.observe(&good).unwrap(), [""; 0], "the former source came back");
    agent.undo(&good);
    assert_eq!(agent.observe(&good).unwrap(), [format!("{path}: absent")]);
}
