//! Random messages to an agent, which answers or ends the connection, and always ends.

use std::io::{self, Read, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use proptest::prelude::*;

use super::client::NONCE;
use crate::agent::{Guardian, Options, serve};
use crate::far::Far;
use crate::protocol::{Begin, Decoder, Hash, HelloScanner, ToAgent, ToController, cases, encode, messages_to_agent};

/// Passes bytes to an agent, and returns its messages.
fn messages_of(bytes: &[u8]) -> Vec<ToController> {
    let root = tempfile::tempdir().unwrap();
    let far = Far::in_directory(root.path()).unwrap();
    let ((input, mut to_agent), (mut output, from_agent)) = (io::pipe().unwrap(), io::pipe().unwrap());
    let options = Options { nonce: NONCE, hash: Hash([0; 32]), guardian: Some(Guardian::thread()) };
    let (ended, end) = mpsc::channel();
    thread::spawn(move || ended.send(serve(input, from_agent, far, options).is_ok()));
    let reader = thread::spawn(move || {
        let mut bytes = Vec::new();
        output.read_to_end(&mut bytes).unwrap();
        bytes
    });
    // An agent that ended the connection reads no more.
    let _ = to_agent.write_all(bytes);
    drop(to_agent);
    end.recv_timeout(Duration::from_mins(1)).expect("the agent ends with its input");
    let output = reader.join().unwrap();
    let (mut rest, mut decoder, mut messages) = (&output[..], Decoder::new(), Vec::new());
    HelloScanner::new(NONCE).decode(&mut rest).unwrap().expect("a hello");
    while let Some(message) = decoder.decode(&mut rest).unwrap() {
        messages.push(message);
    }
    messages
}

proptest! {
    #![proptest_config(cases("messages to the agent", 64))]

    #[test]
    fn fuzz_random_messages_get_good_answers(messages in proptest::collection::vec(messages_to_agent(), 1..20)) {
        let mut bytes = Vec::new();
        encode(&ToAgent::Begin(Begin { controller: "random".into(), heartbeat: 0, lock_wait: 0 }), &mut bytes).unwrap();
        messages.iter().for_each(|message| encode(message, &mut bytes).unwrap());
        prop_assert!(matches!(messages_of(&bytes).first(), Some(ToController::Facts(_))));
    }

    #[test]
    fn fuzz_random_bytes_end_the_connection(bytes: Vec<u8>) {
        messages_of(&bytes);
    }
}
