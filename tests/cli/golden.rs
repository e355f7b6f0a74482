//! Tests of the output of each command.

use expect_test::expect_file;

use crate::project::Project;

macro_rules! golden {
    ($file:literal, $text:expr) => {
        expect_file![concat!(env!("CARGO_MANIFEST_DIR"), "/expected/", $file)].assert_eq(&$text)
    };
}

/// Removes padding, for output in which the width of a column depends on a duration.
fn narrow(text: &str) -> String {
    let narrow = |line: &str| {
        let indent = line.len() - line.trim_start().len();
        let words: Vec<_> = line.split("  ").map(str::trim).filter(|word| !word.is_empty()).collect();
        line[..indent].to_owned() + &words.join("  ")
    };
    text.lines().map(|line| narrow(line) + "\n").collect()
}

/// Returns the output of several command lines.
fn session(place: &Project, lines: &[&[&str]]) -> String {
    lines.iter().map(|args| place.show(args)).collect::<Vec<_>>().join("\n")
}

const UP: &[&str] = &["up", "--jobs", "1"];

#[test]
fn up_reports_its_work_and_the_second_time_that_there_is_nothing_to_do() {
    let place = Project::new();
    golden!("up.txt", session(&place, &[UP, UP]));
}

#[test]
fn a_failure_shows_the_last_lines_of_its_log_and_the_causes() {
    let place = Project::new();
    place.write("fail", "");
    let failed = place.show(UP);
    place.remove("fail");
    golden!("failure.txt", format!("{failed}\n{}", place.show(UP)));
}

#[test]
fn plan_reports_what_would_run_and_the_chain_of_reasons() {
    let place = Project::new();
    place.good(UP);
    place.write("wanted.txt", "bread\nbutter\n");
    place.write("options", "rw");
    golden!(
        "plan.txt",
        session(
            &place,
            &[&["plan"], &["plan", "--exit-code", "ada"], &["plan", "-v", "ada"], &["up", "--dry-run", "grace"]]
        )
    );
}

#[test]
fn a_saved_plan_runs_once_and_what_may_run_can_stay_out() {
    let place = Project::new();
    place.write("mess", "dirt");
    place.good(UP);
    place.write("mess", "sand");
    let lines: &[&[&str]] = &[
        &["plan", "-v", "floor"],
        &["plan", "floor", "--exit-code"],
        &["why", "floor/wax"],
        &["graph", "floor"],
        &["plan", "floor", "-o", "floor.plan"],
    ];
    let planned = session(&place, lines);
    place.write("same", "");
    let lines: &[&[&str]] = &[
        &["up", "--plan", "floor.plan"],
        &["up", "--plan", "floor.plan"],
        &["up", "--plan", "floor.plan", "ada"],
        &["up", "--plan", "missing.plan"],
        &["up", "--plan", "mess"],
        &["up", "--ask"],
        &["up", "--ask", "--json"],
    ];
    golden!("review.txt", format!("{planned}\n{}", session(&place, lines)));
}

#[test]
fn a_plan_with_a_diff_shows_what_would_change_in_files() {
    let place = Project::new();
    golden!("diff.txt", session(&place, &[&["plan", "--diff", "files/*"], &["up", "--diff", "files/*"]]));
}

#[test]
fn a_changed_hash_text_of_several_lines_is_shown_as_a_diff() {
    let place = Project::new();
    place.write("options", "rw\nsize = 10\n");
    place.good(UP);
    place.write("options", "rw\nsize = 20\n");
    golden!("hash.txt", session(&place, &[&["plan", "ada"], &["plan", "ada", "--diff"], &["why", "ada/mount"]]));
}

#[test]
fn a_retry_has_one_line_and_a_label_stands_for_its_command() {
    let place = Project::new();
    place.write("flaky", "");
    let shown = place.show(&["up", "flaky"]);
    let waits = |line: &str| match line.split_once(", again in ") {
        Some((before, after)) => format!("{before}, again in TIME:{}", after.split_once(':').unwrap().1),
        None => line.to_owned(),
    };
    golden!("retries.txt", shown.lines().map(|line| waits(line) + "\n").collect::<String>());
}

#[test]
fn a_verbose_run_shows_reasons_and_the_output_of_tasks() {
    let place = Project::new();
    let line = &["up", "-v", "moody", "--jobs", "1"];
    let first = place.show(line);
    place.write("fail", "");
    golden!("verbose.txt", format!("{first}\n{}", place.show(&["up", "-v", "--force", "moody/act"])));
}

#[test]
fn why_shows_the_chain_of_causes_of_what_would_run_and_of_what_ran() {
    let place = Project::new();
    place.good(UP);
    let before = place.show(&["why", "ada"]);
    place.write("wanted.txt", "bread\nbutter\n");
    let during = place.show(&["why", "ada/mount"]);
    place.good(UP);
    golden!("why.txt", [before, during, place.show(&["why", "ada/mount"])].join("\n"));
}

#[test]
fn list_and_types_show_all_objects_and_types() {
    let place = Project::new();
    place.write("site.txt", "ada\nfrozen\n");
    golden!("list.txt", session(&place, &[&["list"], &["types"], &["list", "--json"]]));
}

#[test]
fn status_shows_the_recorded_state() {
    let place = Project::new();
    let before = place.show(&["status"]);
    place.write("fail", "");
    place.run(UP);
    let after = session(&place, &[&["status"], &["status", "moody", "a*"]]);
    golden!("status.txt", narrow(&format!("{before}\n{after}")));
}

#[test]
fn history_shows_what_ran_why_and_how_it_ended() {
    let place = Project::new();
    place.write("fail", "");
    place.run(UP);
    place.good(&["mark-done", "moody/act"]);
    golden!(
        "history.txt",
        narrow(&session(&place, &[&["history"], &["history", "moody/act"], &["history", "ada", "-n", "1"]]))
    );
}

#[test]
fn graph_draws_objects_and_tasks_in_four_languages() {
    let place = Project::new();
    place.good(UP);
    place.write("options", "rw");
    let lines: &[&[&str]] = &[
        &["graph"],
        &["graph", "ada", "-f", "mermaid"],
        &["graph", "ada", "--format", "dot"],
        &["graph", "-o", "picture.jpg"],
    ];
    golden!("graph.txt", session(&place, lines));
    assert_eq!(place.good(&["graph", "-o", "out.svg"]), "drawn: out.svg\n");
    golden!("graph.svg", std::fs::read_to_string(place.file("out.svg")).unwrap());
}

#[test]
fn clear_force_and_mark_report_their_work() {
    let place = Project::new();
    place.good(UP);
    let lines: &[&[&str]] = &[
        &["up", "--force", "ada/mount"],
        &["up", "--force", "gr*", "--dry-run"],
        &["clear", "ada"],
        &["mark-done", "ada/mount"],
        &["unlock", "ada"],
        &["up", "--jobs", "1"],
        &["up", "--jobs", "1", "--force", "files/*"],
    ];
    golden!("change.txt", session(&place, lines));
}

#[test]
fn why_and_history_show_that_a_run_changed_nothing() {
    let place = Project::new();
    place.good(UP);
    place.good(&["up", "--jobs", "1", "--force", "files/*"]);
    golden!("unchanged.txt", narrow(&session(&place, &[&["history", "--limit", "2"], &["why", "files/main"]])));
}

#[test]
fn check_finds_mistakes_without_running_anything() {
    let place = Project::new();
    let sound = place.show(&["check"]);
    place.write("lost", "");
    golden!("check.txt", format!("{sound}\n{}", session(&place, &[&["check"], &["check", "--json"]])));
    assert!(!place.file(".setup-tasks").exists());
}

#[test]
fn an_unknown_name_is_an_error_of_the_command_line_that_lists_the_known_ones() {
    let place = Project::new();
    let lines: &[&[&str]] = &[
        &["why", "bob"],
        &["why", "ada/mownt"],
        &["mark-done", "ada"],
        &["mark-done", "ada/look"],
        &["clear", "b*"],
        &["up", "--force", "ada/[x"],
        &["logs", "ada/mount"],
        &["up", "b*"],
        &["up", "--tag", "fils"],
        &["up", "bob"],
        &["up", "ada/mount"],
        &["up", "--force", "ada/mownt"],
        &["up", "--type", "Clint"],
        &["up", "--include", "ada", "--include", "gr*"],
        &["up", "--keep-going"],
        &["force", "ada/mount"],
        &["up", "--jobs", "0"],
        &["exec", "ada", "--", "true"],
        &["exec", "--", "true"],
        &["exec", "ada", "true"],
        &["upp"],
        &["ps"],
        &["worker"],
        &["up", "--attach", "7"],
        &["history"],
    ];
    golden!("misuse.txt", session(&place, lines));
}

#[test]
fn the_help_is_complete() {
    let place = Project::new();
    golden!(
        "help.txt",
        session(
            &place,
            &[
                &["--help"],
                &["up", "--help"],
                &["worker", "--help"],
                &["logs", "-h"],
                &["exec", "--help"],
                &["sleep", "--help"]
            ]
        )
    );
}

#[test]
fn a_layout_that_cannot_be_made_is_an_error() {
    let place = Project::new();
    place.write("site.txt", "a/b\n");
    let (shown, output) = (place.show(UP), place.run(UP));
    assert_eq!(shown, "$ site up --jobs 1\n2> error: site.txt: \"a/b\" is no name of a client\n[ends with 1]\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_command_runs_on_the_machines_of_objects() {
    let place = Project::new();
    place.write("appliance", "");
    let lines: &[&[&str]] = &[
        &["exec", "appliance", "--", "sh", "-c", "echo one; echo two"],
        &["exec", "*", "--", "sh", "-c", "echo careful >&2; exit 3"],
        &["exec", "appliance", "--json", "--", "echo", "hi"],
        &["exec", "appliance", "--", "df -h"],
        &["exec", "ada", "appliance", "--", "true"],
    ];
    golden!("exec.txt", session(&place, lines));
}

#[test]
fn completions_are_scripts_that_their_shell_takes() {
    let place = Project::new();
    let script = place.good(&["completions", "bash"]);
    place.write("completion.bash", &script);
    let check = std::process::Command::new("bash").args(["-n", "completion.bash"]).current_dir(place.path()).status();
    assert!(check.unwrap().success());
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        assert!(place.good(&["completions", shell]).contains("SETUP_TASKS_COMPLETE"), "{shell}");
    }
}

#[test]
fn a_reader_that_closes_the_output_is_not_a_failure() {
    let place = Project::new();
    let script = format!("{} up | head -n 1", env!("CARGO_BIN_EXE_site"));
    let mut shell = std::process::Command::new("bash");
    let output = shell.args(["-o", "pipefail", "-c", &script]).current_dir(place.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(place.good(&["plan"]).starts_with("up to date"), "all of it ran");
}

#[test]
fn a_run_that_verifies_finds_what_drifted_and_puts_it_right() {
    let place = Project::new();
    place.write("appliance", "");
    place.write("machine.txt", "nginx 1.24\n");
    place.good(&["up", "appliance"]);
    place.write("machine.txt", "curl 7.0\nnginx 1.22\n");
    let drifted = session(
        &place,
        &[
            &["plan", "appliance"],
            &["plan", "appliance", "--verify", "--exit-code"],
            &["plan", "appliance", "--verify", "--diff"],
            &["why", "appliance", "--verify"],
        ],
    );
    let right = session(
        &place,
        &[&["up", "appliance", "--verify"], &["plan", "appliance", "--verify"], &["why", "appliance/curl", "--verify"]],
    );
    place.write("stopped", "");
    let stopped = session(&place, &[&["plan", "appliance"], &["plan", "appliance", "--verify"]]);
    golden!("verify.txt", [drifted, right, stopped].join("\n"));
}

#[test]
fn a_readonly_object_reports_its_drift_and_a_failing_observer_is_an_error() {
    let place = Project::new();
    place.write("appliance", "frozen");
    place.write("machine.txt", "curl 7.0\nnginx 1.24\n");
    let verify = &["up", "appliance", "--verify"];
    let frozen = session(
        &place,
        &[&["up", "appliance"], verify, &["plan", "appliance", "--verify"], &["why", "appliance", "--verify"]],
    );
    assert_eq!(std::fs::read_to_string(place.path().join("machine.txt")).unwrap(), "curl 7.0\nnginx 1.24\n");
    place.write("appliance", "");
    place.good(&["up", "appliance"]);
    place.remove("machine.txt");
    golden!("readonly.txt", [frozen, session(&place, &[verify, &["plan", "appliance", "--verify"]])].join("\n"));
}
