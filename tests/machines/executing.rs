//! Tests of one-off commands: `exec OBJECT… -- COMMAND`.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use setup_tasks_test::{NetnsMachine, TestNetwork};
use test_kit::guard;

use crate::wait_until;

/// The directory of a fleet with its network.
struct Fleet {
    directory: tempfile::TempDir,
    network: TestNetwork,
}

impl Fleet {
    /// Starts machines with these names, and a fleet with these lines of objects.
    fn start(machines: &[&str], hosts: &str) -> Option<(Self, Vec<NetnsMachine>)> {
        let network = TestNetwork::start_or_skip()?;
        let machines = machines.iter().map(|name| network.machine(*name).boot().unwrap()).collect();
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("hosts"), hosts).unwrap();
        Some((Self { directory, network }, machines))
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_machine-fleet"));
        command.args(args).current_dir(self.directory.path()).env("FLEET_SSH", self.network.ssh_program());
        command.env("SETUP_TASKS_AGENT", env!("CARGO_BIN_EXE_machine-agent"));
        command
    }

    fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    fn spawn(&self, args: &[&str]) -> Child {
        let child = self.command(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let child = child.unwrap();
        guard(&child);
        child
    }
}

/// Returns the lines of an output, sorted.
fn sorted(bytes: &[u8]) -> Vec<&str> {
    let mut lines: Vec<_> = std::str::from_utf8(bytes).unwrap().lines().collect();
    lines.sort_unstable();
    lines
}

fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn runs(host: &NetnsMachine, word: &str) -> bool {
    host.processes().unwrap().iter().any(|line| line.contains(word))
}

#[test]
fn a_command_runs_once_on_each_machine_with_the_name_of_an_object_in_front() {
    let Some((fleet, hosts)) = Fleet::start(&["web1", "web2"], "shop web1\nblog web1\nnews web2\nnet\n") else {
        return;
    };
    let output = fleet.run(&["exec", "*", "--", "sh", "-c", "hostname; echo careful >&2; echo x >>/tmp/count"]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(sorted(&output.stdout), ["news  | web2", "shop  | web1"]);
    let said = errors(&output);
    for line in [
        "left out: `net` has no machine\n",
        "`blog` is on the machine of `shop`, where the command runs once\n",
        "shop  | careful\n",
        "news  | careful\n",
        "shop  exit code 0 in ",
        "news  exit code 0 in ",
        "\ndone: ran on 2 machines in ",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    for host in &hosts {
        assert_eq!(host.run("cat /tmp/count").unwrap(), "x\n");
    }
    // Words reach the program as they are.
    let output = fleet.run(&["-q", "exec", "news", "--", "printf", "%s|", "a b", "$HOME", "'", "*", "", "-x"]);
    assert_eq!(std::str::from_utf8(&output.stdout).unwrap(), "news  | a b|$HOME|'|*||-x|\n");
    assert_eq!(errors(&output), "");
    let output = fleet.run(&["exec", "--tag", "talk", "-x", "news", "-x", "blog", "--jobs", "1", "--", "hostname"]);
    assert_eq!(sorted(&output.stdout), ["shop  | web1"]);
    let output = fleet.run(&["exec", "--group", "hosts", "--type", "Host", "--", "hostname"]);
    assert_eq!(sorted(&output.stdout), ["news  | web2", "shop  | web1"]);
}

#[test]
fn each_machine_reports_its_exit_code_and_one_failure_is_exit_code_1() {
    let hosts = "one web1\ntwo web2\ngone nobody\nlater later\n";
    let Some((fleet, hosts)) = Fleet::start(&["web1", "web2"], hosts) else { return };
    hosts[1].run("touch /tmp/bad").unwrap();
    let script = "test ! -e /tmp/bad || exit 3; echo fine";
    let output = fleet.run(&["exec", "--group", "hosts", "--", "sh", "-c", script]);
    let said = errors(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(sorted(&output.stdout), ["one    | fine"]);
    for line in [
        "one    exit code 0 in ",
        "two    exit code 3 in ",
        "error: cannot run the command for `gone`\n  because cannot connect to the machine nobody\n          | ",
        "error: cannot run the command for `later`\n  because the machine localhost does not exist yet\n",
        "\nfailed: on 3 of 4 machines in ",
    ] {
        assert!(said.contains(line), "{line}: {said}");
    }
    let output = fleet.run(&["exec", "one", "--", "sh", "-c", "kill -KILL $$"]);
    assert!(output.status.code() == Some(1) && errors(&output).contains("one  ended by signal 9 in "));
    let output = fleet.run(&["exec", "one", "--", "no-such-program"]);
    let said = errors(&output);
    assert!(
        output.status.code() == Some(1) && said.contains("`no-such-program`") && said.contains("there is no program"),
        "{said}"
    );
    let output = fleet.run(&["exec", "one", "two", "--json", "--", "sh", "-c", script]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(errors(&output), "");
    let end = |object: &str, machine: &str, code: u8| {
        format!(
            "{{\"version\":1,\"event\":\"end\",\"object\":\"{object}\",\"others\":[],\"machine\":\"{machine}\",\
             \"exit_code\":{code},\"signal\":null,\"error\":null}}"
        )
    };
    let fine = "{\"version\":1,\"event\":\"output\",\"object\":\"one\",\"stream\":\"stdout\",\"line\":\"fine\"}";
    assert_eq!(sorted(&output.stdout), [&*end("one", "web1", 0), &*end("two", "web2", 3), fine]);
}

#[test]
fn a_selection_without_a_machine_is_an_error_that_lists_the_objects_with_one() {
    let Some((fleet, _hosts)) = Fleet::start(&[], "shop local\nnet\n") else { return };
    for (args, text) in [
        (&["net"][..], "error: `net` has no machine\n  help: the objects with a machine are `shop`\n"),
        (&["n*"], "error: no selected object has a machine\n  help: the objects with a machine are `shop`\n"),
        (
            &[],
            "error: `exec` needs objects\n  help: name objects, write `'*'` for all, or use `--type`, `--group` or `--tag`\n",
        ),
        (&["shoo"], "error: there is no object `shoo`\n  help: did you mean `shop`?\n"),
        (&["shop/greet"], "error: `shop/greet` is a task\n"),
        (&["--type", "Hosts"], "error: no object is a `Hosts`\n  help: did you mean `Host`?\n"),
    ] {
        let output = fleet.run(&[&["exec"], args, &["--", "true"]].concat());
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(errors(&output).starts_with(text), "{args:?}: {}", errors(&output));
    }
    let output = fleet.run(&["exec", "shop", "uptime"]);
    assert!(output.status.code() == Some(2) && errors(&output).contains("-- <COMMAND>"), "{}", errors(&output));
    std::fs::write(fleet.directory.path().join("hosts"), "net\n").unwrap();
    let said = errors(&fleet.run(&["exec", "net", "--", "true"]));
    assert!(said.ends_with("help: mark the field with the machine of a model by `#[machine]`\n"), "{said}");
}

#[test]
fn the_input_is_empty_unless_it_is_given_and_then_each_machine_has_a_copy() {
    let Some((fleet, hosts)) = Fleet::start(&["web1", "web2"], "one web1\ntwo web2\n") else { return };
    let with_input = |args: &[&str], input: Vec<u8>| {
        let mut child = fleet.spawn(args);
        let mut stdin = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    };
    let output = with_input(&["exec", "*", "--", "wc", "-c"], b"secret".to_vec());
    assert_eq!(sorted(&output.stdout), ["one  | 0", "two  | 0"]);
    let input: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let output = with_input(&["exec", "*", "--stdin", "--", "sh", "-c", "cat >/tmp/copy; echo ok"], input.clone());
    assert_eq!(sorted(&output.stdout), ["one  | ok", "two  | ok"], "{}", errors(&output));
    for host in &hosts {
        assert!(std::fs::read(host.root().join("tmp/copy")).unwrap() == input);
    }
    // A command that reads little ends nevertheless, and holds up no other.
    let output = with_input(&["exec", "*", "--stdin", "--", "sh", "-c", "head -c 10 | wc -c"], input);
    assert_eq!(sorted(&output.stdout), ["one  | 10", "two  | 10"], "{}", errors(&output));
    // An input that stays open does not hold up the end.
    let child = fleet.spawn(&["exec", "one", "--stdin", "--", "echo", "done"]);
    let (stdin, output) = keep_stdin(child);
    assert_eq!(sorted(&output.stdout), ["one  | done"], "{}", errors(&output));
    drop(stdin);
}

/// Waits for a process whose input stays open.
fn keep_stdin(mut child: Child) -> (std::process::ChildStdin, Output) {
    let stdin = child.stdin.take().unwrap();
    (stdin, child.wait_with_output().unwrap())
}

#[test]
fn a_signal_ends_the_command_on_all_machines() {
    let Some((fleet, hosts)) = Fleet::start(&["web1", "web2"], "one web1\ntwo web2\n") else { return };
    let script = "setsid sleep 1111 & sleep 2222 & touch /tmp/begun; wait";
    let stubborn = "trap '' TERM; touch /tmp/begun; while :; do sleep 3333; done";
    for (script, signals, code) in [
        (script, &["INT"][..], 130),
        (script, &["TERM"], 143),
        (stubborn, &["INT"], 130),
        (stubborn, &["INT", "INT"], 130),
    ] {
        let child = fleet.spawn(&["exec", "*", "--", "sh", "-c", script]);
        wait_until("the command begins", || hosts.iter().all(|host| host.root().join("tmp/begun").exists()));
        for signal in signals {
            let sent = Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap();
            assert!(sent.success());
        }
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{signals:?}: {}", errors(&output));
        if signals == ["INT"] {
            let said = errors(&output);
            assert!(said.contains("stopping: ending the command; press Ctrl-C again to stop at once"), "{said}");
            assert!(said.contains("one  stopped in ") && said.contains("two  stopped in "), "{said}");
            assert!(said.contains("stopped: 2 of 2 machines did not end by themselves"), "{said}");
        }
        for host in &hosts {
            let ended = || !["1111", "2222", "3333"].iter().any(|time| runs(host, time));
            wait_until(&format!("its processes end after {signals:?}"), ended);
            host.run("rm /tmp/begun").unwrap();
        }
    }
    // A machine that does not answer is given up.
    hosts[0].cut().unwrap();
    let child = fleet.spawn(&["exec", "one", "two", "--", "touch", "/tmp/reached"]);
    wait_until("the other one has ended", || hosts[1].root().join("tmp/reached").exists());
    Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    hosts[0].restore().unwrap();
}

#[test]
fn output_is_printed_while_the_command_runs_and_cannot_steer_the_terminal() {
    let Some((fleet, hosts)) = Fleet::start(&["web1"], "one web1\n") else { return };
    let script = "printf 'a\\033]0;owned\\007b\\r\\n\\033[31mred\\033[0m\\n'; echo last; while [ ! -e /tmp/go ]; do sleep 0.01; done; printf end";
    let mut child = fleet.spawn(&["exec", "one", "--", "sh", "-c", script]);
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = || {
        let mut line = String::new();
        std::io::BufRead::read_line(&mut output, &mut line).unwrap();
        line
    };
    assert_eq!([line(), line(), line()], ["one  | ab\n", "one  | red\n", "one  | last\n"]);
    hosts[0].run("touch /tmp/go").unwrap();
    assert_eq!(line(), "one  | end\n");
    assert!(child.wait().unwrap().success());

    // A line without an end is printed in parts.
    let output = fleet.run(&["-q", "exec", "one", "--", "sh", "-c", "head -c 20000000 /dev/zero | tr '\\0' x"]);
    let lines: Vec<_> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    assert!(lines.len() > 100 && lines.iter().all(|line| line.starts_with("one  | x")));
    assert_eq!(lines.iter().map(|line| line.len() - "one  | ".len()).sum::<usize>(), 20_000_000);
    // A reader that has seen enough ends the command, and is no failure.
    let mut child = fleet.spawn(&["exec", "one", "--", "yes", "enough"]);
    let mut output = std::io::BufReader::new(child.stdout.take().unwrap());
    std::io::BufRead::read_line(&mut output, &mut String::new()).unwrap();
    drop(output);
    assert_eq!(child.wait().unwrap().code(), Some(0));
    wait_until("it ends there, too", || !runs(&hosts[0], "enough"));
}
