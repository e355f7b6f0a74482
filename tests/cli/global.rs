//! Tests of the options of every command, of the search for the project, and of output that depends on the terminal.

use std::process::Output;

use crate::project::Project;
use crate::terminal::Terminal;

fn said(output: Output) -> (Option<i32>, String, String) {
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[test]
fn a_directory_is_entered_before_the_layout_is_built() {
    let place = Project::new();
    std::fs::create_dir(place.file("other")).unwrap();
    place.write("other/wanted.txt", "bread\n");
    place.write("other/site.txt", "edsger\n");
    assert!(place.good(&["-C", "other", "up"]).contains("edsger  "), "it reads the files there");
    assert!(place.file("other/.setup-tasks").exists() && !place.file(".setup-tasks").exists());
    assert!(place.good(&["up", "-C", "other"]).starts_with("up to date: 3 objects"), "it may follow the command");
}

#[test]
fn a_directory_that_does_not_exist_is_a_mistake_in_the_command_line() {
    let place = Project::new();
    let said = said(place.run(&["-C", "nowhere", "up"]));
    let error = "error: cannot work in `nowhere`: No such file or directory (os error 2)\n  \
                 help: give `-C` the path of an existing directory\n";
    assert_eq!(said, (Some(2), String::new(), error.to_owned()));
}

#[test]
fn the_project_is_found_from_a_directory_below_it() {
    let place = Project::new();
    place.good(&["up"]);
    std::fs::create_dir_all(place.file("deep/er")).unwrap();
    let below = |args: &[&str]| said(place.command(args).current_dir(place.file("deep/er")).output().unwrap());
    let (code, plan, errors) = below(&["plan"]);
    assert!(code == Some(0) && plan.starts_with("up to date: 4 objects"), "{plan}{errors}");
    let (_, plan, _) = below(&["-C", ".", "plan"]);
    assert!(plan.contains("would run: 10 tasks"), "the directory of the option is the project: {plan}");
    let elsewhere = place.command(&["plan"]).current_dir(place.file("deep/er")).env("SITE_BASE_DIR", ".").output();
    assert!(said(elsewhere.unwrap()).1.contains("would run: 10 tasks"), "the environment decides");
    assert!(!place.file("deep/er/.setup-tasks").exists());
}

#[test]
fn a_directory_of_another_user_is_not_the_project() {
    let place = Project::new();
    place.good(&["up"]);
    std::fs::create_dir(place.file("deep")).unwrap();
    if std::os::unix::fs::chown(place.file(".setup-tasks"), Some(12345), None).is_err() {
        return test_kit::skip("only root can give files away");
    }
    let (_, plan, _) = said(place.command(&["plan"]).current_dir(place.file("deep")).output().unwrap());
    assert!(plan.contains("would run: 10 tasks"), "{plan}");
}

#[test]
fn quiet_commands_print_only_errors_and_results() {
    let place = Project::new();
    let quiet = |args: &[&str]| said(place.run(&[&["-q"], args].concat()));
    let nothing = (Some(0), String::new(), String::new());
    for args in [&["up"][..], &["plan"], &["up", "--force"], &["mark-done", "ada/mount"], &["unlock", "ada"]] {
        assert_eq!(quiet(args), nothing, "{args:?}");
    }
    assert_eq!(quiet(&["clear", "ada"]), nothing);
    assert_eq!(quiet(&["graph", "-o", "site.svg"]), nothing);
    let (_, plan, _) = quiet(&["plan"]);
    assert!(plan.starts_with("ada         Mount the share") && plan.lines().count() == 1, "{plan}");
    assert!(quiet(&["list"]).1.contains("files/main") && quiet(&["history"]).1.contains("ada/mount"));
    place.write("fail", "");
    let (code, progress, errors) = quiet(&["up", "--force"]);
    assert_eq!((code, &*progress), (Some(1), ""));
    assert!(errors.starts_with("error: `moody` cannot be brought to ready\n"), "{errors}");
}

#[test]
fn color_is_chosen_by_the_option_before_the_environment() {
    let place = Project::new();
    let always = place.command(&["up", "--color", "always"]).env("NO_COLOR", "1").output().unwrap();
    assert!(said(always).1.contains("\x1b[32mdone"));
    let (code, _, written) = Terminal::run(&place, &["list", "--color=never"], false).end_with_all();
    assert!(code == 0 && !written.contains("\x1b[1m"), "{written:?}");
    let (_, _, error) = said(place.run(&["why", "bob", "--color", "always"]));
    assert!(error.contains("\x1b["), "{error:?}");
    let (_, _, error) = said(place.run(&["upp", "--color", "always"]));
    assert!(error.contains("\x1b["), "also an error of the command line: {error:?}");
    let (_, _, written) = Terminal::run(&place, &["--color=never", "upp"], false).end_with_all();
    assert!(!written.contains("\x1b["), "{written:?}");
    assert_eq!(place.run(&["list", "--color", "blue"]).status.code(), Some(2));
}

#[test]
fn times_are_shown_in_the_local_time_zone() {
    let place = Project::new();
    place.good(&["up"]);
    // A zone that is described by the variable needs no files.
    let history = |zone: &str| said(place.command(&["history", "ada/mount"]).env("TZ", zone).output().unwrap()).1;
    let (utc, east) = (history("UTC"), history("EAST-5:30"));
    assert!(utc.contains(" UTC  ada/mount") && east.contains(" EAST  ada/mount"), "{utc}{east}");
    let minutes = |text: &str| {
        let time = text.split_whitespace().nth(1).unwrap();
        let [hours, minutes, _] = time.split(':').map(|part| part.parse::<i32>().unwrap()).collect::<Vec<_>>()[..]
        else {
            panic!("{text}")
        };
        60 * hours + minutes
    };
    assert_eq!((minutes(&east) - minutes(&utc)).rem_euclid(24 * 60), 5 * 60 + 30, "{utc}{east}");
    let why = place.command(&["why", "ada/mount"]).env("TZ", "EAST-5:30").output().unwrap();
    assert!(said(why).1.contains(" EAST, "));
}

#[test]
fn tables_fit_the_width_of_the_terminal() {
    let place = Project::new();
    place.write("fail", "");
    place.run(&["up"]);
    let wide = place.good(&["status", "moody"]);
    assert!(wide.lines().any(|line| line.chars().count() > 110), "off a terminal, nothing is wrapped: {wide}");
    for columns in [60, 80, 200] {
        for args in [&["status", "moody"][..], &["history"], &["plan", "-v"], &["types"]] {
            let (_, shown, written) = Terminal::run_with_width(&place, args, columns).end_with_all();
            let written = written.replace("\r\n", "\n");
            let too_long: Vec<_> = written.lines().filter(|line| line.chars().count() > columns.into()).collect();
            assert!(too_long.is_empty(), "{columns}: {args:?}: {too_long:?}\n{shown}");
            if args == ["status", "moody"] {
                let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
                let error =
                    "failed last time: `sh -c 'echo one >&2; echo two >&2; test ! -e fail'` ended with exit status: 1";
                let all = words(&written).join(" ");
                assert!(all.contains(error), "{columns}: {all}");
            }
        }
    }
}

#[test]
fn clear_asks_before_it_clears_the_objects_of_a_pattern() {
    let place = Project::new();
    place.good(&["up"]);
    let done = |id: &str| place.good(&["status", id]).contains("  ran ");
    let mut terminal = Terminal::run(&place, &["clear", "*"], true);
    terminal.until("clear stamps and cache of 4 objects: `files/main`, `ada`, `grace`, `moody`? [y/N]");
    terminal.press("no\n");
    let (code, shown) = terminal.end();
    assert!(code == 1 && shown.contains("nothing was cleared"), "{shown}");
    assert!(done("ada") && done("moody"));
    let mut terminal = Terminal::run(&place, &["clear", "a*", "grace"], true);
    terminal.until("of 2 objects: `ada`, `grace`? [y/N]");
    terminal.press("y\n");
    let (code, shown) = terminal.end();
    assert!(code == 0 && shown.contains("cleared: stamps and cache of grace"), "{shown}");
    assert!(!done("ada") && !done("grace") && done("moody"));
    let mut terminal = Terminal::run(&place, &["clear", "*"], true);
    terminal.until("[y/N]");
    terminal.ctrl_c();
    assert_eq!(terminal.end().0, 130);
    let (code, shown) = Terminal::run(&place, &["clear", "moody"], true).end();
    assert!(code == 0 && !shown.contains("[y/N]"), "an id is chosen by itself: {shown}");
}

#[test]
fn off_a_terminal_clear_needs_a_yes_for_a_pattern() {
    let place = Project::new();
    place.good(&["up"]);
    let mut command = place.command(&["clear", "*"]);
    let (code, _, errors) = said(command.stdin(std::process::Stdio::null()).output().unwrap());
    assert_eq!(code, Some(2));
    assert!(errors.starts_with("error: cannot ask whether to clear stamps and cache of 4 objects: "), "{errors}");
    assert!(errors.ends_with(": there is no terminal\n  help: add `--yes`\n"), "{errors}");
    assert!(place.good(&["plan"]).starts_with("up to date"));
    assert_eq!(place.good(&["clear", "*", "-y"]).lines().count(), 4);
}

#[test]
fn serve_names_the_crate_that_the_program_needs() {
    let output = Project::new().run(&["serve", "--listen", "127.0.0.1:0"]);
    let text = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{text}");
    let help = "  help: add the crate `setup-tasks-web`, and the line `use setup_tasks_web as _;`\n";
    assert_eq!(text, format!("error: this program has no web page\n{help}"));
}
