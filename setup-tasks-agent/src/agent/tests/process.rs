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
        assert_eq!(crate::agent::main(&prefix, args), std::process::ExitCode::SUCCESS);
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
