//! The agent as a process of its own, which is killed at random moments.

use std::ffi::OsString;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::Client;
use super::client::NONCE;
use super::programs::{is_running, shell, wait_until};
use crate::protocol::*;

/// The name of the test that is the program.
const PROGRAM: &str = "agent::tests::process::this_is_the_program";

/// Is the agent, in a process of the tests that follow. It finds its arguments behind those of the test runner.
#[test]
#[ignore = "it is started by other tests"]
fn this_is_the_program() {
    let args: Vec<OsString> = std::env::args_os().skip_while(|arg| arg != "serve" && arg != "guard").collect();
    if !args.is_empty() {
        let prefix = ["--exact", PROGRAM, "--ignored", "--nocapture"];
        let is_success = crate::agent::main(&prefix, args) == std::process::ExitCode::SUCCESS;
        // The test runner would write more to the connection.
        std::process::exit(i32::from(!is_success));
    }
}

struct Process {
    child: Child,
    client: Client,
}

fn start() -> Process {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", PROGRAM, "--ignored", "--nocapture", "serve", &NONCE.to_string()]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut client = Client::over(child.stdin.take().unwrap(), child.stdout.take().unwrap());
    client.begin("a test", 0, 0);
    Process { child, client }
}

#[test]
fn a_killed_agent_leaves_no_process_of_its_commands() {
    for round in 0..20_u64 {
        let Process { mut child, mut client } = start();
        let mark = format!("600.{}5{round}", std::process::id());
        client.call(Call::Run(shell(&format!(
            "sleep {mark} & timeout 700 sleep {mark} & setsid sleep {mark} & echo ready; sleep {mark}"
        ))));
        if round % 2 == 0 {
            assert!(matches!(client.receive(), Some(ToController::Output { .. })));
        } else {
            std::thread::sleep(Duration::from_millis(round));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        wait_until("no process is left", || !is_running(&mark));
    }
}

#[test]
fn the_program_ends_with_its_input() {
    let Process { mut child, mut client } = start();
    assert_eq!(client.facts.pid, child.id());
    client.input = None;
    assert!(child.wait().unwrap().success());
}

/// Returns the greatest memory that a process has used, in KiB.
fn peak(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn long_output_and_large_files_need_little_memory() {
    let Process { child, mut client } = start();
    let before = peak(child.id());
    let call = client.call(Call::Run(shell("head -c 200000000 /dev/zero")));
    let mut received = 0;
    loop {
        match client.receive().unwrap() {
            ToController::Output { id, bytes, .. } => {
                received += bytes.len();
                client.send(&ToAgent::Credit { id, bytes: u32::try_from(bytes.len()).unwrap() });
            }
            ToController::Answer { id, .. } if id == call => break,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received, 200_000_000);
    let content = vec![7; 100 << 20];
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large").display().to_string();
    let target = FileTarget { root: None, path: serde_bytes::ByteBuf::from(path) };
    let (hash, size) = (Hash::of(&content), content.len() as u64);
    let put = PutFile { target, hash, size, mode: None, owner: None, group: None };
    let call = client.call(Call::Put(put));
    client.send_data(call, &content);
    assert_eq!(client.end(call).answer, Answer::Changed(true));
    let grown = peak(child.id()) - before;
    assert!(grown < 16 << 10, "the memory grew by {grown} KiB");
}

#[test]
fn output_that_nobody_reads_needs_little_memory() {
    let Process { child, mut client } = start();
    let before = peak(child.id());
    let calls: Vec<_> = (0..10).map(|_| client.call(Call::Run(shell("yes")))).collect();
    for id in calls {
        client.send(&ToAgent::Credit { id, bytes: u32::MAX });
    }
    // An answer to a ping waits behind the output, which is not read in the meantime.
    std::thread::sleep(Duration::from_secs(2));
    let grown = peak(child.id()) - before;
    assert!(grown < 24 << 10, "the memory grew by {grown} KiB");
}

#[test]
fn an_endless_message_ends_the_agent_and_needs_little_memory() {
    let Process { mut child, mut client } = start();
    let before = peak(child.id());
    let mut frame = ((1_u32 << 31) | (1 << 20)).to_le_bytes().to_vec();
    frame.resize(4 + (1 << 20), 0);
    let input = client.input.as_mut().unwrap();
    let mut most = 0;
    while input.write_all(&frame).is_ok() {
        most = most.max(std::fs::metadata(format!("/proc/{}/fd", child.id())).map_or(most, |_| peak(child.id())));
    }
    assert!(!child.wait().unwrap().success());
    let reason = std::iter::from_fn(|| client.receive()).last();
    assert_eq!(reason, Some(ToController::Bye("a message has more than 4 MiB".into())));
    assert!(most.saturating_sub(before) < 16 << 10, "the memory grew from {before} to {most} KiB");
}

#[test]
fn a_file_is_whole_after_each_kill_and_no_draft_stays() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("f");
    let contents = ["a", "b"].map(|letter| letter.repeat(2 << 20).into_bytes());
    std::fs::write(&path, &contents[0]).unwrap();
    for round in 0..60_usize {
        let Process { mut child, mut client } = start();
        let content = &contents[(round + 1) % 2];
        let target = FileTarget { root: None, path: serde_bytes::ByteBuf::from(path.display().to_string()) };
        let put = PutFile {
            target,
            hash: Hash::of(content),
            size: content.len() as u64,
            mode: None,
            owner: None,
            group: None,
        };
        let call = client.call(Call::Put(put));
        for (sent, chunk) in content.chunks(CHUNK).take(INITIAL_CREDIT as usize / CHUNK).enumerate() {
            if sent == round % 9 {
                child.kill().unwrap();
            }
            client.send(&ToAgent::Data { id: call, bytes: serde_bytes::ByteBuf::from(chunk) });
        }
        child.kill().unwrap();
        child.wait().unwrap();
        let found = std::fs::read(&path).unwrap();
        assert!(contents.contains(&found), "the file is torn in round {round}");
    }
    let Process { mut child, mut client } = start();
    let target = FileTarget { root: None, path: serde_bytes::ByteBuf::from(path.display().to_string()) };
    let put = PutFile { target, hash: Hash::of(b"new"), size: 3, mode: None, owner: None, group: None };
    let call = client.call(Call::Put(put));
    client.send_data(call, b"new");
    assert_eq!(client.end(call).answer, Answer::Changed(true));
    client.input = None;
    child.wait().unwrap();
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "the drafts of killed agents are gone");
}
