//! Users, groups and their keys, with the real programs for accounts.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;

use super::machine::Machine;
use crate::far::{Invocation, ProgramOutput, Programs, Running};
use crate::protocol::Exit;
use crate::resource::Resource;
use crate::resources::{AuthorizedKeys, Group, User};

/// The programs for accounts of this machine, which change the files of the other one.
struct Shadow(PathBuf);

impl Programs for Shadow {
    fn run(&self, invocation: &Invocation, _: &Running) -> io::Result<ProgramOutput> {
        assert!(!invocation.to_string().contains("$6$"), "a password is in the arguments");
        let mut command = Command::new(&invocation.program);
        let place = if invocation.program == "chpasswd" { "--root" } else { "--prefix" };
        command.arg(place).arg(&self.0).args(&invocation.args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn()?;
        child.stdin.take().unwrap().write_all(&invocation.input)?;
        let output = child.wait_with_output()?;
        Ok(ProgramOutput {
            exit: Exit::Code(output.status.code().unwrap()),
            output: output.stdout,
            error: output.stderr,
        })
    }
}

/// Returns a machine with accounts, or `None` if this process may not change them.
fn machine() -> Option<Machine> {
    let can = rustix::process::geteuid().is_root() && Command::new("useradd").arg("--help").output().is_ok();
    assert!(can || std::env::var_os("CI").is_none(), "tests of accounts need root and the program useradd");
    if !can {
        writeln!(io::stderr(), "skipped: not root, or no useradd").unwrap();
        return None;
    }
    let machine = Machine::with_programs(|root| Arc::new(Shadow(root)));
    machine.write("/etc/shadow", "root:*:19000:0:99999:7:::\nada:!:19000:0:99999:7:::\n");
    machine.write("/etc/gshadow", "root:*::\nada:!::\nops:!::\n");
    machine.write("/etc/login.defs", "UID_MIN 1000\nUID_MAX 60000\nGID_MIN 1000\nGID_MAX 60000\nUSERGROUPS_ENAB yes\n");
    fs::create_dir(machine.path("/home")).unwrap();
    Some(machine)
}

fn deploy() -> User {
    User::named("deploy").uid(1500).shell("/bin/bash").comment("Deploys").groups(["ops"])
}

#[test]
fn a_user_is_brought_from_absent_and_from_wrong_in_each_property() {
    let Some(mut machine) = machine() else { return };
    machine.brings(&deploy(), &["user deploy: absent"]);
    assert!(machine.text("/etc/passwd").contains("deploy:x:1500:"));
    assert!(machine.path("/home/deploy").is_dir());
    for (other, difference) in [
        (deploy().uid(1501), "user deploy: number 1501 instead of 1500"),
        (deploy().shell("/bin/sh"), "user deploy: shell /bin/sh instead of /bin/bash"),
        (deploy().comment("x"), "user deploy: comment x instead of Deploys"),
    ] {
        machine.apply(&other).unwrap();
        machine.brings(&deploy(), &[difference]);
    }
    machine.write("/etc/group", &machine.text("/etc/group").replace("ops:x:27:deploy", "ops:x:27:"));
    machine.brings(&deploy(), &["user deploy: no groups instead of ops"]);
    // usermod looks for this group on this machine, which has it, too.
    machine.brings(&deploy().group("daemon"), &["user deploy: first group deploy instead of daemon"]);
}

#[test]
fn other_groups_stay_unless_only_these_are_wanted() {
    let Some(mut machine) = machine() else { return };
    machine.apply(&Group::named("extra")).unwrap();
    machine.apply(&deploy().groups(["extra"])).unwrap();
    assert_eq!(machine.observe(&deploy()), [""; 0]);
    machine.brings(&deploy().only_these_groups(), &["user deploy: groups extra, ops instead of ops"]);
    machine.brings(&User::named("deploy").only_these_groups(), &["user deploy: groups ops instead of none"]);
}

#[test]
fn a_password_is_set_and_shown_nowhere() {
    let Some(mut machine) = machine() else { return };
    let hash = "$6$salt$hunter2hunter2";
    let user = User::named("ada").password_hash(hash);
    assert_eq!(machine.observe(&user), ["user ada: another password"]);
    assert!(user.observe(&mut machine.far).unwrap()[0].secret && !format!("{user:?}").contains("hunter2"));
    machine.write("/etc/shadow", &format!("root:*:19000:0:99999:7:::\nada:{hash}:19000:0:99999:7:::\n"));
    assert_eq!(machine.observe(&user), [""; 0]);
}

#[test]
fn a_user_is_removed_and_the_home_directory_stays() {
    let Some(mut machine) = machine() else { return };
    machine.apply(&deploy()).unwrap();
    machine.brings(&User::named("deploy").absent(), &["user deploy: present instead of absent"]);
    assert!(machine.path("/home/deploy").is_dir());
    machine.undo(&deploy());
    let root = User::named("root").absent();
    assert_eq!(machine.apply(&root).unwrap_err().to_string(), "cannot remove the user: it is root");
}

#[test]
fn a_failure_has_the_words_of_the_program() {
    let Some(mut machine) = machine() else { return };
    let failure = machine.apply(&User::named("deploy").groups(["no-such-group"])).unwrap_err().to_string();
    assert!(
        failure.starts_with(
            "cannot add the user: `useradd --create-home --groups no-such-group deploy` exited with code 6: "
        ),
        "{failure}"
    );
    assert!(failure.contains("group 'no-such-group' does not exist"), "{failure}");
    let failure = machine.apply(&Group::named("ada").absent()).unwrap_err().to_string();
    assert!(failure.contains("cannot remove the primary group of user 'ada'"), "{failure}");
}

#[test]
fn names_that_programs_take_for_options_are_refused() {
    let mut machine = Machine::new();
    for name in ["-G", "a:b", "a b", "", "a/b", "a\nb"] {
        assert!(machine.refuses(&User::named(name)).contains("is not a name of a user"), "{name}");
        assert!(machine.refuses(&Group::named(name)).contains("is not a name of a group"), "{name}");
    }
    assert!(machine.refuses(&User::named("ada").comment("a:b")).contains("a colon or a line break"));
}

#[test]
fn a_group_is_brought_from_absent_wrong_and_present() {
    let Some(mut machine) = machine() else { return };
    machine.brings(&Group::named("dev").gid(3000), &["group dev: absent"]);
    machine.brings(&Group::named("dev").gid(3001), &["group dev: number 3000 instead of 3001"]);
    machine.brings(&Group::named("dev").absent(), &["group dev: present instead of absent"]);
    machine.undo(&Group::named("dev"));
}

#[test]
fn without_programs_a_user_is_observed_and_not_changed() {
    let mut machine = Machine::new();
    let failure = machine.apply(&deploy()).unwrap_err().to_string();
    assert_eq!(
        failure,
        "cannot add the user: only the files of this machine exist, in a directory, so it runs no programs"
    );
}

const ADA: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAda ada@laptop";
const BOB: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBob bob@desk";

fn with_home() -> Machine {
    let machine = Machine::new();
    fs::create_dir_all(machine.path("/home/ada")).unwrap();
    machine
}

#[test]
fn keys_are_brought_from_absent_with_the_permissions_for_sshd() {
    let mut machine = with_home();
    let path = "/home/ada/.ssh/authorized_keys";
    let keys = AuthorizedKeys::of("ada", [ADA, BOB]);
    machine
        .brings(&keys, &[&format!("{path}: key ada@laptop is missing"), &format!("{path}: key bob@desk is missing")]);
    let (file, directory) =
        (machine.far.stat(path).unwrap().unwrap(), machine.far.stat("/home/ada/.ssh").unwrap().unwrap());
    assert_eq!((file.mode, file.uid, directory.mode, directory.uid), (0o600, 1001, 0o700, 1001));
    machine.chmod(path, 0o666);
    machine.brings(&keys, &[&format!("{path}: mode 0666 instead of 0600")]);
    machine.undo(&AuthorizedKeys::of("ada", [ADA]));
    assert_eq!(machine.text(path), format!("{BOB}\n"));
}

#[test]
fn a_key_keeps_its_place_and_gets_its_options() {
    let mut machine = with_home();
    let path = "/home/ada/.ssh/authorized_keys";
    machine.write(path, &format!("# note\n{ADA}\n{BOB}\n"));
    machine.apply(&AuthorizedKeys::of("ada", [ADA])).unwrap();
    let limited = format!("command=\"echo ssh-rsa AAAAno\",no-pty {ADA}");
    machine.brings(
        &AuthorizedKeys::of("ada", [&limited]),
        &[&format!("{path}: key ada@laptop has other options or another comment")],
    );
    assert_eq!(machine.text(path), format!("# note\n{limited}\n{BOB}\n"));
}

#[test]
fn an_exclusive_list_removes_all_other_keys() {
    let mut machine = with_home();
    let path = "/home/ada/.ssh/authorized_keys";
    machine.write(path, &format!("# note\n{BOB}\n\n{ADA}\n"));
    machine.apply(&AuthorizedKeys::of("ada", [ADA])).unwrap();
    machine.brings(
        &AuthorizedKeys::of("ada", [ADA]).exclusive(),
        &[&format!("{path}: a line that is not a key"), &format!("{path}: key bob@desk is not in the list")],
    );
    assert_eq!(machine.text(path), format!("{ADA}\n"));
}

#[test]
fn keys_of_a_user_who_is_still_to_come_differ_and_bad_keys_are_refused() {
    let mut machine = Machine::new();
    let keys = AuthorizedKeys::of("deploy", [ADA]);
    assert_eq!(machine.observe(&keys), ["authorized keys of deploy: the user is absent"]);
    assert!(machine.apply(&keys).unwrap_err().to_string().ends_with("the machine has no user `deploy`"));
    for key in ["", "ssh-ed25519", "not a key", "ssh-ed25519 AAAA\nssh-ed25519 AAAA", "# ssh-ed25519 AAAA"] {
        assert!(
            machine.refuses(&AuthorizedKeys::of("ada", [key])).contains("is not a line with one public key"),
            "{key}"
        );
    }
}

#[test]
fn a_planted_ssh_directory_is_not_followed() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let mut machine = with_home();
    fs::create_dir(machine.path("/root")).unwrap();
    std::os::unix::fs::symlink("/root", machine.path("/home/ada/.ssh")).unwrap();
    std::os::unix::fs::lchown(machine.path("/home/ada/.ssh"), Some(1001), None).unwrap();
    assert!(machine.refuses(&AuthorizedKeys::of("ada", [ADA])).contains("is a symbolic link of the user 1001"));
    assert_eq!(fs::read_dir(machine.path("/root")).unwrap().count(), 0);
}
