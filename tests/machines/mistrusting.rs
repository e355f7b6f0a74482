//! Tests of machines that answer in wrong ways: the error names the machine, in bounded time and memory.

use std::time::{Duration, Instant};

use setup_tasks::error::explain;
use setup_tasks_machines::Machine;

use crate::with_agent;

/// Returns a machine that answers in a wrong way.
fn hostile(way: &str) -> Machine {
    with_agent(Machine::exec([env!("CARGO_BIN_EXE_hostile"), way])).heartbeat(Duration::from_millis(200))
}

/// Returns the error of a request to a machine, without the path of the program.
async fn failure(way: &str) -> String {
    let machine = hostile(way);
    let started = Instant::now();
    let error = machine.fetch("/etc/motd").await.expect_err("it answers in a wrong way");
    assert!(started.elapsed() < Duration::from_secs(15), "{way} took {:?}", started.elapsed());
    let text = explain(&error);
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
    text.replace(machine.name(), "M")
}

#[tokio::test]
async fn wrong_beginnings_are_errors() {
    let cannot = "the agent does not run on the machine M: ";
    for (way, expected) in [
        ("noise", &*format!("{cannot}the output has no hello of an agent in its first 256 KiB")),
        ("escapes", "cannot connect to the machine M: [31mwent wrong[0m"),
        ("other version", &format!("{cannot}its copy is another binary each time")),
        ("other program", &format!("{cannot}its copy is another binary each time")),
        ("wants the agent for ever", &format!("{cannot}its copy is another binary each time")),
        ("no facts", "lost the connection to the machine M: the agent has ended"),
    ] {
        let text = failure(way).await;
        assert!(text.starts_with(expected), "{way}: {text}");
    }
}

#[tokio::test]
async fn wrong_messages_end_the_connection() {
    let lost = "lost the connection to the machine M: ";
    for (way, expected) in [
        ("a great frame", "received a frame of 2147483647 bytes"),
        ("an endless message", "a message has more than 4 MiB"),
        ("no message", "received a malformed message: "),
        ("facts twice", "the agent sent its facts twice"),
        ("more than it may", "received more data than there was credit for"),
        ("calls that nobody made", "the agent ended it: [31mfarewell"),
        ("silence", "no sign of life for 400ms"),
    ] {
        let text = failure(way).await;
        assert!(text.starts_with(&format!("{lost}{expected}")), "{way}: {text}");
    }
}

#[tokio::test]
async fn callers_that_wait_for_one_connection_receive_one_error() {
    let machine = hostile("no facts");
    let started = Instant::now();
    let calls = (0..50).map(|_| {
        let machine = machine.clone();
        tokio::spawn(async move { machine.facts().await.unwrap_err().to_string() })
    });
    for call in calls.collect::<Vec<_>>() {
        assert!(call.await.unwrap().starts_with("lost the connection to the machine "));
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
}
