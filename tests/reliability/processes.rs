//! Many processes on one layout.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use test_kit::{Numbers, setting};

use crate::trial::Trial;

/// Starts a process that begins its run when its standard input ends.
fn ready(place: &Trial) -> (Child, BufReader<ChildStdout>) {
    let mut command = place.command("run");
    command.env("WAIT", "1").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut said = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    (child, said)
}

fn at_once(count: usize, settings: &[(&'static str, &str)]) {
    let place = Trial::new(settings);
    for round in 1..=3 {
        (0..6).for_each(|object| place.set_generation(object, round));
        let mut children: Vec<_> = (0..count).map(|_| ready(&place)).collect();
        for (child, _) in &mut children {
            drop(child.stdin.take());
        }
        let mut waited = 0;
        for (child, mut said) in children {
            let mut lines = String::new();
            said.read_to_string(&mut lines).unwrap();
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            waited += lines.lines().filter(|line| line.starts_with("waiting o") && line.contains(" process ")).count();
        }
        assert!(waited > 0, "who waits says for whom");
        for (task, account) in place.ledger() {
            assert_eq!(account.begun.len(), usize::try_from(round).unwrap(), "{count} processes: `{task}` ran once");
            assert_eq!(account.ended.len(), account.begun.len());
        }
        place.check_truth(&format!("{count} processes"));
    }
}

#[test]
fn two_and_ten_concurrent_processes_run_each_task_once_and_name_the_holder_while_they_wait() {
    at_once(2, &[("PAUSE_US", "20000")]);
    at_once(10, &[("PAUSE_US", "5000")]);
    at_once(10, &[("PAUSE_US", "5000"), ("STORE", "files")]);
}

#[test]
fn processes_whose_objects_depend_on_each_other_run_each_task_once() {
    at_once(2, &[("PAUSE_US", "10000"), ("MUTUAL", "1")]);
    at_once(4, &[("PAUSE_US", "3000"), ("MUTUAL", "1"), ("JOBS", "2")]);
    at_once(3, &[("PAUSE_US", "3000"), ("MUTUAL", "1"), ("STORE", "files")]);
}

/// The other processes do not wait for the killed one, whichever it is and whichever locks it holds.
#[test]
fn processes_whose_objects_depend_on_each_other_finish_after_one_is_killed() {
    let mut numbers = Numbers::new(15);
    for round in 0..setting("ROUNDS", 10) {
        let place = Trial::new(&[("PAUSE_US", "5000"), ("MUTUAL", "1")]);
        let mut children: Vec<_> = (0..3).map(|_| ready(&place)).collect();
        for (child, _) in &mut children {
            drop(child.stdin.take());
        }
        std::thread::sleep(Duration::from_micros(numbers.below(60_000)));
        let (mut killed, _) = children.remove(usize::try_from(numbers.below(3)).unwrap());
        killed.kill().unwrap();
        killed.wait().unwrap();
        let began = Instant::now();
        for (child, _) in children {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "round {round}: {}", String::from_utf8_lossy(&output.stderr));
        }
        assert!(began.elapsed() < Duration::from_secs(20), "round {round}: {:?}", began.elapsed());
        place.check_truth(&format!("round {round}"));
        assert!(place.plan().is_empty(), "round {round}");
    }
}

#[test]
fn a_killed_holder_frees_its_locks() {
    let place = Trial::new(&[("PAUSE_US", "60000000"), ("OBJECTS", "1")]);
    let mut holder = place.command("run").stdout(Stdio::null()).spawn().unwrap();
    while place.ledger().is_empty() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let mut waiter = place.command("run").env("PAUSE_US", "0").stdout(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(waiter.stdout.take().unwrap()).lines();
    let line = said.next().unwrap().unwrap();
    assert!(line.starts_with(&format!("waiting o0 process {}", holder.id())), "{line}");
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(waiter.wait().unwrap().success());
    assert!(place.plan().is_empty());
}
