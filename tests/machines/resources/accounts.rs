//! Users, groups and keys, by the programs of the machine.

use setup_tasks_agent::protocol::Outcome;
use setup_tasks_agent::resources::{AuthorizedKeys, Directory, Group, User};
use setup_tasks_test::TestNetwork;

use super::client::Agent;

#[test]
fn accounts_are_brought_and_taken_away() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("accounts").boot().unwrap();
    let mut agent = Agent::start(&machine);
    agent.brings(&Group::named("ops").gid(2000), &["group ops: absent"]);
    let hash = "$6$saltsalt$hunter2hunter2";
    let deploy = User::named("deploy").uid(2001).shell("/bin/bash").groups(["ops"]).password_hash(hash);
    agent.brings(&deploy, &["user deploy: absent"]);
    assert_eq!(
        machine.run("id -nG deploy; grep ^deploy /etc/shadow | cut -d: -f2").unwrap(),
        format!("deploy ops\n{hash}\n")
    );
    agent.brings(&deploy.clone().password_hash("$6$saltsalt$other"), &["user deploy: another password"]);
    agent.brings(
        &deploy.clone().home("/srv/deploy").password_hash("$6$saltsalt$other"),
        &["user deploy: home /home/deploy instead of /srv/deploy"],
    );
    assert_eq!(machine.run("stat -c %U /srv/deploy").unwrap(), "deploy\n");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAda ada@laptop";
    let path = "/srv/deploy/.ssh/authorized_keys";
    agent.brings(&AuthorizedKeys::of("deploy", [key]).exclusive(), &[&format!("{path}: key ada@laptop is missing")]);
    assert_eq!(machine.run(&format!("stat -c '%U %a' {path} /srv/deploy/.ssh")).unwrap(), "deploy 600\ndeploy 700\n");
    agent.brings(&Directory::at("/srv/www").owner("deploy").group("ops"), &["/srv/www: absent"]);
    agent.undo(&deploy);
    assert_eq!(machine.run("getent passwd deploy || echo none; ls -d /srv/deploy").unwrap(), "none\n/srv/deploy\n");
}

#[test]
fn a_user_who_is_logged_in_is_named_by_the_words_of_the_program() {
    let Some(network) = TestNetwork::start_or_skip() else { return };
    let machine = network.machine("busy").boot().unwrap();
    let mut agent = Agent::start(&machine);
    agent.apply(&User::named("eve")).unwrap();
    machine.run("setsid runuser -u eve -- sleep 600 >/dev/null 2>&1 & sleep 0.3").unwrap();
    let failure = agent.apply(&User::named("eve").absent()).unwrap_err();
    assert!(failure.starts_with("user eve: cannot remove the user: `userdel eve` exited with code 8: "), "{failure}");
    assert!(failure.contains("user eve is currently used by process"), "{failure}");
    machine.run("pkill -u eve sleep; while pgrep -u eve sleep; do sleep 0.05; done; true").unwrap();
    assert!(matches!(agent.apply(&User::named("eve").absent()).unwrap(), Outcome::Changed(_)));
}
