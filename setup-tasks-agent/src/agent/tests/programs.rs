//! Programs that the controller runs on this machine.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_bytes::ByteBuf;

use super::Client;
use crate::protocol::*;

pub(super) fn shell(script: &str) -> CommandSpec {
    let args = vec![ByteBuf::from("-c"), ByteBuf::from(script)];
    CommandSpec { program: ByteBuf::from("sh"), args, grace: 2_000, ..CommandSpec::default() }
}

fn own(exit: Exit) -> Answer {
    Answer::Ended(Ended { exit, end: End::Own })
}

/// Returns whether a process is alive whose arguments contain this text.
pub(super) fn is_running(mark: &str) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.into_iter().any(|process| {
        let is_own = process.file_name() == *std::process::id().to_string();
        let args = fs::read(process.path().join("cmdline")).unwrap_or_default();
        let state = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let is_zombie = state.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z'));
        !is_own && !is_zombie && String::from_utf8_lossy(&args).contains(mark)
    })
}

pub(super) fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "{what}: not within 30 s");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn output_exit_codes_and_signals_arrive() {
    let mut client = Client::on_this_machine();
    let call = client.call(Call::Run(shell("echo out; echo err >&2; printf half; exit 3")));
    let ended = client.end(call);
    assert_eq!((ended.output(Stream::Output).as_str(), ended.output(Stream::Error).as_str()), ("out\nhalf", "err\n"));
    assert_eq!(ended.answer, own(Exit::Code(3)));
    assert_eq!(client.ask(Call::Run(shell("kill -s ABRT $$"))), own(Exit::Signal(6)));
}

#[test]
fn environment_and_directory_are_those_of_the_command() {
    let mut client = Client::on_this_machine();
    let directory = tempfile::tempdir().unwrap();
    let spec = CommandSpec {
        env: vec![(ByteBuf::from("GREETING"), ByteBuf::from("hello world"))],
        clear_env: true,
        directory: Some(ByteBuf::from(directory.path().as_os_str().as_bytes())),
        ..shell("echo \"$GREETING $HOME\"; pwd -P; echo $PATH")
    };
    let call = client.call(Call::Run(spec));
    let output = client.end(call).output(Stream::Output);
    let lines: Vec<_> = output.lines().collect();
    assert_eq!(lines[0], "hello world ");
    assert_eq!(Path::new(lines[1]), directory.path().canonicalize().unwrap());
    assert!(lines[2].contains("/usr/sbin"), "{output}");
}

#[test]
fn input_reaches_the_program_and_its_end_too() {
    let mut client = Client::on_this_machine();
    let content = b"line\n".repeat(1 << 20);
    let call = client.call(Call::Run(CommandSpec { input: CommandInput::Data, ..shell("wc -c") }));
    client.send_data(call, &content);
    assert_eq!(client.end(call).output(Stream::Output).trim(), content.len().to_string());
}

#[test]
fn a_program_that_reads_no_input_ends_all_the_same() {
    let mut client = Client::on_this_machine();
    let call =
        client.call(Call::Run(CommandSpec { input: CommandInput::Data, ..shell("exec <&-; sleep 0.2; echo done") }));
    client.send_data(call, &vec![0; 4 << 20]);
    let ended = client.end(call);
    assert_eq!((ended.output(Stream::Output).as_str(), ended.answer), ("done\n", own(Exit::Code(0))));
}

#[test]
fn more_data_than_credit_ends_the_connection() {
    let mut client = Client::on_this_machine();
    let call = client.call(Call::Run(CommandSpec { input: CommandInput::Data, ..shell("sleep 600") }));
    for _ in 0..INITIAL_CREDIT as usize / CHUNK + 3 {
        client.send(&ToAgent::Data { id: call, bytes: ByteBuf::from(vec![0; CHUNK]) });
    }
    let last = std::iter::from_fn(|| client.receive()).last();
    assert_eq!(last, Some(ToController::Bye("received more data than there was credit for".into())));
}

#[test]
fn chunks_end_with_a_line_while_a_program_writes_fast() {
    let mut client = Client::on_this_machine();
    let call = client.call(Call::Run(shell("seq 100000")));
    let ended = client.end(call);
    let (mut count, mut all) = (0, 0);
    for message in &ended.messages {
        let ToController::Output { bytes, .. } = message else { continue };
        assert!(bytes.len() <= CHUNK);
        count += 1;
        all += usize::from(bytes.ends_with(b"\n"));
    }
    // A chunk can also be cut by the credit.
    assert!(all + 3 >= count, "{all} of {count} chunks end with a line");
    assert!(ended.output(Stream::Output).lines().eq((1..=100_000).map(|i| i.to_string())));
}

#[test]
fn the_beginning_of_a_line_is_shown_before_its_end() {
    let mut client = Client::on_this_machine();
    let call = client.call(Call::Run(CommandSpec {
        input: CommandInput::Data,
        ..shell("printf 'Continue? '; read answer; echo $answer")
    }));
    match client.receive().unwrap() {
        ToController::Output { bytes, .. } => assert_eq!(bytes, b"Continue? "),
        other => panic!("{other:?}"),
    }
    client.send_data(call, b"yes\n");
    assert_eq!(client.end(call).output(Stream::Output), "yes\n");
}

#[test]
fn a_cancelled_command_ends_with_all_it_started() {
    let mut client = Client::on_this_machine();
    let mark = format!("600.{}1", std::process::id());
    let script = format!("sleep {mark} & timeout {mark} sleep {mark} & setsid sleep {mark} & echo ready; wait");
    let call = client.call(Call::Run(shell(&script)));
    assert!(matches!(client.receive(), Some(ToController::Output { .. })));
    assert!(is_running(&mark));
    client.send(&ToAgent::Cancel { id: call });
    assert!(matches!(client.end(call).answer, Answer::Ended(Ended { end: End::Cancelled, .. })));
    wait_until("no process is left", || !is_running(&mark));
}

#[test]
fn a_command_that_ignores_term_is_killed_after_its_grace() {
    let mut client = Client::on_this_machine();
    let spec = CommandSpec { grace: 300, ..shell("trap '' TERM; echo ready; while :; do sleep 0.05; done") };
    let call = client.call(Call::Run(spec));
    assert!(matches!(client.receive(), Some(ToController::Output { .. })));
    let began = Instant::now();
    client.send(&ToAgent::Cancel { id: call });
    assert_eq!(client.end(call).answer, Answer::Ended(Ended { exit: Exit::Signal(9), end: End::Cancelled }));
    assert!(began.elapsed() >= Duration::from_millis(300));
}

#[test]
fn a_command_ends_at_its_timeout() {
    let mut client = Client::on_this_machine();
    let answer = client.ask(Call::Run(CommandSpec { timeout: Some(200), ..shell("exec sleep 600") }));
    assert_eq!(answer, Answer::Ended(Ended { exit: Exit::Signal(15), end: End::TimedOut }));
}

#[test]
fn a_process_in_the_background_does_not_hold_its_command() {
    let mut client = Client::on_this_machine();
    let mark = format!("600.{}2", std::process::id());
    let call = client.call(Call::Run(shell(&format!("sleep {mark} & echo started"))));
    let ended = client.end(call);
    assert_eq!((ended.output(Stream::Output).as_str(), ended.answer), ("started\n", own(Exit::Code(0))));
    assert!(is_running(&mark), "it was left running on purpose");
    client.ask(Call::Run(shell(&format!("pkill -f 'sleep {mark}'"))));
}

#[test]
fn nothing_is_sent_about_a_call_after_its_answer() {
    let mut client = Client::on_this_machine();
    let call = client.call(Call::Run(shell("(while echo late; do sleep 0.01; done) & echo done")));
    let ended = client.end(call);
    assert!(ended.output(Stream::Output).contains("done"));
    // The process in the background meets a closed pipe, and ends.
    let call = client.call(Call::Run(shell("sleep 0.5")));
    assert!(client.end(call).messages.is_empty());
}

#[test]
fn a_missing_program_or_directory_is_named() {
    let mut client = Client::on_this_machine();
    let call =
        client.call(Call::Run(CommandSpec { program: ByteBuf::from("no-such-program"), ..CommandSpec::default() }));
    assert_eq!(
        client.end(call).failure(),
        "cannot run `no-such-program`: there is no program `no-such-program` on the machine"
    );
    let call = client.call(Call::Run(CommandSpec { directory: Some(ByteBuf::from("/no/such")), ..shell("true") }));
    assert_eq!(client.end(call).failure(), "cannot run `sh`: there is no directory `/no/such`");
    let call = client.call(Call::Run(CommandSpec { args: vec![ByteBuf::from(*b"a\0b")], ..shell("true") }));
    assert!(client.end(call).failure().contains("contains a NUL"));
}

#[test]
fn many_commands_run_at_a_time() {
    let mut client = Client::on_this_machine();
    let calls: Vec<_> = (0..20).map(|i| client.call(Call::Run(shell(&format!("sleep 1; echo {i}"))))).collect();
    let began = Instant::now();
    let mut open = calls.len();
    while open > 0 {
        if let ToController::Answer { answer, .. } = client.receive().unwrap() {
            assert_eq!(answer, own(Exit::Code(0)));
            open -= 1;
        }
    }
    // One after the other, they would take 20 s.
    assert!(began.elapsed() < Duration::from_secs(12), "{:?}", began.elapsed());
}
