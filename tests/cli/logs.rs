//! What tasks said.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use crate::place::{Place, guard, until};

#[test]
fn a_log_has_what_the_task_its_commands_and_tracing_said() {
    let place = Place::new();
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
    let place = Place::new();
    place.good(&["up"]);
    place.good(&["up", "--force"]);
    let heads = |args: &[&str]| place.good(args).matches("==> ").count();
    assert_eq!((heads(&["logs", "moody"]), heads(&["logs", "moody", "--all"])), (1, 2));
    assert!(place.good(&["logs", "moody"]).contains("attempt 1: forced"));
}

#[test]
fn a_followed_log_goes_on_with_what_is_said_and_with_the_next_attempt() {
    let place = Place::new();
    place.write("wait", "");
    let mut run = place.command(&["up"]).stdout(Stdio::null()).spawn().unwrap();
    until("the task waits", || place.file("waiting").exists());
    let mut follow = place.command(&["logs", "-f", "moody"]).stdout(Stdio::piped()).spawn().unwrap();
    guard(&follow);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.next().unwrap().contains("-wait-1.log"));
    assert!(lines.by_ref().any(|line| line.starts_with("$ sh -c 'echo $$ > waiting.new;")));
    place.write("go", "");
    assert!(lines.by_ref().any(|line| line.starts_with("# done in ")), "it goes on with the log");
    assert!(lines.by_ref().any(|line| line.contains("-act-1.log")), "and with the next task's");
    assert!(lines.by_ref().any(|line| line == "two"));
    assert!(run.wait().unwrap().success());
    place.good(&["force", "moody/act"]);
    assert!(lines.by_ref().any(|line| line == "# moody/act, attempt 1: forced"), "and with the next attempt's");
    interrupt(follow.id());
    assert!(follow.wait().unwrap().success(), "Ctrl-C is how it ends");
}

#[test]
fn a_panic_is_a_failure_whose_place_is_in_the_log() {
    let place = Place::new();
    place.write("panic", "");
    let output = place.run(&["up"]);
    let (said, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(said.contains("  | panicked at tests/cli/site.rs:") && said.contains("  | the act panics"), "{said}");
    assert!(errors.contains("because panicked: the act panics") && !errors.contains("site.rs"), "{errors}");
}

pub fn interrupt(pid: u32) {
    assert!(std::process::Command::new("kill").args(["-INT", &pid.to_string()]).status().unwrap().success());
}
