//! Heartbeats, mistakes of a controller, and the end of a connection.

use std::time::{Duration, Instant};

use super::Client;
use super::programs::{is_running, shell, wait_until};
use crate::far::Far;
use crate::protocol::*;

fn last_words(mut client: Client) -> String {
    match std::iter::from_fn(|| client.receive()).last() {
        Some(ToController::Bye(reason)) => reason,
        other => panic!("{other:?} instead of a last message"),
    }
}

#[test]
fn pings_are_answered_while_output_waits_for_credit() {
    let mut client = Client::on_this_machine();
    client.call(Call::Run(shell("yes")));
    let mut received = 0;
    while received < INITIAL_CREDIT as usize {
        if let Some(ToController::Output { bytes, .. }) = client.receive() {
            received += bytes.len();
        }
    }
    client.send(&ToAgent::Ping(42));
    assert_eq!(client.receive(), Some(ToController::Pong(42)));
    client.hang_up().unwrap();
}

#[test]
fn two_missed_heartbeats_end_the_agent_and_its_programs() {
    let mut client = Client::silent(Far::machine().unwrap());
    client.begin("a test", 1500, 0);
    let mark = format!("600.{}3", std::process::id());
    client.call(Call::Run(shell(&format!("echo ready; exec sleep {mark}"))));
    assert!(matches!(client.receive(), Some(ToController::Output { .. })));
    // They keep the agent for longer than two intervals.
    for number in 0..7 {
        std::thread::sleep(Duration::from_millis(500));
        client.send(&ToAgent::Ping(number));
        assert_eq!(client.receive(), Some(ToController::Pong(number)));
    }
    assert!(is_running(&mark));
    let agent = client.agent.take().unwrap();
    let silent = Instant::now();
    assert_eq!(last_words(client), "nothing arrived for two heartbeats");
    assert!(silent.elapsed() >= Duration::from_millis(2900));
    assert!(agent.join().unwrap().is_err());
    wait_until("no process is left", || !is_running(&mark));
}

#[test]
fn the_end_of_the_input_ends_programs_and_the_agent() {
    let mut client = Client::on_this_machine();
    let mark = format!("600.{}4", std::process::id());
    client.call(Call::Run(shell(&format!("echo ready; exec sleep {mark}"))));
    assert!(matches!(client.receive(), Some(ToController::Output { .. })));
    client.hang_up().unwrap();
    assert!(!is_running(&mark));
}

#[test]
fn a_controller_that_does_not_read_makes_the_agent_wait_and_not_grow() {
    let mut client = Client::on_this_machine();
    // Nothing is read, although there is credit.
    let call = client.call(Call::Run(shell("yes")));
    for _ in 0..1000 {
        client.send(&ToAgent::Credit { id: call, bytes: 1 << 20 });
    }
    client.send(&ToAgent::Ping(1));
    client.hang_up().unwrap();
}

#[test]
fn mistakes_of_a_controller_end_the_connection_with_their_name() {
    let call = |id| ToAgent::Call { id: CallId(id), call: Call::Run(shell("sleep 600")) };
    let begin = || ToAgent::Begin(Begin { controller: "again".into(), heartbeat: 0, lock_wait: 0 });
    let mut client = Client::on_this_machine();
    client.send(&call(1));
    client.send(&call(1));
    assert_eq!(last_words(client), "the call 1 is open already");
    let mut client = Client::on_this_machine();
    client.send(&begin());
    assert_eq!(last_words(client), "the connection has already begun");
    let mut client = Client::silent(Far::machine().unwrap());
    client.send(&call(1));
    assert_eq!(last_words(client), "a call came before the beginning of the connection");
}

#[test]
fn malformed_input_ends_the_connection_with_its_reason() {
    for (bytes, reason) in [
        (&[0xff, 0xff, 0xff, 0x7f][..], "received a frame of 2147483647 bytes"),
        (&[1, 0, 0, 0, 0xee], "received a malformed message"),
        (&[5, 0, 0, 0, 1], "the connection ended within a message"),
    ] {
        let mut client = Client::on_this_machine();
        client.input.as_mut().unwrap().write_all(bytes).unwrap();
        client.input = None;
        assert_eq!(last_words(client), reason);
    }
}

#[test]
fn messages_about_calls_that_are_not_open_are_ignored() {
    let mut client = Client::on_this_machine();
    let id = CallId(9);
    client.send(&ToAgent::Cancel { id });
    client.send(&ToAgent::Credit { id, bytes: 1 });
    client.send(&ToAgent::End { id });
    client.send(&ToAgent::Data { id, bytes: serde_bytes::ByteBuf::from([0; 10]) });
    client.send(&ToAgent::Ping(1));
    assert_eq!(client.receive(), Some(ToController::Pong(1)));
}

#[test]
fn the_facts_describe_this_machine() {
    let client = Client::on_this_machine();
    let facts = &client.facts;
    assert!(!facts.os.is_empty() && !facts.hostname.is_empty() && !facts.kernel_release.is_empty(), "{facts:?}");
    assert_eq!(
        (&*facts.kernel, &*facts.architecture, facts.uid),
        ("Linux", std::env::consts::ARCH, rustix::process::geteuid().as_raw())
    );
    assert!(facts.memory > 1 << 20 && facts.cpus > 0 && facts.pid == std::process::id() && facts.boot_id.len() == 36);
}
