//! Tests of saved plans and of the question before a run, as a user sees them.

use std::io::Write;

use test_kit::until;

use crate::project::Project;
use crate::terminal::Terminal;

/// Returns a project whose floor has another mess than in its last run.
fn messy() -> Project {
    let place = Project::new();
    place.write("mess", "dirt");
    place.good(&["up"]);
    place.write("mess", "sand");
    place
}

#[test]
fn a_plan_is_refused_by_another_build_of_the_program() {
    let place = messy();
    place.good(&["plan", "-o", "saved.plan"]);
    let other = place.file("other-site");
    std::fs::copy(env!("CARGO_BIN_EXE_site"), &other).unwrap();
    // Bytes after the end of an ELF file change nothing but its hash.
    std::fs::OpenOptions::new().append(true).open(&other).unwrap().write_all(b"\n").unwrap();
    let run =
        std::process::Command::new(&other).args(["up", "--plan", "saved.plan"]).current_dir(place.path()).output();
    let run = run.unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(1));
    assert!(said.contains("error: the plan was made by another build of `") && said.contains("site`"), "{said}");
    assert!(said.contains("help: make a new plan with this program, and review it"), "{said}");
    assert!(place.good(&["up", "--plan", "saved.plan"]).contains("2 tasks ran"));
}

#[test]
fn a_plan_is_refused_after_a_run_a_mark_and_an_edit_of_the_layout() {
    let place = messy();
    let refused = |differs: &str| {
        let run = place.run(&["up", "--plan", "saved.plan"]);
        let said = String::from_utf8(run.stderr).unwrap();
        assert!(run.status.code() == Some(1) && said.contains(differs), "{said}");
        assert!(said.contains("help: make a new plan, and review it") && run.stdout.is_empty(), "{said}");
    };
    place.good(&["plan", "-o", "saved.plan"]);
    place.good(&["mark-done", "floor/sweep"]);
    refused("the plan no longer holds: the records of `floor` have changed");
    place.write("mess", "mud");
    place.good(&["plan", "-o", "saved.plan"]);
    place.write("site.txt", "ada\n");
    refused("the plan no longer holds: the layout selects `grace` no longer");
    place.write("site.txt", "ada\ngrace\ncleo\n");
    refused("the plan no longer holds: the layout selects `cleo`, too");
    place.remove("site.txt");
    place.write("wanted.txt", "cake");
    refused("`files/main/update_files` would run, too; `ada/mount` would run, too");
    place.write("wanted.txt", "bread\n");
    place.good(&["up", "--plan", "saved.plan"]);
    refused("the plan no longer holds: the records of `floor` have changed");
}

#[test]
fn a_plan_is_found_from_below_its_directory_and_refused_in_another_one() {
    let (place, other) = (messy(), Project::new());
    place.good(&["plan", "-o", "saved.plan"]);
    let file = place.file("saved.plan").display().to_string();
    let run = other.run(&["up", "--plan", &file]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(
        run.status.code() == Some(1) && said.contains("help: apply the plan there, or make a new one here"),
        "{said}"
    );
    assert!(!other.file(".setup-tasks").exists());
    let dir = place.path().display().to_string();
    let run = other.run(&["-C", &dir, "up", "--plan", "saved.plan", "--jobs", "1"]);
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

#[test]
fn a_plan_of_named_and_forced_tasks_runs_only_these() {
    let place = messy();
    place.good(&["plan", "--force", "ada/mount", "-o", "saved.plan"]);
    let said = place.good(&["up", "--plan", "saved.plan"]);
    assert!(said.contains("ada") && !said.contains("Sweep the floor"), "{said}");
    place.good(&["plan", "fl*", "--exclude", "ada", "-o", "saved.plan"]);
    place.write("wanted.txt", "cake");
    let said = place.good(&["up", "--plan", "saved.plan"]);
    assert!(said.contains("Sweep the floor") && !said.contains("Update the files"), "{said}");
}

#[test]
fn a_failed_plan_is_not_saved() {
    let place = Project::new();
    place.good(&["up"]);
    place.write("dark", "");
    let run = place.run(&["plan", "-o", "saved.plan"]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.code() == Some(1) && said.contains("it is dark"), "{said}");
    assert!(said.contains("error: the plan is not saved, because an object of it failed"), "{said}");
    assert!(!place.file("saved.plan").exists());
}

#[test]
fn a_yes_runs_the_plan_that_was_shown() {
    let place = messy();
    let mut terminal = Terminal::run(&place, &["up", "--ask"], true);
    terminal.until("run these tasks? [y/N]");
    let shown = terminal.shows();
    assert!(shown.contains("floor       Wax the floor     may run, if sweep changes something"), "{shown}");
    assert!(shown.contains("would run: 1 task on 1 object; 1 may run, "), "{shown}");
    terminal.press("y\r");
    let (code, shown) = terminal.end();
    assert!(code == 0 && shown.contains("done: 5 objects; 2 tasks ran"), "{shown}");
    let (code, shown) = Terminal::run(&place, &["up", "--ask"], true).end();
    assert!(code == 0 && shown.contains("nothing to do") && !shown.contains("[y/N]"), "{shown}");
}

#[test]
fn any_other_answer_and_ctrl_c_run_nothing() {
    let place = messy();
    for (keys, code) in [("\r", 1), ("n\r", 1), ("yess\r", 1), ("\x04", 1), ("\x03", 130)] {
        let mut terminal = Terminal::run(&place, &["up", "--ask", "floor", "--force"], true);
        terminal.until("run these tasks? [y/N]");
        assert!(terminal.shows().contains("Wax the floor     would run: forced"), "{}", terminal.shows());
        terminal.press(keys);
        let (ended, shown) = terminal.end();
        assert_eq!(ended, code, "{keys:?}: {shown}");
        assert_eq!(shown.contains("nothing was run"), code == 1, "{keys:?}: {shown}");
        assert!(!shown.contains("done in"), "{shown}");
    }
    assert!(place.good(&["plan"]).contains("would run: 1 task on 1 object; 1 may run"));
}

#[test]
fn a_change_while_the_question_waits_is_refused() {
    let place = messy();
    let mut terminal = Terminal::run(&place, &["up", "--ask", "floor", "ada"], true);
    terminal.until("run these tasks? [y/N]");
    place.write("options", "rw");
    place.good(&["mark-done", "floor/sweep"]);
    terminal.press("y\r");
    let (code, shown) = terminal.end();
    assert_eq!(code, 1, "{shown}");
    assert!(shown.contains("and the plan does not contain it: its hash changed from ro to rw"), "{shown}");
    assert!(!place.good(&["history", "floor/wax"]).contains("mark"), "{shown}");
    until("the answer is known", || place.good(&["plan", "floor"]).contains("floor"));
}
