//! Tests of commands that only read. They leave no trace on disk in an empty directory, beside a
//! run, or after a killed run.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use test_kit::{guard, until};

use crate::project::Project;

const LOOKS: &[&[&str]] = &[
    &["plan"],
    &["plan", "--json"],
    &["plan", "--diff"],
    &["plan", "--verify"],
    &["up", "--dry-run"],
    &["up", "--dry-run", "--json"],
    &["up", "--force", "moody", "--dry-run"],
    &["down", "--plan"],
    &["down", "--plan", "--json"],
    &["why", "ada"],
    &["why", "moody/act"],
    &["why", "ada", "--verify"],
    &["check"],
    &["graph"],
    &["status"],
    &["status", "ada"],
    &["list"],
    &["history"],
    &["logs", "moody"],
];

/// All files and directories with their mode, their times of modification and change, and their content.
type Tree = BTreeMap<PathBuf, (u32, u64, SystemTime, (i64, i64), Vec<u8>)>;

fn tree(root: &Path) -> Tree {
    let mut tree = Tree::new();
    let mut next = vec![root.to_owned()];
    while let Some(path) = next.pop() {
        let meta = path.symlink_metadata().unwrap();
        let content = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
        if meta.is_dir() {
            next.extend(path.read_dir().unwrap().map(|entry| entry.unwrap().path()));
        }
        let changed = (meta.ctime(), meta.ctime_nsec());
        tree.insert(path, (meta.mode(), meta.len(), meta.modified().unwrap(), changed, content));
    }
    tree
}

/// Runs every command that only reads, and returns their output.
fn look(place: &Project, what: &str) -> Vec<String> {
    let before = tree(place.path());
    let texts = LOOKS.iter().map(|args| {
        let output = place.run(args);
        let after = tree(place.path());
        let changed: Vec<_> = before
            .keys()
            .chain(after.keys())
            .filter(|path| before.get(*path) != after.get(*path))
            .map(|path| path.display().to_string())
            .collect();
        assert!(changed.is_empty(), "{what}: {args:?} changed {changed:?}");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0)), "{what}: {args:?}: {errors}");
        String::from_utf8(output.stdout).unwrap()
    });
    texts.collect()
}

fn database(place: &Project) -> PathBuf {
    place.file(".setup-tasks/cache/.setup-tasks/stamps.sqlite")
}

fn log(place: &Project) -> PathBuf {
    place.file(".setup-tasks/cache/.setup-tasks/stamps.sqlite-wal")
}

/// Starts a process whose run waits within a task.
fn waiting_run(place: &Project) -> std::process::Child {
    place.write("wait", "");
    let child = place.command(&["up"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    guard(&child);
    until("the task waits", || place.file("waiting").exists());
    // The last tasks of the other objects, which run at the same time.
    let looks = || place.good(&["history"]).lines().filter(|line| line.contains("look")).count();
    until("both clients have looked around", || looks() == 2);
    child
}

#[test]
fn commands_that_only_look_leave_an_empty_directory_empty() {
    let place = Project::new();
    look(&place, "empty");
    assert_eq!(tree(place.path()).len(), 2, "the directory and what the test wrote");
}

#[test]
fn commands_that_only_look_leave_no_trace_beside_a_run_and_after_a_killed_one() {
    let place = Project::new();
    let mut child = waiting_run(&place);
    assert!(log(&place).exists());
    let beside = look(&place, "beside a run");
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(log(&place).exists() && database(&place).exists());
    let after = look(&place, "after a kill");
    assert!(beside[0].contains("interrupted last time") && after[0].contains("interrupted last time"), "{after:?}");
    // The commands also work without the index beside the log, and in a directory that is not writable.
    std::fs::remove_file(log(&place).with_file_name("stamps.sqlite-shm")).unwrap();
    let without = look(&place, "without an index");
    assert_eq!(without[0].lines().count(), after[0].lines().count());

    // The command that the killed run left behind ends, and the next run completes the work.
    place.write("go", "");
    place.remove("wait");
    assert!(place.good(&["up"]).contains("done: "));
    look(&place, "after a whole run");
    assert!(!log(&place).exists());
}

#[test]
fn with_dry_run_in_the_configuration_nothing_changes_and_each_command_says_so() {
    let place = Project::new();
    place.good(&["up"]);
    place.write("appliance", "");
    let before = tree(place.path());
    for (args, text) in [
        (&["exec", "appliance", "--", "touch", "a b"][..], "would run: touch 'a b' on the machine (for `appliance`)"),
        (&["up", "ada"], "up to date: "),
        (&["up", "--force", "moody"], "would run: "),
        (&["mark-done", "moody/act", "ada/mount"], "would mark as done: ada/mount; this is a dry run"),
        (&["clear", "*"], "would clear: moody; this is a dry run"),
        (&["unlock", "moody"], "would unlock: moody, if its holder is gone; this is a dry run"),
        (&["up", "--json", "--force"], "\"would_run\""),
    ] {
        let output = place.command(args).env("SITE_DRY_RUN", "true").output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && said.contains(text), "{args:?}: {said}");
        assert!(tree(place.path()) == before, "{args:?} changed something");
    }
    place.write("site.txt", "grace\n");
    let before = tree(place.path());
    let output = place.command(&["prune", "--yes"]).env("SITE_DRY_RUN", "true").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && said.contains("would prune: ada Client: stamps, cache and logs"), "{said}");
    assert!(tree(place.path()) == before, "`prune` changed something");
}

#[test]
fn a_task_that_is_decided_once_another_has_run_is_undecided_in_every_command() {
    let place = Project::new();
    place.write("dark", "");
    let why = "decided once files/main/update_files has run; before that, the completion check of task `ada/look` failed: it is dark";
    let output = place.run(&["plan", "--exit-code", "ada"]);
    let plan = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.code() == Some(3) && plan.contains(&format!("undecided: {why}")), "{plan}");
    assert!(plan.contains("\nwould run: 3 tasks on 2 objects; 1 undecided, "), "{plan}");
    let text = place.good(&["why", "ada"]);
    assert!(text.contains(&format!("  undecided: it is {why}\n")), "{text}");
    let text = place.good(&["graph", "ada"]);
    assert!(text.contains(&format!("? look Look around: undecided: {why}\n")), "{text}");
    let text = place.good(&["plan", "--json"]);
    assert!(
        text.contains("\"status\":\"undecided\"") && text.contains("\"until\":\"files/main/update_files\""),
        "{text}"
    );
    place.remove("dark");
    place.good(&["up"]);
    // No earlier task would run any more, so the failure of the check is reported.
    place.write("dark", "");
    let output = place.run(&["plan", "--exit-code", "ada"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("it is dark"));
}
