//! Tests of commands and files on machines.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use setup_tasks::error::explain;
use setup_tasks::{Layout, Object, prelude::*};
use setup_tasks_machines::{Machine, MachineError};
use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::setting;

use crate::{machine, wait_until};

/// A model whose task runs a script on a machine.
#[derive(SetupTasks)]
#[setup_tasks(subdir = "scripts")]
pub(crate) struct Script {
    pub(crate) machine: Machine,
    pub(crate) text: String,
    pub(crate) input: Option<Vec<u8>>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) output: Arc<Mutex<String>>,
}

#[setup_tasks]
impl Script {
    #[setup_task("Run it")]
    async fn run(&self, cx: &TaskContext) -> Result<()> {
        let mut command = self.machine.command(cx, "sh").args(["-c", &self.text]).env("COLOUR", "green and blue");
        if let Some(limit) = self.timeout {
            command = command.timeout(limit);
        }
        if let Some(input) = &self.input {
            command = command.stdin(input.clone());
        }
        *self.output.lock().unwrap() = command.output().await?;
        Ok(())
    }
}

/// Returns a script with a machine.
pub(crate) fn script(machine: &Machine, script: &str) -> Script {
    Script { machine: machine.clone(), text: script.to_owned(), input: None, timeout: None, output: Arc::default() }
}

/// Adds a script to a layout of its own.
pub(crate) fn place(script: Script) -> (Layout, Object<Script>) {
    let layout = Layout::in_memory().unwrap();
    let object = layout.add(script).unwrap();
    (layout, object)
}

/// Runs a script and returns its output.
pub(crate) async fn run(model: Script) -> Result<String, String> {
    let (_layout, object) = place(model);
    object.run_setup_tasks().await.map_err(|error| explain(&error))?;
    Ok(object.output.lock().unwrap().clone())
}

/// Returns the log of a script.
fn log(object: &Object<Script>) -> String {
    let logs = setup_tasks::log::logs_of(object.as_any(), None).unwrap();
    logs.first().map(|log| std::fs::read_to_string(&log.path).unwrap()).unwrap_or_default()
}

fn one_machine() -> Option<(TestNetwork, NetnsMachine)> {
    let network = TestNetwork::start_or_skip()?;
    let host = network.machine("web").boot().unwrap();
    Some((network, host))
}

/// Returns whether a process of the machine has a word in its command line.
fn runs(host: &NetnsMachine, word: &str) -> bool {
    host.processes().unwrap().iter().any(|line| line.contains(word))
}

#[tokio::test]
async fn a_command_has_its_output_input_environment_and_status() {
    let Some((network, host)) = one_machine() else { return };
    let web = machine(&network, "web");
    assert_eq!(
        run(script(&web, "hostname; echo $COLOUR; pwd; echo careful >&2")).await.unwrap(),
        "web\ngreen and blue\n/root\n"
    );
    let input = vec![b'x'; 3 << 20];
    let counted = run(Script { input: Some(input), ..script(&web, "wc -c") }).await.unwrap();
    assert_eq!(counted.trim(), (3 << 20).to_string());
    let error = run(script(&web, "echo reason >&2; exit 7")).await.unwrap_err();
    assert!(error.contains("`web: sh -c 'echo reason >&2; exit 7'` ended with exit status: 7: reason"), "{error}");
    let error = run(script(&web, "kill -KILL $$")).await.unwrap_err();
    assert!(error.contains("ended with signal: 9"), "{error}");
    drop(host);
}

#[tokio::test]
async fn output_goes_to_the_log_line_by_line_while_the_command_runs() {
    let Some((network, host)) = one_machine() else { return };
    let (_layout, object) = place(script(
        &machine(&network, "web"),
        "echo one; echo two >&2; while [ ! -e /tmp/go ]; do sleep 0.01; done; echo three",
    ));
    let running = tokio::spawn({
        let object = object.clone();
        async move { object.run_setup_tasks().await }
    });
    tokio::task::spawn_blocking({
        let object = object.clone();
        move || wait_until("both lines arrive", || log(&object).contains("one\n") && log(&object).contains("two\n"))
    })
    .await
    .unwrap();
    assert!(!log(&object).contains("\nthree\n"), "{}", log(&object));
    host.run("touch /tmp/go").unwrap();
    running.await.unwrap().unwrap();
    assert!(log(&object).contains("\nthree\n"), "{}", log(&object));
}

#[tokio::test]
async fn a_cancelled_or_late_command_ends_with_all_that_it_started() {
    let Some((network, host)) = one_machine() else { return };
    let web = machine(&network, "web");
    let forever = "setsid sleep 1111 & sleep 2222 & touch /tmp/begun; trap '' TERM; while :; do sleep 3333; done";
    let late =
        run(Script { timeout: Some(Duration::from_millis(300)), ..script(&web, "sleep 4444") }).await.unwrap_err();
    assert!(late.contains("`web: sh -c 'sleep 4444'` took longer than its timeout of 300ms"), "{late}");
    assert!(!runs(&host, "sleep 4444"));

    let (_layout, object) = place(script(&web, forever));
    let running = tokio::spawn(async move { object.run_setup_tasks().await });
    wait(&host, "the command begins", |host| host.root().join("tmp/begun").exists()).await;
    running.abort();
    wait(&host, "its processes end", |host| !["1111", "2222", "3333"].iter().any(|time| runs(host, time))).await;
    // The connection is as good as before.
    assert_eq!(run(script(&web, "echo fine")).await.unwrap(), "fine\n");
}

#[tokio::test]
async fn a_command_ends_when_the_link_is_cut() {
    let Some((network, host)) = one_machine() else { return };
    let web = machine(&network, "web").heartbeat(Duration::from_millis(1500));
    let running = tokio::spawn(run(script(&web, "touch /tmp/begun; sleep 5555")));
    wait(&host, "the command begins", |host| host.root().join("tmp/begun").exists()).await;
    host.cut().unwrap();
    let started = Instant::now();
    let error = running.await.unwrap().unwrap_err();
    assert!(error.contains("lost the connection to the machine web: no sign of life for 3s"), "{error}");
    assert!(started.elapsed() < Duration::from_secs(30), "{:?}", started.elapsed());
    wait(&host, "its processes end on the far side", |host| !runs(host, "5555") && !runs(host, "agent-")).await;
    host.restore().unwrap();
    assert_eq!(run(script(&web, "echo back")).await.unwrap(), "back\n");
}

#[tokio::test]
async fn a_command_ends_when_the_controller_is_killed() {
    let Some((network, host)) = one_machine() else { return };
    let mut controller = Command::new(env!("CARGO_BIN_EXE_runner"))
        .arg(network.ssh_program())
        .args(["web", "touch /tmp/begun; sleep 6666"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait(&host, "the command begins", |host| host.root().join("tmp/begun").exists()).await;
    controller.kill().unwrap();
    controller.wait().unwrap();
    wait(&host, "its processes end", |host| !runs(host, "6666") && !runs(host, "agent-")).await;
}

#[tokio::test]
async fn a_killed_controller_ends_the_current_change_only() {
    let Some((network, host)) = one_machine() else { return };
    let mut controller = Command::new(env!("CARGO_BIN_EXE_runner"))
        .arg(network.ssh_program())
        .args(["web", "changes"])
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait(&host, "the change begins", |host| host.root().join("srv/begun").exists()).await;
    controller.kill().unwrap();
    controller.wait().unwrap();
    wait(&host, "its processes end", |host| !runs(host, "8888") && !runs(host, "agent-")).await;
    // Neither the rest of that change nor the next resource of the same request came.
    assert_eq!(host.run("ls /srv").unwrap(), "begun\npackages\n");
}

#[tokio::test]
async fn a_command_that_writes_more_than_may_be_captured_is_ended() {
    let Some((network, host)) = one_machine() else { return };
    let web = machine(&network, "web");
    // More than may be captured ends the command.
    let error = run(script(&web, "yes 0123456789")).await.unwrap_err();
    assert!(error.contains("wrote more output than its limit of"), "{error}");
    wait(&host, "it ends", |host| !runs(host, "yes 0123")).await;
}

/// A controller in a process of its own, which prints its greatest memory at the end.
fn measured(network: &TestNetwork, work: &str, cancel: &Path) -> Child {
    let mut runner = Command::new(env!("CARGO_BIN_EXE_runner"));
    runner.arg(network.ssh_program()).args(["web", work]).env("CANCEL", cancel);
    runner.env("SETUP_TASKS_AGENT", env!("CARGO_BIN_EXE_machine-agent"));
    runner.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap()
}

/// Lets a controller end, and asserts that it and the agents needed little memory.
fn assert_little_memory(controller: Child, agent: u64) {
    let output = controller.wait_with_output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let controller: u64 = text.trim().strip_prefix("peak ").unwrap_or_else(|| panic!("{text}")).parse().unwrap();
    println!("the controller needed {controller} KiB, and the agent {agent} KiB");
    assert!(
        controller < 150_000 && agent < 100_000,
        "the controller needed {controller} KiB, and the agent {agent} KiB"
    );
}

#[tokio::test]
async fn a_large_file_needs_little_memory_on_both_sides_and_can_be_cancelled() {
    let Some((network, host)) = one_machine() else { return };
    let directory = tempfile::tempdir().unwrap();
    let (path, cancel) = (directory.path().join("large"), directory.path().join("cancel"));
    let size = setting("MACHINE_FILE_MB", 200) << 20;
    std::fs::write(&path, "the beginning").unwrap();
    std::fs::File::options().append(true).open(&path).unwrap().set_len(size).unwrap();
    let work = format!("copy {}", path.display());

    // A cancelled copy leaves nothing, although the controller goes on.
    let controller = measured(&network, &work, &cancel);
    wait_long(&host, "the agent receives it", is_receiving).await;
    std::fs::write(&cancel, "").unwrap();
    wait_long(&host, "the agent drops it", |host| !is_receiving(host)).await;
    assert!(!host.root().join("srv/large").exists());
    drop(controller.wait_with_output().unwrap());

    std::fs::remove_file(&cancel).unwrap();
    let controller = measured(&network, &work, &cancel);
    let copy = directory.path().join("copy");
    wait_long(&host, "the file is there and back", |_| copy.exists()).await;
    let agent = agent_memory(&host);
    std::fs::write(&cancel, "").unwrap();
    assert_little_memory(controller, agent);
    for path in [host.root().join("srv/large"), copy] {
        assert_eq!(std::fs::metadata(&path).unwrap().len(), size);
        let mut beginning = [0; 13];
        std::io::Read::read_exact(&mut std::fs::File::open(&path).unwrap(), &mut beginning).unwrap();
        assert_eq!(beginning, *b"the beginning");
    }
}

#[tokio::test]
async fn ten_thousand_lines_a_second_need_little_memory_on_both_sides_and_can_be_cancelled() {
    let Some((network, host)) = one_machine() else { return };
    let directory = tempfile::tempdir().unwrap();
    let cancel = directory.path().join("cancel");
    let lines = setting("MACHINE_LINES", 200_000);
    let began = Instant::now();
    let controller = measured(
        &network,
        &format!("seq -f 'this is line %.0f of the output' {lines}; touch /tmp/all; sleep 7777"),
        &cancel,
    );
    wait_long(&host, "all lines are written", |host| host.root().join("tmp/all").exists()).await;
    println!("{lines} lines in {:?}", began.elapsed());
    let agent = agent_memory(&host);
    std::fs::write(&cancel, "").unwrap();
    wait_long(&host, "the command ends", |host| !runs(host, "sleep 7777")).await;
    assert!(runs(&host, "agent-"), "the connection goes on");
    assert_little_memory(controller, agent);
}

/// Returns whether an agent has a file without a name that contains 10 MB at least.
fn is_receiving(host: &NetnsMachine) -> bool {
    let script = "for p in /proc/[0-9]*; do case $(readlink $p/exe) in */agent-*) find -L $p/fd -maxdepth 1 -type f -links 0 -size +10M;; esac; done; true";
    !host.run(script).unwrap().is_empty()
}

/// Returns the greatest memory of the agent so far, in KiB.
fn agent_memory(host: &NetnsMachine) -> u64 {
    let script =
        "for p in /proc/[0-9]*; do case $(readlink $p/exe) in */agent-*) grep VmHWM $p/status;; esac; done; true";
    let lines = host.run(script).unwrap();
    let memory = |line: &str| line.trim_start_matches("VmHWM:").trim().trim_end_matches(" kB").parse::<u64>().unwrap();
    lines.lines().map(memory).max().expect("an agent")
}

#[tokio::test]
async fn files_are_fetched_and_failures_name_the_machine() {
    let Some((network, host)) = one_machine() else { return };
    host.run("printf 'a\\0b' >/srv/file; mkdir /srv/directory").unwrap();
    let web = machine(&network, "web");
    assert_eq!(web.fetch("/srv/file").await.unwrap(), b"a\0b");
    let error = web.fetch("/srv/nothing").await.unwrap_err();
    assert!(matches!(error, MachineError::NoFile { .. }));
    assert_eq!(error.to_string(), "there is no file `/srv/nothing` on the machine web");
    let error = explain(&web.fetch("/srv/directory").await.unwrap_err());
    assert!(error.starts_with("the machine web: ") && error.contains("/srv/directory"), "{error}");
    // The old local file stays if the other one cannot be read.
    let directory = tempfile::tempdir().unwrap();
    let local = directory.path().join("copy");
    std::fs::write(&local, "old").unwrap();
    web.fetch_to("/srv/nothing", &local).await.unwrap_err();
    assert_eq!(std::fs::read_to_string(&local).unwrap(), "old");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn many_commands_share_one_connection() {
    let Some((network, host)) = one_machine() else { return };
    let web = machine(&network, "web").persist(false);
    let commands = (0..150).map(|i| tokio::spawn(run(script(&web, &format!("sleep 0.1; echo {i}")))));
    for (i, command) in commands.collect::<Vec<_>>().into_iter().enumerate() {
        assert_eq!(command.await.unwrap().unwrap(), format!("{i}\n"));
    }
    assert_eq!(host.run("grep -c 'Accepted publickey' /var/log/sshd.log").unwrap(), "1\n");
}

/// Waits for an event on a machine, while the runtime goes on.
async fn wait(host: &NetnsMachine, what: &str, happened: impl Fn(&NetnsMachine) -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !happened(host) {
        assert!(Instant::now() < deadline, "{what}: {:?}", host.processes());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Waits for an event that takes long on a slow system.
async fn wait_long(host: &NetnsMachine, what: &str, happened: impl Fn(&NetnsMachine) -> bool) {
    let deadline = Instant::now() + Duration::from_mins(5);
    while !happened(host) {
        assert!(Instant::now() < deadline, "{what}: {:?}", host.processes());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
