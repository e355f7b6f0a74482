//! Tests of the logs of tasks.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use test_kit::{guard, until};

use crate::project::Project;

#[test]
fn a_log_contains_the_output_of_the_task_its_commands_and_tracing() {
    let place = Project::new();
    place.good(&["up"]);
    let log = place.good(&["logs", "moody/act"]);
    let lines: Vec<_> = log.lines().collect();
    assert!(lines[0].starts_with("==> ") && lines[0].ends_with("-act-1.log"), "{log}");
    assert_eq!(lines[1], "# moody/act, attempt 1: never ran");
    assert!(lines[2].ends_with("INFO site: thinking answer=42"), "{log}");
    assert_eq!(lines[3], "$ sh -c 'echo one >&2; echo two >&2; test ! -e fail'");
    assert!(log.contains("\none\n") && log.contains("\ntwo\n") && log.contains("\n# done in "), "{log}");
    assert!(
        place.good(&["logs", "files/main"]).contains("counting what is wanted\n$ wc -l wanted.txt\n1 wanted.txt\n")
    );
}

#[test]
fn the_latest_log_of_each_task_is_shown_or_all_of_them() {
    let place = Project::new();
    place.good(&["up"]);
    place.good(&["up", "--force"]);
    let heads = |args: &[&str]| place.good(args).matches("==> ").count();
    assert_eq!((heads(&["logs", "moody"]), heads(&["logs", "moody", "--all"])), (1, 2));
    assert!(place.good(&["logs", "moody"]).contains("attempt 1: forced"));
}

#[test]
fn a_followed_log_continues_with_new_output_and_with_the_next_attempt() {
    let place = Project::new();
    place.write("wait", "");
    let mut run = place.command(&["up"]).stdout(Stdio::null()).spawn().unwrap();
    until("the task waits", || place.file("waiting").exists());
    let mut follow = place.command(&["logs", "-f", "moody"]).stdout(Stdio::piped()).spawn().unwrap();
    guard(&follow);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("-wait-1.log"));
    assert!(lines.by_ref().any(|line| line == "$ wait for the file go"));
    place.write("go", "");
    assert!(lines.by_ref().any(|line| line.starts_with("# done in ")), "it goes on with the log");
    assert!(lines.by_ref().any(|line| line.contains("-act-1.log")), "and with the next task's");
    assert!(lines.by_ref().any(|line| line == "two"));
    assert!(run.wait().unwrap().success());
    place.good(&["up", "--force", "moody/act"]);
    assert!(lines.by_ref().any(|line| line == "# moody/act, attempt 1: forced"), "and with the next attempt's");
    interrupt(follow.id());
    assert!(follow.wait().unwrap().success(), "Ctrl-C is how it ends");
}

#[test]
fn a_panic_is_a_failure_whose_place_is_in_the_log() {
    let place = Project::new();
    place.write("panic", "");
    let output = place.run(&["up"]);
    let (said, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(said.contains("  | panicked at tests/cli/site.rs:") && said.contains("  | the act panics"), "{said}");
    assert!(errors.contains("because panicked: the act panics") && !errors.contains("site.rs"), "{errors}");
}

pub fn interrupt(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
}

/// Returns the peak memory of the run in KiB.
fn peak(place: &Project) -> u64 {
    let peak = std::fs::read_to_string(place.file("peak")).unwrap();
    peak.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A script that prints 300 MB in lines of 100 characters.
const LOUD: &str = "yes $(printf 'x%.0s' $(seq 99)) | head -c 300000000; echo the end";

#[test]
fn a_command_that_prints_300_mb_costs_neither_memory_nor_disk() {
    let place = Project::new();
    place.write("script", "echo quiet");
    place.good(&["up", "scripted"]);
    let quiet = peak(&place);
    place.write("script", format!("echo the beginning; {LOUD}"));
    place.good(&["up", "--force", "scripted"]);
    let loud = peak(&place);
    assert!(loud < quiet + 8 * 1024, "{loud} KiB instead of {quiet} KiB");
    let directory = place.file(".setup-tasks/log/scripted");
    let size = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().metadata().unwrap().len();
    let largest = std::fs::read_dir(directory).unwrap().map(size).max().unwrap();
    assert!(largest <= 16 * 1024 * 1024, "{largest}");
    let log = place.good(&["logs", "scripted"]);
    assert!(log.contains("\nthe beginning\n") && log.contains("\nthe end\n"), "head and tail are there");
    let gap = log.lines().find(|line| line.starts_with("# … ")).unwrap();
    let left_out: u64 = gap.split_whitespace().nth(2).unwrap().parse().unwrap();
    assert!((280_000_000..300_000_000).contains(&left_out), "{gap}");
}

#[test]
fn the_error_of_a_command_with_too_much_captured_output_names_the_limit() {
    let place = Project::new();
    place.write("script", LOUD);
    place.write("way", "output");
    let output = place.run(&["up", "scripted"]);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1));
    assert!(errors.contains("wrote more output than its limit of 16777216 bytes"), "{errors}");
    assert!(errors.contains("help: raise `output_limit_kib`"), "{errors}");
    let mut command = place.command(&["up", "scripted"]);
    place.write("script", "head -c 3000 /dev/zero");
    let limited = command.env("SITE_OUTPUT_LIMIT_KIB", "2").output().unwrap();
    assert!(String::from_utf8_lossy(&limited.stderr).contains("its limit of 2048 bytes"), "the limit can be set");
    place.good(&["up", "scripted"]);
}
