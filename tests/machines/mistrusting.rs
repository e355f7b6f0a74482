//! Tests of machines that answer in wrong ways: the error names the machine, in bounded time and memory.

use std::process::Command;
use std::time::{Duration, Instant};

use setup_tasks::error::explain;
use setup_tasks_machines::Machine;
use test_kit::setting;

use crate::with_agent;

/// Returns a machine that answers in a wrong way.
fn hostile(way: &str) -> Machine {
    let machine = with_agent(Machine::exec([env!("CARGO_BIN_EXE_hostile"), way]));
    if way == "silence" { machine.heartbeat(Duration::from_millis(200)) } else { machine }
}

/// Returns the error of a request to a machine, without the path of the program.
async fn failure(way: &str) -> String {
    let machine = hostile(way);
    let started = Instant::now();
    let error = machine.fetch("/etc/motd").await.expect_err("it answers in a wrong way");
    assert!(started.elapsed() < Duration::from_mins(1), "{way} took {:?}", started.elapsed());
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
        ("requests the agent twice", &format!("{cannot}it requests its copy a second time")),
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
        ("calls that nobody made", "the agent ended it: \\x1b[31mfarewell"),
        ("endless reports", "the agent reported more than 256 MiB on one call"),
        ("silence", "no sign of life for 400ms"),
    ] {
        let text = failure(way).await;
        assert!(text.starts_with(&format!("{lost}{expected}")), "{way}: {text}");
    }
}

#[tokio::test]
async fn content_without_an_end_is_refused() {
    let text = failure("content without an end").await;
    assert_eq!(
        text,
        "the file `/etc/motd` on the machine M has more than 256 MiB\nhelp: copy it to a local file with `Machine::fetch_to`"
    );
}

#[tokio::test]
async fn random_messages_end_in_an_error_or_an_answer() {
    for seed in 0..setting("MACHINE_FUZZ", 40) {
        let machine = hostile(&format!("random {seed}")).heartbeat(Duration::from_secs(2));
        let Err(error) =
            tokio::time::timeout(Duration::from_mins(2), machine.fetch("/etc/motd")).await.expect("it ends")
        else {
            continue;
        };
        let text = explain(&error);
        // The task that reads ends with this reason if it panics.
        assert!(!text.contains("the runtime of its task has ended"), "{seed}: {text}");
        assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{seed}: {text:?}");
    }
}

/// Returns whether a character steers a terminal or changes how the rest is read.
fn steers(c: char) -> bool {
    c != '\n' && c != '\t' && c.is_control() || ['\u{202e}', '\u{200b}'].contains(&c)
}

#[tokio::test]
async fn facts_and_errors_contain_no_character_that_steers_a_terminal() {
    let machine = hostile("escapes everywhere");
    let facts = format!("{:?}", machine.facts().await.unwrap());
    assert!(facts.contains("hostname: \"[2J]0;owned31mevil\""), "{facts}");
    let text = failure("escapes everywhere").await;
    assert!(!text.contains(steers) && text.contains("\\x1b[2J"), "{text:?}");
}

#[test]
fn no_command_prints_a_character_that_steers_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let mut shown = String::new();
    for line in [
        "plan --verify --diff",
        "plan --verify --json",
        "why site/file --verify",
        "up --verify",
        "up --verify --diff -v",
        "up --json --force",
        "status site",
        "status --json",
        "history",
        "history --json",
        "logs site/file",
        "logs site/command",
        "graph",
    ] {
        let mut operator = Command::new(env!("CARGO_BIN_EXE_machine-operator"));
        operator.args(line.split(' ')).current_dir(directory.path()).env("HOSTILE", env!("CARGO_BIN_EXE_hostile"));
        let output = operator.env("SETUP_TASKS_AGENT", env!("CARGO_BIN_EXE_machine-agent")).output().unwrap();
        for stream in [output.stdout, output.stderr] {
            let text = String::from_utf8(stream).unwrap();
            assert!(!text.contains(steers), "{line}: {text:?}");
            shown += &text;
        }
    }
    // The texts of the machine were shown, in a form that does nothing.
    assert!(shown.contains("\\x1b[2J\\x1b]0;owned\\x07\\r\\u{9b}31m\\u{202e}evil"), "{shown}");
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
    // One attempt per caller would take 15 s and more.
    assert!(started.elapsed() < Duration::from_secs(12), "{:?}", started.elapsed());
}
