//! Observations and changes of resources.

use std::fs;
use std::os::unix::fs::symlink;

use serde::{Deserialize, Serialize};

use super::Client;
use super::client::apply;
use crate::Result;
use crate::far::Far;
use crate::protocol::*;
use crate::register_resource;
use crate::resource::Resource;
use crate::resources::{Content, Directory, File, Line};

#[test]
fn one_request_observes_all_resources_and_changes_nothing() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("motd"), "old").unwrap();
    let mut client = Client::in_directory(root.path());
    let ids = [
        client.declare(0, &File::at("/motd").content("new")),
        client.declare(1, &Directory::at("/srv")),
        client.declare(2, &Line::in_file("/hosts", "a").matching("(")),
    ];
    let call = client.call(Call::Observe { resources: ids.to_vec() });
    let ended = client.end(call);
    assert_eq!(ended.answer, Answer::Done);
    let observed = ended.observed();
    assert_eq!(observed[0], (0, Ok(vec!["/motd: content differs".into()])));
    assert_eq!(observed[1], (1, Ok(vec!["/srv: absent".into()])));
    assert!(
        observed[2].1.as_ref().unwrap_err().starts_with("line in /hosts: cannot edit `/hosts`: the pattern"),
        "{observed:?}"
    );
    assert_eq!(fs::read_dir(root.path()).unwrap().count(), 1, "nothing was created, not even the lock");
}

#[test]
fn a_change_reports_its_differences_and_brings_fresh_observations() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let (file, line) = (File::at("/hosts").content("a\n").mode(0o600), Line::in_file("/hosts", "b"));
    let (file, line) = (client.declare(0, &file), client.declare(1, &line));
    let first = client.call(Call::Apply(Apply { then_observe: vec![line], ..apply(&[file]) }));
    let ended = client.end(first);
    assert!(matches!(&ended.applied()[..], [(0, Ok(Outcome::Changed(differences)))] if differences[0].is == "absent"));
    assert_eq!(ended.observed(), [(1, Ok(vec!["/hosts: lacks the line".into()]))]);
    let second = client.call(Call::Apply(apply(&[file])));
    assert_eq!(client.end(second).applied(), [(0, Ok(Outcome::Unchanged))]);
}

#[test]
fn the_first_failure_ends_a_change_and_the_rest_is_observed() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("motd")).unwrap();
    let mut client = Client::in_directory(root.path());
    let (bad, next) = (client.declare(0, &File::at("/motd").content("x")), client.declare(1, &Directory::at("/srv")));
    let call = client.call(Call::Apply(Apply { then_observe: vec![next], ..apply(&[bad, next]) }));
    let ended = client.end(call);
    assert_eq!(ended.failure(), "file /motd: cannot write `/motd`: it is a directory");
    assert_eq!(ended.observed(), [(1, Ok(vec!["/srv: absent".into()]))]);
    assert_eq!(ended.applied().len(), 1);
}

#[test]
fn an_undo_takes_resources_away() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let file = client.declare(0, &File::at("/motd").content("x"));
    assert_eq!(client.ask(Call::Apply(apply(&[file]))), Answer::Done);
    for _ in 0..2 {
        assert_eq!(client.ask(Call::Apply(Apply { change: Change::Undo, ..apply(&[file]) })), Answer::Done);
        assert!(!root.path().join("motd").exists());
    }
}

#[test]
fn transferred_content_is_written_and_without_it_nothing_is() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let large = vec![b'x'; 3 << 20];
    let content = Content::new(large.clone());
    let file = File::at("/large").content(content.clone());
    assert_eq!(file.contents()[0].1.hash(), content.hash());
    let id = client.declare(0, &file);
    let call = client.call(Call::Apply(apply(&[id])));
    assert!(client.end(call).failure().ends_with("cannot write the content: the content was not transferred"));
    assert!(!root.path().join("large").exists());

    let blob = Call::PutBlob { hash: content.hash(), size: large.len() as u64 };
    let call = client.call(blob.clone());
    client.send_data(call, &large);
    assert_eq!(client.end(call).answer, Answer::Changed(true));
    assert_eq!(client.ask(blob), Answer::Changed(false), "the agent has it already");
    assert_eq!(client.ask(Call::Apply(apply(&[id]))), Answer::Done);
    assert_eq!(fs::read(root.path().join("large")).unwrap(), large);
}

#[test]
fn content_with_another_hash_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    for (size, reason) in [(3, "another hash"), (2, "longer than announced"), (4, "ended too early")] {
        let call = client.call(Call::PutBlob { hash: Hash::of(b"abc"), size });
        client.send_data(call, b"abd");
        let failure = client.end(call).failure();
        assert!(failure.contains(reason), "{failure}");
    }
}

#[test]
fn a_secret_is_in_no_message_of_the_agent() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("token"), "old-hunter1").unwrap();
    let mut client = Client::in_directory(root.path());
    let file = client.declare(0, &File::at("/token").content(Text::secret("hunter2")));
    let call = client.call(Call::Observe { resources: vec![file] });
    let ended = client.end(call);
    let ToController::Observed { observation: Ok(differences), .. } = &ended.messages[0] else {
        panic!("an observation")
    };
    assert!(differences[0].secret && differences[0].texts.is_none());
    assert!(!format!("{:?}", ended.messages).contains("hunter"));
}

#[test]
fn an_unknown_kind_and_malformed_fields_are_failures_of_the_resource() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let declared =
        [("mine::cache", &[][..]), ("file", &[0xff; 3])].into_iter().zip(0..).map(|((kind, fields), id)| Declared {
            id: ResourceId(id),
            resource: ResourceData { kind: kind.into(), fields: serde_bytes::ByteBuf::from(fields) },
        });
    client.send(&ToAgent::Declare(declared.collect()));
    let call = client.call(Call::Observe { resources: vec![ResourceId(0), ResourceId(1), ResourceId(2)] });
    let observed = client.end(call).observed();
    assert_eq!(
        observed[0].1,
        Err("cannot read the resource `mine::cache`: the agent has no resource `mine::cache`".into())
    );
    assert!(observed[1].1.as_ref().unwrap_err().starts_with("cannot read the resource `file`: "));
    assert_eq!(observed[2].1, Err("cannot find a resource: the resource 2 was not declared".into()));
}

#[test]
fn a_long_list_of_differences_is_cut_and_a_long_failure_replaced() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let tree = (0..6_000).fold(crate::resources::Tree::at("/t"), |tree, name| tree.file(name.to_string(), "", 0o644));
    let (tree, odd) = (client.declare(0, &tree), client.declare(1, &Odd::LongFailure));
    let call = client.call(Call::Observe { resources: vec![tree, odd] });
    let observed = client.end(call).observed();
    let differences = observed[0].1.as_ref().unwrap();
    assert_eq!((differences.len(), &*differences[5_000]), (5_001, "further differences: 1001"));
    assert_eq!(observed[1].1, Err("cannot observe it: its texts are too long for a message".into()));
    let call = client.call(Call::Apply(apply(&[odd])));
    assert_eq!(client.end(call).failure(), "cannot answer the call: the answer is too long");
}

/// A resource that misbehaves.
#[derive(Serialize, Deserialize)]
enum Odd {
    PanicsWithSecret,
    NeverDone,
    /// Waits for its cancellation.
    Waits,
    LongFailure,
}

impl Resource for Odd {
    const KIND: &str = "tests::odd";

    fn name(&self) -> String {
        "odd thing".into()
    }

    fn observe(&self, _: &mut Far) -> Result<Vec<Difference>> {
        match self {
            Self::PanicsWithSecret => panic!("the password is hunter2"),
            Self::LongFailure => Err(Failure::new("x".repeat(5 << 20), Cause::Cancelled)),
            Self::NeverDone | Self::Waits => Ok(vec![Difference::new("odd", "as before")]),
        }
    }

    fn apply(&self, far: &mut Far, _: &[Difference]) -> Result<()> {
        if matches!(self, Self::Waits) {
            far.note("waits\n");
            loop {
                far.check_cancelled("wait")?;
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        }
        Ok(())
    }

    fn undo(&self, _: &mut Far) -> Result<()> {
        Ok(())
    }
}

register_resource!(Odd);

#[test]
fn a_panic_becomes_a_failure_without_its_message_and_the_agent_goes_on() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let (odd, good) = (client.declare(0, &Odd::PanicsWithSecret), client.declare(1, &Directory::at("/srv")));
    let call = client.call(Call::Observe { resources: vec![odd, good] });
    let observed = client.end(call).observed();
    let failure = observed[0].1.as_ref().unwrap_err();
    assert!(
        failure.starts_with("odd thing: cannot observe it: the resource panicked at ")
            && failure.contains("changes.rs"),
        "{failure}"
    );
    assert!(!failure.contains("hunter2"));
    assert_eq!(observed[1].1, Ok(vec!["/srv: absent".into()]));
}

#[test]
fn a_resource_that_still_differs_after_its_change_is_a_failure() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let odd = client.declare(0, &Odd::NeverDone);
    let call = client.call(Call::Apply(apply(&[odd])));
    let failure = client.end(call).failure();
    assert_eq!(failure, "odd thing: cannot bring it into its state: it still differs afterwards: odd: as before");
}

#[test]
fn a_second_controller_is_told_who_holds_the_lock() {
    let root = tempfile::tempdir().unwrap();
    let mut first = Client::silent(Far::in_directory(root.path()).unwrap());
    first.begin("ada@laptop, process 7", 0, 0);
    let mut second = Client::in_directory(root.path());
    let file = File::at("/motd").content("x");
    let (slow, b) = (first.declare(0, &Odd::Waits), second.declare(0, &file));
    let changing = first.call(Call::Apply(apply(&[slow])));
    assert!(matches!(first.receive(), Some(ToController::Output { .. })), "the change has begun");
    let call = second.call(Call::Apply(apply(&[b])));
    let failure = second.end(call).failure();
    assert!(
        failure.starts_with("cannot begin the change: the machine is being changed by ada@laptop, process 7, "),
        "{failure}"
    );
    assert_eq!(second.ask(Call::Observe { resources: vec![b] }), Answer::Done, "observations need no lock");

    let mut third = Client::silent(Far::in_directory(root.path()).unwrap());
    third.begin("patient", 0, 60_000);
    let c = third.declare(0, &file);
    let call = third.call(Call::Apply(apply(&[c])));
    assert!(matches!(third.receive(), Some(ToController::Waiting { holder, .. }) if holder.starts_with("ada@laptop")));
    first.send(&ToAgent::Cancel { id: changing });
    assert!(first.end(changing).failure().contains("cancelled"));
    let applied = third.end(call).applied();
    assert!(matches!(applied[..], [(0, Ok(Outcome::Changed(_)))]), "{applied:?}");
}

#[test]
fn the_lock_is_free_between_changes_of_an_open_connection() {
    let root = tempfile::tempdir().unwrap();
    let mut clients = [Client::in_directory(root.path()), Client::in_directory(root.path())];
    for round in 0..3 {
        for client in &mut clients {
            let file = client.declare(round, &File::at("/motd").content(format!("{round}")));
            assert_eq!(client.ask(Call::Apply(apply(&[file]))), Answer::Done);
        }
    }
}

#[test]
fn a_change_that_waits_for_its_turn_can_be_cancelled() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let (slow, file) = (client.declare(0, &Odd::Waits), client.declare(1, &File::at("/f").content("x")));
    let first = client.call(Call::Apply(apply(&[slow])));
    assert!(matches!(client.receive(), Some(ToController::Output { .. })));
    let second = client.call(Call::Apply(apply(&[file])));
    client.send(&ToAgent::Cancel { id: second });
    assert!(client.end(second).failure().ends_with("cancelled"));
    client.send(&ToAgent::Cancel { id: first });
    assert!(client.end(first).failure().contains("odd thing: cannot wait: cancelled"));
    assert!(!root.path().join("f").exists());
}

#[test]
fn a_planted_lock_is_not_followed() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("victim"), "content").unwrap();
    symlink(root.path().join("victim"), root.path().join(".setup-tasks.lock")).unwrap();
    let mut client = Client::in_directory(root.path());
    let file = client.declare(0, &File::at("/motd").content("x"));
    let call = client.call(Call::Apply(apply(&[file])));
    assert!(client.end(call).failure().contains("cannot lock the machine"));
    assert_eq!(fs::read_to_string(root.path().join("victim")).unwrap(), "content");
}

#[test]
fn texts_that_do_not_fit_into_a_message_are_left_out() {
    let root = tempfile::tempdir().unwrap();
    let mut client = Client::in_directory(root.path());
    let text = "y".repeat(1 << 20);
    let mut tree = crate::resources::Tree::at("/t");
    for name in 0..6 {
        fs::create_dir_all(root.path().join("t")).unwrap();
        fs::write(root.path().join(format!("t/{name}")), &text).unwrap();
        tree = tree.file(name.to_string(), "short", 0o644);
    }
    let tree = client.declare(0, &tree);
    let call = client.call(Call::Observe { resources: vec![tree] });
    let ended = client.end(call);
    let ToController::Observed { observation: Ok(differences), .. } = &ended.messages[0] else {
        panic!("an observation")
    };
    assert!(differences.len() >= 6 && differences.iter().all(|difference| difference.texts.is_none()));
}
