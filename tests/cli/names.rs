//! Tests of objects whose ids look like patterns, options, or tasks of other objects.

use crate::project::Project;
use crate::unwritten::COMMANDS;

const IDS: [&str; 9] = ["web[1]", "web1", "a*", "a?b", "ab", "axb", "[", "a/b", "q"];

fn place() -> Project {
    let place = Project::new();
    place.write("site.txt", "");
    place.write("odd.txt", IDS.join("\n"));
    place
}

/// Returns the ids of the objects with a task that is up to date.
fn done(place: &Project) -> Vec<String> {
    let status: serde_json::Value = serde_json::from_str(&place.good(&["status", "--json"])).unwrap();
    let objects = status["objects"].as_array().unwrap().iter();
    let done = objects.filter(|object| object["tasks"][0]["state"] == "ran" && object["type"] == "Odd");
    done.map(|object| object["object"].as_str().unwrap().to_owned()).collect()
}

fn without(id: &str) -> Vec<&'static str> {
    IDS.into_iter().filter(|other| *other != id).collect()
}

#[test]
fn every_command_reads_an_id_literally() {
    let place = place();
    for id in IDS {
        place.good(&["up", id]);
        assert_eq!(done(&place), [id], "up --include {id}");
        let log = place.good(&["logs", id]);
        assert!(log.contains(&format!("I am {id}\n")), "logs {id}: {log}");
        let history = place.good(&["history", id]);
        assert!(history.lines().all(|line| line.contains(&format!("  {id}/b  "))), "history {id}: {history}");
        let why = place.good(&["why", id]);
        assert!(why.starts_with(&format!("{id}/b Say its id\n  up to date")), "why {id}: {why}");
        assert!(place.good(&["status", id]).starts_with(&format!("{id} Odd\n")), "status {id}");
        let graph = place.good(&["graph", id]);
        assert_eq!(graph.matches("Odd").count(), 1, "graph {id}: {graph}");
        let forced = place.good(&["up", "--force", id]);
        assert!(forced.contains("done: 1 object; 1 task ran"), "force {id}: {forced}");
        let forced = place.good(&["up", "--force", &format!("{id}/b")]);
        assert!(forced.contains("done: 1 object; 1 task ran"), "force {id}/b: {forced}");
        place.good(&["clear", id]);
        assert_eq!(done(&place), [""; 0], "clear {id}");
        place.good(&["mark-done", &format!("{id}/b")]);
        assert_eq!(done(&place), [id], "mark {id}/b");
        assert!(place.good(&["unlock", id]).contains(&format!("{id} is not locked")), "unlock {id}");
        place.good(&["up", "*", "--exclude", id, "--exclude", "moody", "--exclude", "files/main"]);
        place.good(&["clear", id]);
        assert_eq!(done(&place), without(id), "clear {id} leaves the others");
        place.good(&["up", "--exclude", id]);
        assert_eq!(done(&place), without(id), "up --exclude {id}");
        let plan = place.good(&["plan", "--force", id]);
        assert_eq!(plan.matches(": forced").count(), 1, "plan --force {id}: {plan}");
        place.good(&["clear", "*", "--yes"]);
    }
}

#[test]
fn a_task_is_named_behind_an_id_that_looks_like_a_pattern() {
    let place = place();
    place.good(&["up", "--force", "web[1]/b"]);
    assert_eq!(done(&place), ["web[1]"]);
    let forced = place.good(&["up", "--force", "web[1]/*"]);
    assert!(forced.starts_with("web[1]  Say its id") && forced.lines().count() == 2, "{forced}");
    let why = place.good(&["why", "a/b/b"]);
    assert!(why.starts_with("a/b/b Say its id\n"), "{why}");
}

#[test]
fn a_task_that_is_marked_may_be_named_like_an_object() {
    let place = place();
    place.write("odd.txt", "a\na/b\n");
    place.good(&["mark-done", "a/b"]);
    assert_eq!(done(&place), ["a"], "only a task can be marked");
    place.good(&["clear", "a/b"]);
    assert_eq!(done(&place), ["a"], "only an object can be cleared");
}

/// Ids with control sequences for a terminal: a title, a colour by a C1 character, reversed text, backspaces.
const EVIL: [&str; 3] = ["title\u{1b}]0;owned\u{7}", "colour\u{9b}31m", "back\u{202e}wards\u{8}\r"];

#[test]
fn no_command_prints_a_control_character_of_an_id() {
    let place = Project::new();
    place.write("odd.txt", EVIL.join("\n"));
    let look = |args: &[&str]| {
        let output = place.run(args);
        for text in [output.stdout, output.stderr] {
            let text = String::from_utf8(text).unwrap();
            let evil = |c: char| (c.is_control() && !"\n\t".contains(c)) || c == '\u{202e}';
            assert!(!text.contains(evil), "{args:?}: {text:?}");
        }
    };
    for args in COMMANDS {
        look(args);
    }
    for id in EVIL {
        let task = format!("{id}/b");
        for command in ["why", "logs", "status", "history", "graph", "unlock", "clear", "force"] {
            look(&[command, id]);
        }
        for command in ["why", "logs", "history", "force", "mark-done"] {
            look(&[command, &task]);
            look(&[command, &format!("{task}less")]);
        }
        look(&["graph", "--format", "mermaid", id]);
        look(&["up", &format!("{id}*"), "--exclude", &format!("no{id}")]);
        look(&["graph", "--output", &format!("{id}.svg")]);
        look(&["graph", "--output", id]);
    }
}

#[test]
fn a_rolling_run_of_a_group_ends_after_the_batch_that_failed() {
    let place = Project::new();
    place.write("odd.txt", "z1\nz2\n");
    place.write("fail", "");
    let shown = place.show(&["up", "--batch", "1"]);
    assert!(shown.contains("4 not tried") && shown.ends_with("[ends with 1]\n"), "{shown}");
    let shown = place.show(&["up", "--batch", "1", "--max-failures", "1"]);
    assert!(!shown.contains("not tried") && shown.contains("z2"), "{shown}");
    let shown = place.show(&["up", "--max-failures", "1"]);
    assert!(shown.contains("--batch <N>") && shown.ends_with("[ends with 2]\n"), "{shown}");
    place.good(&["clear", "*", "--yes"]);
    let done = place.good(&["up", "--group", "clients"]);
    assert!(done.contains("ada") && !done.contains("z1"), "{done}");
    let shown = place.show(&["up", "--group", "client"]);
    assert!(
        shown.contains("no object is in the group `client`") && shown.contains("did you mean `clients`?"),
        "{shown}"
    );
}
