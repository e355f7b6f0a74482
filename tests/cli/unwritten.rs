//! Tests of output that cannot be written because the disk is full or because no process reads it.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::process::{Output, Stdio};

use crate::logs::interrupt;
use test_kit::guard;

use crate::project::Project;

/// A command line for every form of output of every command.
pub const COMMANDS: &[&[&str]] = &[
    &["up"],
    &["up", "--force", "--json"],
    &["up", "--dry-run"],
    &["plan"],
    &["plan", "--json"],
    &["plan", "--diff", "--exit-code", "--force"],
    &["why", "ada"],
    &["list"],
    &["list", "--json"],
    &["types"],
    &["types", "--json"],
    &["status"],
    &["status", "moody"],
    &["status", "--json"],
    &["history"],
    &["history", "--json"],
    &["logs", "moody"],
    &["graph"],
    &["graph", "--format", "dot"],
    &["graph", "--format", "svg"],
    &["up", "--force", "moody/act"],
    &["mark-done", "ada/mount"],
    &["unlock", "ada"],
    &["ps"],
    &["ps", "--json"],
    &["check"],
    &["check", "--json"],
    &["completions", "bash"],
    &["sleep"],
    &["--help"],
    &["up", "--help"],
    &["help", "plan"],
    &["clear", "ada"],
    &["up", "-v"],
    &["plan", "-v", "--force"],
    &["-q", "list"],
    &["prune"],
    &["clear", "g*", "--yes"],
    &["-q", "exec", "appliance", "--", "echo", "hi"],
    &["exec", "appliance", "--json", "--", "echo", "hi"],
    &["down", "--plan"],
    &["down", "--yes", "moody"],
    &["down", "--yes", "--json"],
];

fn full() -> File {
    File::options().write(true).open("/dev/full").unwrap()
}

fn place() -> Project {
    let place = Project::new();
    place.write("sleeper", "");
    place.write("appliance", "");
    place.write("machine.txt", "");
    place.good(&["up"]);
    place
}

fn errors(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_full_disk_under_the_standard_output_is_an_error_of_every_command() {
    let place = place();
    for args in COMMANDS {
        let output = place.command(args).stdout(full()).stderr(Stdio::piped()).output().unwrap();
        // The command that prints nothing does not fail.
        if args == &["sleep"] {
            assert!(output.status.success() && errors(&output).is_empty(), "{args:?}");
            continue;
        }
        let said = "error: cannot write to the standard output\n  because No space left on device (os error 28)\n";
        assert_eq!((output.status.code(), &*errors(&output)), (Some(1), said), "{args:?}");
    }
}

#[test]
fn a_reader_that_closes_the_output_is_not_an_error_of_any_command() {
    let place = place();
    for args in COMMANDS {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = place.command(args).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        let expected = if args.contains(&"--exit-code") { 3 } else { 0 };
        assert_eq!((output.status.code(), &*errors(&output)), (Some(expected), ""), "{args:?}");
    }
}

#[test]
fn an_output_that_cannot_be_written_does_not_affect_the_run() {
    let place = Project::new();
    let output = place.command(&["up"]).stdout(full()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(place.good(&["up"]).starts_with("up to date: 4 objects"));
}

#[test]
fn a_full_disk_under_the_standard_error_shows_in_the_exit_code() {
    let place = place();
    let mut watch = place.command(&["watch", "--json"]).stdout(Stdio::piped()).stderr(full()).spawn().unwrap();
    guard(&watch);
    let mut events = BufReader::new(watch.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(events.any(|event| event.contains(r#""event":"run_ended""#)));
    // The message about the watched files goes to the standard error.
    interrupt(watch.id());
    assert_eq!(watch.wait().unwrap().code(), Some(1));
    let usage = place.command(&["upp"]).stderr(full()).output().unwrap();
    assert_eq!(usage.status.code(), Some(2), "a mistake in the command line stays one");
}

#[test]
fn a_followed_log_ends_if_its_output_cannot_be_written_or_has_no_reader() {
    let place = place();
    let follow = place.command(&["logs", "-f", "moody"]).stdout(full()).stderr(Stdio::piped()).output().unwrap();
    assert_eq!(follow.status.code(), Some(1), "{}", errors(&follow));
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let follow = place.command(&["logs", "-f", "moody"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    assert_eq!((follow.status.code(), &*errors(&follow)), (Some(0), ""));
}

#[test]
fn a_diagram_that_cannot_be_written_is_an_error_and_a_device_stays_a_device() {
    let place = place();
    for target in ["/dev/full", "nowhere/site.svg"] {
        let output = place.run(&["graph", "--format", "svg", "--output", target]);
        assert_eq!(output.status.code(), Some(1), "{target}");
        assert!(errors(&output).starts_with(&format!("error: cannot write `{target}`\n")), "{}", errors(&output));
    }
    let link = place.file("device");
    std::os::unix::fs::symlink("/dev/null", &link).unwrap();
    place.good(&["graph", "--format", "svg", "--output", "device"]);
    assert!(link.is_symlink() && !std::fs::metadata("/dev/null").unwrap().is_file());
    place.write("old.svg", "old");
    place.good(&["graph", "--output", "old.svg"]);
    assert!(std::fs::read_to_string(place.file("old.svg")).unwrap().starts_with("<svg"));
}
