//! Files that the controller reads and writes.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_bytes::ByteBuf;

use super::Client;
use crate::protocol::*;

fn target(path: &str) -> FileTarget {
    FileTarget { root: None, path: ByteBuf::from(path) }
}

fn rooted(root: &str, path: &str) -> FileTarget {
    FileTarget { root: Some(ByteBuf::from(root)), path: ByteBuf::from(path) }
}

fn put_file(target: FileTarget, content: &[u8]) -> Call {
    let (hash, size) = (Hash::of(content), content.len() as u64);
    Call::Put(PutFile { target, hash, size, mode: Some(0o640), owner: None, group: None })
}

fn put(client: &mut Client, target: FileTarget, content: &[u8]) -> super::client::Ended {
    let call = client.call(put_file(target, content));
    client.send_data(call, content);
    client.end(call)
}

fn drafts_in(directory: &Path) -> usize {
    let names = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with(".setup-tasks-")).count()
}

#[test]
fn a_large_file_goes_there_and_back_with_bounded_memory() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let content: Vec<u8> = (0..20_u32 << 20).map(|i| (i % 251) as u8).collect();
    assert_eq!(put(&mut client, target("/a/b/large"), &content).answer, Answer::Changed(true));
    let path = root.path().join("a/b/large");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o640);
    assert!(fs::read(&path).unwrap() == content);

    let call = client.call(Call::Get(target("/a/b/large")));
    let mut received = Vec::new();
    let stat = loop {
        match client.receive().unwrap() {
            ToController::Data { id, bytes } => {
                assert!(bytes.len() <= CHUNK);
                received.extend_from_slice(&bytes);
                client.send(&ToAgent::Credit { id, bytes: u32::try_from(bytes.len()).unwrap() });
            }
            ToController::Answer { id, answer: Answer::Stat(Some(stat)) } if id == call => break stat,
            other => panic!("{other:?}"),
        }
    };
    assert!(received == content && stat.hash == Some(Hash::of(&content)) && stat.size == content.len() as u64);
}

#[test]
fn without_credit_the_agent_sends_one_window_and_waits() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("large"), vec![0; 4 << 20]).unwrap();
    let mut client = Client::in_directory(root.path());
    let get = client.call(Call::Get(target("/large")));
    let mut received = 0;
    while received < INITIAL_CREDIT as usize {
        match client.receive().unwrap() {
            ToController::Data { bytes, .. } => received += bytes.len(),
            other => panic!("{other:?}"),
        }
    }
    // Another call is answered while the first one waits, and nothing more of the first one comes.
    assert!(matches!(client.ask(Call::Stat { target: target("/large"), hash: false }), Answer::Stat(Some(_))));
    assert_eq!(received, INITIAL_CREDIT as usize);
    client.send(&ToAgent::Cancel { id: get });
    assert!(client.end(get).failure().ends_with("cancelled"));
}

#[test]
fn a_file_that_is_right_already_is_not_written() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    put(&mut client, target("/f"), b"content");
    let before = fs::metadata(root.path().join("f")).unwrap();
    assert_eq!(client.ask(put_file(target("/f"), b"content")), Answer::Changed(false), "no data is needed");
    fs::set_permissions(root.path().join("f"), fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(client.ask(put_file(target("/f"), b"content")), Answer::Changed(true));
    let after = fs::metadata(root.path().join("f")).unwrap();
    assert_eq!(std::os::unix::fs::MetadataExt::ino(&before), std::os::unix::fs::MetadataExt::ino(&after));
    assert_eq!(after.permissions().mode() & 0o7777, 0o640);
}

#[test]
fn a_cancelled_or_wrong_transfer_keeps_the_old_file_and_leaves_no_draft() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("f"), "old").unwrap();
    let mut client = Client::in_directory(root.path());
    let cancelled = client.call(put_file(target("/f"), &[0; 1000]));
    client.send(&ToAgent::Data { id: cancelled, bytes: ByteBuf::from([0; 10]) });
    client.send(&ToAgent::Cancel { id: cancelled });
    client.end(cancelled).failure();
    let wrong = client.call(put_file(target("/f"), b"right"));
    client.send_data(wrong, b"wrong");
    assert!(client.end(wrong).failure().contains("another length or hash than announced"));
    assert_eq!(fs::read_to_string(root.path().join("f")).unwrap(), "old");
    assert_eq!(drafts_in(root.path()), 0);
}

#[test]
fn a_hung_up_transfer_leaves_no_draft() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let call = client.call(put_file(target("/f"), &[0; 1000]));
    client.send(&ToAgent::Data { id: call, bytes: ByteBuf::from([0; 10]) });
    client.hang_up().unwrap();
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 0);
}

#[test]
fn no_link_leads_out_of_a_given_root() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir_all(root.path().join("srv/site")).unwrap();
    fs::create_dir_all(root.path().join("etc")).unwrap();
    symlink("/etc", root.path().join("srv/site/absolute")).unwrap();
    symlink("../../etc", root.path().join("srv/site/relative")).unwrap();
    symlink("inner", root.path().join("srv/site/within")).unwrap();
    fs::create_dir(root.path().join("srv/site/inner")).unwrap();
    let mut client = Client::in_directory(root.path());
    for path in ["absolute/f", "relative/f", "../../etc/f"] {
        let failure = put(&mut client, rooted("/srv/site", path), b"x").failure();
        assert!(failure.contains("the path leads out of"), "{path}: {failure}");
    }
    assert_eq!(fs::read_dir(root.path().join("etc")).unwrap().count(), 0);
    assert_eq!(put(&mut client, rooted("/srv/site", "within/f"), b"x").answer, Answer::Changed(true));
    assert!(root.path().join("srv/site/inner/f").exists());
}

#[test]
fn pipes_and_directories_are_not_read() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    fs::create_dir(root.path().join("dir")).unwrap();
    let mut client = Client::in_directory(root.path());
    for (path, kind) in [("/pipe", "a device, a socket or a pipe"), ("/dir", "a directory")] {
        let call = client.call(Call::Get(target(path)));
        assert_eq!(client.end(call).failure(), format!("cannot read `{path}`: it is {kind}"));
    }
    assert_eq!(client.ask(Call::Get(target("/missing"))), Answer::Stat(None));
}

#[test]
fn directories_links_and_removals_report_whether_they_changed_anything() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let directory = || Call::MakeDirectory { target: target("/a/b"), mode: Some(0o750), owner: None, group: None };
    let link = || Call::Symlink { target: target("/a/link"), to: ByteBuf::from("b") };
    let remove = || Call::Remove(target("/a"));
    for call in [directory(), link()] {
        assert_eq!(client.ask(call.clone()), Answer::Changed(true));
        assert_eq!(client.ask(call), Answer::Changed(false));
    }
    assert_eq!(client.ask(Call::List(target("/a"))), Answer::Names(vec![ByteBuf::from("b"), ByteBuf::from("link")]));
    let Answer::Stat(Some(stat)) = client.ask(Call::Stat { target: target("/a/link"), hash: true }) else {
        panic!("a stat")
    };
    assert_eq!(stat.kind, FileKind::Symlink(ByteBuf::from("b")));
    assert_eq!(client.ask(remove()), Answer::Changed(true));
    assert_eq!(client.ask(remove()), Answer::Changed(false));
}
