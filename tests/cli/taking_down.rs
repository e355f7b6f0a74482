//! Tests of the command `down`, and of retired objects on the command line.

use std::process::Command;

use expect_test::expect_file;
use test_kit::until;

use crate::project::Project;
use crate::terminal::Terminal;

macro_rules! golden {
    ($file:literal, $text:expr) => {
        expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/expected/", $file)].assert_eq(&$text)
    };
}

fn session(place: &Project, lines: &[&[&str]]) -> String {
    lines.iter().map(|args| place.show(args)).collect::<Vec<_>>().join("\n")
}

fn up() -> Project {
    let place = Project::new();
    place.good(&["up"]);
    place
}

#[test]
fn down_shows_its_plan_undoes_dependents_first_and_reports_it() {
    let place = up();
    let lines: &[&[&str]] = &[
        &["down", "--plan", "files/main"],
        &["down", "files/main"],
        &["down", "files/main", "--exclude", "ada", "--yes"],
        &["down", "nobody", "--yes"],
        &["down", "--json"],
        &["down", "files/main", "--yes", "--jobs", "1"],
        &["status"],
        &["why", "ada/mount"],
        &["down", "files/main", "--yes"],
    ];
    let shown = session(&place, lines);
    let history = place.show(&["history", "--limit", "6"]);
    let history: String = history
        .lines()
        .map(|line| {
            line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("  ") + "\n"
        })
        .collect();
    golden!("down.txt", format!("{shown}\n{history}"));
    assert!(place.good(&["up"]).contains("done: 4 objects; "), "everything runs again");
}

#[test]
fn a_failed_undo_stops_its_object_and_the_next_down_continues() {
    let place = up();
    place.write("busy", "");
    let failed = session(&place, &[&["down", "moody", "--yes"], &["why", "moody/act"]]);
    let logs = place.good(&["logs", "moody/act"]);
    assert!(
        logs.contains("# moody/act, undo, attempt 1\n") && logs.contains("taking it back\n# failed after "),
        "{logs}"
    );
    place.remove("busy");
    golden!("down_failed.txt", format!("{failed}\n{}", place.show(&["down", "moody", "--yes"])));
}

#[test]
fn down_asks_on_a_terminal() {
    let place = up();
    for (answer, code, is_down) in [("\n", 1, false), ("no\n", 1, false), ("\x03", 130, false), ("y\n", 0, true)] {
        let mut terminal = Terminal::run(&place, &["down", "ada"], true);
        terminal.until("bring down 1 object, and undo 1 task? [y/N]");
        terminal.press(answer);
        let (ended, shown) = terminal.end();
        assert_eq!(ended, code, "{answer:?} {shown}");
        assert_eq!(place.good(&["down", "ada", "--plan"]).starts_with("nothing to bring down"), is_down, "{answer:?}");
    }
}

#[test]
fn json_reports_events_and_the_result() {
    let place = up();
    let plan: serde_json::Value = serde_json::from_str(&place.good(&["down", "ada", "--plan", "--json"])).unwrap();
    assert_eq!((&plan["down"], &plan["dry_run"]), (&true.into(), &true.into()));
    let statuses = |report: &serde_json::Value| -> Vec<String> {
        let tasks = report["objects"][0]["tasks"].as_array().unwrap().clone();
        tasks.iter().map(|task| format!("{} {}", task["task"], task["status"]).replace('"', "")).collect()
    };
    assert_eq!(statuses(&plan), ["look would_forget", "mount would_undo"]);
    assert_eq!(plan["objects"][0]["outcome"], "would_bring_down");
    let lines = place.good(&["down", "ada", "--yes", "--json"]);
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let events: Vec<_> = lines.iter().map(|line| line["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["run_began", "task_forgotten", "undo_start", "task_undone", "object_down", "run_ended"]);
    let report = &lines[5]["report"];
    assert_eq!(statuses(report), ["look forgotten", "mount undone"]);
    assert_eq!((&report["objects"][0]["outcome"], &report["down"]), (&"brought_down".into(), &true.into()));
}

#[test]
fn a_readonly_object_is_left_alone_and_reported_also_when_named() {
    let place = Project::new();
    place.write("site.txt", "ada\nfrozen\n");
    place.good(&["up"]);
    golden!(
        "down_readonly.txt",
        session(
            &place,
            &[&["down", "frozen", "--yes"], &["down", "clients", "--yes"], &["down", "--group", "clients", "--yes"]]
        )
    );
}

#[test]
fn a_retired_object_is_brought_down_by_up_and_its_state_stays_until_it_is_pruned() {
    let place = up();
    place.write("retired.txt", "ada\n");
    let lines: &[&[&str]] = &[
        &["status"],
        &["why", "ada"],
        &["plan", "--exit-code"],
        &["prune", "ada", "--yes"],
        &["up"],
        &["up"],
        &["status", "ada"],
        &["plan"],
        &["prune", "--state", "--yes"],
        &["prune", "--state", "--yes"],
    ];
    golden!("retired.txt", session(&place, lines));
    assert!(!place.file(".setup-tasks/state/clients/ada").exists());
}

#[test]
fn signals_end_a_down_as_they_end_an_up_and_its_undo_is_repeated() {
    for (signal, code, finishes) in [("INT", 130, true), ("TERM", 143, false), ("HUP", 129, false)] {
        let place = Project::new();
        place.write("sleeper", "");
        place.good(&["up", "sleeper"]);
        let name = format!("nap-{}", place.path().file_name().unwrap().to_str().unwrap());
        place.write("nap.undo", &name);
        let terminal = Terminal::run(&place, &["down", "sleeper", "--yes"], true);
        until("the undo naps", || place.file("napping").exists());
        let pid = terminal.pid().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &pid]).status().unwrap().success());
        if finishes {
            // The running undo ends, and no other one begins.
            terminal.until("waiting for running tasks; press Ctrl-C again to stop at once");
            place.write("go", "");
        }
        let (ended, shown) = terminal.end();
        assert_eq!(ended, code, "{signal}: {shown}");
        std::fs::remove_file(place.file("nap.undo")).unwrap();
        let left = place.good(&["down", "sleeper", "--plan"]);
        assert_eq!(left.contains("Wake up"), !finishes, "{signal}: {left}");
        place.good(&["down", "sleeper", "--yes"]);
        assert!(place.good(&["down", "sleeper", "--plan"]).starts_with("nothing to bring down: 1 object"), "{signal}");
        assert!(place.good(&["up", "sleeper"]).contains("3 tasks ran"), "{signal}");
    }
}
