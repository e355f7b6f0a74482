//! Guarded changes, on machines in directories.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::Client;
use super::client::apply;
use super::programs::wait_until;
use crate::protocol::*;
use crate::resources::{Directory, File, Line};

fn guarded(resources: &[ResourceId], id: &str, seconds: u32) -> Call {
    Call::Apply(Apply { guard: Some(Guard { id: id.into(), seconds }), ..apply(resources) })
}

fn confirm(root: &Path, id: &str) -> Answer {
    Client::in_directory(root).ask(Call::Confirm { guard: id.into() })
}

#[test]
fn a_confirmed_change_stays() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let file = client.declare(0, &File::at("/sshd_config").content("new"));
    assert_eq!(client.ask(guarded(&[file], "g1", 5)), Answer::Done);
    let call = client.call(Call::Confirm { guard: "g1".into() });
    assert!(client.end(call).failure().ends_with("the connection that made it cannot confirm it"));
    assert_eq!(confirm(root.path(), "g1"), Answer::Done);
    wait_until("the guardian has ended", || {
        fs::read_dir(root.path().join(".setup-tasks-guards")).unwrap().next().is_none()
    });
    assert_eq!(fs::read_to_string(root.path().join("sshd_config")).unwrap(), "new");
}

#[test]
fn a_change_without_confirmation_is_taken_back_although_its_connection_was_cut() {
    let root = tempfile::tempdir().unwrap();
    let (old, new) = (root.path().join("sshd_config"), root.path().join("created"));
    fs::write(&old, "Port 22\n").unwrap();
    let mut client = Client::in_directory(root.path());
    let line = client.declare(0, &Line::in_file("/sshd_config", "Port 2222").matching("^Port "));
    let file = client.declare(1, &File::at("/created").content("x"));
    assert_eq!(client.ask(guarded(&[line, file], "g2", 3)), Answer::Done);
    assert_eq!(fs::read_to_string(&old).unwrap(), "Port 2222\n");
    let changed = Instant::now();
    client.hang_up().unwrap();
    wait_until("it is taken back", || !new.exists() && fs::read_to_string(&old).unwrap() == "Port 22\n");
    assert!(changed.elapsed() >= Duration::from_millis(2900), "{:?}", changed.elapsed());
    let Answer::Failed(failure) = confirm(root.path(), "g2") else { panic!("a failure") };
    assert_eq!(
        failure.to_string(),
        "cannot confirm the guarded change `g2`: the change was taken back: it was not confirmed in time"
    );
}

#[test]
fn a_guarded_change_that_fails_is_taken_back_at_once() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("dir")).unwrap();
    let mut client = Client::in_directory(root.path());
    let good = client.declare(0, &File::at("/created").content("x"));
    let bad = client.declare(1, &Line::in_file("/dir/no/such", "x"));
    let began = Instant::now();
    let call = client.call(guarded(&[good, bad], "g4", 600));
    assert!(client.end(call).failure().starts_with("line in /dir/no/such: cannot write `/dir/no/such`"));
    wait_until("it is taken back", || !root.path().join("created").exists());
    assert!(began.elapsed() < Duration::from_mins(1));
}

#[test]
fn a_guarded_change_of_nothing_needs_no_confirmation() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let file = client.declare(0, &File::at("/motd").content("x"));
    assert_eq!(client.ask(Call::Apply(apply(&[file]))), Answer::Done);
    assert_eq!(client.ask(guarded(&[file], "g5", 600)), Answer::Done);
    wait_until("the guardian has ended", || {
        fs::read_dir(root.path().join(".setup-tasks-guards")).unwrap().next().is_none()
    });
}

#[test]
fn what_cannot_be_guarded_or_confirmed_is_named() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let directory = client.declare(0, &Directory::at("/srv"));
    let call = client.call(guarded(&[directory], "g3", 1));
    assert_eq!(client.end(call).failure(), "directory /srv: cannot guard the change: this resource cannot be guarded");
    assert!(!root.path().join("srv").exists(), "nothing was changed");
    let file = client.declare(1, &File::at("/f").content("x"));
    let call = client.call(guarded(&[file], "../escape", 1));
    assert!(client.end(call).failure().contains("the id of a guard has 1 to 64 letters, digits and hyphens"));
    let Answer::Failed(failure) = confirm(root.path(), "unknown") else { panic!("a failure") };
    assert!(failure.to_string().ends_with("the machine has no such guarded change"));
}
